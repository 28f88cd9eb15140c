"""Bets on shares above a tenth, where affine bets lose evidence: likelihood ratios over their projection on the null.

Turner, Ly & Gruenwald, "Generic E-variables for exact sequential k-sample tests", arXiv 2106.02693: for an alternative
(p0', p1') fixed before the tick and the point (q0, q1) of the convex null q1 <= rho * q0 + delta that minimises

    n0 KL(p0' || q0) + n1 KL(p1' || q1)

the ratio of the likelihoods has mean at most 1 under every point of the null.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from deliverkit.domain.judge.betting import RATIOS

FROM_SHARE = 0.1
"""Above this share of events, in earlier ticks, these bets are made instead of the affine ones."""
_HALVINGS = 50
_NEAR = 1e-7
"""Alternatives keep this far from the shares 0 and 1, where a likelihood is no number."""


def likelihood_bets(
    x1: float, n1: float, x0: float, n0: float, p0: float, rho: float, delta: float, ratios: Sequence[float] = RATIOS
) -> list[float]:
    """The log gain of a bet on each odds ratio.

    Args:
        x1: Events of the candidate.
        n1: Its requests, above 0.
        x0: Events of the baseline.
        n0: Its requests, above 0.
        p0: The baseline's share as earlier ticks showed it, between 0 and 1, both excluded.
        rho: The factor of the margin.
        delta: The rise of the margin.
        ratios: The odds of the alternative over those of the margin.
    """
    p0 = min(max(p0, _NEAR), 1.0 - _NEAR)
    edge = rho * p0 + delta
    if edge > 1.0 - _NEAR:
        return [0.0] * len(ratios)
    return [_gain(x1, n1, x0, n0, p0, edge * r / (1.0 - edge + edge * r), rho, delta) for r in ratios]


def _gain(x1: float, n1: float, x0: float, n0: float, p0: float, p1: float, rho: float, delta: float) -> float:
    q0 = (n0 * p0 + n1 * p1) / (n0 + n1) if rho == 1.0 and delta == 0.0 else _nearest(n1, n0, p0, p1, rho, delta)
    q1 = rho * q0 + delta
    good1, good0 = (n1 - x1) * math.log((1 - p1) / (1 - q1)), (n0 - x0) * math.log((1 - p0) / (1 - q0))
    return x1 * math.log(p1 / q1) + good1 + x0 * math.log(p0 / q0) + good0


def _nearest(n1: float, n0: float, p0: float, p1: float, rho: float, delta: float) -> float:
    """The baseline's share q0 on the edge of the null that is nearest to the alternative; by bisection."""
    low, high = p0, min(1.0, (1.0 - delta) / rho)
    for _ in range(_HALVINGS):
        q0 = (low + high) / 2.0
        q1 = rho * q0 + delta
        is_inside = q0 < 1.0 and q1 < 1.0
        if is_inside and n0 * (q0 - p0) / (q0 * (1 - q0)) + n1 * rho * (q1 - p1) / (q1 * (1 - q1)) < 0.0:
            low = q0
        else:
            high = q0
    return low
