"""The rules of leases, apart from where they are stored: each gives the record that should follow the present one.

A record is never removed: a lease that was given back stays as a record without a holder, so that tokens only grow.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from deliverkit.domain.ledger import canonical
from deliverkit.errors import FencedError, IntegrityError, LockedError
from deliverkit.ports import Lease


def taken(present: Lease | None, name: str, *, holder: str, ttl: timedelta | None, now: datetime, reason: str) -> Lease:
    """The record after the holder took the lease; taking again what one holds keeps the token.

    Raises:
        ValueError: If the holder has no name.
        LockedError: While another holder has it.
    """
    if not holder:
        raise ValueError(f"{name}: a lease needs a holder with a name")
    expires_at = None if ttl is None else now + ttl
    if present is None:
        return Lease(name, holder, 1, expires_at, reason, now)
    if present.holder == holder:
        return replace(present, expires_at=expires_at, reason=reason)
    if present.holder and not has_expired(present, now):
        raise LockedError(_held(present), hint=_where_to_look(name))
    return Lease(name, holder, present.token + 1, expires_at, reason, now)


def prolonged(present: Lease | None, lease: Lease, *, ttl: timedelta, now: datetime) -> Lease:
    """The record after a renewal; a lease that ran out unnoticed may still be renewed.

    Raises:
        FencedError: If it is not this holder's any more.
    """
    if present is None or not is_same(present, lease):
        by = f"{present.holder or 'nobody'} has it now" if present else "there is no record of it any more"
        raise FencedError(f"{lease.name} was taken from {lease.holder}: {by}", hint=_where_to_look(lease.name))
    return replace(present, expires_at=now + ttl)


def freed(present: Lease | None, lease: Lease) -> Lease | None:
    """The record after the lease was given back; None when it is no longer this holder's and nothing is to be done."""
    if present is None or not is_same(present, lease):
        return None
    return replace(present, holder="", expires_at=None, reason="")


def held(present: Lease | None) -> Lease | None:
    """The record as the world sees it: None when nobody holds the lease."""
    return present if present and present.holder else None


def is_same(present: Lease, lease: Lease) -> bool:
    """True when the record still is this holder's turn."""
    return present.holder == lease.holder and present.token == lease.token


def has_expired(lease: Lease, now: datetime) -> bool:
    """True from the moment of expiry on."""
    return lease.expires_at is not None and now >= lease.expires_at


def to_document(lease: Lease) -> bytes:
    """The record as it is stored: one canonical JSON document."""
    return canonical(msgspec.to_builtins(lease))


def from_document(document: bytes) -> Lease:
    """The record of a stored document.

    Raises:
        IntegrityError: If it is none.
    """
    try:
        return msgspec.json.decode(document, type=Lease)
    except msgspec.DecodeError as error:
        raise IntegrityError(f"not a lease document ({error}): {document[:80]!r}") from error


def _held(present: Lease) -> str:
    until = f", until {present.expires_at:%Y-%m-%d %H:%M:%S} UTC" if present.expires_at else ""
    why = f": {present.reason}" if present.reason else ""
    since = f"{present.acquired_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{present.name} is locked by {present.holder} since {since}{until}{why}"


def _where_to_look(name: str) -> str:
    kind, _, rest = name.partition("/")
    return f"deliverkit lock show {rest}" if kind == "environments" else f"deliverkit status {rest}".strip()
