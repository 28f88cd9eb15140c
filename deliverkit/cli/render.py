"""Turning values into text for people and JSON for programs. Nothing here computes what it shows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from deliverkit.cli.options import Console, Options
from deliverkit.cli.streams import harmless

# Every command's module imports this one, also to describe its arguments: what is shown is imported by who made it.
if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from deliverkit.domain import ledger
    from deliverkit.domain.plan import Leg, Plan
    from deliverkit.domain.release import Release
    from deliverkit.domain.rollout import Rollout
    from deliverkit.engine.journal import Estate
    from deliverkit.ports import Lease

ValueT = TypeVar("ValueT")


def plain(value: Any) -> Any:
    """A value as JSON knows it."""
    import msgspec  # noqa: PLC0415

    return msgspec.to_builtins(value, enc_hook=os.fspath)  # of what it does not know itself only paths


def data(
    value: ValueT,
    options: Options,
    console: Console,
    *,
    text: Callable[[ValueT], str],
    as_json: Callable[[ValueT], Any] = plain,
) -> None:
    """Write a value to stdout, as text or as one JSON document."""
    if options.is_json:
        import json  # noqa: PLC0415

        console.say(json.dumps(as_json(value), ensure_ascii=False, indent=2, sort_keys=True, default=str))
    else:
        console.say(text(value))


def opened(promotion_id: str, options: Options, console: Console) -> None:
    """A promotion that was opened and is not watched."""
    console.tell(f"next: deliverkit wait {promotion_id}")
    data({"promotion": promotion_id}, options, console, text=lambda _: promotion_id, as_json=lambda opened: opened)


# --- releases --------------------------------------------------------------------------------------


def release(value: Release) -> str:
    """One release."""
    lines = [f"release   {value.version}", f"digest    {value.digest}", f"bundle    {value.bundle.uri}"]
    lines.append(f"size      {value.size:,} bytes")
    if value.source:
        dirty = ", with uncommitted changes" if value.source.is_dirty else ""
        lines.append(f"source    {value.source.commit}{f' ({value.source.tag})' if value.source.tag else ''}{dirty}")
    statements = (("statement", value.provenance), ("sbom", value.sbom))
    lines += [f"{name:10}{digest}" for name, digest in statements if digest]
    lines.append(f"created   {moment(value.created_at)} by {value.created_by}")
    return "\n".join(map(one_line, lines))


# --- plans -----------------------------------------------------------------------------------------


def plan(value: Plan) -> str:
    """A plan as the steps it will take."""
    from deliverkit.domain.plan import DriveKind  # noqa: PLC0415

    through = f"through pipeline {value.drive.pipeline}" if value.drive.kind is DriveKind.PIPELINE else "directly"
    head = (
        f"{value.kind.value} {value.release.version} ({value.release.short_digest}) to {value.environment}, {through}"
    )
    lines = [head, f"  asked for by {value.requester.who}"]
    if value.evidence is not None:
        lines.append(f"  signed by {', '.join(value.evidence.key_names)}")
    lines.extend(
        f"  stops execution {each.execution} of {each.version}, which waits in front of {each.environment}"
        for each in value.drive.leftovers
    )
    for number, leg in enumerate(value.legs, start=1):
        lines.extend(_leg(number, leg))
    lines.extend(f"warning: {warning}" for warning in value.warnings)
    return "\n".join(lines)


def _leg(number: int, leg: Leg) -> list[str]:
    where = f"{leg.application}/{leg.group} in {', '.join(leg.regions)}"
    stage = f", stage {leg.stage.stage}" if leg.stage else ""
    lines = [f"{number}. {leg.label}: {where}{stage}"]
    if leg.window:
        lines.append(f"     only {leg.window}")
    if leg.before:
        lines.append(f"     before   {', '.join(leg.before)}")
    if leg.approvals and leg.approvals.needed:
        lines.append(f"     approval {leg.approvals.needed} from {', '.join(leg.approvals.groups) or 'anybody'}")
    lines.append(
        f"     deploy   {leg.strategy.kind.value}{' ' + leg.strategy.min_healthy if leg.strategy.min_healthy else ''}"
    )
    if leg.during:
        lines.append(f"     during   {', '.join(leg.during)}")
    lines.append(f"     verify   {leg.serves.url if leg.serves else 'CodeDeploy only'}")
    lines.append(f"     bake     {duration(leg.bake_time)}; then {', '.join(leg.after) or 'no gates'}")
    back = f"{leg.previous.version} ({leg.previous.short_digest})" if leg.previous else "nothing to go back to"
    lines.append(f"     failure  {leg.on_failure.value}: {back}")
    return lines


# --- promotions ------------------------------------------------------------------------------------


class Overview(NamedTuple):
    """What `status` shows."""

    application: str
    environments: tuple[str, ...]
    estate: Estate
    unfinished: tuple[Rollout, ...]


def overview(value: Overview) -> str:
    """What serves where, what waits for what, and what to type next."""
    rows = []
    for name in value.environments:
        served = value.estate.serving(name)
        since = f"since {moment(served.at)} ({served.promotion})" if served else ""
        rows.append((name, served.release.version if served else "-", since))
    lines = [value.application, table(rows, indent="  ")]
    for unfinished in value.unfinished:
        lines.extend(["", rollout(unfinished)])
    endings = [e for e in value.estate.endings.values() if e.environment in value.environments][-3:]
    if endings:
        lines.extend(["", "ended lately:"])
        lines.append(
            table([(e.promotion, e.version, e.outcome.value, e.reason) for e in reversed(endings)], indent="  ")
        )
    return "\n".join(lines)


def overview_document(value: Overview) -> Any:
    """The same as JSON."""
    serving = {name: value.estate.serving(name) for name in value.environments}
    return {
        "application": value.application,
        "environments": {name: plain(served) if served else None for name, served in serving.items()},
        "promotions": [rollout_document(each) for each in value.unfinished],
        "ended": [plain(ending) for ending in value.estate.endings.values()],
        "quarantined": [plain(entry) for entry in value.estate.quarantined.values()],
    }


def rollout(value: Rollout) -> str:
    """One promotion: what it is, what it does, what it waits for, and what to type next."""
    lines = [f"{value.id}: {value.plan.release.version} to {value.plan.environment}: {doing(value)}"]
    if value.failure and value.outcome is None:
        lines.append(f"  because   {value.failure.reason}")
    if value.carriage and value.outcome is None:
        lines.append(f"  remote    {value.carriage.reason}")
    lines.extend(f"  {report.target_id} {report.detail}" for report in value.reports)
    if value.failure and value.failure.gate:
        lines.append(f"  why: deliverkit gate explain {value.id} --gate {value.failure.gate}")
    lines.extend(f"  next: {command}" for command in next_commands(value))
    return "\n".join(lines)


def doing(value: Rollout) -> str:
    """What a promotion does, in words."""
    if value.outcome is not None:
        return f"{value.outcome.value.replace('_', ' ')}: {value.reason}"
    from deliverkit.domain.rollout import Phase, answer_to, approvers  # noqa: PLC0415

    where = f"{value.phase.value} {value.leg.label}"
    answer = answer_to(value) if value.waits_for_human else None
    if answer is not None:
        return f"{value.leg.label} is {'approved' if answer else 'rejected'}; whoever attaches next acts on it"
    if value.phase is Phase.APPROVING and value.approval_expires_at:
        needed = value.leg.approvals.needed if value.leg.approvals else 1
        given = sum(decision.is_approved for decision in approvers(value))
        return (
            f"waits for approval of {value.leg.label} ({given} of {needed}), until {moment(value.approval_expires_at)}"
        )
    return where


def next_commands(value: Rollout) -> list[str]:
    """What can be typed now; empty when nothing is left to do."""
    if value.is_closed:
        return []
    from deliverkit.domain.rollout import answer_to, open_question  # noqa: PLC0415

    question = open_question(value)
    if question and answer_to(value) is not None:  # whoever attaches next will find the decision taken
        return [f"deliverkit wait {value.id}"]
    if question:
        return [
            f"deliverkit approve {value.id} --gate {question} --reason TEXT",
            f"deliverkit reject {value.id} --gate {question} --reason TEXT",
        ]
    return [f"deliverkit resume {value.id}"]


def rollout_document(value: Rollout) -> Any:
    """One promotion as JSON."""
    from deliverkit.domain.rollout import open_question  # noqa: PLC0415

    outcome = value.outcome
    return {
        "promotion": value.id,
        "environment": value.plan.environment,
        "release": plain(value.plan.release),
        "phase": value.phase.value,
        "leg": value.leg.label,
        "outcome": outcome.value if outcome else None,
        "exit_code": int(outcome.exit_code) if outcome and value.is_closed else 5,
        "reason": value.reason or (value.failure.reason if value.failure else ""),
        "plan_digest": value.plan.digest,
        "waits_for": open_question(value) or None,
        "question": _question(value),
        "gates": [plain(passage) for passage in value.passages],
        "targets": [plain(report) for report in value.reports],
        "deployments": plain(value.carriage.deployments) if value.carriage else [],
        "next": next_commands(value),
    }


def _question(value: Rollout) -> Any:
    """What people are asked, and what they have answered; whoever drives the promotion next acts on the answer."""
    from deliverkit.domain.rollout import answer_to, open_question  # noqa: PLC0415

    if not value.waits_for_human:
        return None
    answer = {True: "approved", False: "rejected", None: None}[answer_to(value)]
    return {"gate": open_question(value), "number": value.question, "answer": answer}


# --- the rest --------------------------------------------------------------------------------------


def events(values: Sequence[ledger.Event]) -> str:
    """Events, one a line."""
    return table([(f"{e.sequence}", moment(e.at), e.kind, e.actor, _short(e.payload)) for e in values])


def _short(payload: Any) -> str:
    import json  # noqa: PLC0415

    shown = json.dumps(payload, ensure_ascii=False, sort_keys=True)
    return shown if len(shown) <= 100 else shown[:97] + "..."


def lease(value: Lease | None, environment: str) -> str:
    """Who holds an environment."""
    if value is None:
        return f"{environment} is free"
    return f"{environment} is held by {value.holder} since {moment(value.acquired_at)}: {value.reason}"


def sandbox_document(value: Any) -> Any:
    """The running sandbox as JSON."""
    return {"endpoint": value.endpoint, "pid": value.pid, "state_dir": str(value.state_dir), "region": value.region}


def table(rows: Sequence[Sequence[str]], *, indent: str = "") -> str:
    """Rows in aligned columns; the last column takes what it needs. A cell is one line, whoever wrote it."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"{indent}{line}".rstrip() for line in padded)


def one_line(text: str) -> str:
    """A text on one line, and as wide as it is shown: nobody's words can pass for a line of ours."""
    return harmless(" ".join(text.splitlines()))


def moment(at: datetime) -> str:
    """A moment as people read it, UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def duration(value: timedelta) -> str:
    """A duration as people write it."""
    seconds = value.total_seconds()
    return f"{seconds / 60:g} min" if seconds >= 120 and seconds % 60 == 0 else f"{seconds:g} s"
