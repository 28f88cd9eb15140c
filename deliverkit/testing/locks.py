"""Leases in memory."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from deliverkit.adapters import leases
from deliverkit.ports import Lease


class MemoryLocks:
    """A `LockService` for the threads of one process."""

    def __init__(self) -> None:
        """Begin with everything free."""
        self._records: dict[str, Lease] = {}
        self._lock = threading.Lock()

    def acquire(self, name: str, *, holder: str, ttl: timedelta | None, now: datetime, reason: str) -> Lease:
        """Take a free or expired lease, or take one again that this holder has.

        Raises:
            LockedError: While another holder has it.
        """
        with self._lock:
            lease = leases.taken(self._records.get(name), name, holder=holder, ttl=ttl, now=now, reason=reason)
            self._records[name] = lease
            return lease

    def renew(self, lease: Lease, *, ttl: timedelta, now: datetime) -> Lease:
        """The same lease with a later expiry.

        Raises:
            FencedError: If somebody else has taken it since.
        """
        with self._lock:
            renewed = leases.prolonged(self._records.get(lease.name), lease, ttl=ttl, now=now)
            self._records[lease.name] = renewed
            return renewed

    def release(self, lease: Lease) -> None:
        """Give it back; harmless when it is no longer ours."""
        with self._lock:
            record = leases.freed(self._records.get(lease.name), lease)
            if record is not None:
                self._records[lease.name] = record

    def show(self, name: str) -> Lease | None:
        """Who holds it; None when nobody does."""
        with self._lock:
            return leases.held(self._records.get(name))
