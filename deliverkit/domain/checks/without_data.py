"""What a check makes of data that are not there."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.domain.gate import Verdict
from deliverkit.domain.limits import KEYS, is_within

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
    """Why nothing can be judged by these limits; empty when numbers can be."""
    return "" if limits else f"no limit is set: give one of {', '.join(KEYS)}"
