"""Tails of the binomial and of Student's distribution, by the incomplete beta function; the tests' oracle is scipy."""

from __future__ import annotations

import math

_TINY = 1e-300
_ENOUGH = 1e-15
_MANY = 1e7
"""Trials beyond which the continued fraction takes too long; there the binomial is the normal distribution."""


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by Lentz's continued fraction (Numerical Recipes 6.4).

    Args:
        x: From 0 to 1.
        a: Above 0.
        b: Above 0.
    """
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(front) * _fraction(x, a, b) / a
    return 1.0 - math.exp(front) * _fraction(1.0 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, _off_zero(1.0 - (a + b) * x / (a + 1.0))
    d = 1.0 / d
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            d = 1.0 / _off_zero(1.0 + term * d)
            c = _off_zero(1.0 + term / c)
            value *= d * c
        if abs(d * c - 1.0) < _ENOUGH:
            break
    return value


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def binomial_tail(successes: float, trials: float, share: float) -> float:
    """P(Bin(trials, share) >= successes), also for numbers that are not whole (counts divided by a dispersion)."""
    if successes <= 0.0:
        return 1.0
    if trials > _MANY:
        z = (successes - 0.5 - trials * share) / math.sqrt(trials * share * (1.0 - share))
        return 0.5 * math.erfc(z / math.sqrt(2.0))
    return incomplete_beta(share, successes, max(trials - successes, 0.0) + 1.0)


def student_tail(t: float, freedom: float) -> float:
    """P(T >= t) for Student's T with that many degrees of freedom."""
    half = 0.5 * incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
    return half if t >= 0.0 else 1.0 - half
