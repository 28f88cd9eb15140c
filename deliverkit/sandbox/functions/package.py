"""The code of functions on disk: each zip unpacked once, below the sandbox's state directory."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path


def unpacked(code: bytes, digest: str, root: Path) -> Path:
    """The directory with the zip's files.

    Args:
        code: The zip.
        digest: Names the directory, so that the same code is unpacked once.
        root: Where such directories are.

    Raises:
        ValueError: If it is no zip, or names a file outside.
        OSError: If it cannot be written.
    """
    home = root / digest
    if home.is_dir():
        return home
    root.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=root))
    try:
        _unpack(code, beside)
        beside.chmod(0o755)
        beside.rename(home)
    except OSError:
        if not home.is_dir():  # otherwise another invocation was faster
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return home


def _unpack(code: bytes, home: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            for entry in archive.infolist():
                _check_inside(home, entry.filename)
                place = Path(archive.extract(entry, home))
                if not entry.is_dir() and (entry.external_attr >> 16) & stat.S_IXUSR:
                    place.chmod(0o755)
    except zipfile.BadZipFile as error:
        raise ValueError(f"the function's code is no zip: {error}") from error


def _check_inside(home: Path, name: str) -> None:
    place = os.path.normpath(home / name)
    if not f"{place}{os.sep}".startswith(f"{home}{os.sep}"):
        raise ValueError(f"the function's code names a file outside of it: {name}")
