"""How much of the machine's disk an instance may take, so that no bundle fills it: a real host's disk is its own."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable
from pathlib import Path

DISK_BYTES = 8 << 30
"""The root volume of an instance, as EC2 gives it when nobody asks for another size."""
SHARE_OF_FREE = 2
"""An instance never takes more than this part of what the machine itself has left: one half."""
BLOCK_BYTES = 4096
"""What even an empty file costs."""


def require_room(sizes: Iterable[int], directory: Path) -> None:
    """Refuse, before anything is written, what would fill the disk: a bomb of a few kilobytes, for one.

    Raises:
        OSError: ENOSPC if files of these sizes take more than there is.
    """
    room = min(DISK_BYTES, shutil.disk_usage(directory).free // SHARE_OF_FREE)
    total = 0
    for size in sizes:
        total += size + BLOCK_BYTES
        if total > room:
            raise OSError(errno.ENOSPC, f"the files take more than the {room:,} bytes that are left")
