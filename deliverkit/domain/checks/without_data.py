"""What a check makes of data that are not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.domain.gate import Verdict
from deliverkit.domain.limits import KEYS, is_within
from deliverkit.domain.metrics import parse_metric

ZERO = "zero"
"""`missing_data` that is no verdict: what is not there is judged as a 0."""
CHOICES = (Verdict.ERROR.value, Verdict.INCONCLUSIVE.value, Verdict.PASSED.value, Verdict.FAILED.value, ZERO)
"""What `missing_data` may say."""

ONLY_WHEN_THERE_ARE_SOME: Mapping[str, frozenset[str]] = {
    "AWS/ApplicationELB": frozenset(
        {
            *(f"HTTPCode_ELB_{code}_Count" for code in ("3XX", "4XX", "5XX", "500", "502", "503", "504")),
            *(f"HTTPCode_Target_{code}_Count" for code in ("2XX", "3XX", "4XX", "5XX")),
            "ClientTLSNegotiationErrorCount",
            "RejectedConnectionCount",
            "TargetConnectionErrorCount",
            "TargetTLSNegotiationErrorCount",
        }
    ),
}
"""Counts without data while there is nothing to count (ELB user guide, "Reporting criteria": a nonzero value)."""


def problem_without_events(spec: Mapping[str, Any], metric: str, among: str) -> str:
    """Why a count of events that has never had data is not 0 events; empty where it is.

    Requests that are there prove the dimensions, and nothing proves the name: a misspelled one never has data, and
    would pass for ever.

    Args:
        spec: The check's settings.
        metric: The events, perhaps by their name alone.
        among: The metric whose namespace they share then.
    """
    namespace, name = parse_metric(metric, parse_metric(among)[0])
    is_known = name in ONLY_WHEN_THERE_ARE_SOME.get(namespace, ())
    if spec.get("missing_data", ZERO if is_known else None) == ZERO:
        return ""
    return (
        f"{namespace} {name} has no data at all, though there are requests: does it exist? "
        "One that is reported only when there is something to count needs `missing_data: zero`."
    )


def outcome_without(choice: object) -> Verdict:
    """The outcome that `missing_data` names; an error for anything that is none, for that is no reason to pass."""
    return Verdict(choice) if choice in CHOICES and choice != ZERO else Verdict.ERROR


def broken(limits: Mapping[str, float], value: float) -> dict[str, float]:
    """The limits that a number does not keep; NaN and infinity keep none."""
    return {key: limit for key, limit in limits.items() if not is_within(value, {key: limit})}


def problem_with(limits: Mapping[str, float]) -> str:
    """Why nothing can be judged by these limits; empty when numbers can be."""
    return "" if limits else f"no limit is set: give one of {', '.join(KEYS)}"
