"""Read a collected file's bytes, and notice when they are no longer those that were collected."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from typing import BinaryIO

from deliverkit.errors import DeliverkitError, UsageError
from deliverkit.packaging.tree import Collection, Entry, Stamp, shown

CHUNK_BYTES = 1 << 18


def read_chunks(collection: Collection, entry: Entry) -> Iterator[bytes]:
    """The file's bytes, a quarter of a mebibyte at a time, exactly `entry.size` of them.

    Raises:
        DeliverkitError: If the file changed, grew, shrank, was replaced or vanished since it was collected, or while
            it was read; whatever was made of the bytes so far must be thrown away.
        UsageError: If it cannot be read.
    """
    descriptor = _open(collection, entry)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor has no path
        if Stamp.of(os.fstat(descriptor)) != entry.stamp:
            raise changed(entry)
        count = 0
        while chunk := _read(file, entry):
            count += len(chunk)
            if count > entry.size:  # a log that is written to all the time must not be followed forever
                raise changed(entry)
            yield chunk
        if count != entry.size or Stamp.of(os.fstat(descriptor)) != entry.stamp:
            raise changed(entry)
    _check_still_there(collection, entry)


@contextlib.contextmanager
def opened(collection: Collection, entry: Entry) -> Iterator[BinaryIO]:
    """The file, to be read in any order.

    Raises:
        DeliverkitError: If the file changed, was replaced or vanished since it was collected, or while it was open.
        UsageError: If it cannot be read.
    """
    descriptor = _open(collection, entry)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        if Stamp.of(os.fstat(descriptor)) != entry.stamp:
            raise changed(entry)
        yield file
        if Stamp.of(os.fstat(descriptor)) != entry.stamp:
            raise changed(entry)


def _read(file: io.FileIO, entry: Entry) -> bytes:
    try:
        return file.read(CHUNK_BYTES)
    except OSError as error:
        raise DeliverkitError(f"{shown(entry.path)} cannot be read: {error.strerror}") from error


def changed(entry: Entry) -> DeliverkitError:
    """The refusal for a file that is being written to."""
    return DeliverkitError(
        f"{shown(entry.path)} changed while it was being packed",
        hint="Wait until the build has finished, then package again",
    )


def _vanished(entry: Entry) -> DeliverkitError:
    return DeliverkitError(
        f"{shown(entry.path)} vanished while it was being packed",
        hint="Wait until the build has finished, then package again",
    )


def _open(collection: Collection, entry: Entry) -> int:
    # Links are not followed within the tree, and a FIFO that took the file's place cannot hang us.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    if entry.path not in collection.placed:
        flags |= os.O_NOFOLLOW
    try:
        return os.open(collection.location(entry), flags)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _vanished(entry) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise changed(entry) from error
        raise UsageError(f"{shown(entry.path)} cannot be read: {error.strerror}") from error


def _check_still_there(collection: Collection, entry: Entry) -> None:
    try:
        status = os.stat(collection.location(entry), follow_symlinks=entry.path in collection.placed)  # noqa: PTH116
    except OSError as error:
        raise _vanished(entry) from error
    if Stamp.of(status) != entry.stamp:
        raise changed(entry)
