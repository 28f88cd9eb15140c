"""Gates that run a command, and what its exit code means.

| exit code | outcome |
|---|---|
| 0 | passed |
| 1 | failed |
| 75 (`EX_TEMPFAIL` of sysexits.h) | inconclusive: a human must decide |
| any other, a signal, a timeout, a command that is not there | error: it could not be measured |
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from deliverkit.check_ports import CheckContext
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.domain.placeholders import expand, needs_target
from deliverkit.ports import Clock

DEFAULT_TIMEOUT = 60.0
OUTPUT_LIMIT = 64 * 1024
"""Bytes of output that are kept, the last ones."""
GRACE = 2.0
"""Seconds between asking a command that is late to end and killing it with everything it started."""
_LINE = 200
_OUTCOMES: Mapping[int, Verdict] = {0: Verdict.PASSED, 1: Verdict.FAILED, 75: Verdict.INCONCLUSIVE}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended.

    Attributes:
        exit_code: As the shell gives it; negative for the signal that ended it; None when it was late.
        last_line: The last line of its output that is not blank.
    """

    exit_code: int | None
    last_line: str


class CommandCheck:
    """The check of command gates: `run` goes to `sh -c`, with `DELIVERKIT_*` variables beside the inherited ones.

    `DELIVERKIT_RELEASE_VERSION`, `_RELEASE_DIGEST`, `_ENVIRONMENT`, `_REGION`, `_REGIONS` (separated by commas),
    `_ENDPOINT` (unless it differs from target to target), `_APPLICATION`, `_GROUP`, one for each placeholder more.
    A placeholder in the command's text, `${release.version}`, becomes a reference to its variable, so that no value is
    ever read as shell syntax; everything else with a dollar is the shell's own.
    """

    def __init__(self, *, clock: Clock, directory: Path | None = None) -> None:
        """Take time, and the directory to run in; by default the current one."""
        self._clock = clock
        self._directory = directory
        self._running = Running()

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Run the command once; whatever keeps it from running is an `error` measurement."""
        at = self._clock.now()
        try:
            command, timeout = _settings(check.spec)
            values = _values(context)
            variables = {_variable(name): value for name, value in values.items()}
            text = _referring(command, values)
            ending = run(text, variables, timeout=timeout, directory=self._directory, running=self._running)
        except (OSError, ValueError) as error:
            return Measurement(check.gate, at, Verdict.ERROR, f"the command cannot be run: {error}", check=check.name)
        if ending.exit_code is None:
            reason = _with_output(f"no end within {timeout.total_seconds():g} s, killed", ending)
            return Measurement(check.gate, at, Verdict.ERROR, reason, check=check.name)
        verdict = _OUTCOMES.get(ending.exit_code, Verdict.ERROR)
        return Measurement(
            check.gate, at, verdict, _with_output(_described(ending.exit_code), ending), check=check.name
        )

    def interrupt(self) -> None:
        """End the commands that run, with everything they started."""
        running, self._running = self._running, Running()
        running.end()


class Running:
    """The commands that run now, so that another thread can end them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._is_over = False

    @contextlib.contextmanager
    def watched(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """A command runs until the end of the block; it is ended at once when it comes too late."""
        with self._lock:
            self._processes.append(process)
            if self._is_over:
                _signal(process, signal.SIGKILL)
        try:
            yield
        finally:
            with self._lock:
                self._processes.remove(process)

    def end(self) -> None:
        """Ask all to end, and kill what has not after two seconds."""
        with self._lock:
            self._is_over = True
            processes = list(self._processes)
            for process in processes:
                _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            for process in processes:
                process.wait(GRACE / len(processes))
        with self._lock:
            for process in self._processes:
                _signal(process, signal.SIGKILL)


def run(
    command: str,
    variables: Mapping[str, str],
    *,
    timeout: timedelta,
    directory: Path | None = None,
    running: Running | None = None,
) -> Ending:
    """Run a shell command and wait for its end; nothing that it started in its process group outlives this call.

    Raises:
        OSError: If no shell can be started, or the directory does not exist.
        ValueError: If command or variables hold a zero byte.
    """
    # env(1) adds to the inherited environment, which this process neither reads nor copies.
    assignments = [f"{name}={value}" for name, value in variables.items()]
    process = subprocess.Popen(
        ["env", *assignments, "sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=directory,
        process_group=0,
    )
    assert process.stdout is not None
    output = _Tail(process.stdout)
    try:
        with (running or Running()).watched(process):
            exit_code = _await(process, timeout.total_seconds())
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()
        last_line = output.last_line()
    return Ending(exit_code, last_line)


class _Tail:
    """Reads a pipe to its end on a thread of its own and keeps the last bytes; a chatty command never blocks."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def last_line(self) -> str:
        # Whoever left the process group may hold the pipe open for ever; what came until now is enough.
        self._thread.join(GRACE)
        text = self._kept.decode("utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        shown = "".join(character if character.isprintable() else " " for character in lines[-1]) if lines else ""
        return shown if len(shown) <= _LINE else shown[: _LINE - 3] + "..."

    def _read(self) -> None:
        with self._pipe:
            while chunk := os.read(self._pipe.fileno(), 65536):
                self._kept = (self._kept + chunk)[-OUTPUT_LIMIT:]


def _await(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
    return None


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _settings(spec: Mapping[str, Any]) -> tuple[str, timedelta]:
    command = str(spec.get("run") or "")
    if not command.strip():
        raise ValueError("the gate has no `run`")
    return command, timedelta(seconds=float(spec.get("timeout") or DEFAULT_TIMEOUT))


def _values(context: CheckContext) -> dict[str, str]:
    """Every placeholder that has one value for the whole leg."""
    values = {**context.values, "application": context.application, "group": context.group}
    values["regions"] = ",".join(context.regions)
    if not needs_target(context.endpoint):
        values["endpoint"] = expand(context.endpoint, values)
    return values


def _variable(name: str) -> str:
    return "DELIVERKIT_" + name.upper().replace(".", "_").replace("-", "_")


def _referring(command: str, names: Iterable[str]) -> str:
    for name in names:
        command = command.replace(f"${{{name}}}", f"${{{_variable(name)}}}")
    return command


def _described(exit_code: int) -> str:
    if exit_code < 0:
        return f"ended by {signal.Signals(-exit_code).name}"
    if exit_code in {126, 127}:
        return f"exit code {exit_code}: the shell found nothing to run"
    return f"exit code {exit_code}"


def _with_output(said: str, ending: Ending) -> str:
    return f"{said}: {ending.last_line}" if ending.last_line else said
