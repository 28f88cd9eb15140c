"""Filters and orders of Inspector's lists.

Source: Inspector API reference, FilterCriteria and CoverageFilterCriteria, and user guide, "Filtering findings": values
of one criterion are alternatives, but those that must not be; criteria must all hold. What is not known is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from deliverkit.sandbox.findings.book import SEVERITIES, Finding, Resource
from deliverkit.sandbox.kernel.errors import ApiError

Texts = Callable[[Any], Iterable[str]]


def _detail(*path: str) -> Callable[[Resource], Iterable[str]]:
    def values(resource: Resource) -> Iterable[str]:
        found: Any = resource.details
        for name in path:
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
        return [str(each) for each in found] if isinstance(found, list) else [str(found)] if found else []

    return values


OF_RESOURCES: Mapping[str, Callable[[Resource], Iterable[str]]] = {
    "resourceId": lambda resource: [resource.id],
    "resourceType": lambda resource: [resource.kind],
    "ecrImageRepositoryName": _detail("awsEcrContainerImage", "repositoryName"),
    "ecrRepositoryName": _detail("awsEcrContainerImage", "repositoryName"),
    "ecrImageTags": _detail("awsEcrContainerImage", "imageTags"),
    "ecrImageHash": _detail("awsEcrContainerImage", "imageHash"),
    "ecrImageRegistry": _detail("awsEcrContainerImage", "registry"),
    "ec2InstanceImageId": _detail("awsEc2Instance", "imageId"),
    "ec2InstanceVpcId": _detail("awsEc2Instance", "vpcId"),
    "ec2InstanceSubnetId": _detail("awsEc2Instance", "subnetId"),
    "lambdaFunctionName": _detail("awsLambdaFunction", "functionName"),
    "lambdaFunctionRuntime": _detail("awsLambdaFunction", "runtime"),
}
OF_FINDINGS: Mapping[str, Callable[[Finding], Iterable[str]]] = {
    "findingArn": lambda finding: [finding.arn],
    "awsAccountId": lambda finding: [finding.account],
    "findingType": lambda _: ["PACKAGE_VULNERABILITY"],
    "severity": lambda finding: [finding.severity],
    "findingStatus": lambda finding: [finding.status],
    "title": lambda finding: [finding.title],
    "vulnerabilityId": lambda finding: [finding.vulnerability],
    "vulnerabilitySource": lambda _: ["NVD"],
    "fixAvailable": lambda finding: [finding.fix],
    "exploitAvailable": lambda finding: [finding.exploit],
}
_DATES: Mapping[str, Callable[[Finding], datetime]] = {
    "firstObservedAt": lambda finding: finding.observed_at,
    "lastObservedAt": lambda finding: finding.updated_at,
    "updatedAt": lambda finding: finding.updated_at,
}
_TAGS = ("resourceTags", "ec2InstanceTags", "lambdaFunctionTags")


def matches(finding: Finding, criteria: Mapping[str, Any]) -> bool:
    """True for a finding that all criteria let through.

    Raises:
        ApiError: `ValidationException` for a criterion that the sandbox does not know.
    """
    return all(_holds(finding, name, wanted) for name, wanted in criteria.items())


def _holds(finding: Finding, name: str, wanted: Sequence[Mapping[str, Any]]) -> bool:
    if name in OF_FINDINGS:
        return _is_among(OF_FINDINGS[name](finding), wanted)
    if name in _DATES:
        return any(_is_between(_DATES[name](finding), each, "startInclusive", "endInclusive") for each in wanted)
    if name == "inspectorScore":
        return any(_is_between(finding.score, each, "lowerInclusive", "upperInclusive") for each in wanted)
    if name == "vulnerablePackages":
        return any(_is_package(finding, each) for each in wanted)
    return resource_matches(finding.resource, name, wanted)


def resource_matches(resource: Resource, name: str, wanted: Sequence[Mapping[str, Any]]) -> bool:
    """True for a resource that a criterion lets through.

    Raises:
        ApiError: `ValidationException` for one that the sandbox does not know.
    """
    if name in OF_RESOURCES:
        return _is_among(OF_RESOURCES[name](resource), wanted)
    if name in _TAGS:
        return any(_has_tag(resource, each) for each in wanted)
    raise ApiError("ValidationException", f"The sandbox does not know the filter {name}")


def _is_among(values: Iterable[str], wanted: Sequence[Mapping[str, Any]]) -> bool:
    values = list(values)
    forbidden = [each["value"] for each in wanted if each["comparison"] == "NOT_EQUALS"]
    allowed = [each for each in wanted if each["comparison"] != "NOT_EQUALS"]
    if any(value in forbidden for value in values):
        return False
    return not allowed or any(_is_like(value, each) for value in values for each in allowed)


def _is_like(value: str, wanted: Mapping[str, Any]) -> bool:
    return value.startswith(wanted["value"]) if wanted["comparison"] == "PREFIX" else value == wanted["value"]


def _is_between(value: Any, wanted: Mapping[str, Any], low: str, high: str) -> bool:
    return (low not in wanted or value >= wanted[low]) and (high not in wanted or value <= wanted[high])


def _is_package(finding: Finding, wanted: Mapping[str, Any]) -> bool:
    values = {"name": finding.package, "version": finding.version}
    unknown = sorted(wanted.keys() - values.keys())
    if unknown:
        raise ApiError("ValidationException", f"The sandbox does not know packages by their {unknown[0]}")
    return all(_is_among([values[name]], [each]) for name, each in wanted.items())


def _has_tag(resource: Resource, wanted: Mapping[str, Any]) -> bool:
    found = resource.tags.get(wanted["key"])
    return found is not None and wanted.get("value", found) == found


_ORDERS: Mapping[str, Callable[[Finding], Any]] = {
    "AWS_ACCOUNT_ID": lambda finding: finding.account,
    "ECR_IMAGE_REPOSITORY_NAME": lambda finding: [*OF_RESOURCES["ecrRepositoryName"](finding.resource)],
    "FINDING_STATUS": lambda finding: finding.status,
    "FIRST_OBSERVED_AT": lambda finding: finding.observed_at,
    "INSPECTOR_SCORE": lambda finding: finding.score,
    "LAST_OBSERVED_AT": lambda finding: finding.updated_at,
    "RESOURCE_TYPE": lambda finding: finding.resource.kind,
    "SEVERITY": lambda finding: SEVERITIES.index(finding.severity),
    "VULNERABILITY_ID": lambda finding: finding.vulnerability,
}


def ordered(findings: Sequence[Finding], wanted: Mapping[str, str] | None) -> list[Finding]:
    """Findings in the order asked for, by default those changed last first.

    Raises:
        ApiError: `ValidationException` for an order that the sandbox does not know.
    """
    name = wanted["field"] if wanted else "LAST_OBSERVED_AT"
    if name not in _ORDERS:
        raise ApiError("ValidationException", f"The sandbox does not know the order {name}")
    return sorted(findings, key=_ORDERS[name], reverse=not wanted or wanted["sortOrder"] == "DESC")
