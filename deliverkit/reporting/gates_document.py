"""Gate results as one JSON document, of which the published JSON Schema is generated, and which can be replayed.

`python -m deliverkit.reporting.gates_document` in a checkout writes the schema; a test compares the two.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from deliverkit.domain.analysis import Analysis, condemn, judge
from deliverkit.domain.environment import OnFailure
from deliverkit.domain.gate import Check, Gate, Measurement, Policy, Verdict
from deliverkit.domain.plan import Plan
from deliverkit.domain.recording import Sample, Trial
from deliverkit.domain.replaying import judge_anew
from deliverkit.domain.what_if import what_would_have_changed
from deliverkit.domain.wording import in_plain_words
from deliverkit.errors import UsageError
from deliverkit.reporting.gate_words import shown_settings

FORMAT = "deliverkit.gates/1"
SCHEMA = Path("docs/reference/gates.schema.json")
Moment = Annotated[datetime, Meta(tz=True)]
Seconds = Annotated[float, Meta(ge=0, description="Seconds.")]
SomeSeconds = Annotated[float, Meta(gt=0, description="Seconds.")]
Tolerated = Annotated[int, Meta(ge=0)]


class MeasurementDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """One sample of a check."""

    event: Annotated[
        int, Meta(description="Number of its event in the ledger; what was recorded at once was judged at once.")
    ]
    recorded_at: Annotated[Moment, Meta(description="When it was recorded, UTC: from then on it counted.")]
    at: Annotated[Moment, Meta(description="When it was taken, UTC.")]
    outcome: Annotated[Verdict, Meta(description="What the sample alone says.")]
    reason: Annotated[str, Meta(description="What was asked, what came back, why that is good or bad.")]
    value: Annotated[float | None, Meta(description="The number that was judged, in the unit of its kind.")] = None
    query: Annotated[str, Meta(description="What was asked, secrets masked.")] = ""
    latencies: Annotated[tuple[float, ...], Meta(description="Response times in seconds.")] = ()
    is_open: Annotated[bool, Meta(description="True for a sample that only adds evidence.")] = False
    is_early: Annotated[
        bool, Meta(description="True while the release was not yet at its targets: that passes nothing.")
    ] = False
    seen: Annotated[
        dict[str, Any] | None,
        Meta(description="What came back: all that the outcome rests on; null when it was not kept."),
    ] = None


class PolicyDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """When a check's measurements become a verdict; as in deliverkit.yml, times in seconds."""

    every: SomeSeconds
    passes: Annotated[int, Meta(ge=1)]
    failures: Tolerated
    errors: Tolerated
    inconclusive: Tolerated
    deadline: Seconds
    initial_delay: Seconds = 0
    count: Tolerated = 0
    observe_only: bool = False
    p95: Seconds | None = None


class ChangeDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """A setting under which the same measurements would have come to another verdict."""

    setting: Annotated[
        str, Meta(description="As deliverkit.yml spells it; one of the kind's own settings begins with the kind.")
    ]
    was: Annotated[float, Meta(description="Its value then; times in seconds.")]
    would_be: Annotated[float, Meta(description="The nearest value that changes the verdict.")]
    verdict: Annotated[
        Verdict | None, Meta(description="What the gate would have come to; null for still open where the record ends.")
    ]
    at: Annotated[Moment, Meta(description="When, UTC.")]


class CheckDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """One check of a gate, with everything that was measured of it."""

    check: Annotated[str, Meta(description="Its name; empty for the only check of a gate.")]
    kind: str
    spec: Annotated[
        dict[str, Any], Meta(description="The kind's own settings, times in seconds, placeholders not filled in.")
    ]
    policy: PolicyDocument
    verdict: Annotated[Verdict | None, Meta(description="How it stood alone when its gate was judged; null for open.")]
    reason: str
    query: Annotated[str, Meta(description="What was asked last.")]
    counts: Annotated[dict[str, int], Meta(description="Measurements by their outcome.")]
    changes: Annotated[tuple[ChangeDocument, ...], Meta(description="What would have changed the gate's verdict.")]
    measurements: tuple[MeasurementDocument, ...]


class GateDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """One gate of one leg, from its first measurement to its judgement."""

    gate: str
    leg: Annotated[str, Meta(description="Environment and wave; empty for a gate that ran alone.")]
    phase: Annotated[str, Meta(description="before, during, after or confirming; empty while nobody has judged.")]
    verdict: Annotated[Verdict | None, Meta(description="null while nobody has judged.")]
    reason: Annotated[str, Meta(description="Why, in one line.")]
    excused: Annotated[bool, Meta(description="True when a named person let it pass in spite of its verdict.")]
    on_failure: Annotated[
        OnFailure | None, Meta(description="What its failure leads to; null for what the environment says.")
    ]
    began_at: Annotated[Moment | None, Meta(description="The first measurement; null when there was none.")]
    due_at: Annotated[
        Moment | None, Meta(description="Since when it has had to be passed; null where that was not known yet.")
    ]
    awaited_since: Annotated[
        Moment | None, Meta(description="Since when it was due and could be measured; null where it was not due.")
    ]
    ended_at: Annotated[Moment, Meta(description="The judgement, or when it was watched last.")]
    checks: tuple[CheckDocument, ...]


class GatesDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that was measured and judged by gates in one promotion or one run of gates."""

    format: Annotated[str, Meta(pattern=r"^deliverkit\.gates/1$", description="This form.")]
    id: Annotated[str, Meta(description="Of the promotion or the run.")]
    application: str
    environment: str
    version: Annotated[str, Meta(description="Of the release; empty where none was judged.")]
    digest: Annotated[str, Meta(description="Of the release's bundle.")]
    gates: tuple[GateDocument, ...]


class Subject(Struct, frozen=True):
    """Whose gates a document is about."""

    id: str
    application: str = ""
    environment: str = ""
    version: str = ""
    digest: str = ""


def subject_of(promotion_id: str, plan: Plan) -> Subject:
    """A promotion, by its plan."""
    return Subject(promotion_id, plan.application, plan.environment, plan.release.version, plan.release.digest)


# --- writing ---------------------------------------------------------------------------------------


def document(subject: Subject, trials: Iterable[Trial]) -> GatesDocument:
    """Everything of the trials, the same for the same ledger."""
    return GatesDocument(
        FORMAT,
        subject.id,
        subject.application,
        subject.environment,
        subject.version,
        subject.digest,
        tuple(map(gate_document, trials)),
    )


def gate_document(trial: Trial) -> GateDocument:
    """One trial."""
    return GateDocument(
        gate=trial.gate.name,
        leg=trial.leg,
        phase=trial.phase,
        verdict=trial.verdict,
        reason=in_plain_words(trial.reason),
        excused=trial.is_excused,
        on_failure=trial.gate.on_failure,
        began_at=trial.samples[0].measurement.at if trial.samples else None,
        due_at=trial.due_at,
        awaited_since=trial.awaited_since,
        ended_at=trial.ended_at,
        checks=tuple(_checks(trial)),
    )


def _checks(trial: Trial) -> Iterable[CheckDocument]:
    analyses = judge_anew(trial, trial.gate).analyses
    changes = what_would_have_changed(trial)
    for check in trial.gate.checks:
        samples = trial.of(check.name)
        verdict, reason = stand(trial, check, analyses.get(check.key) or Analysis(check.key))
        yield CheckDocument(
            check=check.name,
            kind=check.kind,
            spec=dict(shown_settings(check)),
            policy=_policy(check.policy),
            verdict=verdict,
            reason=reason,
            query=samples[-1].measurement.query if samples else "",
            counts=dict(Counter(each.measurement.outcome.value for each in samples)),
            changes=tuple(
                ChangeDocument(each.setting, each.was, each.would_be, each.verdict, each.at)
                for each in changes
                if each.check == check.key
            ),
            measurements=tuple(map(_measurement, samples)),
        )


def stand(trial: Trial, check: Check, analysis: Analysis) -> tuple[Verdict | None, str]:
    """How a check stood alone when its gate was judged, and why; of an open one the last measurement's reason."""
    if trial.is_due:
        found = judge(analysis, check.policy, waited=trial.waited(trial.ended_at), now=trial.ended_at)
    else:
        found = condemn(analysis, check.policy)
    if found:
        return found.verdict, found.reason
    return None, analysis.last.reason if analysis.last else "not measured"


def _measurement(sample: Sample) -> MeasurementDocument:
    taken = sample.measurement
    return MeasurementDocument(
        event=sample.event,
        recorded_at=sample.recorded_at,
        at=taken.at,
        outcome=taken.outcome,
        reason=taken.reason,
        value=taken.value,
        query=taken.query,
        latencies=taken.latencies,
        is_open=taken.is_open,
        is_early=sample.is_early,
        seen=None if taken.seen is None else dict(taken.seen),
    )


def _policy(policy: Policy) -> PolicyDocument:
    return PolicyDocument(
        every=policy.every.total_seconds(),
        passes=policy.passes,
        failures=policy.failure_limit,
        errors=policy.error_limit,
        inconclusive=policy.inconclusive_limit,
        deadline=policy.deadline.total_seconds(),
        initial_delay=policy.initial_delay.total_seconds(),
        count=policy.count,
        observe_only=policy.observe_only,
        p95=policy.p95.total_seconds() if policy.p95 else None,
    )


# --- reading ---------------------------------------------------------------------------------------


def read_document(raw: Mapping[str, Any]) -> tuple[Subject, tuple[Trial, ...]]:
    """What a document tells, so that it can be replayed.

    Raises:
        UsageError: If it is none of ours.
    """
    try:
        found = msgspec.convert(raw, GatesDocument)
        trials = tuple(map(_trial, found.gates))
    except (msgspec.ValidationError, OverflowError) as error:
        hint = "deliverkit gate explain ID --output json writes one; its form is docs/reference/gates.schema.json"
        raise UsageError(f"not a document of gate results: {error}", hint=hint) from error
    return Subject(found.id, found.application, found.environment, found.version, found.digest), trials


def _trial(told: GateDocument) -> Trial:
    checks = tuple(
        Check(told.gate, each.check, each.kind, each.spec, _read_policy(each.policy)) for each in told.checks
    )
    samples = [_sample(told.gate, check.check, each) for check in told.checks for each in check.measurements]
    return Trial(
        leg=told.leg,
        gate=Gate(told.gate, checks, told.on_failure),
        samples=tuple(sorted(samples, key=lambda each: each.event)),
        ended_at=_utc(told.ended_at),
        phase=told.phase,
        verdict=told.verdict,
        reason=told.reason,
        due_at=_utc(told.due_at) if told.due_at else None,
        awaited_since=_utc(told.awaited_since) if told.awaited_since else None,
        is_excused=told.excused,
    )


def _sample(gate: str, check: str, told: MeasurementDocument) -> Sample:
    taken = Measurement(
        gate=gate,
        at=_utc(told.at),
        outcome=told.outcome,
        reason=told.reason,
        latencies=told.latencies,
        check=check,
        value=told.value,
        query=told.query,
        seen=told.seen,
        is_open=told.is_open,
    )
    return Sample(told.event, _utc(told.recorded_at), taken, told.is_early)


def _read_policy(told: PolicyDocument) -> Policy:
    return Policy(
        every=timedelta(seconds=told.every),
        passes=told.passes,
        failure_limit=told.failures,
        error_limit=told.errors,
        inconclusive_limit=told.inconclusive,
        deadline=timedelta(seconds=told.deadline),
        p95=None if told.p95 is None else timedelta(seconds=told.p95),
        initial_delay=timedelta(seconds=told.initial_delay),
        count=told.count,
        observe_only=told.observe_only,
    )


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


# --- the schema ------------------------------------------------------------------------------------


def json_schema() -> str:
    """The JSON Schema (2020-12), as text."""
    (root,), parts = msgspec.json.schema_components([GatesDocument], ref_template="#/$defs/{name}")
    name = root["$ref"].rpartition("/")[2]
    top: Mapping[str, Any] = parts.pop(name)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Gate results"}
    return json.dumps({**head, **{k: v for k, v in top.items() if k != "title"}, "$defs": parts}, indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(json_schema(), encoding="utf-8")
