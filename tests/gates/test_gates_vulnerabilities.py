"""Checks of known vulnerabilities: limits and exceptions, and scans of images, functions and instances."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cloud_bench import REGION, CloudBench, cloud

from deliverkit.adapters.aws.vulnerability_list import KEPT, Listed, of_finding
from deliverkit.check_ports import Checker
from deliverkit.config import checks_cloud
from deliverkit.domain.checks import assess
from deliverkit.domain.checks.vulnerabilities import SEVERITIES
from deliverkit.domain.gate import Check, CheckKind, Verdict
from deliverkit.testing.contracts import CheckContract
from deliverkit.testing.contracts.checks import Case, context

_NUMBERS = itertools.count(1)
TODAY = "2026-11-28"


MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": "sha256:1"},
    "layers": [],
}


class Scans:
    """Images, functions and instances of the sandbox, and what is found in them."""

    def __init__(self, bench: CloudBench) -> None:
        self.bench, self.ecr, self.inspector = bench, bench.client("ecr"), bench.client("inspector2")

    def image(self, repository: str, tag: str = "1.0") -> str:
        """Its digest."""
        self.ecr.create_repository(repositoryName=repository)
        manifest = json.dumps({**MANIFEST, "config": {**MANIFEST["config"], "digest": f"sha256:{repository}"}})
        answer = self.ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)
        return str(answer["image"]["imageId"]["imageDigest"])

    def found(self, vulnerability: str, severity: str, **where: str) -> None:
        """A vulnerability from now on; `image`, `instance` or `function` says in what."""
        self.control("findings", vulnerability=vulnerability, severity=severity, **where)

    def control(self, place: str, **settings: Any) -> None:
        self.bench.sandbox.control.answer("POST", place, settings)

    def scan(self, repository: str, tag: str = "1.0") -> None:
        self.ecr.start_image_scan(repositoryName=repository, imageId={"imageTag": tag})


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudBench]:
    with cloud(tmp_path_factory.mktemp("cloud")) as bench:
        bench.sandbox.world.clock.set_speed(0)
        yield bench


@pytest.fixture
def scans(bench: CloudBench) -> Iterator[Scans]:
    made = Scans(bench)
    yield made
    made.inspector.disable(resourceTypes=["EC2", "ECR", "LAMBDA"])
    made.ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[])


# --- an image ----------------------------------------------------------------------------------------


def test_an_image_is_judged_by_its_scan_and_awaited_while_it_runs(bench: CloudBench, scans: Scans) -> None:
    digest = scans.image("shop")
    check = bench.check("vulnerabilities: {image: {repository: shop, tag: '${release.version}'}}")
    never = bench.sample(check)
    assert (never.outcome, "ScanNotFoundException" in never.reason) == (Verdict.ERROR, True)
    scans.scan("shop")
    begun = bench.measure(check)
    assert begun is not None
    assert (begun.outcome, begun.is_open) == (Verdict.INCONCLUSIVE, True)
    assert "the scan is not over: shop:1.0 (us-east-1): IN_PROGRESS" in begun.reason
    bench.clock.pass_time(timedelta(minutes=1))
    clean = bench.sample(check)
    assert (clean.outcome, clean.value) == (Verdict.PASSED, 0.0)
    assert clean.query == (
        f"aws ecr describe-image-scan-findings --region {REGION} --repository-name shop --image-id imageTag=1.0"
    )
    scans.found("CVE-2026-0001", "CRITICAL", image="shop:1.0")
    bad = bench.sample(check)
    assert (bad.outcome, bad.value) == (Verdict.FAILED, 1.0)
    assert "image shop:1.0: 1 critical > 0 tolerated: CVE-2026-0001 (critical, openssl 1.0.0)" in bad.reason
    again = bench.sample(check)
    assert (again.outcome, again.seen) == (bad.outcome, bad.seen), "a process that takes over reads it again"
    until = (bench.clock.now() + timedelta(days=1)).date()
    ignored = (
        f"image: {{repository: shop, digest: '{digest}'}}, ignore: [{{id: CVE-2026-0001, reason: r, until: '{until}'}}]"
    )
    assert bench.measured(f"vulnerabilities: {{{ignored}}}")[0] is Verdict.PASSED
    bench.clock.pass_time(timedelta(days=2))
    verdict, reason = bench.measured(f"vulnerabilities: {{{ignored}}}")
    assert (verdict, f"the exception for CVE-2026-0001 ended on {until}" in reason) == (Verdict.FAILED, True)


def test_what_cannot_be_scanned_or_is_not_there_is_an_error(bench: CloudBench, scans: Scans) -> None:
    scans.image("odd")
    scans.control("findings/scans", repository="odd", status="UNSUPPORTED_IMAGE")
    scans.scan("odd")
    bench.clock.pass_time(timedelta(minutes=1))
    verdict, reason = bench.measured("vulnerabilities: {image: {repository: odd, tag: '1.0'}}")
    assert (verdict, "not scanned: odd:1.0 (us-east-1): UNSUPPORTED_IMAGE" in reason) == (Verdict.ERROR, True)
    verdict, reason = bench.measured("vulnerabilities: {image: {repository: odd, tag: '9.9'}}")
    assert (verdict, "ImageNotFoundException" in reason) == (Verdict.ERROR, True)
    verdict, reason = bench.measured("vulnerabilities: {image: {repository: nowhere, tag: '9.9'}}")
    assert (verdict, "RepositoryNotFoundException" in reason) == (Verdict.ERROR, True)


def test_an_enhanced_scan_tells_whether_there_is_a_fix(bench: CloudBench, scans: Scans) -> None:
    scans.image("enhanced")
    scans.ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[])
    scans.inspector.enable(resourceTypes=["ECR"])
    for number in range(105):
        scans.found(f"CVE-2026-{number:04}", "LOW", image="enhanced:1.0")
    scans.found("CVE-2026-2000", "HIGH", image="enhanced:1.0")
    bench.clock.pass_time(timedelta(minutes=1))
    image = "image: {repository: enhanced, tag: '1.0'}"
    verdict, reason = bench.measured(f"vulnerabilities: {{{image}, limits: {{high: 0, low: 105}}}}")
    assert (verdict, "CVE-2026-2000 (high, openssl 1.0.0, no fix yet)" in reason) == (Verdict.FAILED, True)
    assert bench.measured(f"vulnerabilities: {{{image}, fixable_only: true}}")[0] is Verdict.PASSED
    scans.found("CVE-2026-3000", "HIGH", image="enhanced:1.0", fixed_in="1.0.1")
    verdict, reason = bench.measured(f"vulnerabilities: {{{image}, fixable_only: true}}")
    assert (verdict, "CVE-2026-3000 (high, openssl 1.0.0, a fix is there)" in reason) == (Verdict.FAILED, True)


class TestContract(CheckContract):
    kind = CheckKind.VULNERABILITIES

    @pytest.fixture
    def checker(self, bench: CloudBench) -> Checker:
        return bench.process()("vulnerabilities")

    @pytest.fixture
    def passing(self, bench: CloudBench, scans: Scans) -> Case:
        name = f"contract-{next(_NUMBERS)}"
        scans.image(name)
        scans.scan(name)
        bench.clock.pass_time(timedelta(minutes=1))
        scans.found("CVE-2026-0001", "HIGH", image=f"{name}:1.0")
        return Case({"image": {"repository": name, "tag": "1.0"}, "limits": {"high": 1}}, context())

    @pytest.fixture
    def failing(self, passing: Case) -> Case:
        return Case({**passing.spec, "limits": {"high": 0}}, context())

    @pytest.fixture
    def unaskable(self, passing: Case) -> Case:
        return Case({**passing.spec, "image": {"repository": "nowhere", "tag": "1.0"}}, context())


# --- what runs ---------------------------------------------------------------------------------------


def test_instances_must_be_covered_and_are_judged_together(bench: CloudBench, scans: Scans) -> None:
    group, ids = bench.group(12)
    empty, _ = bench.group()
    verdict, reason = bench.measured("vulnerabilities: {}", group=group)
    assert (verdict, "Amazon Inspector does not cover it" in reason) == (Verdict.ERROR, True)
    assert reason.endswith("and 7 more")
    scans.inspector.enable(resourceTypes=["EC2"])
    found = bench.sample(bench.check("vulnerabilities: {}"), group=group)
    assert (found.outcome, found.seen is not None and found.seen["scanned"]) == (Verdict.PASSED, 12)
    for each in ids[:3]:
        scans.found("CVE-2026-0007", "HIGH", instance=each)
    verdict, reason = bench.measured("vulnerabilities: {}", group=group)
    assert verdict is Verdict.FAILED
    assert f"instances of shop/{group}: 1 high > 0 tolerated: CVE-2026-0007 (high, openssl 1.0.0, on 3" in reason
    scans.control("findings/close", vulnerability="CVE-2026-0007")
    assert bench.measured("vulnerabilities: {}", group=group)[0] is Verdict.PASSED
    nobody = bench.measured("vulnerabilities: {}", group=empty)
    assert nobody == (Verdict.ERROR, f"instances of shop/{empty}: nothing was scanned")


def test_a_function_is_judged_by_its_name(bench: CloudBench, scans: Scans) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = bench.client("iam").create_role(
        RoleName="f", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    bench.client("lambda").create_function(
        FunctionName="smoke",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": content.getvalue()},
        Runtime="python3.12",
        Handler="app.handler",
    )
    text = "vulnerabilities: {function: smoke}"
    verdict, reason = bench.measured(text)
    assert (verdict, "smoke (us-east-1): Amazon Inspector does not cover it" in reason) == (Verdict.ERROR, True)
    scans.inspector.enable(resourceTypes=["LAMBDA"])
    assert bench.measured(text)[0] is Verdict.PASSED
    scans.found("CVE-2026-0008", "CRITICAL", function="smoke")
    assert bench.measured(text)[0] is Verdict.FAILED


# --- without a scan ----------------------------------------------------------------------------------


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
