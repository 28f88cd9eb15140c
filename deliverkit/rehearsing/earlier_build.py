"""An earlier build to begin with, so that a promotion that fails has something to go back to."""

from __future__ import annotations

import shutil
from pathlib import Path

LARGEST = 64 * 1024
SUFFIX = "-before"
MARK = ".deliverkit-before"


def make_earlier_build(build: Path, place: Path, version: str) -> str:
    """Copy a build as if it were the one before, and give the version it has now.

    Where the version is known to stand it is replaced: in small files that hold nothing else, or whose name says
    `version`. Another file keeps the bytes of the two bundles apart in any case.

    Args:
        build: The build directory.
        place: Where the copy goes; must not exist.
        version: Of the build.
    """
    earlier = f"{version}{SUFFIX}"
    shutil.copytree(build, place, symlinks=True)
    for path in place.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST:
            _replace(path, version, earlier)
    (place / MARK).write_text(f"{earlier}\n", encoding="utf-8")
    return earlier


def _replace(path: Path, version: str, earlier: str) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    if version in text and (text.strip() == version or "version" in path.name.lower()):
        path.write_text(text.replace(version, earlier), encoding="utf-8")
