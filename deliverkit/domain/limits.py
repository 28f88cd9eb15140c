"""Limits: what a number must be, and why a number that is none never passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ABOVE, BELOW, AT_LEAST, AT_MOST = KEYS = ("above", "below", "at_least", "at_most")
"""Keys of a specification: `below: 100` passes what is below 100."""

_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    ABOVE: lambda value, limit: value > limit,
    BELOW: lambda value, limit: value < limit,
    AT_LEAST: lambda value, limit: value >= limit,
    AT_MOST: lambda value, limit: value <= limit,
}
USUAL_BURNS: Sequence[Mapping[str, float]] = (
    {"long": 3600, "short": 300, "burns": 14.4},
    {"long": 21_600, "short": 1800, "burns": 6},
    {"long": 259_200, "short": 21_600, "burns": 1},
)
"""What burn rates are held against, over a long and a short window in seconds (Site Reliability Workbook, chapter 5):
2 % of a month's budget in an hour, 5 % in six hours, 10 % in three days."""


def limits_of(spec: Mapping[str, Any]) -> dict[str, float]:
    """The limits in a check's settings."""
    return {key: float(spec[key]) for key in KEYS if spec.get(key) is not None}


def told(limits: Mapping[str, float]) -> str:
    """The limits as a clause: `above 0 and below 100`."""
    return " and ".join(f"{key.replace('_', ' ')} {limit:g}" for key, limit in limits.items())


def is_within(value: float, limits: Mapping[str, float]) -> bool:
    """True for a number that all limits let pass; never for NaN or an infinity, which measured nothing."""
    return math.isfinite(value) and all(_HOLDS[key](value, limit) for key, limit in limits.items())
