"""Gate results as JUnit XML, so that Jenkins shows them among the tests.

The form is what Jenkins' junit plugin reads (`hudson.tasks.junit.SuiteResult`: a suite counts when it has test cases;
`time` in seconds; the class name up to its last dot is the package) and what its strictest reader, the xunit plugin's
schema junit-10.xsd, accepts: `tests`, `failures` and `errors` on each suite, properties in suites only, and a time
without exponent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from deliverkit.domain.analysis import Analysis
from deliverkit.domain.gate import Check, Verdict
from deliverkit.domain.gate_run import fold_run, verdict_on
from deliverkit.domain.ledger import Event
from deliverkit.domain.recording import Sample, Trial, trials_of
from deliverkit.domain.replaying import judge_anew
from deliverkit.reporting.gate_words import counts, rule, shown_settings
from deliverkit.reporting.gates_document import stand
from deliverkit.reporting.history import GateRun, History, told_of, trial_of

MESSAGE_LIMIT = 500
"""Characters of the `message` attribute, which Jenkins shows in one line; the whole reason is in the element."""
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, production 2: characters that no escape makes legal."""
_TAGS = {
    Verdict.FAILED: "failure",
    Verdict.ERROR: "error",
    Verdict.INCONCLUSIVE: "skipped",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Why nobody watches any more, where that was not the promotion's, or the run's, own end.

    Attributes:
        reason: In one line.
        is_error: True for an error; False when a signal ended the watching, which says nothing about the release.
    """

    reason: str
    is_error: bool = True


def junit_xml(history: History, ending: Ending | None = None) -> str:
    """A suite for each leg, with a test case for each gate, and one suite with the promotion as a whole.

    Args:
        history: What happened.
        ending: Why the watching ended before the promotion did.
    """
    legs = dict.fromkeys(run.leg for run in history.gates)
    suites = [_leg(history, leg, [run for run in history.gates if run.leg == leg]) for leg in legs]
    return _document(f"deliverkit {history.rollout.id}", [*suites, _whole(history, ending)])


def run_xml(events: Sequence[Event], ending: Ending | None = None) -> str:
    """A suite for a run of gates outside of promotions, with a test case for each gate, and one for the run as a whole.

    Args:
        events: Of its stream.
        ending: Why the watching ended before the run did.

    Raises:
        IntegrityError: If they are none of a run, or one of them cannot be read.
    """
    run = fold_run(events)
    plan = run.plan
    classname = _classname(plan.application, plan.environment)
    cases = []
    for trial in trials_of(events):
        told = told_of(trial)
        cases += _checks(trial, told, classname, "") or [_gate(told, classname, told.gate)]
    took = run.last.at - run.opened_at
    whole, found = _case(classname, f"gates of {plan.environment}", took), verdict_on(run)
    if found is None:
        told_so = (
            f"still measuring; the command that watched it ended: {ending.reason}" if ending else "still measuring"
        )
        _explain(whole, "error" if ending and ending.is_error else "skipped", told_so)
    elif found.verdict in _TAGS:
        _explain(whole, _TAGS[found.verdict], f"{found.verdict.value}: {found.reason}")
    described = {
        "gates": run.id,
        "version": plan.values.get("release.version", ""),
        "digest": plan.values.get("release.digest", ""),
        "environment": plan.environment,
        "requested_by": plan.requested_by,
    }
    suite = _suite(run.id, [*cases, whole], at=run.opened_at, took=took, properties=described.items())
    return _document(f"deliverkit {run.id}", [suite])


def unknown_xml(name: str, ending: Ending, *, what: str = "promotion") -> str:
    """What is written when nothing could be read of a promotion: that it is so.

    Args:
        name: Id of the promotion.
        ending: Why.
        what: What it is, if it is no promotion.
    """
    case = _case("deliverkit", f"{what} {name}", timedelta())
    _explain(case, "error" if ending.is_error else "skipped", ending.reason)
    return _document(f"deliverkit {name}", [_suite("deliverkit", [case], at=None, took=timedelta(), properties=())])


def _document(name: str, suites: Sequence[ET.Element]) -> str:
    root = ET.Element("testsuites", {"name": _legal(name)})
    root.extend(suites)
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _leg(history: History, leg: str, runs: Sequence[GateRun]) -> ET.Element:
    spans = [span for span in history.spans if span.leg == leg]
    took = sum((span.took for span in spans), timedelta())
    at = spans[0].began_at if spans else history.opened_at
    classname = _classname(history.rollout.plan.application, leg)
    times: dict[str, int] = {}
    cases = []
    for run in runs:
        name = f"{run.gate} ({run.phase})" if run.phase else run.gate
        # Jenkins tells cases by their name: of two with the same, it would show one.
        times[name] = times.get(name, 0) + 1
        attempt = "" if times[name] == 1 else f", attempt {times[name]}"
        cases += _checks(trial_of(history, run), run, classname, attempt) or [_gate(run, classname, f"{name}{attempt}")]
    return _suite(f"{history.rollout.id} {leg}", cases, at=at, took=took, properties=_properties(history))


def _gate(run: GateRun, classname: str, name: str) -> ET.Element:
    case = _case(classname, name, run.took)
    if run.verdict is None:
        _explain(case, "skipped", f"not judged yet after {run.taken} measurements: {run.reason}")
    elif run.is_excused:
        _explain(case, "skipped", f"{run.verdict.value}, and a named person let it pass: {run.reason}")
    elif run.verdict in _TAGS:
        _explain(case, _TAGS[run.verdict], run.reason)
    return case


def _checks(trial: Trial | None, run: GateRun, classname: str, attempt: str) -> list[ET.Element]:
    """A case for each check of a gate that has several; none where those would not say what became of the gate."""
    if trial is None or len(trial.gate.checks) < 2:
        return []
    analyses = judge_anew(trial, trial.gate).analyses
    cases = []
    for check in trial.gate.checks:
        phase = f" ({run.phase})" if run.phase else ""
        samples = trial.of(check.name)
        took = samples[-1].measurement.at - samples[0].measurement.at if samples else timedelta()
        case = _case(classname, f"{run.gate}/{check.name}{phase}{attempt}", took)
        verdict, reason = stand(trial, check, analyses.get(check.key) or Analysis(check.key))
        _explain_check(case, run, check, verdict, reason)
        ET.SubElement(case, "system-out").text = _legal("\n".join(_numbers(check, samples)))
        cases.append(case)
    wanted = None if run.is_excused or run.verdict is None else _TAGS.get(run.verdict)
    return cases if wanted is None or any(case.find(wanted) is not None for case in cases) else []


def _explain_check(case: ET.Element, run: GateRun, check: Check, verdict: Verdict | None, reason: str) -> None:
    if verdict is None:
        _explain(case, "skipped", f"still open when the watching of its gate ended: {reason}")
    elif verdict is Verdict.PASSED:
        return
    elif check.policy.observe_only:
        _explain(case, "skipped", f"{verdict.value}, and only observed: {reason}")
    elif run.is_excused:
        _explain(case, "skipped", f"{verdict.value}, and a named person let the gate pass: {reason}")
    else:
        _explain(case, _TAGS[verdict], reason)


def _numbers(check: Check, samples: Sequence[Sample]) -> Iterable[str]:
    """What was asked, the last value, and the limits; in the case itself a schema of Jenkins' allows no properties."""
    last = samples[-1].measurement if samples else None
    if last is not None and last.query:
        yield f"query: {last.query}"
    if last is not None and last.value is not None:
        yield f"value: {last.value:g}"
    yield f"limits: {rule(check)}"
    yield f"settings: {json.dumps(shown_settings(check), ensure_ascii=False, sort_keys=True)}"
    yield f"measured: {counts(samples)}"


def _whole(history: History, ending: Ending | None) -> ET.Element:
    rollout = history.rollout
    took = history.last_at - history.opened_at
    target = f"{rollout.plan.release.version} to {rollout.plan.environment}"
    case = _case(_classname(rollout.plan.application, rollout.plan.environment), f"promotion of {target}", took)
    if rollout.outcome is None:
        doing = f"still {rollout.phase.value} {rollout.leg.label}"
        told = f"{doing}; the command that watched it ended: {ending.reason}" if ending else doing
        _explain(case, "error" if ending and ending.is_error else "skipped", told)
    elif rollout.outcome.exit_code:
        _explain(case, "failure", f"{rollout.outcome.value}: {rollout.reason}")
    return _suite(rollout.id, [case], at=history.opened_at, took=took, properties=_properties(history))


def _properties(history: History) -> Iterable[tuple[str, str]]:
    plan = history.rollout.plan
    yield "promotion", history.rollout.id
    yield "version", plan.release.version
    yield "digest", plan.release.digest
    yield "environment", plan.environment
    yield "requested_by", plan.requested_by


def _classname(application: str, leg: str) -> str:
    """`application.leg`: Jenkins takes the part up to the last dot for the package; a slash would part its pages."""
    return f"{application}.{leg}".replace("/", "_")


def _suite(
    name: str,
    cases: Sequence[ET.Element],
    *,
    at: datetime | None,
    took: timedelta,
    properties: Iterable[tuple[str, str]],
) -> ET.Element:
    counts = {
        "tests": len(cases),
        **{
            plural: sum(case.find(tag) is not None for case in cases)
            for plural, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
        },
    }
    attributes = {key: str(value) for key, value in counts.items()}
    suite = ET.Element("testsuite", {"name": _legal(name), **attributes, "time": _seconds(took)})
    if at is not None:
        # ISO 8601 without a zone, as Ant and Surefire write it; ours are UTC.
        suite.set("timestamp", at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    described = [ET.Element("property", {"name": key, "value": _legal(value)}) for key, value in properties]
    if described:
        ET.SubElement(suite, "properties").extend(described)
    suite.extend(cases)
    return suite


def _case(classname: str, name: str, took: timedelta) -> ET.Element:
    return ET.Element("testcase", {"classname": _legal(classname), "name": _legal(name), "time": _seconds(took)})


def _explain(case: ET.Element, tag: str, reason: str) -> None:
    legal = _legal(reason)
    line = " ".join(legal.split())
    message = line if len(line) <= MESSAGE_LIMIT else f"{line[: MESSAGE_LIMIT - 1]}\N{HORIZONTAL ELLIPSIS}"
    ET.SubElement(case, tag, {"message": message, "type": tag}).text = legal


def _seconds(took: timedelta) -> str:
    return f"{max(0.0, took.total_seconds()):.3f}"


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
