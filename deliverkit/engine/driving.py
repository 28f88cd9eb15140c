"""The driver's seat: of all processes that watch one thing, one acts; the others follow, and one takes over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from deliverkit.domain.ledger import Draft
from deliverkit.domain.watching import GAP
from deliverkit.errors import FencedError, LockedError
from deliverkit.ports import Drivers, Lease, LockService


class Fence(Protocol):
    """Where a change of drivers is recorded: a driver that slept through it loses the race for the next place."""

    def attach(self, draft: Draft) -> None:
        """Record it, whatever others record meanwhile."""
        ...


class DriversSeat:
    """The lease of whoever acts, renewed as long as it acts."""

    def __init__(
        self, name: str, purpose: str, fence: Fence, *, locks: LockService, drivers: Drivers, ttl: timedelta
    ) -> None:
        """Take the lease's name and reason, and how long a driver may be silent before others take over."""
        self._name = name
        self._purpose = purpose
        self._fence = fence
        self._locks = locks
        self._drivers = drivers
        self._ttl = ttl
        self._lease: Lease | None = None
        self._held_at: datetime | None = None

    def hold(self, now: datetime) -> bool:
        """True when this process is the one that may act."""
        slept = self._held_at is not None and now - self._held_at > GAP
        try:
            if self._lease is None or slept:
                # Whoever slept through the lease may have been replaced, and begins to watch anew in any case.
                self._lease = self._take(now)
            elif self._is_running_out(self._lease, now):
                self._lease = self._locks.renew(self._lease, ttl=self._ttl, now=now)
        except (LockedError, FencedError):
            self._lease = None
        self._held_at = now if self._lease is not None else None
        return self._lease is not None

    def let_go(self) -> None:
        """Give it back; harmless when it is not ours."""
        if self._lease is not None:
            self._locks.release(self._lease)
            self._lease = None

    def _is_running_out(self, lease: Lease, now: datetime) -> bool:
        return lease.expires_at is not None and lease.expires_at - now < self._ttl * (2 / 3)

    def _take(self, now: datetime) -> Lease:
        held = self._locks.show(self._name)
        if held is not None and self._drivers.is_known_dead(held.holder):
            self._locks.release(held)
        me = self._drivers.me()
        lease = self._locks.acquire(self._name, holder=me, ttl=self._ttl, now=now, reason=self._purpose)
        self._fence.attach(Draft("driver.attached", {"driver": me, "token": lease.token}))
        return lease
