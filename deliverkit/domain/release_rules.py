"""What the configuration says about releases once they are made: small, for every command reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

TICKETS = r"\b[A-Z][A-Z0-9_]+-[1-9]\d*\b|(?<![\w&])#[1-9]\d*\b"
"""Tickets as most trackers write them: `SHOP-123`, and `#123`."""


@dataclass(frozen=True, slots=True)
class TicketRules:
    """How tickets are recognized.

    Attributes:
        pattern: Regular expression; its first group, or all of it, is the ticket.
        url: Address of a ticket with `{}` in its place; empty for none.
    """

    pattern: str = TICKETS
    url: str = ""


@dataclass(frozen=True, slots=True)
class KeepRules:
    """What stays although nobody needs it.

    Attributes:
        last: So many of the newest.
        younger_than: Everything younger than this.
    """

    last: int = 20
    younger_than: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class ReplicaPlace:
    """Where the copies of a region lie; the prefix has no slash at its ends and may be empty."""

    bucket: str
    prefix: str
