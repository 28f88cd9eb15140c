"""A replay of recorded gates in words, and as a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deliverkit.domain.gate import Verdict
from deliverkit.domain.replaying import Difference, Outcome, Rejudged, Replay, judge_anew
from deliverkit.reporting import gate_words
from deliverkit.reporting.gates_document import Subject
from deliverkit.reporting.markup import clipped
from deliverkit.reporting.times import duration

_LIMIT = 200
DIFFERENCE_LIMIT = 20
"""Differences of one trial that are told in words; all of them are in the document."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was replayed of one promotion or run.

    Attributes:
        subject: Whose gates they are.
        replays: Each trial computed anew.
        rejudged: Trials under other rules; empty when none were asked for.
        rules: Where the other rules come from; empty for none.
    """

    subject: Subject
    replays: tuple[Replay, ...]
    rejudged: tuple[Rejudged, ...] = ()
    rules: str = ""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """All that does not come out as it is on record."""
        return tuple(each for replay in self.replays for each in replay.differences)

    @property
    def rests_on_trust(self) -> bool:
        """True when a verdict rests on outcomes of which nothing can be computed anew."""
        return any(map(_rests_on_trust, self.replays))


def _rests_on_trust(replay: Replay) -> bool:
    if replay.trial.verdict is None:
        return False
    counting = {check.name for check in replay.trial.gate.checks if not check.policy.observe_only}
    passes = [each for each in replay.retold if each.sample.measurement.outcome is Verdict.PASSED]
    computed = {each.sample.measurement.check for each in passes if not each.is_kept}
    return any(each.sample.measurement.check in counting - computed for each in passes)


def told(replayed: Sequence[Replayed]) -> str:
    """Everything, in words."""
    return "\n\n".join("\n".join(_one(each)) for each in replayed)


def _one(replayed: Replayed) -> Iterator[str]:
    samples = sum(len(each.retold) for each in replayed.replays)
    kept = sum(each.kept for each in replayed.replays)
    only = f"; of {kept} only the outcome is on record, and is taken as it is" if kept else ""
    yield f"{replayed.subject.id}: {samples} measurements of {len(replayed.replays)} judged or watched gates{only}"
    for replay in replayed.replays:
        yield f"  {gate_words.headline(replay.trial)}: {_fidelity(replay)}"
        for each in replay.differences[:DIFFERENCE_LIMIT]:
            yield f"    {_difference(each)}"
        more = len(replay.differences) - DIFFERENCE_LIMIT
        if more > 0:
            yield f"    {more} more"
    if replayed.rules:
        yield ""
        yield f"under the rules of {replayed.rules}:"
        yield from _rejudged(replayed.rejudged, replayed.subject.environment)
        yield from _first_told(replayed)


def _fidelity(replay: Replay) -> str:
    if not replay.differences and _rests_on_trust(replay):
        return "rests on outcomes that cannot be computed anew, for what was seen is not there"
    if not replay.differences:
        return "comes out as it is on record"
    return "DIFFERS" if any(each.is_grave for each in replay.differences) else "the same, told differently"


def _difference(found: Difference) -> str:
    where = f"event {found.event}, {found.check}" if found.event else found.check
    recorded, computed = clipped(found.recorded, _LIMIT), clipped(found.computed, _LIMIT)
    return f"{where}: {found.what} on record: {recorded}; computed: {computed}"


def _rejudged(trials: Sequence[Rejudged], environment: str) -> Iterator[str]:
    rows = [("gate", "where", "then", "now", ""), *(_row(each, environment) for each in trials)]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    for row in rows:
        cells = (cell.ljust(wide) for cell, wide in zip(row, widths, strict=False))
        yield f"  {'  '.join(cells)}  {row[4]}".rstrip()
    for each in trials:
        yield from (f"  note: {note}" for note in each.notes)
        if each.after.judgement is not None:
            yield f"  {each.trial.gate.name}: {clipped(each.after.judgement.reason, _LIMIT)}"


def _row(found: Rejudged, environment: str) -> tuple[str, str, str, str, str]:
    trial = found.trial
    where = ", ".join(filter(None, (trial.leg, trial.phase)))
    return trial.gate.name, where or environment, _cell(found.before), _cell(found.after), _meaning(found)


def _cell(outcome: Outcome) -> str:
    return f"{outcome.verdict.value if outcome.verdict else 'open'} {outcome.at:%H:%M:%S}"


def _meaning(found: Rejudged) -> str:
    """The difference that the other rules would have made, for people."""
    before, after = found.before, found.after
    if after.verdict is None:
        return "the same" if before.verdict is None else "still open where the record ends"
    if before.verdict is None:
        return f"{duration(before.at - after.at)} before the record ends"
    if before.at != after.at:
        return _apart(before, after)
    return "the same" if before.verdict is after.verdict else "another verdict"


def _apart(before: Outcome, after: Outcome) -> str:
    is_sooner = after.at < before.at
    return f"{duration(abs(after.at - before.at))} {'sooner' if is_sooner else 'later'}"


def _first_told(replayed: Replayed) -> Iterator[str]:
    """Which gate would have stopped the promotion, and when."""
    before, after = first_bad(replayed)
    if before is None and after is None:
        yield "  then and now every gate passed, or was open where the record ends"
        return
    then, now = (f"{each[0]} ({_cell(each[1])})" if each else "none" for each in (before, after))
    apart = f", {_apart(before[1], after[1])}" if before and after and before[1].at != after[1].at else ""
    yield f"  the first gate that did not pass, then: {then}; now: {now}{apart}"


First = tuple[str, Outcome] | None


def first_bad(replayed: Replayed) -> tuple[First, First]:
    """The first gate that did not pass, by its name, under the rules of then and under the others; None for none.

    Gates that the other rules do not have stay as they were.
    """
    others = {id(each.trial): each for each in replayed.rejudged}
    before, after = [], []
    for replay in replayed.replays:
        found = others.get(id(replay.trial))
        then = found.before if found else judge_anew(replay.trial, replay.trial.gate)
        before.append((replay.trial.gate.name, then))
        after.append((replay.trial.gate.name, found.after if found else then))
    return _first(before), _first(after)


def _first(outcomes: Sequence[tuple[str, Outcome]]) -> First:
    bad = [each for each in outcomes if each[1].verdict not in {None, Verdict.PASSED}]
    return min(bad, key=lambda each: each[1].at, default=None)


# --- as a document ---------------------------------------------------------------------------------


def document(replayed: Sequence[Replayed]) -> list[dict[str, Any]]:
    """Everything, for programs."""
    return [
        {
            "id": each.subject.id,
            "gates": [_replay_document(replay) for replay in each.replays],
            "rules": each.rules or None,
            "rejudged": [_rejudged_document(found) for found in each.rejudged],
            "first_not_passed": _first_document(each) if each.rules else None,
        }
        for each in replayed
    ]


def _replay_document(replay: Replay) -> dict[str, Any]:
    trial = replay.trial
    return {
        **_named(replay.trial.gate.name, trial.leg, trial.phase),
        "verdict": trial.verdict,
        "measurements": len(replay.retold),
        "kept": replay.kept,
        "differences": [
            {
                "event": each.event,
                "check": each.check,
                "what": each.what,
                "recorded": each.recorded,
                "computed": each.computed,
            }
            for each in replay.differences
        ],
    }


def _rejudged_document(found: Rejudged) -> dict[str, Any]:
    trial, sooner = found.trial, found.sooner
    return {
        **_named(trial.gate.name, trial.leg, trial.phase),
        "before": _outcome_document(found.before),
        "after": _outcome_document(found.after),
        "sooner_seconds": None if sooner is None else sooner.total_seconds(),
        "notes": list(found.notes),
    }


def _first_document(replayed: Replayed) -> dict[str, Any]:
    found = zip(("before", "after"), first_bad(replayed), strict=True)
    return {when: {"gate": each[0], **_outcome_document(each[1])} if each else None for when, each in found}


def _named(gate: str, leg: str, phase: str) -> dict[str, Any]:
    return {"gate": gate, "leg": leg, "phase": phase}


def _outcome_document(outcome: Outcome) -> dict[str, Any]:
    reason = outcome.judgement.reason if outcome.judgement else None
    return {"verdict": outcome.verdict, "at": outcome.at, "reason": reason}
