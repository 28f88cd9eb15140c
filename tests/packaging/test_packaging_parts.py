"""A bundle that is not whole leaves nothing behind, however its writer ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from build_trees import MIB, Node, make, odd_tree
from writers import is_under_way

from deliverkit.packaging.package import build_bundle

WRITES = """
import os, sys
from pathlib import Path
if sys.argv[3] == "named":
    del os.O_TMPFILE
from deliverkit.packaging.package import build_bundle
print("begins", flush=True)
build_bundle(Path(sys.argv[1]), destination=Path(sys.argv[2]))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make(tmp_path / "tree", {**odd_tree(), "app/noise": Node(os.urandom(60 * MIB))})


def writer(tree: Path, out: Path, way: str) -> subprocess.Popen[str]:
    """A process in the middle of writing a bundle."""
    command = [sys.executable, "-c", WRITES, str(tree), str(out), way]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    until = time.monotonic() + 60
    while not is_under_way(process.pid, out, MIB):
        assert process.poll() is None
        assert time.monotonic() < until
    return process


def killed(tree: Path, out: Path, way: str) -> None:
    process = writer(tree, out, way)
    process.send_signal(signal.SIGSTOP)  # it cannot come to its end before the other signal arrives
    process.kill()
    process.communicate(timeout=60)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def small(tmp_path: Path) -> Path:
    return make(tmp_path / "small", odd_tree())


def test_a_killed_writer_leaves_nothing(tree: Path, tmp_path: Path) -> None:
    killed(tree, tmp_path / "out.zip", "nameless")
    assert names(tmp_path) == ["tree"]


def test_what_a_killed_writer_leaves_goes_with_the_next_one_to_the_same_file(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    killed(tree, out, "named")
    (left,) = [name for name in names(tmp_path) if name.startswith(".out.zip.")]
    build_bundle(small(tmp_path), destination=tmp_path / "other.zip")
    assert left in names(tmp_path)
    build_bundle(tmp_path / "small", destination=out)
    assert names(tmp_path) == ["other.zip", "out.zip", "small", "tree"]


def test_what_lies_beside_the_target_of_a_link_goes_too(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "link.zip").symlink_to("place/out.zip")
    killed(tree, tmp_path / "place" / "out.zip", "named")
    (tmp_path / "place" / "out.zip").touch()
    build_bundle(small(tmp_path), destination=tmp_path / "link.zip")
    assert names(tmp_path / "place") == ["out.zip"]


def test_the_part_of_a_writer_that_lives_stays(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    process = writer(tree, out, "named")
    process.send_signal(signal.SIGSTOP)
    try:
        first = build_bundle(small(tmp_path), destination=out)
        assert [name for name in names(tmp_path) if name.endswith(".part")]
    finally:
        process.send_signal(signal.SIGCONT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert names(tmp_path) == ["out.zip", "small", "tree"]
    assert out.stat().st_size > first.size


def test_only_parts_of_this_bundle_are_swept(tmp_path: Path) -> None:
    kept = [".out.zip.part", ".out.zip.12345678.part2", ".out.zip.1234567.part", ".xout.zip.12345678.part"]
    for name in kept:
        (tmp_path / name).touch()
    (tmp_path / ".out.zip.0000000a.part").symlink_to(".out.zip.part")
    (tmp_path / ".out.zip.0000000b.part").mkdir()
    os.mkfifo(tmp_path / ".out.zip.0000000c.part")
    (tmp_path / ".out.zip.0000000d.part").touch()
    build_bundle(small(tmp_path), destination=tmp_path / "out.zip")
    odd = [".out.zip.0000000a.part", ".out.zip.0000000b.part", ".out.zip.0000000c.part"]
    assert names(tmp_path) == sorted([*kept, *odd, "out.zip", "small"])


def test_a_new_bundle_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    bundle = build_bundle(small(tmp_path), destination=tmp_path / "out.zip")
    assert bundle.path.stat().st_mode == (tmp_path / "any").stat().st_mode
