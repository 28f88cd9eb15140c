"""What the command line imports before it answers. No time is measured here: an import too many is what costs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from imports_seen import ROOT, imported

HELP = {
    "deliverkit",
    "deliverkit.__main__",
    "deliverkit._version",
    "deliverkit.cli",
    "deliverkit.cli.boundary",
    "deliverkit.cli.main",
    "deliverkit.cli.streams",
    "deliverkit.errors",
}
HEAVY = {
    *("dataclasses", "inspect", "typing", "pathlib", "shutil", "tempfile", "traceback", "platform", "logging", "json"),
    *("hashlib", "urllib", "datetime", "subprocess", "contextlib", "importlib.metadata"),
}
"""Modules of Python itself that take milliseconds."""
COMMANDS = (
    *("init", "package", "plan", "promote", "status", "wait", "resume", "approve", "reject", "rollback", "abort"),
    *("release", "lock", "report", "ledger", "pipeline", "jenkins", "sandbox", "rehearse", "gate"),
)


def alone(*words: str) -> set[str]:
    """The modules that a command line imports, in a Python that has seen no installed package (`-S`)."""
    return imported(*words, python=("-S",))


def ours(modules: Iterable[str]) -> set[str]:
    return {each for each in modules if each.split(".")[0] == "deliverkit"}


def test_the_version_imports_nothing() -> None:
    assert alone("--version") - {"__future__"} == {"deliverkit", "deliverkit.__main__", "deliverkit._version"}


@pytest.mark.parametrize("words", [("--help",), ("-h",), ()])
def test_help_imports_the_parser_alone(words: tuple[str, ...]) -> None:
    modules = alone(*words)
    assert ours(modules) == HELP
    assert "argparse" in modules
    assert modules & HEAVY == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_imports_no_library_and_nothing_that_works(command: str) -> None:
    # Python cannot import an installed library here, and would say so; the rooms that do the work are named.
    modules = ours(alone(command, "--help"))
    assert f"deliverkit.cli.commands.{command}" in modules
    rooms = {each.split(".")[1] for each in modules if "." in each}
    # Durations in arguments are read by the domain's grammar; formats of bundles are the domain's words.
    assert rooms <= {"__main__", "_version", "cli", "errors", "domain"}
    assert {each for each in modules if each.startswith("deliverkit.domain.")} <= {
        "deliverkit.domain.duration",
        "deliverkit.domain.release",
    }
    others = {f"deliverkit.cli.commands.{each}" for each in COMMANDS} - {f"deliverkit.cli.commands.{command}"}
    assert modules & others == set()


def test_the_terminal_is_measured_as_argparse_does() -> None:
    import argparse  # noqa: PLC0415

    from deliverkit.cli.main import build_parser  # noqa: PLC0415

    ours = build_parser()
    usual = build_parser()
    usual.formatter_class = argparse.HelpFormatter
    with pytest.MonkeyPatch.context() as patch:
        for columns in ("", "0", "-3", "no", "40", "60", "200"):
            patch.setenv("COLUMNS", columns)
            assert ours.format_help() == usual.format_help()


def test_a_command_that_is_an_options_value_is_no_command(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "deliverkit", "--profile", "plan", "status"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, env=environ)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "there is no deliverkit.yml" in ran.stderr
