"""A run of gates by themselves, outside of a promotion: the fold of its events, and what follows from the state. Pure.

The same events give the same state, in any process, after any crash: so a run that is resumed loses no measurement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from deliverkit.domain.analysis import Analysis, Judgement, condemn_gate, judge_gate
from deliverkit.domain.drafts import measured
from deliverkit.domain.gate import Check, Gate, Measurement, Verdict, worst
from deliverkit.domain.gate_documents import gate_document, read_gate
from deliverkit.domain.ledger import Draft, Event
from deliverkit.domain.watching import came_back
from deliverkit.errors import IntegrityError


@dataclass(frozen=True, slots=True)
class GatePlan:
    """What a run asks.

    Attributes:
        application: CodeDeploy application.
        environment: Name of the environment.
        regions: Where it is.
        group: CodeDeploy deployment group.
        endpoint: Base URL, placeholders allowed.
        values: What placeholders stand for.
        gates: In order; at least one.
        bake_time: How long to watch before the gates have to be passed.
        requested_by: AWS identity ARN of whoever asked.
    """

    application: str
    environment: str
    regions: tuple[str, ...]
    group: str
    endpoint: str
    values: Mapping[str, str]
    gates: tuple[Gate, ...]
    bake_time: timedelta
    requested_by: str

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON; `from_json` gives the same plan back."""
        return {**msgspec.to_builtins(self), "gates": [gate_document(gate) for gate in self.gates]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> GatePlan:
        """The plan of a recorded document.

        Raises:
            IntegrityError: If the document is not one.
        """
        try:
            gates = [read_gate(gate) for gate in document["gates"]]
            return msgspec.convert({**document, "gates": gates}, cls)
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            raise IntegrityError(f"the recorded run of gates cannot be read: {error}") from error


def differences(known: GatePlan, other: GatePlan) -> tuple[str, ...]:
    """What another plan asks otherwise, for people; empty for the same, whoever asks."""
    sides = [_told(known), _told(other)]
    pairs = {name: [side.get(name, "") or "none" for side in sides] for name in {**sides[0], **sides[1]}}
    found = [f"{name} {then} there, {now} here" for name, (then, now) in pairs.items() if then != now]
    rules = {gate.name: gate for gate in known.gates}
    found += [f"other rules of gate {gate.name}" for gate in other.gates if rules.get(gate.name, gate) != gate]
    return tuple(found)


def _told(plan: GatePlan) -> dict[str, str]:
    """What a plan asks, by what people call it."""
    return {
        **plan.values,
        "application": plan.application,
        "environment": plan.environment,
        "regions": ", ".join(plan.regions),
        "group": plan.group,
        "endpoint": plan.endpoint,
        "gates": ", ".join(gate.name for gate in plan.gates),
        "--for": f"{plan.bake_time.total_seconds():g} s",
    }


@dataclass(frozen=True, slots=True)
class Judged:
    """How a gate was judged."""

    verdict: Verdict
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GateRun:
    """Everything known about one run.

    Attributes:
        id: Such as `gates-production-3`.
        plan: What was asked.
        opened_at: When it began, UTC.
        last: The last event folded.
        analyses: Measurements, added up, by the check's key.
        judged: By gate.
        stopped: Why somebody gave it up; empty when nobody did.
        began_at: When the first driver attached; None when none has.
        watched_from: When somebody came back after a time in which nobody drove it; None while there was none.
    """

    id: str
    plan: GatePlan
    opened_at: datetime
    last: Event
    analyses: Mapping[str, Analysis] = field(default_factory=dict)
    judged: Mapping[str, Judged] = field(default_factory=dict)
    stopped: str = ""
    began_at: datetime | None = None
    watched_from: datetime | None = None

    @property
    def since(self) -> datetime:
        """When somebody began to measure; when it was opened, while nobody has."""
        return self.began_at or self.opened_at

    @property
    def until(self) -> datetime:
        """When the gates have to be passed."""
        return self.since + self.plan.bake_time

    @property
    def awaited_since(self) -> datetime:
        """Since when gates that are due could be measured: not before somebody came back."""
        return max(self.until, self.watched_from or self.until)

    @property
    def is_over(self) -> bool:
        """True when every gate is judged, or somebody gave the run up."""
        return bool(self.stopped) or not any(True for _ in self.open_gates())

    def open_gates(self) -> Iterator[Gate]:
        """Gates that nobody has judged."""
        return (gate for gate in self.plan.gates if gate.name not in self.judged)

    def analysis(self, key: str) -> Analysis:
        """What was measured of a check so far, by its key."""
        return self.analyses.get(key) or Analysis(key)

    def sample(self, key: str) -> str:
        """A name for the next measurement of a check, the same one until it is on record."""
        return f"{self.plan.application}/{self.id}/{self.opened_at:%Y%m%dT%H%M%S}/{key}/{self.analysis(key).taken + 1}"


def opened(run_id: str, plan: GatePlan) -> Draft:
    """The event that begins a run."""
    return Draft("gates.opened", {"id": run_id, "plan": plan.to_json()})


def fold_run(events: Iterable[Event]) -> GateRun:
    """The state after all events of a run's stream.

    Raises:
        IntegrityError: If the stream does not begin with `gates.opened`, or an event cannot be read.
    """
    remaining = iter(events)
    first = next(remaining, None)
    if first is None or first.kind != "gates.opened":
        raise IntegrityError(f"{first.stream if first else 'the stream'} does not begin with gates.opened")
    run = GateRun(first.payload["id"], GatePlan.from_json(first.payload["plan"]), first.at, first)
    for event in remaining:
        run = apply_to_run(run, event)
    return run


def apply_to_run(run: GateRun, event: Event) -> GateRun:
    """The state after one more event; kinds this version does not know change nothing.

    Raises:
        IntegrityError: If the event's payload cannot be read.
    """
    try:
        changed = _changed(run, event)
    except (KeyError, ValueError, TypeError) as error:
        place = f"event {event.sequence} ({event.kind}) of {event.stream}"
        raise IntegrityError(f"{place} cannot be read: {error}") from error
    return replace(changed, last=event)


def _changed(run: GateRun, event: Event) -> GateRun:
    payload = event.payload
    match event.kind:
        case "gate.measured":
            return _measured(run, msgspec.convert(payload["measurements"], tuple[Measurement, ...]))
        case "gate.judged":
            found = Judged(Verdict(payload["verdict"]), payload["reason"], event.at)
            return replace(run, judged={**run.judged, payload["gate"]: found})
        case "driver.attached":
            back = came_back(run.last, event)
            return replace(run, began_at=run.began_at or event.at, watched_from=back or run.watched_from)
        case "gates.stopped":
            return replace(run, stopped=run.stopped or payload["reason"])
        case _:
            return run


def _measured(run: GateRun, samples: Sequence[Measurement]) -> GateRun:
    analyses = dict(run.analyses)
    checks = {check.key: check for gate in run.plan.gates for check in gate.checks}
    for sample in samples:
        known = analyses.get(sample.key) or Analysis(sample.key)
        analyses[sample.key] = known.including(sample, checks[sample.key])
    return replace(run, analyses=analyses)


def react_to(run: GateRun, taken: Sequence[Measurement], now: datetime) -> tuple[Draft, ...]:
    """The events that follow from measurements, and from the passing of time; empty when nothing changed."""
    if run.is_over:
        return ()
    if taken:
        return tuple(measured(taken))
    found = ((gate, _judge(run, gate, now)) for gate in run.open_gates())
    return tuple(_sentence(gate, judgement) for gate, judgement in found if judgement)


def _judge(run: GateRun, gate: Gate, now: datetime) -> Judgement | None:
    if now < run.until:
        return condemn_gate(gate, run.analysis)
    return judge_gate(gate, run.analysis, waited=now - run.awaited_since, now=now)


def _sentence(gate: Gate, judgement: Judgement) -> Draft:
    return Draft("gate.judged", {"gate": gate.name, "phase": "", **msgspec.to_builtins(judgement)})


def due_in(run: GateRun) -> Iterator[tuple[Check, datetime]]:
    """Checks of open gates with the moments at which they fall due, those that never do left out."""
    for gate in () if run.is_over else run.open_gates():
        for check in gate.checks:
            at = run.analysis(check.key).next_due(check.policy, run.since)
            if at is not None:
                yield check, at


def verdict_on(run: GateRun) -> Judgement | None:
    """What the run comes to, the worst of its gates; None while it goes on."""
    if not run.is_over:
        return None
    verdict = worst([*_verdicts(run), *([Verdict.INCONCLUSIVE] if run.stopped else [])])
    reasons = [f"{name}: {found.reason}" for name, found in run.judged.items() if found.verdict is verdict]
    if run.stopped:
        reasons.append(f"stopped: {run.stopped}")
    return Judgement(verdict, "; ".join(reasons) or "no gate was asked")


def _verdicts(run: GateRun) -> list[Verdict]:
    return [found.verdict for found in run.judged.values()]


def stopping(run: GateRun, reason: str) -> Draft | None:
    """The event that gives a run up; None when somebody did before, or it has come to its verdict."""
    return None if run.is_over else Draft("gates.stopped", {"reason": reason})
