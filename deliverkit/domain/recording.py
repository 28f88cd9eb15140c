"""What a ledger keeps of gates: for each judgement all the measurements that it rests on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec

from deliverkit.domain.folding import apply, fold
from deliverkit.domain.gate import Gate, Measurement, Verdict
from deliverkit.domain.gate_run import GateRun, fold_run
from deliverkit.domain.ledger import Event
from deliverkit.domain.rollout import Phase, Rollout
from deliverkit.domain.watching import awaited_since, due_at, is_before_arrival

CONFIRMING = "confirming"


@dataclass(frozen=True, slots=True)
class Sample:
    """A measurement, and where it stands on record.

    Attributes:
        event: Number of its event; what was recorded at once was judged at once.
        recorded_at: When it was recorded, UTC: from then on it counted.
        measurement: What was measured.
        is_early: True when the release was not yet at its targets, so that it does not speak for it.
    """

    event: int
    recorded_at: datetime
    measurement: Measurement
    is_early: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """One gate of one leg: all the measurements that add up, and the judgement on them.

    Attributes:
        leg: The leg's label.
        gate: The gate, with the rules of then.
        samples: Measurements of all its checks, in the order of their record.
        ended_at: The judgement, or when it was watched last.
        phase: Where it was asked: before, during or after; `confirming` for one that stood in for asking the instances
            after a rollback, and is not judged on record; empty while nobody has judged.
        verdict: How it was judged; None while nobody has.
        reason: Why, in one line, as it was written then.
        due_at: Since when the gate has had to be passed, or when it would have; None where that was not known yet.
        awaited_since: Since when it could have been measured once it was due; None where it was not due.
        is_excused: True when a named person let it pass in spite of its verdict.
    """

    leg: str
    gate: Gate
    samples: tuple[Sample, ...]
    ended_at: datetime
    phase: str = ""
    verdict: Verdict | None = None
    reason: str = ""
    due_at: datetime | None = None
    awaited_since: datetime | None = None
    is_excused: bool = False

    @property
    def is_due(self) -> bool:
        """True when the gate had to be passed at its end; before, it only must not fail."""
        return self.due_at is not None and self.ended_at >= self.due_at

    def waited(self, at: datetime) -> timedelta:
        """How long it had been due by a moment, and could have been measured."""
        return at - (self.awaited_since or self.due_at or at)

    def of(self, check: str) -> tuple[Sample, ...]:
        """The samples of one check, by its name."""
        return tuple(sample for sample in self.samples if sample.measurement.check == check)


def trials_of(events: Sequence[Event]) -> tuple[Trial, ...]:
    """Everything that was measured and judged in a promotion or a run of gates, in the order of the first measurement.

    Raises:
        IntegrityError: If the stream begins with neither `promotion.opened` nor `gates.opened`, or an event cannot be
            read.
    """
    if events and events[0].kind == "gates.opened":
        return _of_run(events)
    rollout = fold(events[:1])
    recorder = Recorder()
    for event in events[1:]:
        before, rollout = rollout, apply(rollout, event)
        recorder.take(event, before, rollout)
    return recorder.trials(rollout)


def _of_run(events: Sequence[Event]) -> tuple[Trial, ...]:
    """A trial for each gate of a run by itself."""
    run = fold_run(events)
    samples = [sample for event in events if event.kind == "gate.measured" for sample in _samples(event)]
    return tuple(
        _of_gate(run, gate, [each for each in samples if each.measurement.gate == gate.name]) for gate in run.plan.gates
    )


def _of_gate(run: GateRun, gate: Gate, samples: Sequence[Sample]) -> Trial:
    told = Trial("", gate, tuple(samples), run.last.at, due_at=run.until, awaited_since=run.awaited_since)
    judged = run.judged.get(gate.name)
    return replace(told, ended_at=judged.at, verdict=judged.verdict, reason=judged.reason) if judged else told


def _samples(event: Event, *, is_early: bool = False) -> Iterator[Sample]:
    for measurement in msgspec.convert(event.payload["measurements"], tuple[Measurement, ...]):
        yield Sample(event.sequence, event.at, measurement, is_early)


@dataclass
class _Open:
    """What adds up of a gate."""

    leg: str
    gate: Gate
    place: int
    ended_at: datetime
    samples: list[Sample] = field(default_factory=list)
    is_told: bool = False
    due_at: datetime | None = None
    awaited_since: datetime | None = None
    phase: str = ""


class Recorder:
    """Collects while the events go by."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._open: dict[str, _Open] = {}
        self._trials: dict[int, Trial] = {}
        self._places = 0

    def take(self, event: Event, before: Rollout, after: Rollout) -> None:
        """Take one more event, with the state on either side of it."""
        match event.kind:
            case "gate.measured":
                self._measured(event, before)
            case "gate.judged":
                self._judged(event, before)
        if before.measured_since != after.measured_since:
            self._close()

    def trials(self, last: Rollout) -> tuple[Trial, ...]:
        """All of them, also those that nobody has judged; what is measured after a judgement is of the next one."""
        told = {**self._trials, **{run.place: _told(run) for run in self._open.values() if not run.is_told}}
        return tuple(_excused((told[place] for place in sorted(told)), last))

    def _measured(self, event: Event, rollout: Rollout) -> None:
        for sample in _samples(event, is_early=is_before_arrival(rollout)):
            run = self._run(sample.measurement.gate, event, rollout)
            run.samples.append(sample)
            run.due_at, run.awaited_since, run.ended_at = *_times(rollout), event.at
            run.phase = CONFIRMING if rollout.phase is Phase.CONFIRMING else ""

    def _judged(self, event: Event, rollout: Rollout) -> None:
        payload = event.payload
        run = self._run(payload["gate"], event, rollout)
        if run.is_told:
            run.place = self._place()
        run.due_at, run.awaited_since, run.is_told = *_times(rollout), True
        self._trials[run.place] = replace(
            _told(run),
            ended_at=event.at,
            phase=payload["phase"],
            verdict=Verdict(payload["verdict"]),
            reason=payload["reason"],
        )

    def _run(self, gate: str, event: Event, rollout: Rollout) -> _Open:
        if gate not in self._open:
            self._open[gate] = _Open(rollout.leg.label, rollout.plan.gates[gate], self._place(), event.at)
        return self._open[gate]

    def _place(self) -> int:
        self._places += 1
        return self._places

    def _close(self) -> None:
        """Nothing that was measured so far adds up with what comes."""
        self._trials.update({run.place: _told(run) for run in self._open.values() if not run.is_told})
        self._open.clear()


def _told(run: _Open) -> Trial:
    return Trial(
        run.leg,
        run.gate,
        tuple(run.samples),
        run.ended_at,
        run.phase,
        due_at=run.due_at,
        awaited_since=run.awaited_since,
    )


def _times(rollout: Rollout) -> tuple[datetime | None, datetime | None]:
    """Since when gates have to be passed in a phase, and since when they could be measured: as the conductor has it."""
    due = due_at(rollout)
    return due, awaited_since(rollout, due) if due else None


def _excused(trials: Iterable[Trial], rollout: Rollout) -> Iterable[Trial]:
    for trial in trials:
        is_excused = trial.verdict is not Verdict.PASSED and f"{trial.leg}/{trial.gate.name}" in rollout.excused
        yield replace(trial, is_excused=is_excused)
