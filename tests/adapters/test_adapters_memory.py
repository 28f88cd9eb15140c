"""The doubles keep the same contracts as the real stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deliverkit.ports import Clock, IdentityProvider, Ledger, LockService, ReleaseStore
from deliverkit.testing import FakeClock, FixedIdentity, MemoryLedger, MemoryLocks, MemoryReleases
from deliverkit.testing.contracts import LedgerContract, LockContract, ReleaseStoreContract
from deliverkit.testing.releases import ready_bundle


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def ledger(self) -> Ledger:
        return MemoryLedger()


class TestMemoryLocks(LockContract):
    @pytest.fixture
    def locks(self) -> LockService:
        return MemoryLocks()


class TestMemoryReleases(ReleaseStoreContract):
    @pytest.fixture
    def releases(self) -> ReleaseStore:
        return MemoryReleases()


def test_a_fake_clock_moves_by_advancing_and_sleeping() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    clock = FakeClock(start)
    port: Clock = clock
    assert port.now() == start
    clock.advance(timedelta(minutes=5))
    port.sleep_until(start + timedelta(minutes=9))
    port.sleep_until(start)
    assert port.now() == start + timedelta(minutes=9)
    assert clock.naps == [start + timedelta(minutes=9), start]


def test_a_fake_clock_refuses_what_a_clock_cannot_do() -> None:
    with pytest.raises(ValueError, match="time zone"):
        FakeClock(datetime(2026, 3, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="backwards"):
        FakeClock().advance(timedelta(seconds=-1))


def test_a_fixed_identity_is_always_the_same() -> None:
    provider: IdentityProvider = FixedIdentity()
    assert provider.whoami() == provider.whoami()
    assert provider.whoami().account in provider.whoami().arn


def test_a_lease_needs_a_holder_with_a_name() -> None:
    with pytest.raises(ValueError, match="holder"):
        MemoryLocks().acquire("x", holder="", ttl=None, now=datetime(2026, 3, 1, tzinfo=UTC), reason="")


def test_a_forgotten_bundle_is_gone() -> None:
    releases = MemoryReleases()
    revision = releases.upload(ready_bundle(b"")).revision
    releases.forget(revision)
    assert not releases.exists(revision)
