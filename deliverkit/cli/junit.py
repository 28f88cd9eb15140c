"""Gate results as JUnit XML, so that Jenkins shows them among the tests."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from deliverkit.domain.gate import Verdict
from deliverkit.domain.rollout import Passage, Rollout

# XML 1.0, production 2: characters that no escape makes legal.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(rollout: Rollout) -> str:
    """One test case for each judged gate, and one for the promotion as a whole."""
    gates = [_case(rollout, passage) for passage in rollout.passages]
    cases = [*gates, _whole(rollout)]
    failures = sum(case.find("failure") is not None for case in cases)
    errors = sum(case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    counts = {"tests": len(cases), "failures": failures, "errors": errors, "skipped": skipped}
    suite = ET.Element("testsuite", {"name": f"deliverkit {rollout.id}", **{k: str(v) for k, v in counts.items()}})
    suite.extend(cases)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _case(rollout: Rollout, passage: Passage) -> ET.Element:
    name = f"{passage.gate} ({passage.phase})"
    case = ET.Element("testcase", {"classname": f"{rollout.plan.application}.{passage.leg}", "name": name})
    if passage.verdict is Verdict.PASSED:
        return case
    tag = {Verdict.FAILED: "failure", Verdict.ERROR: "error", Verdict.INCONCLUSIVE: "skipped"}[passage.verdict]
    _explain(case, tag, passage.reason)
    return case


def _whole(rollout: Rollout) -> ET.Element:
    target = f"{rollout.plan.release.version} to {rollout.plan.environment}"
    case = ET.Element("testcase", {"classname": rollout.plan.application, "name": f"promotion of {target}"})
    if rollout.outcome is None:
        _explain(case, "skipped", f"still {rollout.phase.value} {rollout.leg.label}")
    elif rollout.outcome.exit_code:
        _explain(case, "failure", f"{rollout.outcome.value}: {rollout.reason}")
    return case


def _explain(case: ET.Element, tag: str, reason: str) -> None:
    legal = _ILLEGAL.sub("\ufffd", reason)
    ET.SubElement(case, tag, {"message": legal}).text = legal
