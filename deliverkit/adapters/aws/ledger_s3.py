"""The ledger in S3: one object per event, written only where there is none yet.

`<prefix>/<stream>/<sequence, twelve digits>.json`: S3 lists keys in order, so a stream is read as it was written, and
two writers of one place are told apart by S3 itself (S3 User Guide, "How to prevent object overwrites with conditional
writes").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from deliverkit.adapters.aws.bucket import Bucket, Encryption
from deliverkit.adapters.aws.session import Aws
from deliverkit.adapters.event_order import decoded
from deliverkit.domain.ledger import Draft, Event, decode, encode, seal
from deliverkit.errors import ConflictError, IntegrityError, UsageError

_STREAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)?")
"""A name, or a kind and a name: listing stays one call for each thousand streams, however many events they have."""
_EVENT = re.compile(r"(\d{12})\.json")


class S3Ledger:
    """A `Ledger` that any machine with access to the bucket can continue."""

    def __init__(
        self,
        aws: Aws,
        *,
        bucket: str,
        prefix: str,
        encryption: Encryption | None = None,
        owner: str = "",
        page_size: int = 1000,
    ) -> None:
        """Take the place; nothing is contacted yet.

        Args:
            aws: Gives the S3 client.
            bucket: Bucket name.
            prefix: Key prefix without slashes at its ends; may be empty.
            encryption: How events are encrypted; with KMS by default.
            owner: Account id that the bucket must belong to; empty for any.
            page_size: Keys asked for at once when listing.
        """
        self._bucket = Bucket(aws, bucket, encryption=encryption, owner=owner, page_size=page_size)
        self._root = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def append(self, stream: str, after: Event | None, draft: Draft, *, actor: str, at: datetime) -> Event:
        """Record the event that follows `after`, which was read from or appended to this ledger.

        Raises:
            ConflictError: If the stream already has an event there.
            UsageError: If the stream's name cannot be a key, or the bucket does not exist.
            UnreachableError: If S3 does not answer or denies the write.
        """
        event = seal(draft, stream=stream, after=after, actor=actor, at=at)
        document = encode(event)
        try:
            self._bucket.put(self._key(stream, event.sequence), document)
        except ConflictError as error:
            raise ConflictError(f"{stream} has another event {event.sequence} already") from error
        return decode(document)

    def read(self, stream: str, after: int = 0) -> tuple[Event, ...]:
        """All events with a sequence above `after`, in order; empty for an unknown stream.

        Raises:
            IntegrityError: If one is missing or unreadable.
            UnreachableError: If S3 does not answer or denies the read.
        """
        folder = self._folder(stream)
        keys = self._bucket.keys(folder, after=self._key(stream, after))
        places = [place for place in (_place(key.removeprefix(folder)) for key in keys) if place]
        return decoded(stream, after, self._documents(stream, places))

    def streams(self, prefix: str) -> tuple[str, ...]:
        """Names of the streams that begin with the prefix, sorted."""
        return tuple(sorted(name for name in self._streams(prefix) if _STREAM.fullmatch(name)))

    def _streams(self, prefix: str) -> Iterator[str]:
        for folder in self._bucket.folders(self._root + prefix):
            name = folder.removeprefix(self._root).rstrip("/")
            if "/" in name:
                yield name
                continue
            if not _STREAM.fullmatch(name):
                # The folder of the leases lies beside the streams; its name cannot be a stream's.
                continue
            # A first-level folder is a stream, a kind of streams, or both.
            inner = self._bucket.folders(folder)
            yield from (each.removeprefix(self._root).rstrip("/") for each in inner)
            if self._bucket.get(self._key(name, 1)) is not None:
                yield name

    def _documents(self, stream: str, places: list[int]) -> Iterator[tuple[int, bytes]]:
        documents = self._bucket.get_all(self._key(stream, place) for place in places)
        for place, document in zip(places, documents, strict=True):
            if document is None:
                raise IntegrityError(f"event {place} of {stream} was removed while it was read")
            yield place, document.body

    def _folder(self, stream: str) -> str:
        if not _STREAM.fullmatch(stream):
            raise UsageError(f"{stream!r} cannot name a stream: letters, digits and . _ + - with at most one slash")
        return f"{self._root}{stream}/"

    def _key(self, stream: str, sequence: int) -> str:
        return f"{self._folder(stream)}{sequence:012d}.json"


def _place(name: str) -> int | None:
    # Whatever else lies there, such as the second level of a kind, is no event of this stream.
    matched = _EVENT.fullmatch(name)
    return int(matched[1]) if matched else None
