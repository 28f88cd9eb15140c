"""Limits that a number has to keep: `below: 5` passes while the number is below 5."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}
KEYS = tuple(_HOLDS)
"""The keys of a spec that are limits; each says what passes."""


def limits_of(spec: Mapping[str, Any]) -> dict[str, float]:
    """The limits of a check's settings."""
    return {key: float(spec[key]) for key in KEYS if key in spec}


def in_words(limits: Mapping[str, float]) -> str:
    """What passes: `below 5`."""
    return " and ".join(f"{key.replace('_', ' ')} {limit:g}" for key, limit in limits.items())


def broken(limits: Mapping[str, float], value: float) -> dict[str, float]:
    """The limits that a number does not keep; NaN and infinity keep none."""
    if not math.isfinite(value):
        return dict(limits)
    return {key: limit for key, limit in limits.items() if not _HOLDS[key](value, limit)}


def problem_with(limits: Mapping[str, float]) -> str:
    """Why no number can be judged by these limits; empty when numbers can be."""
    if not limits:
        return f"no limit is set: give one of {', '.join(KEYS)}"
    low = max((limit for key, limit in limits.items() if key in {"above", "at_least"}), default=-math.inf)
    high = min((limit for key, limit in limits.items() if key in {"below", "at_most"}), default=math.inf)
    if low > high or (low == high and not {"at_least", "at_most"} >= limits.keys()):
        return f"no number is {in_words(limits)}"
    return ""
