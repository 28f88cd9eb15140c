"""Reading many release records: each at most once in a process, side by side, and no more of them than it takes.

Records never change and are told apart by their entity tags, so that of a thousand only those are read again that came
meanwhile.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from deliverkit.adapters.aws.bucket import Bucket, Document
from deliverkit.domain.release import Release

SKEW = timedelta(minutes=15)
"""By so much may a clock that S3 takes requests from be wrong (S3 API reference, error RequestTimeTooSkewed)."""
_FIRST, _MOST = 4, 64
"""Records that are read at once: few at first, for whoever asks for the newest wants few."""

Decode = Callable[[str, Document], Release]
_Item = Mapping[str, Any]
_Place = tuple[datetime, str]


class Records:
    """The records below one prefix."""

    def __init__(self, bucket: Bucket, prefix: str, decode: Decode) -> None:
        """Take the place.

        Args:
            bucket: The bucket.
            prefix: What the records' keys begin with.
            decode: Makes a release of a key and its document.
        """
        self._bucket = bucket
        self._prefix = prefix
        self._decode = decode
        self._known: dict[tuple[str, str], Release] = {}

    def all(self) -> Mapping[str, Release]:
        """Every record by its key, by a fresh list of them.

        Raises:
            IntegrityError: If one cannot be read.
            UnreachableError: If S3 does not answer, denies it, or does not list them to the end.
        """
        return self._read(self._bucket.contents(self._prefix))

    def newest(self) -> Iterator[Release]:
        """Every record, the newest first; those that nobody waits for are not read.

        Keys tell the version, not the age. But a record was written after its release was made: where S3 says that it
        was written before the moment of one that was read, give or take what clocks may differ, it is an older one.

        Raises:
            IntegrityError: If one cannot be read.
            UnreachableError: If S3 does not answer, denies it, or does not list them to the end.
        """
        items = sorted(self._bucket.contents(self._prefix), key=lambda item: item["LastModified"], reverse=True)
        waiting: list[tuple[_Reversed, Release]] = []
        start, count = 0, _FIRST
        while start < len(items):
            for release in self._read(items[start : start + count]).values():
                heapq.heappush(waiting, (_Reversed((release.created_at, release.version)), release))
            start, count = start + count, min(2 * count, _MOST)
            bound = items[start]["LastModified"] + SKEW if start < len(items) else None
            while waiting and (bound is None or waiting[0][1].created_at > bound):
                yield heapq.heappop(waiting)[1]

    def _read(self, items: Sequence[_Item]) -> Mapping[str, Release]:
        names = [(str(item["Key"]), str(item["ETag"])) for item in items]
        new = [name for name in names if name not in self._known]
        documents = self._bucket.get_all(key for key, _ in new)
        for (key, e_tag), document in zip(new, documents, strict=True):
            if document is not None:
                self._known[key, e_tag] = self._decode(key, document)
        return {name[0]: self._known[name] for name in names if name in self._known}


class _Reversed:
    """Orders the newest first in a heap that gives the least."""

    __slots__ = ("place",)

    def __init__(self, place: _Place) -> None:
        self.place = place

    def __lt__(self, other: _Reversed) -> bool:
        return self.place > other.place
