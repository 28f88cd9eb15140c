"""Evidence of no harm, read once when the bake time is over; never on a running maximum.

The value over the whole bake bounds the average harm, so harm that sets in late is averaged away. So the last requests
have to show it alone as well: as few of them as suffice for that. Harm that began before those passes with a chance of
at most alpha. Harm that began later is looked for in every shorter stretch up to the end: none may show a rise of the
margin or more that is also `UNLIKELY` standard deviations. How late is too late, `blind` tells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deliverkit.domain.judge.betting import STAKES
from deliverkit.domain.judge.logs import log_mean

UNLIKELY = 2.33
"""Standard deviations that chance exceeds once in a hundred times."""
MARKS = 32
"""Moments remembered from which a last window can begin; when full, every other one of the older half is forgotten."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The running sums before a tick.

    Attributes:
        at: Time of the look before it, in seconds.
        requests: `Passing.requests` until then.
        sums: Log of each bet until then.
        totals: Events and requests until then: candidate, baseline.
    """

    at: float
    requests: float
    sums: tuple[float, ...]
    totals: tuple[float, float, float, float]


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

    def including(
        self, at: float, requests: float, bets: Sequence[float], totals: tuple[float, float, float, float]
    ) -> Passing:
        """With one more tick.

        Args:
            at: Time of the look before, in seconds.
            requests: Of this tick, as in `requests`.
            bets: Log gain of each bet.
            totals: Events and requests before this tick.
        """
        marks = (*self.marks, Mark(at, self.requests, self.sums, totals))
        if len(marks) > MARKS:
            marks = marks[: MARKS // 2 : 2] + marks[MARKS // 2 :]
        sums = tuple([a + b for a, b in zip(self.sums, bets, strict=True)])
        return Passing(self.requests + requests, sums, marks)

    def evidence(self, phi: float, since: Mark | None = None) -> float:
        """Log of the e-value for no harm, from the start or since a mark."""
        before = since.sums if since else (0.0,) * len(STAKES)
        return log_mean([(a - b) / phi for a, b in zip(self.sums, before, strict=True)])

    def last_window(self, needed: float) -> Mark | None:
        """The latest mark after which that many requests came; None when the whole bake had fewer."""
        enough = [mark for mark in self.marks if self.requests - mark.requests >= needed]
        return enough[-1] if enough else None

    def worst_stretch(
        self, totals: tuple[float, float, float, float], margin: float, variance: float, since: Mark | None
    ) -> Mark | None:
        """Where a stretch up to the end begins, within the last window, that looks like harm; None when none does.

        Args:
            totals: Events and requests by now.
            margin: The rise that must not pass.
            variance: Of one request, both arms together and bursts allowed for.
            since: Where the last window begins; None for the whole bake.
        """
        for mark in self.marks:
            requests = self.requests - mark.requests
            x1, n1, x0, n0 = (now - before for now, before in zip(totals, mark.totals, strict=True))
            # Requests that vanish beside those before them, in the arithmetic of floats, show nothing.
            if min(requests, n1, n0) <= 0.0 or (since is not None and mark.at < since.at):
                continue
            if x1 / n1 - x0 / n0 >= max(margin, UNLIKELY * math.sqrt(variance / requests)):
                return mark
        return None


def blind(margin: float, variance: float) -> float:
    """The last requests (as in `Passing.requests`) within which harm of twice the margin could pass unseen.

    Args:
        margin: The rise that must not pass.
        variance: Of one request with that harm, both arms together and bursts allowed for.
    """
    return UNLIKELY**2 * variance / margin**2
