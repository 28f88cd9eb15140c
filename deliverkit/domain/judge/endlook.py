"""One look when the bake time is over, at its own share of alpha: what recovers the power for small harm.

Without a tolerated rise: given how many events a tick had, the candidate's part of them is binomial with at most
theta = n1 rho / (n1 rho + n0), so P(Bin(X1 + X0, mean theta) >= X1) is exact (Hoeffding 1956: taking the event-weighted
mean of theta is conservative). With one: a score test, stratified by ticks so that a cycle common to both arms and a
varying split do not bias it; asymptotic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from deliverkit.domain.judge.dispersion import LIMIT, Dispersion
from deliverkit.domain.judge.special import binomial_tail, student_tail

_NORMAL = 1e6
"""Degrees of freedom at which Student's distribution is the normal one."""


@dataclass(frozen=True, slots=True)
class EndLook:
    """Running sums of the test.

    Attributes:
        score: Sum of the candidate's events beyond those expected on the edge of the null.
        variance: Its variance under the null, for independent requests.
        events: Events of both arms.
        candidate_events: Those of the candidate.
        expected: Sum of theta times events.
    """

    score: float = 0.0
    variance: float = 0.0
    events: float = 0.0
    candidate_events: float = 0.0
    expected: float = 0.0

    def including(self, x1: float, n1: float, x0: float, n0: float, rho: float, delta: float) -> EndLook:
        """With one more tick."""
        whole = n1 * rho + n0
        theta, events = n1 * rho / whole, x1 + x0
        rise = delta * n1 * n0 / whole
        variance = theta * (1.0 - theta) * (events - n1 * delta) + rise * n0 / whole
        return EndLook(
            self.score + x1 - theta * events - rise,
            self.variance + variance,
            self.events + events,
            self.candidate_events + x1,
            self.expected + theta * events,
        )

    def p_value(self, delta: float, dispersion: Dispersion, known: float | None) -> float:
        """The chance of this much or more without harm, bursts allowed for.

        Args:
            delta: The tolerated rise, the same as with every tick.
            dispersion: The burst guard.
            known: The dispersion that is known from the past, if any.
        """
        if self.events <= 0.0 or self.score <= 0.0:
            return 1.0
        if delta > 0.0:
            z = self.score / math.sqrt(self.variance) if self.variance > 0.0 else 0.0
            return max(student_tail(z, _NORMAL), dispersion.tail(z, known))
        phi = dispersion.estimate(known) or LIMIT
        return max(self._exact(1.0), self._exact(min(phi, LIMIT)), dispersion.tail(self._root_of_deviance(), known))

    def _root_of_deviance(self) -> float:
        """The signed root of the likelihood ratio: standardised, also where there are few events."""
        x1, x0 = self.candidate_events, self.events - self.candidate_events
        terms = ((x1, self.expected), (x0, self.events - self.expected))
        return math.sqrt(max(2.0 * math.fsum(x * math.log(x / mean) for x, mean in terms if x > 0.0), 0.0))

    def _exact(self, phi: float) -> float:
        theta = self.expected / self.events
        return binomial_tail(self.candidate_events / phi, self.events / phi, theta)
