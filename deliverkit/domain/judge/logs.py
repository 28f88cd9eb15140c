"""Sums of numbers of which only the logarithms are kept, so that no evidence overflows."""

from __future__ import annotations

import math
from collections.abc import Sequence

NEVER = -math.inf
"""The logarithm of zero."""


def log_sum(logs: Sequence[float]) -> float:
    """The logarithm of the sum of exp(each); of none at all: that of zero."""
    top = max(logs, default=NEVER)
    if top in {NEVER, math.inf}:
        return top
    return top + math.log(sum([math.exp(each - top) for each in logs]))


def log_mean(logs: Sequence[float]) -> float:
    """The logarithm of the mean of exp(each)."""
    return log_sum(logs) - math.log(len(logs))
