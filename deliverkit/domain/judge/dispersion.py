"""The burst guard: how much more the arms' difference varies from tick to tick than independent requests would.

The estimate compares each tick's difference of shares with the one before, so that neither a constant harm, nor a slow
drift, nor a shock to both arms counts as a burst, and harm that sets in counts once. Over neighbouring ticks, with

    d = x1/n1 - x0/n0,   w = n1 n0 / (n1 + n0),   v = p (1 - p) with p pooled,   g = w_t w_(t-1) / 2
    phi = sum g (d_t - d_(t-1))^2 / sum g (v_t/w_t + v_(t-1)/w_(t-1))

Where one arm is much larger, the smaller one drowns the larger one's bursts in d and may be silent for long; then the
larger arm's own share, compared with the tick before in the same way, counts as well: the higher estimate is taken.
It scales the log evidence of all ticks, past and present. Whatever the
estimate, false failures of independent requests stay below alpha: for phi >= 1 a mean of powers E_i^(1/phi) is at most
the power of the mean (Jensen), so guarded evidence crosses a threshold above 1 only if the unguarded one does. That it
also bounds them under bursts is heuristic (quasi-likelihood) and shown by simulation. Bursts that last longer than a
tick are beyond it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from deliverkit.domain.judge.special import student_tail

LIMIT = 30.0
"""Up to this over-dispersion the guard is meant to hold; evidence that outweighs even that needs no estimate."""
NOTEWORTHY = 1.5
"""Above this a reader is warned."""
UNEQUAL = 2.0
"""From this ratio of the arms' requests on the larger arm's own variation counts as well."""
SHORTAGE = 4.5
"""phi is taken higher by the factor 1 + SHORTAGE / ticks, because few ticks rarely show the bursts there are."""
TRUST = 30.0
"""A dispersion that is known from the past counts as much as this many ticks."""


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Running sums of the estimate.

    Attributes:
        ticks: Ticks taken in.
        spread: Sum of the squared differences between neighbours, weighted.
        expected: What independent requests would have made of it.
        own_spread: The same within the larger arm.
        own_expected: What independent requests would have made of that.
        is_unequal: Whether an arm was much larger in the last tick.
        last: The last tick: events and requests of the candidate and of the baseline; None before the first.
    """

    ticks: int = 0
    spread: float = 0.0
    expected: float = 0.0
    own_spread: float = 0.0
    own_expected: float = 0.0
    is_unequal: bool = False
    last: tuple[float, float, float, float] | None = None

    def including(self, x1: float, n1: float, x0: float, n0: float, *, is_share: bool) -> Dispersion:
        """With one more tick; `is_share` says that events are a part of the requests (binomial, not Poisson)."""
        is_unequal = max(n1, n0) >= UNEQUAL * min(n1, n0)
        if self.last is None:
            return replace(self, ticks=self.ticks + 1, is_unequal=is_unequal, last=(x1, n1, x0, n0))
        y1, m1, y0, m0 = self.last
        now, before = _variance(x1 + x0, n1 + n0, is_share), _variance(y1 + y0, m1 + m0, is_share)
        step1, step0 = x1 / n1 - y1 / m1, x0 / n0 - y0 / m0
        weight, weight_before = n1 * n0 / (n1 + n0), m1 * m0 / (m1 + m0)
        both = 0.5 * weight * weight_before
        step, n, m = (step1, n1, m1) if n1 > n0 else (step0, n0, m0)
        own = n * m / (n + m)
        return Dispersion(
            self.ticks + 1,
            self.spread + both * (step1 - step0) ** 2,
            self.expected + both * (now / weight + before / weight_before),
            self.own_spread + own * step**2,
            self.own_expected + own * (now / n + before / m),
            is_unequal,
            (x1, n1, x0, n0),
        )

    def estimate(self, known: float | None) -> float | None:
        """phi, at least 1; None while a single tick without a past says nothing."""
        learned = self.spread / self.expected if self.expected > 0.0 else 1.0
        if self.is_unequal and self.own_expected > 0.0:
            learned = max(learned, self.own_spread / self.own_expected)
        if known is not None:
            pairs = max(self.ticks - 1, 0)
            return max(1.0, (TRUST * known + pairs * learned) / (TRUST + pairs))
        return max(1.0, learned) if self.ticks > 1 else None

    def careful(self, known: float | None) -> float:
        """Phi with the allowance for few ticks, at most `LIMIT`."""
        phi = self.estimate(known)
        return min(LIMIT, phi * (1.0 + SHORTAGE / self._ticks(known))) if phi is not None else LIMIT

    def tempered(self, evidence: float, known: float | None) -> float:
        """Log evidence, already divided by phi, in a world where phi itself had to be learned (as Student's t)."""
        if evidence <= 0.0:
            return evidence
        freedom = self._freedom(known)
        return min(evidence, (freedom + 1.0) / 2.0 * math.log1p(2.0 * evidence / freedom))

    def tail(self, z: float, known: float | None) -> float:
        """The chance of a standardised difference of at least z, phi as estimated (as careful as `LIMIT` at most)."""
        phi = self.estimate(known)
        learned = student_tail(z / math.sqrt(phi), self._freedom(known)) if phi is not None else 1.0
        return min(learned, student_tail(z / math.sqrt(LIMIT), 1e6))

    def _ticks(self, known: float | None) -> float:
        return self.ticks + (TRUST if known is not None else 0.0)

    def _freedom(self, known: float | None) -> float:
        """Degrees of freedom of the estimate: fewer than ticks, because neighbouring differences share one."""
        ticks = max(self._ticks(known), 1.5)
        return 2.0 * (ticks - 1.0) ** 2 / (3.0 * ticks - 4.0)


def _variance(events: float, requests: float, is_share: bool) -> float:
    """The variance of a share at one request."""
    share = events / requests
    return share * max(1.0 - share, 0.0) if is_share else share
