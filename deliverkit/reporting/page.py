"""The release report: one HTML file for `publishHTML`, with no script, no style sheet and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from deliverkit.domain.checks.percentiles import p95_of
from deliverkit.domain.plan import Leg
from deliverkit.domain.release import Release
from deliverkit.reporting import charts
from deliverkit.reporting.colours import BAD, GOOD, INK, PAPER, VERDICTS, outcome
from deliverkit.reporting.event_list import event_list
from deliverkit.reporting.gate_details import gate_details
from deliverkit.reporting.history import Asked, Decided, Deployed, GateRun, History
from deliverkit.reporting.markup import Html, clipped, joined, link, tag
from deliverkit.reporting.people import name_of
from deliverkit.reporting.report import Report
from deliverkit.reporting.tables import REASON_LIMIT, ROW_LIMIT, code, facts, faint, newest, reason, table, verdict
from deliverkit.reporting.times import duration, moment

_FACE = "Segoe UI, Helvetica, Arial, sans-serif"
_TITLE_LIMIT, _TROUBLE_LIMIT = 200, 5
_SUCCEEDED = "Succeeded"
"""Status of a deployment that arrived (CodeDeploy API reference, DeploymentInfo)."""


def page(report: Report) -> str:
    """The whole document, the same for the same report."""
    history = report.history
    plan = history.rollout.plan
    title = clipped(f"{plan.application} {plan.release.version} to {plan.environment}", _TITLE_LIMIT)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{title}: {outcome(history.rollout)[2]}"),
    )
    body = tag(
        "body",
        tag("font", tag("main", tag("h1", title), *_sections(report)), face=_FACE),
        bgcolor=PAPER,
        text=INK,
        link="#0b5cad",
        vlink="#0b5cad",
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _sections(report: Report) -> Iterator[Html]:
    history = report.history
    yield charts.banner(history)
    yield tag("p", tag("strong", _why(history)))
    yield _section("Release", facts(_release(report)))
    yield _section("People", _people(history))
    yield _section("Plan", _plan(history))
    yield _section("Timeline", charts.timeline(history), charts.legend(history), _phases(history))
    yield _section("Gates", _gates(history))
    yield _section("Targets", _targets(history))
    yield _section("Deployments", _deployments(report))
    yield _section("Ledger", event_list(history))


def _section(name: str, *content: Html) -> Html:
    name_id = name.lower()
    return tag("section", tag("h2", name, id=name_id), *content, aria_labelledby=name_id)


def _why(history: History) -> str:
    rollout = history.rollout
    if rollout.outcome is not None:
        return clipped(rollout.reason, 4 * REASON_LIMIT)
    because = f": {rollout.failure.reason}" if rollout.failure else ""
    return clipped(f"{rollout.phase.value} {rollout.leg.label}{because}", 4 * REASON_LIMIT)


# --- release and people ----------------------------------------------------------------------------


def _release(report: Report) -> Iterator[tuple[str, str | None]]:
    rollout = report.history.rollout
    release = rollout.plan.release
    yield "Promotion", code(rollout.id)
    yield "Version", tag("strong", reason(release.version))
    yield "Digest", code(release.digest)
    yield "Size", f"{release.size:,} bytes"
    yield "Commit", _commit(report, release)
    yield "Tickets", _tickets(report)
    yield "Packaged", f"{moment(release.created_at)} UTC by {name_of(release.created_by)}"
    yield "Build", link(report.build_url, report.build or report.build_url)
    if report.origin is not None:
        claims = report.origin.claims
        told = (("cause", claims.cause), ("agent", claims.agent), ("change", claims.change))
        yield "Build says (unproven)", "; ".join(f"{what}: {said}" for what, said in told if said)
    evidence = rollout.plan.evidence
    yield "Signed by", ", ".join(evidence.key_names) if evidence else faint("no signature was asked for")


def _tickets(report: Report) -> Html:
    more = len(report.tickets) - ROW_LIMIT
    listed = [link(each.url, reason(each.name)) for each in report.tickets[:ROW_LIMIT]]
    return joined(*listed, f"{more:,} more" if more > 0 else None, by=", ")


def _commit(report: Report, release: Release) -> Html | None:
    source = release.source
    if source is None:
        return faint("built outside a git repository")
    tagged = f" ({source.tag})" if source.tag else ""
    dirty = tag("font", ", with uncommitted changes", color=BAD) if source.is_dirty else None
    return joined(link(report.commit_url, source.commit), reason(tagged), dirty)


def _people(history: History) -> Html:
    plan = history.rollout.plan
    person = f"{plan.requested_for}, passed on by {plan.requested_by}" if plan.requested_for else plan.requested_by
    asked = facts([("Asked for by", person), ("Asked for at", f"{moment(history.opened_at)} UTC")])
    heads = ("Person", "Decision", "On", "At (UTC)", "In their words")
    return joined(asked, newest("Decisions", heads, [*map(_decision, history.decisions)]))


def _decision(decided: Decided) -> list[str | None]:
    person = tag("strong", name_of(decided.person))
    through = tag("br") if decided.by != decided.person or name_of(decided.by) != decided.by else None
    recorder = f"{decided.by} through {decided.via}" if decided.via else decided.by
    by = joined(person, through, faint(recorder) if through else None)
    word = "approved" if decided.is_approved else "rejected"
    return [by, word, decided.gate, moment(decided.at), reason(decided.reason)]


# --- plan and time ---------------------------------------------------------------------------------


def _plan(history: History) -> Html:
    plan = history.rollout.plan
    head = f"{plan.kind.value}, {plan.drive.kind.value}"
    through = f" through {plan.drive.pipeline}" if plan.drive.pipeline else ""
    heads = ("Leg", "Where", "Strategy", "Gates", "Approvals", "Bake time", "On failure")
    return joined(
        tag("p", f"{head}{through}. Digest of the plan: ", code(plan.digest)),
        *(tag("p", tag("strong", "Warning: "), reason(each)) for each in plan.warnings),
        table("Legs in their order", heads, map(_leg, plan.legs)),
    )


def _leg(leg: Leg) -> list[str | None]:
    asked = [f"{when}: {', '.join(names)}" for when, names in _asked(leg) if names]
    approvals = leg.approvals
    wanted = f"{approvals.needed} from {', '.join(approvals.groups) or 'anybody'}" if approvals else "none"
    back = f"{leg.on_failure.value}: {leg.previous.version if leg.previous else 'nothing to go back to'}"
    strategy = " ".join(filter(None, (leg.strategy.kind.value, leg.strategy.min_healthy)))
    where = f"{leg.group} in {', '.join(leg.regions)}"
    window = f"; only {leg.window}" if leg.window else ""
    return [leg.label, f"{where}{window}", strategy, "; ".join(asked) or "none", wanted, duration(leg.bake_time), back]


def _asked(leg: Leg) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("before", leg.before), ("during", leg.during), ("after", leg.after))


def _phases(history: History) -> Html:
    totals: dict[tuple[str, str], timedelta] = {}
    for span in history.spans:
        key = (span.leg, span.phase.value)
        totals[key] = totals.get(key, timedelta()) + span.took
    by_leg: dict[str, list[str]] = {}
    for (leg, phase), took in totals.items():
        by_leg.setdefault(leg, []).append(f"{phase} {duration(took)}")
    rows = ([leg, ", ".join(each)] for leg, each in by_leg.items())
    return table("Phases", ("Leg", "Phases and how long they took"), rows)


# --- gates -----------------------------------------------------------------------------------------


def _gates(history: History) -> Html:
    heads = ("Gate", "Verdict", "Reason", "Measurements", "Response times, p95")
    # Many gates share the page: its size is bounded, whatever was measured.
    points = max(12, min(60, 1_200 // max(1, len(history.gates))))
    rows = [_gate(history, each, points) for each in history.gates]
    return joined(newest("Gates in the order in which they were asked", heads, rows), gate_details(history))


def _gate(history: History, run: GateRun, points: int) -> list[str | None]:
    gate = history.rollout.plan.gates.get(run.gate)
    bounds = [each for check in gate.checks if (each := p95_of(check))] if gate else []
    bound = min(bounds, default=None)
    where = f"{run.leg}, {run.phase}" if run.phase else run.leg
    counts = ", ".join(f"{number:,} {VERDICTS[each][1]}" for each, number in run.counts.items())
    name = joined(reason(run.gate), tag("br"), faint(where))
    judged = verdict(run.verdict, is_excused=run.is_excused)
    measured = f"{counts} in {duration(run.took)}" if run.taken else "none"
    return [name, judged, reason(run.reason), measured, charts.sparkline(run, bound, points)]


# --- targets and deployments -----------------------------------------------------------------------


def _targets(history: History) -> Html:
    # Those that are wrong first: of many, they are what matters.
    listed = sorted(history.targets, key=lambda each: (each.report.is_right, each.report.region, each.report.target_id))
    rows = map(_target, listed[:ROW_LIMIT])
    heads = ("Target", "Leg", "Region", "Serves what it should", "What it said", "Who was asked")
    shown = table("What the targets said last", heads, rows)
    return joined(shown, _more("targets", [each.report.is_right for each in listed[ROW_LIMIT:]], "are wrong"))


def _more(what: str, are_right: Sequence[bool], worse: str) -> Html | None:
    """How many rows are not shown, and how many of them are as bad as those that are; None for none."""
    wrong = are_right.count(False)
    told = f"{len(are_right):,} {what} more, of which {f'{wrong:,}' if wrong else 'none'} {worse}."
    return tag("p", told) if are_right else None


def _target(asked: Asked) -> list[str | None]:
    said = asked.report
    who = "the target" if said.was_asked else "CodeDeploy"
    return [code(said.target_id), asked.leg, said.region, _right(is_right=said.is_right), reason(said.detail), who]


def _right(*, is_right: bool) -> Html:
    return tag("font", tag("strong", "yes" if is_right else "no"), color=GOOD if is_right else BAD)


def _deployments(report: Report) -> Html:
    heads = ("Deployment", "Leg", "Region", "Status", "Progress", "Troubles")
    listed = report.history.deployments
    if len(listed) > ROW_LIMIT:
        listed = tuple(sorted(listed, key=lambda each: each.report.status == _SUCCEEDED))
    shown = table("Deployments", heads, (_deployment(report, each) for each in listed[:ROW_LIMIT]))
    hidden = [each.report.status == _SUCCEEDED for each in listed[ROW_LIMIT:]]
    return joined(shown, _more("deployments", hidden, "have not succeeded"))


def _deployment(report: Report, deployed: Deployed) -> list[str | None]:
    seen = deployed.report
    leg = f"{deployed.leg}, rollback" if deployed.is_way_back else deployed.leg
    more = len(seen.troubles) - _TROUBLE_LIMIT
    listed = [*map(reason, seen.troubles[:_TROUBLE_LIMIT]), f"{more:,} more" if more > 0 else None]
    troubles = joined(*listed, by=tag("br"))
    name = link(report.deployment_url(seen), reason(seen.deployment_id or "none yet"))
    return [name, leg, seen.region, seen.status, seen.progress, troubles]
