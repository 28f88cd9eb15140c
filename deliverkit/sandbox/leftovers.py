"""Processes of simulated instances that outlived their sandbox, because it was killed rather than stopped."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

MARKER = "DELIVERKIT_INSTANCE_ROOT"
"""Variable that every process of an instance inherits; its value lies below the sandbox's state directory."""


def kill_leftovers(state_dir: Path) -> int:
    """Kill every process that belongs to an instance of this state directory; give their number.

    Where the system has no /proc nothing can be found, and nothing is killed.
    """
    prefix = f"{MARKER}={state_dir.resolve()}{os.sep}".encode()
    found = [pid for pid in _processes() if _has_marker(pid, prefix)]
    for pid in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def _processes() -> list[int]:
    proc = Path("/proc")
    return [int(each.name) for each in proc.iterdir() if each.name.isdigit()] if proc.is_dir() else []


def _has_marker(pid: int, prefix: bytes) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return pid != os.getpid() and any(each.startswith(prefix) for each in variables)
