"""How fast the loops turn that wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the loop turns.

    Attributes:
        look: Time from one look at the remote side to the next.
        lease: How long a driver may be silent before others take over.
        patience: How long AWS may be unreachable before the loop gives up; the promotion can be resumed later.
        backoff_limit: Longest pause between two attempts while AWS is unreachable.
    """

    look: timedelta = timedelta(seconds=5)
    lease: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(minutes=10)
    backoff_limit: timedelta = timedelta(seconds=30)
