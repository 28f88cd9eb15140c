"""Running one hook script as a real process.

Timeouts are real seconds on the monotonic clock, never the sandbox's virtual time: the script is a real process, which
runs neither faster nor slower when the rehearsal's clock does.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deliverkit.sandbox.agent.appspec import Script
from deliverkit.sandbox.agent.errors import Code, ScriptError
from deliverkit.sandbox.agent.processes import Processes
from deliverkit.sandbox.agent.script_log import ScriptLog
from deliverkit.sandbox.agent.troubles import held_up

READ_SIZE = 1 << 16
LONGEST_LINE = 1 << 20
"""Bytes of a line that are waited for; a longer one is logged in pieces, or it would fill the memory."""
BUSY_TRIES = 200
BUSY_PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """One script that is about to run.

    Attributes:
        script: As the appspec has it.
        path: On this machine.
        environment: All its variables.
        cwd: Its working directory; the agent's, not the archive.
        processes: Where its process group is noted.
        log: Where its output goes.
    """

    script: Script
    path: Path
    environment: Mapping[str, str]
    cwd: Path
    processes: Processes
    log: ScriptLog

    def run(self) -> None:
        """Run it to its end.

        Raises:
            ScriptError: Code 3, 4 or 6.
        """
        self.log.append(f"Script - {self.script.location}\n")
        deadline = time.monotonic() + self.script.timeout
        try:
            process = self._start()
        except OSError as error:
            raise self._error(
                Code.SCRIPT_FAILED, f"{self._prefix()} failed with error {error.strerror} - {self.path}"
            ) from error
        try:
            self._follow(process, deadline)
        finally:
            # After a timeout the agent closes its ends of the pipes and waits: a script that ignores SIGTERM holds the
            # agent up, here as there. Its process is gone when the instance is.
            _close(process)
            process.wait()
            self.processes.forget_empty_groups()
        if process.returncode != 0:
            shown = process.returncode if process.returncode > 0 else ""  # empty after a signal, as the agent has it
            raise self._error(Code.SCRIPT_FAILED, f"{self._prefix()} failed with exit code {shown}")

    def _start(self) -> subprocess.Popen[bytes]:
        # The agent appends the location to a command line unquoted: a blank separates arguments.
        command = self._command([str(self.path), *self.script.location.split()[1:]])
        command = held_up(command, self.cwd, self.environment.get("LIFECYCLE_EVENT", ""))
        try:
            return self._spawn(command)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            return self._spawn(["/bin/sh", *command])  # no shebang

    def _command(self, command: list[str]) -> list[str]:
        """Apply `runas` and `sudo`, as far as this machine's user can.

        Sudo is never called: an agent that is root needs none, and one that is not cannot become root on a machine that
        is not its own. (On a host sudo also takes the hook's variables away; here that would let the script loose on
        the machine's own root directory.)
        """
        if self.script.sudo:
            self.log.append("Note - sudo: run as the sandbox's own user\n")
        user = self.script.runas
        if user is None:
            return command
        own = _user_name()
        if user == own or os.geteuid() != 0:
            # Another user needs root's permission. The script matters more than its user in a rehearsal.
            self.log.append(f"Note - runas {user}: run as the sandbox's own user, {own}\n")
            return command
        return ["su", user, "-c", shlex.join(command)]

    def _spawn(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        for remaining in reversed(range(BUSY_TRIES)):
            if self.processes.is_ended:
                raise OSError(errno.ESHUTDOWN, "the instance is shut down")
            try:
                process = subprocess.Popen(
                    command,
                    env=dict(self.environment),
                    cwd=self.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                # A process that another agent thread is starting may hold this script, just unpacked, open for
                # writing for the moment between fork and exec.
                if error.errno != errno.ETXTBSY or not remaining:
                    raise
                threading.Event().wait(BUSY_PAUSE_SECONDS)
                continue
            self.processes.track(process.pid)
            return process
        raise AssertionError("the loop above returns or raises")

    def _follow(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        still_open = self._read({process.stdout: "stdout", process.stderr: "stderr"}, deadline)
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            message = (
                f"Script at specified location: {self.script.location} failed to complete in {self.script.timeout}"
            )
            raise self._error(Code.SCRIPT_TIMED_OUT, f"{message} seconds") from None
        if still_open:
            message = f"Script at specified location: {self.script.location} failed to close {still_open[0].upper()}"
            raise self._error(Code.OUTPUTS_LEFT_OPEN, message)

    def _read(self, streams: Mapping[IO[bytes], str], deadline: float) -> list[str]:
        """Log the output until its last holder closes it; names of the streams still open at the deadline."""
        rest = dict.fromkeys(streams.values(), b"")
        with selectors.DefaultSelector() as selector:
            for stream, name in streams.items():
                selector.register(stream, selectors.EVENT_READ, name)
            while selector.get_map() and (remaining := deadline - time.monotonic()) > 0:
                for key, _ in selector.select(remaining):
                    chunk = os.read(key.fd, READ_SIZE)
                    rest[key.data] = self._log_lines(key.data, rest[key.data] + chunk, is_end=not chunk)
                    if not chunk:
                        selector.unregister(key.fileobj)
            return [key.data for key in selector.get_map().values()]

    def _log_lines(self, name: str, output: bytes, *, is_end: bool) -> bytes:
        *lines, rest = output.split(b"\n")
        if len(rest) >= LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            self.log.append(f"[{name}]{line.decode(errors='replace')}\n")
        if is_end and rest:
            self.log.append(f"[{name}]{rest.decode(errors='replace')}")
        return rest

    def _prefix(self) -> str:
        user = f" run as user {self.script.runas}" if self.script.runas is not None else ""
        return f"Script at specified location: {self.script.location}{user}"

    def _error(self, code: Code, message: str) -> ScriptError:
        return ScriptError(code, self.script.location, message, self.log.tail)


def _close(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user without an entry
        return str(os.geteuid())
