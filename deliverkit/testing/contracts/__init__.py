"""Contract suites: what every ledger, lock service, release store and kind of check must do.

An adapter's test module subclasses a suite and gives it a fixture:

    class TestMyLedger(LedgerContract):
        @pytest.fixture()
        def ledger(self) -> Ledger:
            return MyLedger(...)

These modules import pytest, so nothing but tests may import them.
"""

from __future__ import annotations

from deliverkit.testing.contracts.checks import CheckContract, PluginContract
from deliverkit.testing.contracts.ledger import LedgerContract
from deliverkit.testing.contracts.locks import LockContract
from deliverkit.testing.contracts.releases import ReleaseStoreContract
from deliverkit.testing.contracts.removals import RemoverContract
from deliverkit.testing.contracts.replicas import ReplicasContract

__all__ = [
    "CheckContract",
    "LedgerContract",
    "LockContract",
    "PluginContract",
    "ReleaseStoreContract",
    "RemoverContract",
    "ReplicasContract",
]
