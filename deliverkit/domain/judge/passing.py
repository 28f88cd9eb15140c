"""Evidence of no harm, read once when the bake time is over; never on a running maximum.

The value over the whole bake bounds the average harm, so harm that sets in late is averaged away. So the last requests
have to show it alone as well: as few of them as suffice for it. Harm that began before those is seen with certainty
1 - alpha; harm that began later than half-way through them is promised nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deliverkit.domain.judge.betting import STAKES
from deliverkit.domain.judge.logs import log_mean

MARKS = 48
"""Moments remembered from which a last window can begin; when full, every other one of the older half is forgotten."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The running sums before a tick.

    Attributes:
        at: Time of the look before it, in seconds.
        requests: Requests of the smaller arm until then.
        sums: Log of each bet until then.
    """

    at: float
    requests: float
    sums: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Passing:
    """Running sums of the bets on no harm.

    Attributes:
        requests: Sum of n1 n0 / (n1 + n0), doubled: requests per arm that equal arms would have had.
        sums: Log of each bet.
        marks: Where a last window can begin, oldest first.
    """

    requests: float = 0.0
    sums: tuple[float, ...] = (0.0,) * len(STAKES)
    marks: tuple[Mark, ...] = ()

    def including(self, at: float, requests: float, bets: Sequence[float]) -> Passing:
        """With one more tick.

        Args:
            at: Time of the look before, in seconds.
            requests: Of this tick, as in `requests`.
            bets: Log gain of each bet.
        """
        marks = (*self.marks, Mark(at, self.requests, self.sums))
        if len(marks) > MARKS:
            marks = marks[: MARKS // 2 : 2] + marks[MARKS // 2 :]
        sums = tuple(a + b for a, b in zip(self.sums, bets, strict=True))
        return replace(self, requests=self.requests + requests, sums=sums, marks=marks)

    def evidence(self, phi: float, since: Mark | None = None) -> float:
        """Log of the e-value for no harm, from the start or since a mark."""
        before = since.sums if since else (0.0,) * len(STAKES)
        return log_mean([(a - b) / phi for a, b in zip(self.sums, before, strict=True)])

    def last_window(self, needed: float) -> Mark | None:
        """The latest mark after which that many requests came; None when the whole bake had fewer."""
        enough = [mark for mark in self.marks if self.requests - mark.requests >= needed]
        return enough[-1] if enough else None
