"""Files that others wait for: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from deliverkit.errors import UsageError


def write_whole(path: Path, text: str) -> None:
    """Write a text so that nobody ever finds half of it; folders that are missing are made.

    What was there before stays until all of the new text is written, also when a signal comes between.

    Args:
        path: The file; a device or pipe, such as `/dev/stdout`, is written to as it is.
        text: What it shall hold, as UTF-8.

    Raises:
        UsageError: If it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path.resolve(), text)
    except FileExistsError as error:
        raise UsageError(f"{path} cannot be written: {path.parent} is no folder", hint="name another file") from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}", hint="name a file in a folder of yours"
        ) from error


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            # As a new file would be: a page that only its writer may read is not published.
            os.fchmod(file.fileno(), _mode(path))
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _mode(path: Path) -> int:
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask
