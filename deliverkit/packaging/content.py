"""Read a collected file's bytes, and notice when they are no longer those that were collected."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from deliverkit.errors import DeliverkitError
from deliverkit.packaging.refusal import FileChangedError, unreadable
from deliverkit.packaging.tree import Collection, Entry, shown, stamp_of

SLICE_BYTES = 1 << 20
"""Large files are read and packed in pieces of this size; the bundle's bytes depend on it."""
# A FIFO that took a file's place cannot hang us, and links are not followed within the tree.
_PLACED_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_FLAGS = _PLACED_FLAGS | os.O_NOFOLLOW


def read_whole(collection: Collection, entry: Entry) -> bytes:
    """All bytes of a file, exactly `entry.size` of them.

    Raises:
        DeliverkitError: If the file changed, grew, shrank, was replaced or vanished since it was collected, or while
            it was read; whatever was made of the bundle so far must be thrown away.
        UsageError: If it cannot be read.
    """
    return read_slice(collection, entry, 0, entry.size)


def read_slice(collection: Collection, entry: Entry, start: int, size: int) -> bytes:
    """Some bytes of a file, exactly as many as asked for.

    Args:
        collection: Knows where the file lies.
        entry: The file.
        start: Offset of the first byte.
        size: Bytes wanted; they must lie within `entry.size`.

    Raises:
        DeliverkitError: If the file is not what was collected any more.
        UsageError: If it cannot be read.
    """
    descriptor = _open(collection, entry)
    try:
        # One byte more shows that a file grew, for instance a log that is written to all the time.
        is_end = start + size == entry.size
        content = _read(descriptor, entry, start, size + is_end)
        # The stamp is taken after reading: what changed before or meanwhile has another one.
        if len(content) != size or stamp_of(os.fstat(descriptor)) != entry.stamp:
            raise changed(entry)
    finally:
        os.close(descriptor)
    return content


@contextlib.contextmanager
def opened(collection: Collection, entry: Entry) -> Iterator[BinaryIO]:
    """The file, to be read in any order; the stamp is looked at when it is closed, as `read_slice` does.

    Raises:
        DeliverkitError: If the file is not what was collected any more.
        UsageError: If it cannot be read.
    """
    descriptor = _open(collection, entry)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        yield file
        if stamp_of(os.fstat(descriptor)) != entry.stamp:
            raise changed(entry)


def read_chunks(collection: Collection, entry: Entry) -> Iterator[bytes]:
    """The file's bytes, a mebibyte at a time, exactly `entry.size` of them; raises what `read_slice` raises."""
    for start in range(0, max(entry.size, 1), SLICE_BYTES):
        yield read_slice(collection, entry, start, min(SLICE_BYTES, entry.size - start))


def changed(entry: Entry) -> DeliverkitError:
    """The refusal for a file that is being written to."""
    return FileChangedError(entry.path, "changed")


def _vanished(entry: Entry) -> DeliverkitError:
    return FileChangedError(entry.path, "vanished")


def _read(descriptor: int, entry: Entry, start: int, size: int) -> bytes:
    try:
        content = os.pread(descriptor, size, start) if start else os.read(descriptor, size)
        while len(content) < size and (more := os.pread(descriptor, size - len(content), start + len(content))):
            content += more
    except OSError as error:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # a directory or a FIFO took its place
            raise changed(entry) from error
        raise DeliverkitError(f"{shown(entry.path)} cannot be read: {error.strerror}") from error
    return content


def _open(collection: Collection, entry: Entry) -> int:
    flags = _PLACED_FLAGS if entry.path in collection.placed else _FLAGS
    try:
        return os.open(collection.location(entry), flags)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _vanished(entry) from error
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:  # a link or a socket took its place
            raise changed(entry) from error
        raise unreadable(collection, entry, error) from error
