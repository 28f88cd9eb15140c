"""What a command says, when nobody listens any more and when what it quotes was written by somebody else."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deliverkit.cli.render import table
from deliverkit.cli.streams import Console

ROOT = Path(__file__).resolve().parents[2]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "deliverkit", *words]


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def broken(tmp_path: Path) -> list[str]:
    """A command that finds a broken release, without AWS and configuration."""
    (tmp_path / "bundle.zip").write_bytes(b"no bundle")
    (tmp_path / "statement.json").write_text("{}", encoding="utf-8")
    subprocess.run(command("release", "key", "own.pem"), cwd=tmp_path, env=environ(), check=True, capture_output=True)
    files = ("--bundle", "bundle.zip", "--statement", "statement.json", "--key", "own.pem.pub")
    return command("release", "verify", *files)


def without_readers(words: list[str], where: Path, *, is_stderr_closed: bool = False) -> tuple[int, str]:
    """Run with a stdout that nobody reads: its exit code, and what it said on stderr."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        stderr = writing if is_stderr_closed else subprocess.PIPE
        ran = subprocess.run(words, cwd=where, env=environ(), check=False, stdout=writing, stderr=stderr, timeout=60)
    finally:
        os.close(writing)
    return ran.returncode, (ran.stderr or b"").decode()


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_verdict_survives_the_reader_of_its_words(broken: list[str], tmp_path: Path, output: str) -> None:
    code, said = without_readers([*broken, "--output", output], tmp_path)
    assert code == 9
    assert said.splitlines() == ["the release does not verify: do not deploy it"]


def test_a_verdict_survives_when_nobody_reads_stderr_either(broken: list[str], tmp_path: Path) -> None:
    assert without_readers(broken, tmp_path, is_stderr_closed=True)[0] == 9


def test_a_shell_that_stops_reading_learns_the_verdict(broken: list[str], tmp_path: Path) -> None:
    script = 'set -o pipefail; "$@" | head -c 1 >/dev/null'
    ran = subprocess.run(["bash", "-c", script, "bash", *broken], cwd=tmp_path, env=environ(), check=False, timeout=60)
    assert ran.returncode == 9


@pytest.mark.parametrize("words", [("--help",), ("release", "--help")])
def test_help_that_nobody_reads_is_no_failure(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert without_readers(command(*words), tmp_path) == (0, "")


# --- words of others -------------------------------------------------------------------------------


def console() -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Console(out, err, {}), out, err


@pytest.mark.parametrize(
    "words",
    [
        "sha256:1\r\x1b[2Kok       bundle",
        "a\x9b2Jb",
        "a\x7fb\x08",
        "a\u202eb\u2066",
        "a\u2028b",
        "a\x00\x0b\x0c",
        "\udc80",
    ],
)
def test_nothing_that_a_terminal_obeys_is_written(words: str) -> None:
    spoken, out, err = console()
    spoken.say(f"{words}\n\tend")
    spoken.tell(f"{words}\n\tend")
    assert out.getvalue() == err.getvalue()
    assert out.getvalue().endswith("\n\tend\n")
    shown = out.getvalue().replace("\n", "").replace("\t", "")
    assert shown.isprintable()
    assert json.loads(f'"{shown}"') == f"{words}end"


def test_json_stays_the_same_document() -> None:
    spoken, out, _ = console()
    said = {"subject": "a\x9b2Jb\u202e\x1bc\u00fc\U0001f600", "more": ["\r\n"]}
    spoken.say(json.dumps(said, ensure_ascii=False, indent=2))
    assert json.loads(out.getvalue()) == said
    assert "\u00fc\U0001f600" in out.getvalue()


def test_a_row_of_a_table_is_one_line() -> None:
    shown = table([("1.0", "subject\nkeeps  9.9"), ("2.0", "x\r\ny")])
    assert shown.splitlines() == ["1.0  subject keeps  9.9", "2.0  x y"]


def test_a_broken_line_cannot_be_redrawn(broken: list[str], tmp_path: Path) -> None:
    """The name of a file stands for everything that a record in the store may say of itself."""
    name = "x\r\x1b[2Kok       signature  signed"
    (tmp_path / name).write_text("{}", encoding="utf-8")
    words = [name if word == "statement.json" else word for word in broken]
    ran = subprocess.run(words, cwd=tmp_path, env=environ(), check=False, capture_output=True, timeout=60)
    assert ran.returncode == 9
    assert b"BROKEN   signature  x\\u000d\\u001b[2Kok" in ran.stdout
    assert not {b"\r", b"\x1b"} & {bytes([each]) for each in ran.stdout + ran.stderr}
