"""Checks that run a command; what its exit code means is judged in `domain.checks.command`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from deliverkit.adapters.clock import Stopwatch
from deliverkit.adapters.output_tail import last_lines
from deliverkit.adapters.process_tree import signal_started_with
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import measurement
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.masking import Masking, credentials_among
from deliverkit.domain.placeholders import expand, needs_target
from deliverkit.ports import Clock

DEFAULT_TIMEOUT = 60.0
OUTPUT_LIMIT = 64 * 1024
"""Bytes of output that are kept, the last ones."""
GRACE = 2.0
"""Seconds between asking a command that is late to end and killing it with everything it started."""
SAMPLE = "DELIVERKIT_SAMPLE"
"""The variable that names the measurement."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended.

    Attributes:
        exit_code: As the shell gives it; negative for the signal that ended it; None when it was late.
        output: The end of what it wrote.
        is_cut: True when it wrote more than that.
        seconds: From its start to its end.
    """

    exit_code: int | None
    output: str
    is_cut: bool
    seconds: float

    @property
    def last_line(self) -> str:
        """The last line of the output that is not blank."""
        lines = last_lines(self.output, str, is_cut=self.is_cut)
        return lines[-1] if lines else ""


class CommandCheck:
    """The checker of kind command: `run` goes to `sh -c`, with `DELIVERKIT_*` variables beside the inherited ones.

    `DELIVERKIT_RELEASE_VERSION`, `_RELEASE_DIGEST`, `_ENVIRONMENT`, `_REGION`, `_REGIONS` (separated by commas),
    `_ENDPOINT` (unless it differs from target to target), `_APPLICATION`, `_GROUP`, one for each placeholder more.
    A placeholder in the command's text, `${release.version}`, becomes a reference to its variable, so that no value is
    ever read as shell syntax; everything else with a dollar is the shell's own.

    `DELIVERKIT_SAMPLE` names the measurement. By it everything is found and ended that the command started, also in
    process groups of its own, and what a process that died left running: a measurement that is taken over runs once.
    """

    def __init__(
        self, *, clock: Clock, directory: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        """Take time; the directory to run in, by default the current one; and the variables that commands inherit.

        Variables whose names are those of credentials are masked in what commands write.
        """
        self._clock = clock
        self._directory = directory
        self._masking = Masking(credentials_among(environ or {}))
        self._running = Running()

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Run the command once; whatever keeps it from running is an `error` measurement."""
        at, query = self._clock.now(), ""
        try:
            command, timeout = _settings(check.spec)
            query = self._masking.hide(command)
            values = _values(context)
            variables = {_variable(name): value for name, value in values.items()}
            sample = context.samples.get(check.key) or f"{check.key}/{uuid.uuid4()}"
            signal_started_with(SAMPLE, sample, signal.SIGKILL)
            variables[SAMPLE] = sample
            text = _referring(command, values)
            ending = run(text, variables, timeout=timeout, directory=self._directory, running=self._running)
        except (OSError, ValueError) as error:
            return measurement(check, at, {"error": f"the command cannot be run: {error}"}, query=query)
        return measurement(check, at, self._seen(ending, timeout), query=query)

    def interrupt(self) -> None:
        """End the commands that run, with everything they started."""
        running, self._running = self._running, Running()
        running.end()

    def _seen(self, ending: Ending, timeout: timedelta) -> dict[str, Any]:
        tail = last_lines(ending.output, self._masking.hide, is_cut=ending.is_cut)
        seconds, limit = round(ending.seconds, 3), timeout.total_seconds()
        return {"exit_code": ending.exit_code, "seconds": seconds, "limit": limit, "tail": tail}


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
        # One deadline for all: a stubborn one must not take the others' time from them.
        watch = Stopwatch()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, GRACE - watch.seconds()))
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

    With `DELIVERKIT_SAMPLE` among the variables, nothing outlives it that inherited the variable, whatever its group.

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
    output, watch = _Tail(process.stdout), Stopwatch()
    try:
        with (running or Running()).watched(process):
            exit_code = _await(process, timeout.total_seconds())
            seconds = watch.seconds()
    finally:
        _signal(process, signal.SIGKILL)
        if SAMPLE in variables:
            signal_started_with(SAMPLE, variables[SAMPLE], signal.SIGKILL)
        process.wait()
        text, is_cut = output.end()
    return Ending(exit_code, text, is_cut, seconds)


class _Tail:
    """Reads a pipe to its end on a thread of its own and keeps the last bytes; a chatty command never blocks."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = b""
        self._is_cut = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def end(self) -> tuple[str, bool]:
        """What came last, and whether more came before."""
        # Whoever left the process group may hold the pipe open for ever; what came until now is enough.
        self._thread.join(GRACE)
        return self._kept.decode("utf-8", errors="replace"), self._is_cut

    def _read(self) -> None:
        with self._pipe:
            while chunk := os.read(self._pipe.fileno(), 65536):
                self._is_cut = self._is_cut or len(self._kept) + len(chunk) > OUTPUT_LIMIT
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
        raise ValueError("the check has no `run`")
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
