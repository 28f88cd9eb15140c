"""What every `LockService` must do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from deliverkit.errors import FencedError, LockedError
from deliverkit.ports import Lease, LockService

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TTL = timedelta(seconds=30)
NAME = "environments/production"


def take(locks: LockService, holder: str, *, now: datetime = NOW, ttl: timedelta | None = TTL) -> Lease:
    """Acquire the lease under test."""
    return locks.acquire(NAME, holder=holder, ttl=ttl, now=now, reason="a promotion of 1.2.3")


class LockContract:
    """Subclass it and give a fixture `locks`: with everything free for every test."""

    @pytest.fixture
    def locks(self) -> LockService:
        """A lock service with everything free."""
        raise NotImplementedError("the subclass gives the locks")

    def test_nobody_holds_what_nobody_took(self, locks: LockService) -> None:
        """A name that was never heard of is free."""
        assert locks.show(NAME) is None

    def test_a_taken_lease_is_shown(self, locks: LockService) -> None:
        """With all it was taken with."""
        lease = take(locks, "ann")
        assert locks.show(NAME) == lease
        assert (lease.name, lease.holder, lease.reason) == (NAME, "ann", "a promotion of 1.2.3")
        assert (lease.acquired_at, lease.expires_at) == (NOW, NOW + TTL)

    def test_another_holder_is_refused_with_the_facts(self, locks: LockService) -> None:
        """The message names holder, reason and since when."""
        take(locks, "ann")
        with pytest.raises(LockedError) as refusal:
            take(locks, "bob")
        for fact in (NAME, "ann", "a promotion of 1.2.3", "2026-01-05 09:00"):
            assert fact in refusal.value.message

    def test_the_holder_may_take_it_again(self, locks: LockService) -> None:
        """That is what a resumed promotion does; it stays the same turn."""
        first = take(locks, "ann")
        again = take(locks, "ann", now=NOW + timedelta(seconds=10))
        assert again.token == first.token
        assert again.expires_at == NOW + timedelta(seconds=40)

    def test_an_expired_lease_may_be_taken_and_fences_the_old_holder(self, locks: LockService) -> None:
        """From the very moment of expiry; the token grows."""
        old = take(locks, "ann")
        with pytest.raises(LockedError):
            take(locks, "bob", now=NOW + TTL - timedelta(microseconds=1))
        new = take(locks, "bob", now=NOW + TTL)
        assert new.token > old.token
        with pytest.raises(FencedError):
            locks.renew(old, ttl=TTL, now=NOW + TTL)
        assert locks.show(NAME) == new

    def test_a_lease_without_expiry_never_expires(self, locks: LockService) -> None:
        """Only giving it back frees it."""
        lease = take(locks, "ann", ttl=None)
        assert lease.expires_at is None
        with pytest.raises(LockedError):
            take(locks, "bob", now=NOW + timedelta(days=3650))

    def test_renewing_moves_the_expiry(self, locks: LockService) -> None:
        """And nothing else; an expiry that nobody used is no obstacle."""
        lease = take(locks, "ann")
        renewed = locks.renew(lease, ttl=TTL, now=NOW + timedelta(seconds=31))
        assert (renewed.expires_at, renewed.token) == (NOW + timedelta(seconds=61), lease.token)
        assert (renewed.acquired_at, renewed.reason) == (lease.acquired_at, lease.reason)
        assert locks.show(NAME) == renewed
        assert locks.renew(lease, ttl=TTL, now=NOW + timedelta(seconds=32)).token == lease.token

    def test_a_released_lease_is_free_and_its_token_is_not_given_again(self, locks: LockService) -> None:
        """Even to the same holder: what an earlier turn left behind must not act in the next."""
        first = take(locks, "ann")
        locks.release(first)
        assert locks.show(NAME) is None
        second = take(locks, "ann")
        assert second.token > first.token
        with pytest.raises(FencedError):
            locks.renew(first, ttl=TTL, now=NOW)

    def test_releasing_twice_or_too_late_is_harmless(self, locks: LockService) -> None:
        """Nobody loses a lease by another's late farewell."""
        old = take(locks, "ann")
        locks.release(old)
        locks.release(old)
        new = take(locks, "bob")
        locks.release(old)
        assert locks.show(NAME) == new

    def test_an_expired_lease_is_still_shown(self, locks: LockService) -> None:
        """Who held it last matters to whoever takes over."""
        take(locks, "ann", now=NOW - timedelta(days=1))
        shown = locks.show(NAME)
        assert shown is not None
        assert shown.holder == "ann"

    def test_names_are_apart(self, locks: LockService) -> None:
        """One name may begin with the other."""
        locks.acquire("promotions/dev-1", holder="ann", ttl=TTL, now=NOW, reason="")
        locks.acquire("promotions/dev-12", holder="bob", ttl=TTL, now=NOW, reason="")
        holders = [lease and lease.holder for lease in map(locks.show, ("promotions/dev-1", "promotions/dev-12"))]
        assert holders == ["ann", "bob"]

    def test_of_racing_threads_one_wins(self, locks: LockService) -> None:
        """Of a free lease, and again of an expired one."""
        for round_number in range(3):
            now = NOW + round_number * TTL
            with ThreadPoolExecutor(6) as pool:
                won = list(pool.map(lambda n, now=now: _tries(locks, f"racer-{now:%S}-{n}", now), range(6)))
            assert won.count(True) == 1


def _tries(locks: LockService, holder: str, now: datetime) -> bool:
    try:
        take(locks, holder, now=now)
    except LockedError:
        return False
    return True
