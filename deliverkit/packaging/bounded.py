"""Files that are read no further than a budget, whatever their own headers ask Python's readers to hold in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast


class TooMuchError(ValueError):
    """A reader asks for more bytes than the budget has left."""


class BoundedFile:
    """A file for reading, with a budget of bytes while one is set.

    Archives tell their readers how long their names and directories are, and `tarfile` and `zipfile` read each of them
    at once. With compression, a few kilobytes can so ask for gigabytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        """Take the file; it must be seekable. It stays open."""
        self._file = file
        self._left: int | None = None

    @contextmanager
    def within(self, budget: int) -> Iterator[None]:
        """Give out no more than so many bytes in here, however often they are asked for.

        Raises:
            TooMuchError: If a reader wants more; nothing of it is read.
        """
        self._left = budget
        try:
            yield
        finally:
            self._left = None

    def read(self, size: int = -1) -> bytes:
        """Bytes from here on; all of them for a negative size.

        Raises:
            TooMuchError: If the budget does not have them.
        """
        if self._left is None:
            return self._file.read(size)
        if size > self._left:
            raise TooMuchError(f"it has {size} bytes of headers in one place")
        content = self._file.read(size if size >= 0 else self._left + 1)
        if len(content) > self._left:
            raise TooMuchError(f"it has more than {self._left} bytes of headers in one place")
        self._left -= len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._file.tell()

    def seekable(self) -> bool:
        """True; every reader of archives needs that."""
        return True

    def as_file(self) -> IO[bytes]:
        """Itself, as those want it who ask for a whole file and use what is here."""
        return cast("IO[bytes]", cast("Any", self))
