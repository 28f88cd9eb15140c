"""A ledger in memory."""

from __future__ import annotations

import threading
from datetime import datetime

from deliverkit.domain.ledger import Draft, Event, decode, encode, seal
from deliverkit.errors import ConflictError


class MemoryLedger:
    """A `Ledger` that forgets everything with the process; threads may share it."""

    def __init__(self) -> None:
        """Begin without any stream."""
        self._streams: dict[str, list[bytes]] = {}
        self._lock = threading.Lock()

    def append(self, stream: str, after: Event | None, draft: Draft, *, actor: str, at: datetime) -> Event:
        """Record the event that follows `after`.

        Raises:
            ConflictError: If `after` is not the stream's last event.
        """
        event = seal(draft, stream=stream, after=after, actor=actor, at=at)
        document = encode(event)
        with self._lock:
            recorded = self._streams.get(stream, [])
            last = decode(recorded[-1]) if recorded else None
            if (last and last.digest) != (after and after.digest):
                raise ConflictError(f"{stream} has another event {event.sequence} already")
            self._streams.setdefault(stream, []).append(document)
        return decode(document)

    def read(self, stream: str, after: int = 0) -> tuple[Event, ...]:
        """All events with a sequence above `after`, in order; empty for an unknown stream."""
        with self._lock:
            documents = self._streams.get(stream, [])[after:]
        return tuple(decode(document) for document in documents)

    def streams(self, prefix: str) -> tuple[str, ...]:
        """Names of the streams that begin with the prefix, sorted."""
        with self._lock:
            return tuple(sorted(name for name in self._streams if name.startswith(prefix)))
