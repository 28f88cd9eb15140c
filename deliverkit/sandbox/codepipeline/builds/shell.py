"""Runs a build's commands in a process of their own, and reads what they leave."""

from __future__ import annotations

import io
import os
import shlex
import signal
import stat
import subprocess
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deliverkit.sandbox.codepipeline.builds.build import Ending
from deliverkit.sandbox.leftovers import MARKER

LOOK_SECONDS = 0.1
"""Real time between two looks whether the build is still wanted."""
_SEPARATOR = "\n"
_INHERITED = ("PATH", "LANG", "TMPDIR", "HOME")
_VARIABLES = "DELIVERKIT_BUILD_VARIABLES"
_FAILED = "DELIVERKIT_BUILD_FAILED"


def run(
    home: Path, script: str, environment: Mapping[str, str], exported: tuple[str, ...],
    goes_on: Callable[[], bool], *, interpreter: str = "sh",
) -> Ending:  # fmt: skip
    """Run a script in `home/src` and wait for its end.

    Args:
        home: The build's directory, which has the sources already.
        script: For the shell.
        environment: Variables of the shell.
        exported: Names of the variables to read at the end.
        goes_on: Asked now and then; the process is killed once it says no.
        interpreter: The shell.

    Raises:
        OSError: If no process can be started.
    """
    place, log, variables, failed = (home / name for name in ("commands.sh", "output.log", "variables", "failed"))
    tell = f'printf %s "${{__failed:-${{__at:-}}}}" > "${_FAILED}"'
    place.write_text(f"trap 'env -0 > \"${_VARIABLES}\"; {tell}' EXIT\n{script}\n")
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    reserved = {MARKER: str(home), _VARIABLES: str(variables), _FAILED: str(failed)}
    with log.open("wb") as output:
        child = subprocess.Popen(
            [interpreter, str(place)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home / "src",
            env={**inherited, **environment, **reserved},
            start_new_session=True,
        )
        exit_code = _wait(child, goes_on)
    at = failed.read_text(errors="replace") if exit_code and failed.exists() else ""
    phase, _, command = at.partition(_SEPARATOR)
    return Ending(exit_code, _read_variables(variables, exported), log.read_bytes(), phase=phase, command=command)


def unpack(body: bytes, directory: Path) -> None:
    """Put an artifact's files into a directory; an object that is no ZIP becomes the one file `artifact`."""
    directory.mkdir(parents=True, exist_ok=True)
    if not zipfile.is_zipfile(io.BytesIO(body)):
        (directory / "artifact").write_bytes(body)
        return
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for entry in archive.infolist():
            # zipfile itself keeps names inside the directory.
            place = Path(archive.extract(entry, directory))
            if not entry.is_dir() and (entry.external_attr >> 16) & stat.S_IXUSR:
                place.chmod(0o755)


def sequence(commands: Sequence[str], otherwise: str = "exit", *, phase: str = "") -> str:
    """A script that runs commands one after the other, until one fails.

    Args:
        commands: In order.
        otherwise: `exit` ends the script with the status of the command that fails, `return` the function it is in.
        phase: What the first command that fails is said to be of; empty for commands of which none is told.
    """
    fails = f'{{ __failed="${{__failed:-$__at}}"; {otherwise} $__status; }}' if phase else f"{otherwise} $__status"
    lines = []
    for command in commands:
        lines += [f"__at={shlex.quote(f'{phase}{_SEPARATOR}{command}')}"] if phase else []
        lines += [command, f"__status=$?; [ $__status -eq 0 ] || {fails}"]
    return "\n".join(lines)


def _wait(child: subprocess.Popen[bytes], goes_on: Callable[[], bool]) -> int:
    while True:
        with suppress(subprocess.TimeoutExpired):
            return child.wait(LOOK_SECONDS)
        if not goes_on():
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def _read_variables(path: Path, exported: tuple[str, ...]) -> dict[str, str]:
    if not path.exists():
        return {}
    pairs = (each.partition("=") for each in path.read_text(errors="replace").split("\0") if each)
    return {name: value for name, _, value in pairs if name in exported}
