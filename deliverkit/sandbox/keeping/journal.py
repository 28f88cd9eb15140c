"""The journal: every request that may change something, written before it is carried out.

A record reaches the operating system before the request is carried out, so that a killed process loses none that it
answered. Each segment is a file; an image makes those before it superfluous.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from deliverkit.sandbox.keeping.unreadable import UnreadableStateError, reading

PREFIX = "journal."
_LENGTHS = struct.Struct(">QQ")
"""Of the record of a request without its body, and of the body."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request.

    Attributes:
        at: Virtual time of its arrival, UTC.
        real: Real time of its arrival, UTC.
        seed: Of the ids that it makes.
        environ: The WSGI variables that say what it is.
        body: Its body.
    """

    at: datetime
    real: datetime
    seed: int
    environ: Mapping[str, str]
    body: bytes


class Journal:
    """Segments in a directory, the newest open for writing after `rotate`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = max(self._numbers(), default=0)
        self._descriptor: int | None = None

    def rotate(self) -> int:
        """Begin a new segment; give its number."""
        self.close()
        self._number += 1
        path = self._path(self._number)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return self._number

    def append(self, entry: Entry) -> None:
        """Write an entry down.

        Raises:
            OSError: If it cannot be written, as on a full disk; the request must not be carried out then.
        """
        assert self._descriptor is not None, "rotate comes first"
        # The body stands by itself, so that a large upload is not copied to be written.
        record = pickle.dumps(replace(entry, body=b""), protocol=5)
        before = os.fstat(self._descriptor).st_size
        try:
            for part in (_LENGTHS.pack(len(record), len(entry.body)) + record, entry.body):
                _write(self._descriptor, part)
        except OSError:
            os.ftruncate(self._descriptor, before)  # what comes after half a record could not be read again
            raise

    def since(self, segment: int) -> Iterator[Entry]:
        """Entries of the segment and of all later ones, oldest first; a last one that was cut off is left out.

        Raises:
            UnreadableStateError: If a segment is damaged.
        """
        for number in sorted(self._numbers()):
            if number >= segment:
                yield from _entries(self._path(number))

    def drop_before(self, segment: int) -> None:
        """Remove the segments before that one."""
        for number in self._numbers():
            if number < segment:
                self._path(number).unlink(missing_ok=True)

    def close(self) -> None:
        """Write no more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _numbers(self) -> list[int]:
        found = (path.name.removeprefix(PREFIX) for path in self._directory.glob(f"{PREFIX}*"))
        return [int(number) for number in found if number.isdigit()]

    def _path(self, number: int) -> Path:
        return self._directory / f"{PREFIX}{number}"


def _write(descriptor: int, part: bytes) -> None:
    """Write all of it: the system takes 2 GiB at a time at most (write(2))."""
    left = memoryview(part)
    while left:
        left = left[os.write(descriptor, left) :]


def _entries(path: Path) -> Iterator[Entry]:
    with path.open("rb") as file:
        while len(head := file.read(_LENGTHS.size)) == _LENGTHS.size:
            record_length, body_length = _LENGTHS.unpack(head)
            with reading(path):
                record, body = file.read(record_length), file.read(body_length)
            if len(record) + len(body) < record_length + body_length:
                return
            with reading(path):
                entry = pickle.loads(record)  # noqa: S301  (the sandbox's own file)
            if not isinstance(entry, Entry):
                raise UnreadableStateError(f"{path} holds something else than requests")
            yield replace(entry, body=body)
