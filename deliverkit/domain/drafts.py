"""Events that both directions of a rollout write, and the words they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from deliverkit.domain.carriage import Carriage, TargetReport
from deliverkit.domain.effects import Fact, Measured
from deliverkit.domain.gate import Measurement
from deliverkit.domain.ledger import Draft
from deliverkit.domain.rollout import Cause, Outcome

BATCH = 500
"""Measurements in one event at most, so that events stay small."""
_USUAL: Mapping[str, Any] = {"latencies": (), "check": "", "value": None, "query": "", "seen": None, "is_open": False}


def failure(cause: Cause, reason: str, gate: str = "") -> Draft:
    """The event that turns a rollout back."""
    return Draft("rollout.failed", {"cause": cause.value, "reason": reason, "gate": gate})


def pause(cause: Cause, reason: str, gate: str = "") -> Draft:
    """The event that leaves a rollout to a human."""
    return Draft("rollout.paused", {"cause": cause.value, "reason": reason, "gate": gate})


def conclusion(outcome: Outcome, reason: str, reports: Sequence[TargetReport] = ()) -> Draft:
    """The event that ends a rollout, with what the targets serve when that explains the end."""
    payload = {"outcome": outcome.value, "reason": reason}
    return Draft("promotion.concluded", {**payload, "targets": msgspec.to_builtins(reports)} if reports else payload)


def observation(carriage: Carriage) -> Draft:
    """The event for a changed look at the remote side."""
    return Draft("deployment.observed", {"carriage": msgspec.to_builtins(carriage)})


def measurements(facts: Sequence[Fact]) -> list[Draft]:
    """The events for all measurements among the facts."""
    return [each for fact in facts if isinstance(fact, Measured) for each in measured(fact.measurements)]


def measured(taken: Sequence[Measurement]) -> list[Draft]:
    """The events for measurements that were taken in one turn."""
    batches = (taken[start : start + BATCH] for start in range(0, len(taken), BATCH))
    return [Draft("gate.measured", {"measurements": [recorded(each) for each in batch]}) for batch in batches]


def recorded(measurement: Measurement) -> dict[str, Any]:
    """A measurement as it is recorded: what is as usual is left out, for there are many."""
    built: dict[str, Any] = msgspec.to_builtins(measurement)
    return {name: value for name, value in built.items() if name not in _USUAL or value != _USUAL[name]}


def are_right(reports: Sequence[TargetReport]) -> bool:
    """True when there are targets and each serves what it should; no targets at all is never right."""
    return bool(reports) and all(report.is_right for report in reports)


def describe_wrong(reports: Sequence[TargetReport]) -> str:
    """The targets that do not serve what they should, in one line."""
    wrong = [f"{report.target_id} ({report.region}): {report.detail}" for report in reports if not report.is_right]
    return "; ".join(wrong) or "no target was found"
