"""One SQLite file that several processes write to: connection, transactions, and SQLite's errors in our words."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from deliverkit.adapters.retry import transient
from deliverkit.errors import DeliverkitError, IntegrityError, UnreachableError, UsageError

OPENINGS = 8
"""Attempts to open the file; 1.6 s of pauses on average."""
PATIENCE = timedelta(seconds=20)
"""How long to wait for other processes' transactions; ours take milliseconds."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    stream   TEXT    NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    document BLOB    NOT NULL,
    PRIMARY KEY (stream, sequence)
);
CREATE TRIGGER IF NOT EXISTS events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_are_never_removed BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TABLE IF NOT EXISTS leases (
    name   TEXT PRIMARY KEY,
    record BLOB NOT NULL
);
"""


class SqliteFile:
    """The database file; threads may share the object, and processes the file, on one machine.

    Write-ahead logging needs shared memory, so the file must not lie on a network file system (SQLite documentation,
    "Write-Ahead Logging", section 1).
    """

    def __init__(self, path: Path, *, patience: timedelta = PATIENCE) -> None:
        """Take the path, and how long to wait for others; nothing is opened before it is needed."""
        self.path = path
        self._patience = patience.total_seconds()
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one statement that reads.

        Raises:
            DeliverkitError: As `writing` does.
        """
        with self._lock, self._translated():
            yield self._open()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection, in a transaction that no other writer overlaps; an exception inside undoes it.

        Raises:
            UsageError: If the file cannot be opened or written.
            UnreachableError: If other processes keep it locked for too long.
            IntegrityError: If it is not a ledger database, or damaged.
            DeliverkitError: If the disk is full or fails.
        """
        with self._lock, self._translated():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Give the file back; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageError(
                    f"the ledger's folder {self.path.parent} cannot be made: {error.strerror}", hint=_ELSEWHERE
                ) from error
            # Changing to write-ahead logging is the one step for which SQLite does not wait while others open the same
            # new file ("Write-Ahead Logging", section 8: SQLITE_BUSY); it is tried again.
            self._connection = transient(self._prepared, attempts=OPENINGS)
        return self._connection

    def _prepared(self) -> sqlite3.Connection:
        with self._translated():
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        # autocommit (isolation_level None): transactions begin where we say so, and nowhere else.
        connection = sqlite3.connect(self.path, timeout=self._patience, isolation_level=None, check_same_thread=False)
        try:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode = WAL")
            # FULL: a recorded event survives a power cut, not only a crash of the process.
            connection.execute("PRAGMA synchronous = FULL")
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'leases'").fetchone():
                connection.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._in_our_words(error) from error

    def _in_our_words(self, error: sqlite3.Error) -> DeliverkitError:
        # The low byte is the primary result code (SQLite documentation, "Result and Error Codes").
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        place = f"the ledger {self.path}"
        match code:
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
                return UsageError(f"{place} cannot be opened for writing: {error}", hint=_ELSEWHERE)
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return UnreachableError(
                    f"{place} is locked by other processes, also after {self._patience:g} s: {error}",
                    hint=f"fuser {self.path} names them",
                )
            case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
                hint = "restore it from a backup, or name another file under `ledger:` in deliverkit.yml"
                return IntegrityError(f"{place} is not a sound SQLite database: {error}", hint=hint)
            case sqlite3.SQLITE_FULL:
                hint = "make room on the disk and type the command again; nothing half-written stays"
                return DeliverkitError(f"{place} cannot grow: {error}", hint=hint)
            case _:
                return DeliverkitError(f"{place}: {error}", hint="see the disk's health and the file's permissions")


_ELSEWHERE = "see the folder's permissions, or name another file under `ledger:` in deliverkit.yml"
