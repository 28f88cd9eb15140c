"""Troubles of a host that are made on purpose: marks on the instance's disk that its agent finds there.

A hook that hangs waits for its mark to go away; a disk is full as long as its mark is there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

FULL_DISK = "full-disk"
_FOLDER = Path("var/lib/deliverkit/troubles")
_WAIT = 'while [ -e "$0" ]; do sleep 0.1; done; exec "$@"'


def hanging(event: str) -> str:
    """The trouble that the event's scripts hang before their first line."""
    return f"hanging-{event}"


def begin(root: Path, trouble: str) -> None:
    """Mark the instance with this root directory."""
    folder = root / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / trouble).touch()


def end(root: Path, trouble: str) -> None:
    """Take the mark away; a script that hangs goes on."""
    (root / _FOLDER / trouble).unlink(missing_ok=True)


def held_up(command: Sequence[str], root: Path, event: str) -> list[str]:
    """The command, waiting first when its event hangs; it can be ended by a signal meanwhile."""
    mark = root / _FOLDER / hanging(event)
    return ["/bin/sh", "-c", _WAIT, str(mark), *command] if mark.exists() else list(command)


def require_space(root: Path) -> None:
    """Write as if to the instance's disk.

    Raises:
        OSError: ENOSPC when it is full.
    """
    if (root / _FOLDER / FULL_DISK).exists():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
