"""A promotion's events as a story: how long each phase took, what each gate measured, who decided what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from deliverkit.domain.carriage import Carriage, DeploymentReport, TargetReport
from deliverkit.domain.folding import apply, fold
from deliverkit.domain.gate import Measurement, Verdict
from deliverkit.domain.ledger import Event
from deliverkit.domain.recording import Recorder, Trial
from deliverkit.domain.rollout import Phase, Rollout
from deliverkit.domain.wording import in_plain_words

_RESTING = frozenset({Phase.CONCLUDED, Phase.CLOSED})


@dataclass(frozen=True, slots=True)
class Span:
    """One phase of one leg, from its first event to the first of the next.

    Attributes:
        leg: The leg's label.
        phase: What the rollout did.
        began_at: When it began, UTC.
        ended_at: When it ended; the last event's moment while it lasts.
    """

    leg: str
    phase: Phase
    began_at: datetime
    ended_at: datetime

    @property
    def took(self) -> timedelta:
        """How long it lasted."""
        return self.ended_at - self.began_at


@dataclass(frozen=True, slots=True)
class GateRun:
    """One gate of one leg: what was measured, and how it was judged.

    Attributes:
        leg: The leg's label.
        gate: The gate's name.
        phase: Where it was asked: before, during or after; empty while nobody has judged.
        verdict: How it was judged; None while nobody has.
        reason: Why, in one line; of the last measurement while nobody has judged.
        began_at: The first measurement; None when there was none.
        ended_at: The judgement, or the last measurement.
        taken: Measurements.
        counts: How many of them came to which verdict alone.
        latencies: Response times in seconds, in the order in which they were taken.
        is_excused: True when a named person let it pass in spite of its verdict.
    """

    leg: str
    gate: str
    phase: str = ""
    verdict: Verdict | None = None
    reason: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    taken: int = 0
    counts: Mapping[Verdict, int] = field(default_factory=dict)
    latencies: tuple[float, ...] = ()
    is_excused: bool = False

    @property
    def took(self) -> timedelta:
        """From the first measurement to the judgement; nothing for a gate that was not measured."""
        return self.ended_at - self.began_at if self.began_at and self.ended_at else timedelta()


@dataclass(frozen=True, slots=True)
class Decided:
    """A human decision.

    Attributes:
        gate: What was decided.
        by: Who recorded it (AWS identity ARN).
        person: Who decided, where it was recorded for somebody else; else the same.
        is_approved: True for yes.
        reason: In the person's words.
        at: When, UTC.
        via: What passed it on, such as a build; empty for nothing.
    """

    gate: str
    by: str
    person: str
    is_approved: bool
    reason: str
    at: datetime
    via: str = ""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The last look at one deployment.

    Attributes:
        leg: The leg's label.
        is_way_back: True for one of the rollback.
        report: In the words of its service.
    """

    leg: str
    is_way_back: bool
    report: DeploymentReport


@dataclass(frozen=True, slots=True)
class Asked:
    """What one target said last.

    Attributes:
        leg: The leg's label.
        report: What it said.
    """

    leg: str
    report: TargetReport


@dataclass(frozen=True, slots=True)
class History:
    """Everything that is told of one promotion.

    Attributes:
        rollout: The state after all events.
        events: All of them, in order.
        spans: Phases in order.
        gates: Gates in the order in which they were first asked.
        decisions: Human decisions in order.
        deployments: Deployments in the order in which they were first seen.
        targets: What each target said last, in the order in which they were first asked.
        trials: What was measured and judged of each gate, with every sample.
    """

    rollout: Rollout
    events: tuple[Event, ...]
    spans: tuple[Span, ...]
    gates: tuple[GateRun, ...]
    decisions: tuple[Decided, ...]
    deployments: tuple[Deployed, ...]
    targets: tuple[Asked, ...]
    trials: tuple[Trial, ...] = ()

    @property
    def opened_at(self) -> datetime:
        """The first event's moment."""
        return self.events[0].at

    @property
    def last_at(self) -> datetime:
        """The last event's moment."""
        return self.events[-1].at


def trial_of(history: History, run: GateRun) -> Trial | None:
    """All that a gate's judgement rests on, or what was measured of one that nobody has judged; None for nothing."""
    alike = [
        each for each in history.trials if (each.leg, each.gate.name, each.verdict) == (run.leg, run.gate, run.verdict)
    ]
    same = [each for each in alike if each.ended_at == run.ended_at or run.verdict is None]
    return same[-1] if same else None


def told_of(trial: Trial) -> GateRun:
    """What a gate of a run outside of promotions measured, and how it was judged."""
    told = _Run(trial.leg, trial.gate.name, 0, [sample.measurement for sample in trial.samples]).told()
    if trial.verdict is None:
        return told
    reason = in_plain_words(trial.reason)
    return replace(told, phase=trial.phase, verdict=trial.verdict, reason=reason, ended_at=trial.ended_at)


def history_of(events: Sequence[Event]) -> History:
    """The story of a promotion's stream.

    Raises:
        IntegrityError: If the stream does not begin with `promotion.opened`, or an event cannot be read.
    """
    rollout = fold(events[:1])
    teller = _Teller(rollout)
    for event in events[1:]:
        before, rollout = rollout, apply(rollout, event)
        teller.take(event, before, rollout)
    return History(
        rollout,
        tuple(events),
        tuple(teller.spans(rollout)),
        tuple(_excused(teller.gates(), rollout)),
        tuple(teller.decisions),
        tuple(teller.deployments.values()),
        tuple(teller.targets.values()),
        teller.recorder.trials(rollout),
    )


def _excused(runs: Iterable[GateRun], rollout: Rollout) -> Iterable[GateRun]:
    for run in runs:
        yield replace(run, is_excused=f"{run.leg}/{run.gate}" in rollout.excused)


class _Teller:
    """Collects while the events go by."""

    def __init__(self, opened: Rollout) -> None:
        self._open = Span(opened.leg.label, opened.phase, opened.opened_at, opened.opened_at)
        self._ended: list[Span] = []
        self._runs: dict[tuple[str, str], _Run] = {}
        self._gates: list[GateRun] = []
        self.decisions: list[Decided] = []
        self.deployments: dict[tuple[str, str, str, bool], Deployed] = {}
        self.targets: dict[tuple[str, str], Asked] = {}
        self.recorder = Recorder()

    def take(self, event: Event, before: Rollout, after: Rollout) -> None:
        """Take one more event, with the state on either side of it."""
        self.recorder.take(event, before, after)
        if (before.phase, before.leg_index) != (after.phase, after.leg_index):
            if self._open.phase not in _RESTING:
                self._ended.append(replace(self._open, ended_at=event.at))
            self._open = Span(after.leg.label, after.phase, event.at, event.at)
        if after.reports is not before.reports:
            for report in after.reports:
                self.targets[report.region, report.target_id] = Asked(before.leg.label, report)
        match event.kind:
            case "gate.measured":
                self._measured(event, before.leg.label)
            case "gate.judged":
                self._judged(event, before.leg.label)
            case "approval.decided":
                self.decisions.append(_decided(event))
            case "deployment.observed":
                self._observed(event, before)

    def spans(self, last: Rollout) -> Iterable[Span]:
        """All phases; the one that lasts ends with the last event, and what is over has none."""
        yield from self._ended
        if self._open.phase not in _RESTING:
            yield replace(self._open, ended_at=last.last.at)

    def gates(self) -> Iterable[GateRun]:
        """All gates, also those that nobody has judged yet."""
        unjudged = {run.place: run.told() for run in self._runs.values()}
        return (unjudged.get(place, told) for place, told in enumerate(self._gates))

    def _measured(self, event: Event, leg: str) -> None:
        for sample in msgspec.convert(event.payload["measurements"], tuple[Measurement, ...]):
            run = self._run(leg, sample.gate)
            run.samples.append(sample)

    def _judged(self, event: Event, leg: str) -> None:
        payload = event.payload
        run = self._run(leg, payload["gate"])
        verdict = Verdict(payload["verdict"])
        reason = in_plain_words(payload["reason"])
        told = replace(run.told(), phase=payload["phase"], verdict=verdict, reason=reason, ended_at=event.at)
        # A gate that is asked twice, such as before and after a pause, is told twice.
        self._gates[run.place] = told
        del self._runs[leg, payload["gate"]]

    def _run(self, leg: str, gate: str) -> _Run:
        run = self._runs.get((leg, gate))
        if run is None:
            run = self._runs[leg, gate] = _Run(leg, gate, len(self._gates))
            self._gates.append(run.told())
        return run

    def _observed(self, event: Event, rollout: Rollout) -> None:
        carriage = msgspec.convert(event.payload["carriage"], Carriage)
        is_way_back = bool(rollout.reverting)
        for report in carriage.deployments:
            key = (rollout.leg.label, report.region, report.deployment_id, is_way_back)
            self.deployments[key] = Deployed(rollout.leg.label, is_way_back, report)


@dataclass
class _Run:
    """What was measured of a gate since it was judged last."""

    leg: str
    gate: str
    place: int
    samples: list[Measurement] = field(default_factory=list)

    def told(self) -> GateRun:
        if not self.samples:
            return GateRun(self.leg, self.gate)
        counts = {each: sum(sample.outcome is each for sample in self.samples) for each in Verdict}
        return GateRun(
            self.leg,
            self.gate,
            reason=self.samples[-1].reason,
            began_at=self.samples[0].at,
            ended_at=self.samples[-1].at,
            taken=len(self.samples),
            counts={verdict: number for verdict, number in counts.items() if number},
            latencies=tuple(each for sample in self.samples for each in sample.latencies),
        )


def _decided(event: Event) -> Decided:
    payload: Mapping[str, Any] = event.payload
    by = payload["by"]
    return Decided(
        payload["gate"],
        by,
        payload.get("person") or by,
        payload["is_approved"],
        payload["reason"],
        event.at,
        payload.get("via", ""),
    )
