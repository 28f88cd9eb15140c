"""Doubles that ship with the library: a clock that tests move, ports in memory; `testing.contracts` checks adapters."""

from __future__ import annotations

from deliverkit.testing.clock import FakeClock
from deliverkit.testing.identity import FixedIdentity
from deliverkit.testing.ledger import MemoryLedger
from deliverkit.testing.locks import MemoryLocks
from deliverkit.testing.releases import MemoryReleases

__all__ = ["FakeClock", "FixedIdentity", "MemoryLedger", "MemoryLocks", "MemoryReleases"]
