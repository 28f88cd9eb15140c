"""Looking at processes that write bundles, from outside."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def is_under_way(pid: int, out: Path, written: int) -> bool:
    """Whether a process has written so many bytes of a bundle that has no name yet, or a hidden one."""
    for opened in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed in the meantime
            where = Path(os.readlink(opened))  # noqa: PTH115 - no path need be there
            hidden = where.name.startswith(("#", f".{out.name}."))
            if where.parent == out.parent and hidden and opened.stat().st_size >= written:
                return True
    return False
