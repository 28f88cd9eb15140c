"""Vulnerabilities that are put in: how Inspector and ECR's scans tell of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sandbox_processes import client_at

from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.server import Sandbox


class Registry:
    """An account with a repository for each test."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.ecr = client_at(sandbox.endpoint, "ecr")
        self.inspector = client_at(sandbox.endpoint, "inspector2")

    def push(self, repository: str, tag: str = "1", *, scan_on_push: bool = False) -> str:
        known = {each["repositoryName"] for each in self.ecr.describe_repositories()["repositories"]}
        if repository not in known:
            scanning = {"scanOnPush": scan_on_push}
            self.ecr.create_repository(repositoryName=repository, imageScanningConfiguration=scanning)
        layer = {"mediaType": "application/octet-stream", "size": 1, "digest": f"sha256:{repository}{tag}"}
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": layer, "layers": [layer]}
        pushed = self.ecr.put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag)
        return str(pushed["image"]["imageId"]["imageDigest"])

    def put(self, **finding: Any) -> dict[str, Any]:
        return dict(self.sandbox.control.answer("POST", "findings", finding))

    def advance(self, seconds: float = 2) -> None:
        self.sandbox.control.answer("POST", "clock", {"advance_seconds": seconds})

    def scan(self, repository: str, **more: Any) -> dict[str, Any]:
        asked = {"repositoryName": repository, "imageId": {"imageTag": "1"}, **more}
        found: dict[str, Any] = self.ecr.describe_image_scan_findings(**asked)
        return found

    def listed(self, **criteria: Any) -> list[str]:
        """Vulnerabilities that Inspector lists, the gravest first."""
        order = {"field": "SEVERITY", "sortOrder": "DESC"}
        found = self.inspector.list_findings(filterCriteria=criteria, sortCriteria=order)["findings"]
        return [each["packageVulnerabilityDetails"]["vulnerabilityId"] for each in found]


@pytest.fixture(scope="module")
def registry(sandbox: Sandbox) -> Iterator[Registry]:
    found = Registry(sandbox)
    sandbox.world.clock.set_speed(0)
    yield found
    sandbox.world.clock.set_speed(1)


def equals(*values: str) -> list[dict[str, str]]:
    return [{"comparison": "EQUALS", "value": value} for value in values]


# --- ECR's own scans --------------------------------------------------------------------------------


def test_an_image_without_a_scan_has_no_findings(registry: Registry) -> None:
    registry.push("unscanned")
    with pytest.raises(registry.ecr.exceptions.ScanNotFoundException):
        registry.scan("unscanned")


def test_a_scan_finds_what_was_put_in(registry: Registry) -> None:
    digest = registry.push("basic")
    registry.put(image="basic:1", vulnerability="CVE-2026-0001", severity="MEDIUM")
    registry.put(image=f"basic@{digest}", vulnerability="CVE-2026-0002", severity="critical", package="zlib")
    registry.put(image="basic:1", vulnerability="CVE-2026-0003", severity="UNTRIAGED")
    started = registry.ecr.start_image_scan(repositoryName="basic", imageId={"imageTag": "1"})
    assert started["imageScanStatus"]["status"] == "IN_PROGRESS"
    assert "imageScanFindings" not in registry.scan("basic")
    registry.advance()
    found = registry.scan("basic")
    assert found["imageScanStatus"]["status"] == "COMPLETE"
    assert found["imageId"] == {"imageDigest": digest, "imageTag": "1"}
    assert found["imageScanFindings"]["findingSeverityCounts"] == {"CRITICAL": 1, "MEDIUM": 1, "UNDEFINED": 1}
    names = [each["name"] for each in found["imageScanFindings"]["findings"]]
    assert names == ["CVE-2026-0002", "CVE-2026-0001", "CVE-2026-0003"]
    attributes = {each["key"]: each["value"] for each in found["imageScanFindings"]["findings"][0]["attributes"]}
    assert attributes == {"package_name": "zlib", "package_version": "1.0.0"}
    first = registry.scan("basic", maxResults=2)
    rest = registry.scan("basic", maxResults=2, nextToken=first["nextToken"])
    assert (len(first["imageScanFindings"]["findings"]), len(rest["imageScanFindings"]["findings"])) == (2, 1)


def test_an_image_is_scanned_once_a_day(registry: Registry) -> None:
    registry.push("daily")
    registry.ecr.start_image_scan(repositoryName="daily", imageId={"imageTag": "1"})
    with pytest.raises(registry.ecr.exceptions.LimitExceededException):
        registry.ecr.start_image_scan(repositoryName="daily", imageId={"imageTag": "1"})
    registry.advance(24 * 3600)
    registry.ecr.start_image_scan(repositoryName="daily", imageId={"imageTag": "1"})


def test_a_repository_may_scan_what_is_pushed(registry: Registry) -> None:
    registry.push("pushed", scan_on_push=True)
    assert registry.scan("pushed")["imageScanStatus"]["status"] == "IN_PROGRESS"
    registry.advance()
    found = registry.scan("pushed")
    assert found["imageScanStatus"]["status"] == "COMPLETE"
    assert found["imageScanFindings"]["findings"] == []
    assert found["imageScanFindings"]["findingSeverityCounts"] == {}


def test_a_scan_may_fail(registry: Registry) -> None:
    registry.sandbox.control.answer("POST", "findings/scans", {"repository": "broken", "status": "FAILED"})
    registry.push("broken", scan_on_push=True)
    registry.advance()
    found = registry.scan("broken")
    assert found["imageScanStatus"]["status"] == "FAILED"
    assert "imageScanFindings" not in found


def test_images_that_are_not_there_are_refused(registry: Registry) -> None:
    registry.push("there")
    with pytest.raises(registry.ecr.exceptions.RepositoryNotFoundException):
        registry.scan("nowhere")
    with pytest.raises(registry.ecr.exceptions.ImageNotFoundException):
        registry.scan("there", imageId={"imageTag": "9"})
    with pytest.raises(registry.ecr.exceptions.InvalidParameterException):
        registry.scan("there", imageId={})


# --- Inspector --------------------------------------------------------------------------------------


def test_inspector_is_enabled_by_resource_type(registry: Registry) -> None:
    inspector = client_at(registry.sandbox.endpoint, "inspector2")
    registry.inspector.disable()
    (before,) = inspector.batch_get_account_status()["accounts"]
    assert (before["state"]["status"], before["resourceState"]["ecr"]["status"]) == ("DISABLED", "DISABLED")
    registry.push("enabled")
    registry.put(image="enabled:1", vulnerability="CVE-2026-1000")
    wanted = {"ecrImageRepositoryName": equals("enabled")}
    assert registry.listed(**wanted) == []
    (enabled,) = inspector.enable(resourceTypes=["ECR"])["accounts"]
    assert enabled["resourceStatus"] == {
        "ec2": "DISABLED",
        "ecr": "ENABLED",
        "lambda": "DISABLED",
        "lambdaCode": "DISABLED",
    }
    assert registry.listed(**wanted) == ["CVE-2026-1000"]
    (after,) = inspector.batch_get_account_status(accountIds=["123456789012"])["accounts"]
    assert after["state"]["status"] == "ENABLED"
    inspector.enable(resourceTypes=["EC2", "ECR", "LAMBDA"])  # as the other tests want it


@pytest.fixture(scope="module")
def fleet(registry: Registry) -> dict[str, str]:
    """Two instances, an image and a function, each with vulnerabilities."""
    registry.inspector.enable(resourceTypes=["EC2", "ECR", "LAMBDA"])
    network = client_at(registry.sandbox.endpoint, "ec2")
    image = network.describe_images()["Images"][0]["ImageId"]
    ids = {}
    for name in ("web", "db"):
        tags = [{"Key": "part", "Value": name}, {"Key": "deliverkit:agent", "Value": "none"}]
        specification = [{"ResourceType": "instance", "Tags": tags}]
        made = network.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=specification)
        ids[name] = made["Instances"][0]["InstanceId"]
    role = "arn:aws:iam::123456789012:role/smoke"
    role = client_at(registry.sandbox.endpoint, "iam").create_role(
        RoleName="smoke", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []})
    )["Role"]["Arn"]
    functions = client_at(registry.sandbox.endpoint, "lambda")
    functions.create_function(
        FunctionName="smoke", Runtime="python3.11", Role=role, Handler="a.b", Code={"ZipFile": b"PK\5\6" + bytes(18)}
    )
    ids["digest"] = registry.push("fleet", "7")
    registry.put(instance=ids["web"], vulnerability="CVE-1", severity="CRITICAL", fixed_in="2.0", exploit=True)
    registry.put(instance=ids["web"], vulnerability="CVE-2", severity="LOW")
    registry.put(instance=ids["db"], vulnerability="CVE-3", severity="MEDIUM", package="libc")
    registry.put(image="fleet:7", vulnerability="CVE-4", severity="HIGH")
    registry.put(function="smoke", vulnerability="CVE-5", severity="INFORMATIONAL")
    return ids


OURS = {
    "vulnerabilityId": [
        {"comparison": "PREFIX", "value": "CVE-"},
        {"comparison": "NOT_EQUALS", "value": "CVE-2026-1000"},
    ]
}


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({"severity": equals("CRITICAL", "HIGH"), "resourceType": equals("AWS_EC2_INSTANCE")}, ["CVE-1"]),
        ({"resourceType": equals("AWS_LAMBDA_FUNCTION")}, ["CVE-5"]),
        ({"lambdaFunctionName": equals("smoke")}, ["CVE-5"]),
        ({"ecrImageRepositoryName": equals("fleet")}, ["CVE-4"]),
        ({"ecrImageTags": equals("7"), "ecrImageRepositoryName": equals("fleet")}, ["CVE-4"]),
        ({"resourceTags": [{"comparison": "EQUALS", "key": "part", "value": "web"}]}, ["CVE-1", "CVE-2"]),
        ({"resourceTags": [{"comparison": "EQUALS", "key": "part"}], "severity": equals("MEDIUM")}, ["CVE-3"]),
        ({"fixAvailable": equals("YES")}, ["CVE-1"]),
        ({"exploitAvailable": equals("YES")}, ["CVE-1"]),
        ({"vulnerabilityId": [{"comparison": "PREFIX", "value": "CVE-5"}]}, ["CVE-5"]),
        ({"vulnerablePackages": [{"name": {"comparison": "EQUALS", "value": "libc"}}]}, ["CVE-3"]),
        ({"inspectorScore": [{"lowerInclusive": 9.0}]}, ["CVE-1"]),
        (
            {
                "resourceType": equals("AWS_EC2_INSTANCE"),
                "severity": [{"comparison": "NOT_EQUALS", "value": value} for value in ("CRITICAL", "LOW")],
            },
            ["CVE-3"],
        ),
        ({"findingStatus": equals("CLOSED"), "resourceType": equals("AWS_EC2_INSTANCE")}, []),
    ],
)
def test_findings_are_filtered(registry: Registry, fleet: dict[str, str], criteria: Any, found: list[str]) -> None:
    assert set(fleet) == {"web", "db", "digest"}
    severities = {"severity": equals("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")}
    short = [name for name in registry.listed(**{**severities, **criteria}) if len(name) == len("CVE-1")]
    assert short == found


def test_a_finding_names_its_resource(registry: Registry, fleet: dict[str, str]) -> None:
    (found,) = registry.inspector.list_findings(filterCriteria={"vulnerabilityId": equals("CVE-4")})["findings"]
    (resource,) = found["resources"]
    details = resource["details"]["awsEcrContainerImage"]
    assert resource["id"] == f"arn:aws:ecr:us-east-1:123456789012:repository/fleet/{fleet['digest']}"
    assert (details["repositoryName"], details["imageHash"], details["imageTags"]) == ("fleet", fleet["digest"], ["7"])
    assert (found["severity"], found["status"], found["type"]) == ("HIGH", "ACTIVE", "PACKAGE_VULNERABILITY")
    (by_id,) = registry.inspector.list_findings(
        filterCriteria={"resourceId": equals(fleet["web"]), "severity": equals("CRITICAL")}
    )["findings"]
    assert by_id["resources"][0]["tags"]["part"] == "web"


def test_findings_come_in_pages(registry: Registry, fleet: dict[str, str]) -> None:
    wanted = {"resourceId": equals(fleet["web"], fleet["db"])}
    pages = registry.inspector.get_paginator("list_findings").paginate(filterCriteria=wanted, maxResults=2)
    assert [len(page["findings"]) for page in pages] == [2, 1]


def test_closed_findings_are_told_as_closed(registry: Registry, fleet: dict[str, str]) -> None:
    put = registry.put(instance=fleet["db"], vulnerability="CVE-2026-7777", severity="LOW")
    (closed,) = registry.sandbox.control.answer("POST", "findings/close", {"arn": put["arn"]})["findings"]
    assert closed["status"] == "CLOSED"
    wanted = {"vulnerabilityId": equals("CVE-2026-7777")}
    assert registry.listed(**wanted, findingStatus=equals("ACTIVE")) == []
    assert registry.listed(**wanted, findingStatus=equals("CLOSED")) == ["CVE-2026-7777"]


def test_what_is_scanned_is_covered(registry: Registry, fleet: dict[str, str]) -> None:
    wanted = {"resourceId": equals(fleet["web"])}
    (covered,) = registry.inspector.list_coverage(filterCriteria=wanted)["coveredResources"]
    assert (covered["resourceType"], covered["scanStatus"]) == (
        "AWS_EC2_INSTANCE",
        {"statusCode": "ACTIVE", "reason": "SUCCESSFUL"},
    )
    repository = {"ecrRepositoryName": equals("fleet")}
    (image,) = registry.inspector.list_coverage(filterCriteria=repository)["coveredResources"]
    assert image["resourceMetadata"]["ecrRepository"]["name"] == "fleet"
    assert (
        registry.inspector.list_coverage(filterCriteria={"resourceId": equals("i-00000000000000000")})[
            "coveredResources"
        ]
        == []
    )


def test_what_the_sandbox_does_not_know_is_refused(registry: Registry, fleet: dict[str, str]) -> None:
    assert fleet
    with pytest.raises(ClientError, match="does not know the filter networkProtocol"):
        registry.listed(networkProtocol=equals("TCP"))
    for wrong in (
        {"severity": "AWFUL", "image": "fleet:7"},
        {"severity": "LOW"},
        {"severity": "LOW", "instance": "i-none"},
        {"severity": "LOW", "image": "fleet:7", "colour": "red"},
    ):
        with pytest.raises(ApiError, match="ValidationException"):
            registry.put(**wrong)


def test_inspector_scans_the_registry_if_it_is_to(registry: Registry) -> None:
    registry.inspector.enable(resourceTypes=["ECR"])
    registry.ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[])
    try:
        registry.push("enhanced")
        registry.put(image="enhanced:1", vulnerability="CVE-2026-4242", severity="HIGH", fixed_in="3.0")
        assert registry.scan("enhanced")["imageScanStatus"]["status"] == "PENDING"
        with pytest.raises(ClientError, match="This feature is disabled"):
            registry.ecr.start_image_scan(repositoryName="enhanced", imageId={"imageTag": "1"})
        registry.advance()
        found = registry.scan("enhanced")
        assert found["imageScanStatus"]["status"] == "ACTIVE"
        assert found["imageScanFindings"]["findingSeverityCounts"] == {"HIGH": 1}
        (finding,) = found["imageScanFindings"]["enhancedFindings"]
        assert finding["packageVulnerabilityDetails"]["vulnerabilityId"] == "CVE-2026-4242"
        assert (finding["severity"], finding["fixAvailable"], finding["score"]) == ("HIGH", "YES", 8.0)
    finally:
        registry.ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[])
