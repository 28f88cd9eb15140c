"""Who has a state directory: one process at a time, from its first moment to its last.

The lock is the system's own (`flock`), so that it is free as soon as its process is gone, however that ended. The file
names the process by id and start time: an id that the system has given to somebody else is never taken for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

LOCK = "server.lock"
LOOK_SECONDS = 0.02
HELD_PATIENCE = 1.0
"""Seconds until a lock counts as taken: whoever looks at it takes it for a moment."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this machine.

    Attributes:
        pid: Its id.
        started_at: Its start time in the system's own units; empty where the system does not tell.
    """

    pid: int
    started_at: str

    @classmethod
    def own(cls) -> Process:
        """The one that asks."""
        return cls(os.getpid(), _started_at(os.getpid()))

    @property
    def is_alive(self) -> bool:
        """True while it runs, and nobody else has its id."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return self.started_at == ""
        return _started_at(self.pid) == self.started_at

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end; False when it still runs."""
        deadline = time.monotonic() + seconds
        while self.is_alive:
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def signal(self, number: int) -> None:
        """Send it a signal; harmless when it is gone."""
        if self.is_alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class HeldError(Exception):
    """Another process has the state directory."""


@contextmanager
def held(state_dir: Path) -> Iterator[None]:
    """Have the state directory.

    Raises:
        HeldError: If another process has it.
    """
    with (state_dir / LOCK).open("a+", encoding="utf-8") as lock:
        deadline = time.monotonic() + HELD_PATIENCE
        while not _take(lock, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                raise HeldError(f"another sandbox has {state_dir}")
            time.sleep(LOOK_SECONDS)
        lock.truncate(0)
        lock.write(json.dumps(asdict(Process.own())))
        lock.flush()
        yield


def is_held(state_dir: Path) -> bool:
    """True while a process has the state directory."""
    try:
        with (state_dir / LOCK).open(encoding="utf-8") as lock:
            return not _take(lock, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def holder(state_dir: Path) -> Process | None:
    """The process that has the state directory; None when none has."""
    if not is_held(state_dir):
        return None
    try:
        found = Process(**json.loads((state_dir / LOCK).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # it has taken the lock, and is about to write its name
        return None
    return found if found.is_alive else None


def _take(lock: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _started_at(pid: int) -> str:
    """Start time in clock ticks since boot; `gone` for a zombie, empty where /proc does not exist."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "gone" if Path("/proc/self/stat").exists() else ""
    fields = stat.rpartition(")")[2].split()
    return "gone" if fields[0] in {"Z", "X"} else fields[19]
