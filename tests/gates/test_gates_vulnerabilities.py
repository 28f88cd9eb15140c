"""Checks of known vulnerabilities: limits and exceptions, and scans of images, functions and instances."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_bench import REGION

from deliverkit.adapters.aws.vulnerability_list import KEPT, Listed, of_finding
from deliverkit.config import checks_cloud
from deliverkit.domain.checks import assess
from deliverkit.domain.checks.vulnerabilities import SEVERITIES
from deliverkit.domain.gate import Check, Verdict

TODAY = "2026-11-28"


def finding(name: str, severity: str = "HIGH", fix: bool | None = None, package: str = "openssl 3") -> dict[str, Any]:
    return {"id": name, "severity": severity, "fix": fix, "package": package}


def listed(*findings: dict[str, Any], scanned: int = 1, resource: str = "i-1") -> Listed:
    found = Listed(f"image shop:1.0 ({REGION})", scanned)
    for each in findings:
        found.add(each, resource)
    return found


def judged(found: Listed, *exceptions: dict[str, str], **spec: Any) -> tuple[Verdict, str]:
    check = Check("holes", "", "vulnerabilities", {"limits": {"critical": 0, "high": 1}, **spec, "ignore": exceptions})
    result = assess(check, found.seen(TODAY, exceptions))
    assert result.is_open == (result.outcome is Verdict.INCONCLUSIVE)
    return result.outcome, result.reason


def test_limits_are_by_severity_and_what_is_not_named_is_not_limited() -> None:
    few = listed(finding("CVE-1"), finding("CVE-2", "MEDIUM"), finding("CVE-3", "LOW"))
    assert judged(few) == (
        Verdict.PASSED,
        f"image shop:1.0 ({REGION}): 0 critical of 0 tolerated, 1 high of 1 tolerated",
    )
    verdict, reason = judged(listed(finding("CVE-1", fix=True), finding("CVE-2", fix=False)))
    assert verdict is Verdict.FAILED
    assert reason == (
        f"image shop:1.0 ({REGION}): 2 high > 1 tolerated: CVE-1 (high, openssl 3, a fix is there); "
        "CVE-2 (high, openssl 3, no fix yet)"
    )
    assert judged(few, limits={"medium": 0})[0] is Verdict.FAILED
    assert judged(listed(finding("CVE-9", "UNDEFINED")), limits={"untriaged": 0})[0] is Verdict.FAILED


def test_an_exception_holds_through_its_last_day_and_then_counts_no_more() -> None:
    found = listed(finding("CVE-1", "CRITICAL"))
    why = {"id": "cve-1", "reason": "not reachable"}
    assert judged(found, why) == (
        Verdict.PASSED,
        f"image shop:1.0 ({REGION}): 0 critical of 0 tolerated, 0 high of 1 tolerated; cve-1 is ignored: not reachable",
    )
    verdict, reason = judged(found, {**why, "until": TODAY})
    assert (verdict, reason.endswith(f"cve-1 is ignored until {TODAY}: not reachable")) == (Verdict.PASSED, True)
    verdict, reason = judged(found, {**why, "until": "2026-11-27"})
    assert verdict is Verdict.FAILED
    assert reason.endswith("the exception for cve-1 ended on 2026-11-27")
    assert judged(found, {"id": "CVE-2", "reason": "other"})[0] is Verdict.FAILED


def test_whoever_counts_only_what_can_be_fixed_counts_what_is_not_known_too() -> None:
    three = (finding("CVE-1", fix=False), finding("CVE-2", fix=False), finding("CVE-3", fix=None))
    assert judged(listed(*three))[0] is Verdict.FAILED
    assert judged(listed(*three), fixable_only=True)[0] is Verdict.PASSED
    assert judged(listed(*three, finding("CVE-4", fix=True)), fixable_only=True)[0] is Verdict.FAILED


def test_what_is_not_scanned_never_passes() -> None:
    assert judged(listed(scanned=0))[0] is Verdict.ERROR
    waiting = listed()
    waiting.pending.append({"what": "i-2", "why": "PENDING_INITIAL_SCAN"})
    verdict, reason = judged(waiting)
    assert (verdict, reason.endswith("the scan is not over: i-2: PENDING_INITIAL_SCAN")) == (Verdict.INCONCLUSIVE, True)
    waiting.uncovered.append({"what": "i-3", "why": "UNSUPPORTED_OS"})
    verdict, reason = judged(waiting)
    assert (verdict, reason.endswith("not scanned: i-3: UNSUPPORTED_OS")) == (Verdict.ERROR, True)
    waiting.add(finding("CVE-1", "CRITICAL"), "i-1")
    assert judged(waiting)[0] is Verdict.FAILED, "what was found is found"


def test_a_vulnerability_counts_once_at_its_gravest() -> None:
    found = listed(finding("CVE-1", "LOW", fix=False))
    for number in range(5):
        found.add(finding("CVE-1", "CRITICAL", fix=None), f"i-{number}")
    [entry] = found.seen(TODAY, ())["found"]
    assert (entry["severity"], entry["fix"], entry["on"]) == ("critical", None, 5)
    verdict, reason = judged(found)
    assert (verdict, "1 critical > 0 tolerated: CVE-1 (critical, openssl 3, on 5)" in reason) == (Verdict.FAILED, True)


def test_a_long_list_is_cut_and_still_counted() -> None:
    many = listed(*(finding(f"CVE-{number:03}", "LOW", fix=bool(number % 2)) for number in range(KEPT + 40)))
    many.add(finding("CVE-999", "LOW", fix=True), "i-1")
    seen = many.seen(TODAY, [{"id": "cve-999"}])
    assert (len(seen["found"]), seen["found"][0]["id"]) == (KEPT, "CVE-999")
    assert sum(seen["more"]["low"].values()) == 41
    told = f"{KEPT + 41} low > {KEPT} tolerated"
    assert told in judged(many, limits={"low": KEPT})[1]
    assert judged(many, limits={"low": KEPT + 41})[0] is Verdict.PASSED
    assert judged(many, limits={"low": KEPT + 41, "medium": 0})[0] is Verdict.PASSED
    fixable = assess(
        Check("holes", "", "vulnerabilities", {"limits": {"low": 0}, "fixable_only": True}), many.seen(TODAY, ())
    )
    assert fixable.value == 51.0


@pytest.mark.parametrize(
    ("given", "name", "fix"),
    [
        ({"packageVulnerabilityDetails": {"vulnerabilityId": "CVE-1"}, "fixAvailable": "YES"}, "CVE-1", True),
        ({"packageVulnerabilityDetails": {"vulnerabilityId": "CVE-1"}, "fixAvailable": "PARTIAL"}, "CVE-1", True),
        ({"title": "odd", "fixAvailable": "NO"}, "odd", False),
        ({"findingArn": "arn"}, "arn", None),
    ],
)
def test_findings_of_inspector_are_read(given: dict[str, Any], name: str, fix: bool | None) -> None:
    read = of_finding(given)
    assert (read["id"], read["fix"]) == (name, fix)


def test_severities_are_those_that_can_be_limited() -> None:
    assert checks_cloud.SEVERITIES == SEVERITIES
