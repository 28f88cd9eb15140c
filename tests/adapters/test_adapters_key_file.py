"""Keys in files: a pair is made whole or not at all, and nothing is overwritten."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deliverkit.adapters.key_file import KeyFile, PublicKeyFile, write_pair
from deliverkit.errors import ConflictError, UsageError

PUBLIC_BYTES = 113
"""Of an Ed25519 key in PEM (RFC 8410)."""


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Files can have so many bytes, and no more: what a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)


def test_a_pair_signs_and_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    private, public = write_pair(tmp_path / "k", passphrase=None)
    assert KeyFile(private).public_key() == PublicKeyFile(public).public_key()
    assert public.stat().st_size == PUBLIC_BYTES
    assert [path.stat().st_mode & 0o777 for path in (private, public)] == [0o600, 0o644]


@pytest.mark.parametrize("size", [0, 1, PUBLIC_BYTES - 1, PUBLIC_BYTES])
def test_a_full_disk_leaves_no_key_behind(tmp_path: Path, size: int) -> None:
    write_pair(tmp_path / "warm", passphrase=None)  # libraries are loaded
    folder = tmp_path / "keys"
    folder.mkdir()
    with room_for(size), pytest.raises(UsageError, match="cannot be written") as refusal:
        write_pair(folder / "k", passphrase=None)
    assert str(folder) in refusal.value.message
    assert refusal.value.hint
    assert list(folder.iterdir()) == []
    write_pair(folder / "k", passphrase=None)


@pytest.mark.parametrize("there", ["k", "k.pub"])
def test_nothing_is_overwritten_and_nothing_left(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine", encoding="utf-8")
    with pytest.raises(ConflictError):
        write_pair(tmp_path / "k", passphrase=None)
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [(there, "mine")]


def test_the_command_tells_a_full_disk(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "deliverkit", "release", "key", "k"]
    script = 'trap "" XFSZ; ulimit -f 0; exec "$@" 2>&1 | cat; exit ${PIPESTATUS[0]}'
    root = str(Path(__file__).resolve().parents[2])
    ran = subprocess.run(
        ["bash", "-c", script, "bash", *words], cwd=tmp_path, env={"PYTHONPATH": root}, capture_output=True, check=False
    )
    assert ran.returncode == 2, ran
    assert b"k.pub cannot be written: File too large" in ran.stdout
    assert list(tmp_path.iterdir()) == []
