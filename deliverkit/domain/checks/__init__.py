"""Assessing: what a check has seen becomes an outcome, with its reason. Pure, so that it can be done at any time again.

A check observes first: an adapter asks, and keeps what came back as `seen`, a small JSON-able mapping. The module of
its kind in this package then assesses that, and nothing else. `seen` is recorded with each measurement, so a verdict
can be recomputed offline, under the same rules or under others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol, cast

from deliverkit.domain import foreign
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.domain.ledger import canonical

Seen = Mapping[str, Any]
Spec = Mapping[str, Any]
ERROR = "error"
"""Key of `seen` for why nothing could be seen; whatever has it is an `error`, in every kind."""

_ROOMS: Mapping[str, str] = {
    "alarm": "alarm",
    "burn_rate": "burn_rate",
    "certificate": "certificate",
    "command": "command",
    "compare": "compare",
    "drift": "drift",
    "http": "http",
    "jenkins": "jenkins",
    "lambda": "lambda_",
    "load_balancer": "load_balancer",
    "logs": "logs",
    "metric": "metric",
    "prometheus": "prometheus",
    "signature": "signature",
    "targets": "targets",
    "tcp": "tcp",
    "vulnerabilities": "vulnerabilities",
}
"""The module of each kind, in this package."""
_STATEFUL: frozenset[str] = frozenset({"compare", "http", "tcp"})
"""Kinds that carry a state from one measurement to the next."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was seen, judged alone.

    Attributes:
        outcome: Passed, failed, inconclusive or error.
        reason: One line: what was asked, what came back, why that is good or bad.
        value: The number that was judged; None when there is none.
        state: What the kind wants to be given with the next sample: JSON-able, or None.
        is_open: True when the sample only adds evidence.
    """

    outcome: Verdict
    reason: str
    value: float | None = None
    state: Any = None
    is_open: bool = False


class Assessor(Protocol):
    """A module of this package."""

    def assess(self, spec: Spec, seen: Seen, state: Any) -> Assessment:
        """Judge what was seen.

        Args:
            spec: The check's settings.
            seen: What came back.
            state: Of the assessment before; None for the first.
        """
        ...


def assessor_of(kind: str) -> Assessor | None:
    """What assesses a kind, ours or a plug-in's; None for one that nobody knows."""
    name = _ROOMS.get(kind)
    if name:
        return cast(Assessor, import_module(f"{__name__}.{name}"))
    other = foreign.find(kind)
    return other[0] if other else None


def assess(check: Check, seen: Seen, state: Any = None) -> Assessment:
    """Judge what was seen of a check.

    Raises:
        LookupError: If nobody knows how checks of this kind are assessed.
    """
    if seen.get(ERROR):
        return Assessment(Verdict.ERROR, str(seen[ERROR]), state=state)
    assessor = assessor_of(check.kind)
    if assessor is None:
        raise LookupError(f"checks of kind {check.kind} are not assessed here")
    return assessor.assess(check.spec, seen, state)


def measurement(
    check: Check, at: datetime, seen: Seen, *, query: str = "", state: Any = None, latencies: tuple[float, ...] = ()
) -> Measurement:
    """The sample that comes of what was seen.

    Args:
        check: What was measured.
        at: When, UTC.
        seen: What came back; with the key `error`, why nothing did.
        query: What was asked, secrets masked.
        state: Of the check's analysis so far.
        latencies: Response times in seconds.
    """
    # What is judged now is what will be read from the record, so that it comes out the same whenever it is replayed.
    try:
        seen = json.loads(canonical(seen))
    except (ValueError, TypeError) as error:
        seen = {ERROR: f"what was seen cannot be recorded: {error}"}
    found = assess(check, seen, state)
    return Measurement(
        check.gate, at, found.outcome, found.reason, latencies, check.name, found.value, query, seen, found.is_open
    )


def assess_again(check: Check, seen: Seen, state: Any = None) -> Assessment:
    """Judge what was recorded once; what this version cannot read is an error, never an exception: ledgers are old.

    Raises:
        LookupError: If the check's kind is not one of ours.
    """
    assessor = assessor_of(check.kind)
    if assessor is None and not seen.get(ERROR):
        raise LookupError(f"checks of kind {check.kind} are not assessed here")
    try:
        return assess(check, seen, state)
    except Exception as error:  # noqa: BLE001  (a plug-in's, too)
        unreadable = f"what was seen cannot be assessed: {type(error).__name__}: {error}"
        return Assessment(Verdict.ERROR, unreadable, state=state)


def carry_on(check: Check, sample: Measurement, state: Any) -> Any:
    """The state of an analysis after one more sample; None for kinds without one."""
    if sample.seen is None or sample.seen.get(ERROR) or not is_stateful(check.kind):
        return state
    return assess_again(check, sample.seen, state).state


def is_stateful(kind: str) -> bool:
    """True for kinds that carry a state from one measurement to the next."""
    other = None if kind in _ROOMS else foreign.find(kind)
    return other[1] if other else kind in _STATEFUL
