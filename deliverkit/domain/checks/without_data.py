"""What a check makes of data that are not there, and of limits that nothing can keep."""

from __future__ import annotations

import math
from collections.abc import Mapping

from deliverkit.domain.checks.limits import ABOVE, AT_LEAST, AT_MOST, BELOW, KEYS, is_within, told
from deliverkit.domain.gate import Verdict

ZERO = "zero"
"""`missing_data` that is no verdict: what is not there is judged as a 0."""
CHOICES = (Verdict.ERROR.value, Verdict.INCONCLUSIVE.value, Verdict.PASSED.value, Verdict.FAILED.value, ZERO)
"""What `missing_data` may say."""


def outcome_without(choice: object) -> Verdict:
    """The outcome that `missing_data` names; an error for anything that is none, for that is no reason to pass."""
    return Verdict(choice) if choice in CHOICES and choice != ZERO else Verdict.ERROR


def broken(limits: Mapping[str, float], value: float) -> dict[str, float]:
    """The limits that a number does not keep; NaN and infinity keep none."""
    return {key: limit for key, limit in limits.items() if not is_within(value, {key: limit})}


def problem_with(limits: Mapping[str, float]) -> str:
    """Why no number can be judged by these limits; empty when numbers can be."""
    if not limits:
        return f"no limit is set: give one of {', '.join(KEYS)}"
    if not all(map(math.isfinite, limits.values())):
        return "a limit is no number"
    low = max((limits[key] for key in (ABOVE, AT_LEAST) if key in limits), default=-math.inf)
    high = min((limits[key] for key in (BELOW, AT_MOST) if key in limits), default=math.inf)
    is_empty = low > high or (low == high and (ABOVE in limits or BELOW in limits))
    return f"no number is {told(limits)}" if is_empty else ""
