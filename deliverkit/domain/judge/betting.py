"""Bets on two counts: for "the candidate is worse by more than the margin", and for the opposite.

Harm. Null: p1 <= rho * p0 + delta in every tick. A bet with ratio r > 1 multiplies its stake by

    a^x1 * b^x0 * exp(-n1 * delta * (a - 1)),   k = n1 rho (r-1) / (n1 rho r + n0),  a = 1 + k n0/(n1 rho),  b = 1 - k

whose mean is at most 1 under the null: E[a^x1 b^x0] <= exp(n1 p1 (a-1) - n0 p0 (1-b)), and n1 rho (a-1) = n0 (1-b). The
baseline's share p0 is no part of it and may take any path; the arms may differ in size and vary.

No harm. Null: p1 >= rho * p0 + delta; the same proof mirrored, with a stake l instead of a ratio.
"""

from __future__ import annotations

import math

RATIOS = (1.05, 1.1, 1.2, 1.4, 1.8, 2.5, 4.0, 8.0, 20.0, 100.0)
"""Each is a bet on that much more harm; the mixture of all, in equal shares, needs no guess."""
STAKES = (0.03, 0.1, 0.25, 0.5, 0.75, 0.999)
"""Each is a bet on that much less than the margin."""


def harm_bets(x1: float, n1: float, x0: float, n0: float, rho: float) -> tuple[list[float], list[float]]:
    """For each ratio: the log gain at margin delta = 0, and what each unit of delta takes off it.

    Args:
        x1: Events of the candidate.
        n1: Its requests, above 0.
        x0: Events of the baseline.
        n0: Its requests, above 0.
        rho: The factor of the margin.

    Returns:
        Gains g and drags d, one for each of `RATIOS`: the log of the bet is g - delta * d.
    """
    gains, drags = [], []
    weight = n1 * rho
    for ratio in RATIOS:
        share = weight * (ratio - 1.0) / (weight * ratio + n0)
        rise = share * n0 / weight
        gains.append(x1 * math.log1p(rise) + x0 * math.log1p(-share))
        drags.append(n1 * rise)
    return gains, drags


def pass_bets(x1: float, n1: float, x0: float, n0: float, rho: float) -> tuple[list[float], list[float]]:
    """For each stake: the log gain at margin delta = 0, and what each unit of delta adds to it.

    Args:
        x1: Events of the candidate.
        n1: Its requests, above 0.
        x0: Events of the baseline.
        n0: Its requests, above 0.
        rho: The factor of the margin.

    Returns:
        Gains g and lifts d, one for each of `STAKES`: the log of the bet is g + delta * d.
    """
    odds = rho * n1 / n0
    gains = [x1 * math.log1p(-stake) + x0 * math.log1p(stake * odds) for stake in STAKES]
    return gains, [n1 * stake for stake in STAKES]
