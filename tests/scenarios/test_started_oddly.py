"""Commands that are started without a stdout, with a full one, in an old locale, or interrupted at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = """application: shop
release:
  version: {literal: "1"}
  bundle: {path: build/}
  store: s3://shop-releases/shop
environments:
  dev: {deploy: {codedeploy: {group: shop-dev}}}
"""
APPSPEC = "version: 0.0\nos: linux\nfiles:\n  - {source: app, destination: /opt/shop}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A directory with a configuration and a build that can be packaged."""
    (tmp_path / "deliverkit.yml").write_text(CONFIGURATION, encoding="utf-8")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "appspec.yml").write_text(APPSPEC, encoding="utf-8")
    (tmp_path / "build" / "app").write_text("app\n", encoding="utf-8")
    return tmp_path


def environ(**more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**inherited, "PYTHONPATH": str(ROOT), **more}


def shell(shop: Path, words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Type a command line, which may close streams."""
    line = f'"{sys.executable}" -m deliverkit {words}'
    return subprocess.run(
        ["sh", "-c", line], cwd=shop, env=environ(**more), capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--version >&-", 0),
        ("--version 2>&-", 0),
        ("--help >&- 2>&-", 0),
        ("package --check >&-", 0),
        ("package --check 2>&-", 0),
        ("package --check <&- >&- 2>&-", 0),
        ("package --bogus 2>&-", 2),
        ("package --to-file q.zip >&-", 0),
        ("package --to-file - >&-", 2),
    ],
)
def test_a_closed_stream_changes_no_ending(shop: Path, words: str, code: int) -> None:
    ran = shell(shop, words)
    assert ran.returncode == code, ran.stderr
    assert "rror:" not in ran.stderr or code == 2
    assert "Traceback" not in ran.stderr


def test_a_bundle_for_a_closed_stdout_is_refused(shop: Path) -> None:
    ran = shell(shop, "package --to-file - >&-")
    assert ran.stderr.splitlines()[0] == "error: stdout is closed: there is nowhere for a bundle to go"
    assert "next: deliverkit package --to-file FILE" in ran.stderr


def test_what_is_written_beside_a_closed_stdout_stays_whole(shop: Path) -> None:
    assert shell(shop, "package --to-file one.zip").returncode == 0
    assert shell(shop, "package --fresh --to-file two.zip <&- >&- 2>&-").returncode == 0
    assert (shop / "one.zip").read_bytes() == (shop / "two.zip").read_bytes()


@pytest.mark.parametrize(
    "words", ["--version", "package --check --output json", "package --to-file q.zip", "--help", "package --help"]
)
def test_a_full_disk_below_stdout_is_told(shop: Path, words: str) -> None:
    ran = shell(shop, f"{words} >/dev/full")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-2] == "error: stdout cannot be written: No space left on device"


def test_a_full_disk_below_stderr_changes_no_ending(shop: Path) -> None:
    assert shell(shop, "package --check 2>/dev/full").returncode == 0
    assert shell(shop, "package --bogus 2>/dev/full").returncode == 2


@pytest.mark.parametrize(
    "odd", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_names_that_the_locale_does_not_have_are_spelled(shop: Path, odd: dict[str, str]) -> None:
    (shop / "build" / "schl\u00fcssel-\U0001f511.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    for words in ("package --check", "package --check --output json"):
        ran = shell(shop, words, **odd)
        assert ran.returncode == 2, ran.stderr
        assert "schl\\u00fcssel-\\ud83d\\udd11.pem" in ran.stdout


def test_an_interruption_of_the_start_is_one(shop: Path, tmp_path: Path) -> None:
    early = tmp_path / "early"
    early.mkdir()
    (early / "argparse.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n", encoding="utf-8")
    ran = shell(shop, "status", PYTHONPATH=f"{early}{os.pathsep}{ROOT}")
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "interrupted\n")


def interrupted_by(number: int, shop: Path, *, before: str = "") -> subprocess.CompletedProcess[str]:
    """Signal a command while it reads the configuration, which comes from a FIFO."""
    os.mkfifo(shop / "slow.yml")
    words = f'{before} exec "{sys.executable}" -m deliverkit --config slow.yml package --check'
    process = subprocess.Popen(
        ["sh", "-c", words], cwd=shop, env=environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with (shop / "slow.yml").open("w", encoding="utf-8") as configuration:  # opens once the command reads
        process.send_signal(number)
        try:
            process.wait(timeout=2 if before else 30)
        except subprocess.TimeoutExpired:
            configuration.write(CONFIGURATION)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def test_a_terminal_that_is_gone_ends_a_command_as_a_termination_does(shop: Path) -> None:
    ran = interrupted_by(signal.SIGHUP, shop)
    assert ran.returncode == 143
    assert ran.stderr.startswith("interrupted: ")


def test_who_typed_nohup_is_not_ended(shop: Path) -> None:
    ran = interrupted_by(signal.SIGHUP, shop, before="trap '' HUP;")
    assert ran.returncode == 0, ran.stderr
