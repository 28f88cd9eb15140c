"""The SQLite stores keep the contracts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deliverkit.adapters.ledger_sqlite import SqliteLedger
from deliverkit.adapters.locks_sqlite import SqliteLocks
from deliverkit.ports import Ledger, LockService
from deliverkit.testing.contracts import LedgerContract, LockContract


class TestSqliteLedger(LedgerContract):
    @pytest.fixture
    def ledger(self, sqlite_path: Path) -> Iterator[Ledger]:
        ledger = SqliteLedger(sqlite_path)
        yield ledger
        ledger.close()


class TestSqliteLocks(LockContract):
    @pytest.fixture
    def locks(self, sqlite_path: Path) -> Iterator[LockService]:
        locks = SqliteLocks(sqlite_path)
        yield locks
        locks.close()
