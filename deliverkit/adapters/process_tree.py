"""Processes found by a variable that they were started with, as Jenkins finds what a build has left running.

A child inherits the environment, also in a session of its own, where signals to the process group do not reach it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def started_with(name: str, value: str) -> Iterator[int]:
    """Ids of the living processes that we may see and that were started with this variable.

    They stand in `/proc/pid/environ` (proc(5)); where there is no such place, none is found.
    """
    wanted = f"{name}={value}".encode()
    for place in Path("/proc").glob("[0-9]*/environ"):
        # What has ended meanwhile, or is somebody else's, cannot be read; a zombie's is empty.
        with suppress(OSError):
            if wanted in place.read_bytes().split(b"\0"):
                yield int(place.parent.name)


def signal_started_with(name: str, value: str, number: int) -> None:
    """Send them a signal."""
    for each in started_with(name, value):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(each, number)
