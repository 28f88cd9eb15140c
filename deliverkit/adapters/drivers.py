"""The processes that drive promotions, told apart by host, process id and start time."""

from __future__ import annotations

import socket
import uuid
from pathlib import Path


class ProcessDrivers:
    """Recognises processes of this machine; says nothing about those of others."""

    def __init__(self) -> None:
        """Take this process's identity once; a number of its own keeps two drivers within one process apart."""
        import os  # noqa: PLC0415  (the process id is asked here and nowhere else)

        self._machine = f"{socket.gethostname()}/{_boot_id()}"
        self._me = f"{self._machine}/{os.getpid()}/{_started_at(os.getpid())}/{uuid.uuid4().hex[:8]}"

    def me(self) -> str:
        """This process, as a lease holder."""
        return self._me

    def is_known_dead(self, holder: str) -> bool:
        """True when the holder ran on this machine and its process, with that start time, is gone."""
        if not holder.startswith(f"{self._machine}/"):
            return False
        process_id, started_at, _ = holder.removeprefix(f"{self._machine}/").split("/", 2)
        return started_at != "?" and _started_at(int(process_id)) != started_at


def _boot_id() -> str:
    # Two containers may share a host name; after a reboot every process of before is dead.
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown-boot"


def _started_at(process_id: int) -> str:
    """Start time in clock ticks since boot; empty for a dead process or a zombie, `?` where nobody tells."""
    if not Path("/proc/self/stat").exists():
        return "?"
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]
