"""The ledger in an SQLite file: for one machine, any number of processes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from deliverkit.adapters.event_order import decoded
from deliverkit.adapters.sqlite_file import SqliteFile
from deliverkit.domain.ledger import Draft, Event, decode, encode, seal
from deliverkit.errors import ConflictError


class SqliteLedger:
    """A `Ledger` in one file; `SqliteLocks` may use the same."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; it and its folder are made when first needed."""
        self._file = SqliteFile(path)

    def append(self, stream: str, after: Event | None, draft: Draft, *, actor: str, at: datetime) -> Event:
        """Record the event that follows `after`; it is on the disk when this returns.

        Raises:
            ConflictError: If `after` is not the stream's last event.
            DeliverkitError: If the file cannot be written.
        """
        event = seal(draft, stream=stream, after=after, actor=actor, at=at)
        document = encode(event)
        newest = "SELECT CAST(document AS BLOB) FROM events WHERE stream = ? ORDER BY sequence DESC LIMIT 1"
        with self._file.writing() as connection:
            found = connection.execute(newest, (stream,)).fetchone()
            last = decode(found[0]) if found else None
            if (last and last.digest) != (after and after.digest):
                raise ConflictError(f"{stream} has another event {event.sequence} already")
            connection.execute("INSERT INTO events VALUES (?, ?, ?)", (stream, event.sequence, document))
        return decode(document)

    def read(self, stream: str, after: int = 0) -> tuple[Event, ...]:
        """All events with a sequence above `after`, in order; empty for an unknown stream.

        Raises:
            IntegrityError: If one is missing or unreadable.
        """
        query = (
            "SELECT sequence, CAST(document AS BLOB) FROM events WHERE stream = ? AND sequence > ? ORDER BY sequence"
        )
        with self._file.reading() as connection:
            rows = connection.execute(query, (stream, after)).fetchall()
        return decoded(stream, after, rows)

    def streams(self, prefix: str) -> tuple[str, ...]:
        """Names of the streams that begin with the prefix, sorted."""
        query = "SELECT DISTINCT stream FROM events WHERE substr(stream, 1, length(?)) = ? ORDER BY stream"
        with self._file.reading() as connection:
            rows = connection.execute(query, (prefix, prefix)).fetchall()
        return tuple(str(stream) for (stream,) in rows)

    def close(self) -> None:
        """Give the file back; the next use opens it again."""
        self._file.close()
