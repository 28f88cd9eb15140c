"""Leases in the ledger's SQLite file."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

from deliverkit.adapters import leases
from deliverkit.adapters.sqlite_file import SqliteFile
from deliverkit.ports import Lease


class SqliteLocks:
    """A `LockService` for the processes of one machine."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; it and its folder are made when first needed."""
        self._file = SqliteFile(path)

    def acquire(self, name: str, *, holder: str, ttl: timedelta | None, now: datetime, reason: str) -> Lease:
        """Take a free or expired lease, or take one again that this holder has.

        Raises:
            LockedError: While another holder has it.
            DeliverkitError: If the file cannot be written.
        """
        with self._file.writing() as connection:
            present = _load(connection, name)
            lease = leases.taken(present, name, holder=holder, ttl=ttl, now=now, reason=reason)
            _save(connection, lease)
        return lease

    def renew(self, lease: Lease, *, ttl: timedelta, now: datetime) -> Lease:
        """The same lease with a later expiry.

        Raises:
            FencedError: If somebody else has taken it since.
        """
        with self._file.writing() as connection:
            renewed = leases.prolonged(_load(connection, lease.name), lease, ttl=ttl, now=now)
            _save(connection, renewed)
        return renewed

    def release(self, lease: Lease) -> None:
        """Give it back; harmless when it is no longer ours."""
        with self._file.writing() as connection:
            record = leases.freed(_load(connection, lease.name), lease)
            if record is not None:
                _save(connection, record)

    def show(self, name: str) -> Lease | None:
        """Who holds it; None when nobody does."""
        with self._file.reading() as connection:
            return leases.held(_load(connection, name))

    def close(self) -> None:
        """Give the file back; the next use opens it again."""
        self._file.close()


def _load(connection: sqlite3.Connection, name: str) -> Lease | None:
    found = connection.execute("SELECT CAST(record AS BLOB) FROM leases WHERE name = ?", (name,)).fetchone()
    return leases.from_document(found[0]) if found else None


def _save(connection: sqlite3.Connection, lease: Lease) -> None:
    connection.execute("INSERT OR REPLACE INTO leases VALUES (?, ?)", (lease.name, leases.to_document(lease)))
