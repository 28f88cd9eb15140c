"""Removing what a deployment left, read-only directories included: a host's agent is root, which no mode stops."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path


def remove_tree(directory: Path) -> None:
    """Remove a directory with everything below it.

    Raises:
        OSError: If something belongs to somebody else, or is not there.
    """
    try:
        shutil.rmtree(directory)
    except PermissionError:
        _open_up(directory)
        shutil.rmtree(directory)


def remove_file(path: Path) -> None:
    """Remove a file or a link; the directory that it lies in keeps its mode.

    Raises:
        OSError: If it belongs to somebody else, or is not there.
    """
    try:
        path.unlink()
    except PermissionError:
        mode = stat.S_IMODE(path.parent.stat().st_mode)
        path.parent.chmod(mode | stat.S_IRWXU)
        try:
            path.unlink()
        finally:
            path.parent.chmod(mode)


def _open_up(directory: Path) -> None:
    with contextlib.suppress(PermissionError):  # somebody else's; removing it will tell
        directory.chmod(directory.stat().st_mode | stat.S_IRWXU)
    with os.scandir(directory) as entries:
        below = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    for each in below:
        _open_up(each)
