"""Where things are recorded, and by which clock: a part of the composition root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.shelving import bucket_rules

if TYPE_CHECKING:
    from deliverkit.adapters.aws.session import Aws
    from deliverkit.config import Settings
    from deliverkit.engine.pacing import Pace
    from deliverkit.ports import Clock, Ledger, LockService

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def ledger_of(settings: Settings, aws: Aws) -> Ledger:
    """Where everything that happened is recorded."""
    place = settings.ledger
    if place.scheme == "sqlite":
        from deliverkit.adapters.ledger_sqlite import SqliteLedger  # noqa: PLC0415

        return SqliteLedger(place.path)
    from deliverkit.adapters.aws.ledger_s3 import S3Ledger  # noqa: PLC0415

    return S3Ledger(aws, prefix=place.prefix, **bucket_rules(settings.release, place.bucket))


def locks_of(settings: Settings, aws: Aws) -> LockService:
    """Leases, in the same store."""
    place = settings.ledger
    if place.scheme == "sqlite":
        from deliverkit.adapters.locks_sqlite import SqliteLocks  # noqa: PLC0415

        return SqliteLocks(place.path)
    from deliverkit.adapters.aws.locks_s3 import S3Locks  # noqa: PLC0415

    return S3Locks(aws, prefix=place.prefix, **bucket_rules(settings.release, place.bucket))


def is_loopback(url: str) -> bool:
    """Whether an address is one of this machine."""
    from urllib.parse import urlsplit  # noqa: PLC0415

    return urlsplit(url).hostname in _LOOPBACK


def time_at(endpoint: str) -> tuple[Clock, Pace]:
    """The clock that holds where we deliver to, and the pace to keep there."""
    from datetime import timedelta  # noqa: PLC0415

    from deliverkit.adapters.clock import FollowingClock, SystemClock  # noqa: PLC0415
    from deliverkit.engine.pacing import Pace  # noqa: PLC0415
    from deliverkit.sandboxing import clock_at  # noqa: PLC0415

    if not is_loopback(endpoint):
        return SystemClock(), Pace()
    # AWS's request quotas ask for patience (about one look every 5 s); a sandbox on this machine has none.
    look, patience = timedelta(milliseconds=500), timedelta(seconds=20)
    read = clock_at(endpoint)
    if read is None:
        return SystemClock(), Pace(look=look, patience=patience)
    # The sandbox's time may run faster than ours; what we ask of the machine stays what it is in real time.
    clock, usual = FollowingClock(read), Pace()
    speed = max(clock.speed, 1.0)
    return clock, Pace(look * speed, usual.lease * speed, patience * speed, usual.backoff_limit * speed)
