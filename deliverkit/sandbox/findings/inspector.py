"""Inspector's operations on accounts, findings and coverage.

Source: Inspector API reference, Enable, Disable, BatchGetAccountStatus, ListFindings, ListCoverage. Of a resource type
that is not enabled nothing is found and nothing covered; suppression rules are not heeded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deliverkit.sandbox.findings.book import Finding, FindingBook, Resource
from deliverkit.sandbox.findings.filters import matches, ordered, resource_matches
from deliverkit.sandbox.findings.resources import ENABLED_BY, IMAGE, scanned
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context
from deliverkit.sandbox.moto_images import account_status, toggle
from deliverkit.sandbox.moto_operations import Operation

Params = Mapping[str, Any]
MOST_RESULTS = 100
_MEMBERS = {"EC2": "ec2", "ECR": "ecr", "LAMBDA": "lambda", "LAMBDA_CODE": "lambdaCode"}


def operations() -> dict[str, Operation]:
    """The operations by name."""
    return {
        "Enable": enable,
        "Disable": disable,
        "BatchGetAccountStatus": batch_get_account_status,
        "ListFindings": list_findings,
        "ListCoverage": list_coverage,
    }


# --- accounts ---------------------------------------------------------------------------------------


def enable(params: Params, context: Context) -> dict[str, Any]:
    """Enable resource types for accounts, by default the caller's; at once, where AWS takes minutes."""
    return _toggled(params, context, enabled=True)


def disable(params: Params, context: Context) -> dict[str, Any]:
    """Disable resource types for accounts, by default all of them for the caller's."""
    return _toggled(params, context, enabled=False)


def _toggled(params: Params, context: Context, *, enabled: bool) -> dict[str, Any]:
    whose = list(params.get("accountIds") or [context.account])
    kinds = list(params.get("resourceTypes") or _MEMBERS)
    toggle(context.account, context.region, whose, kinds, enable=enabled)
    return {"accounts": [_account(each, context) for each in whose], "failedAccounts": []}


def _account(whose: str, context: Context) -> dict[str, Any]:
    status = account_status(context.account, context.region, whose)
    told = {member: status[kind] for kind, member in _MEMBERS.items()}
    return {"accountId": whose, "status": _whole(status), "resourceStatus": told}


def _whole(status: Mapping[str, str]) -> str:
    return "ENABLED" if "ENABLED" in status.values() else "DISABLED"


def batch_get_account_status(params: Params, context: Context) -> dict[str, Any]:
    """What is enabled for accounts, by default the caller's."""
    told = []
    for whose in params.get("accountIds") or [context.account]:
        status = account_status(context.account, context.region, whose)
        members = {member: {"status": status[kind]} for kind, member in _MEMBERS.items()}
        told.append({"accountId": whose, "state": {"status": _whole(status)}, "resourceState": members})
    return {"accounts": told, "failedAccounts": []}


# --- findings ---------------------------------------------------------------------------------------


def list_findings(params: Params, context: Context) -> dict[str, Any]:
    """The findings that pass a filter.

    Raises:
        ApiError: `ValidationException` for a filter, an order or a token that is not known.
    """
    status = account_status(context.account, context.region, context.account)
    book = context.world.store(FindingBook, context.account, context.region)
    found = [
        finding
        for finding in book.findings
        if status[ENABLED_BY[finding.resource.kind]] == "ENABLED" and matches(finding, params.get("filterCriteria", {}))
    ]
    page, token = _page(ordered(found, params.get("sortCriteria")), params)
    return {"findings": [told(finding, context.region) for finding in page], **token}


def told(finding: Finding, region: str) -> dict[str, Any]:
    """A finding as Inspector tells it."""
    resource = finding.resource
    package = {
        "name": finding.package,
        "version": finding.version,
        "packageManager": "OS",
        **({"fixedInVersion": finding.fixed_in} if finding.fixed_in else {}),
    }
    return {
        "findingArn": finding.arn,
        "awsAccountId": finding.account,
        "type": "PACKAGE_VULNERABILITY",
        "title": finding.title,
        "description": finding.title,
        "severity": finding.severity,
        "status": finding.status,
        "inspectorScore": finding.score,
        "fixAvailable": finding.fix,
        "exploitAvailable": finding.exploit,
        "firstObservedAt": finding.observed_at,
        "lastObservedAt": finding.updated_at,
        "updatedAt": finding.updated_at,
        "remediation": {"recommendation": {"text": _advice(finding)}},
        "packageVulnerabilityDetails": {
            "vulnerabilityId": finding.vulnerability,
            "source": "NVD",
            "sourceUrl": f"https://nvd.nist.gov/vuln/detail/{finding.vulnerability}",
            "vendorSeverity": finding.severity,
            "vulnerablePackages": [package],
        },
        "resources": [
            {
                "type": resource.kind,
                "id": resource.id,
                "partition": "aws",
                "region": region,
                "tags": dict(resource.tags),
                "details": dict(resource.details),
            }
        ],
    }


def _advice(finding: Finding) -> str:
    return f"Update {finding.package} to {finding.fixed_in}" if finding.fixed_in else "None Provided"


# --- coverage ---------------------------------------------------------------------------------------


def list_coverage(params: Params, context: Context) -> dict[str, Any]:
    """The resources that Inspector scans.

    Raises:
        ApiError: `ValidationException` for a filter or a token that is not known.
    """
    criteria = params.get("filterCriteria", {})
    covered = [each for each in _covered(context) if all(_passes(each, name, criteria[name]) for name in criteria)]
    page, token = _page(covered, params)
    return {"coveredResources": [_coverage(each, context) for each in page], **token}


def _covered(context: Context) -> Iterator[Resource]:
    status = account_status(context.account, context.region, context.account)
    for resource in scanned(context.world, context.account, context.region):
        if status[ENABLED_BY[resource.kind]] == "ENABLED":
            yield resource


_SAME_FOR_ALL = {"scanStatusCode": "ACTIVE", "scanStatusReason": "SUCCESSFUL", "scanType": "PACKAGE"}


def _passes(resource: Resource, name: str, wanted: Sequence[Mapping[str, Any]]) -> bool:
    if name in _SAME_FOR_ALL:
        return any((each["value"] == _SAME_FOR_ALL[name]) == (each["comparison"] == "EQUALS") for each in wanted)
    return resource_matches(resource, name, wanted)


def _coverage(resource: Resource, context: Context) -> dict[str, Any]:
    return {
        "accountId": context.account,
        "resourceId": resource.id,
        "resourceType": resource.kind,
        "scanType": "PACKAGE",
        "scanStatus": {"statusCode": "ACTIVE", "reason": "SUCCESSFUL"},
        "lastScannedAt": context.now,
        "resourceMetadata": _metadata(resource),
    }


def _metadata(resource: Resource) -> dict[str, Any]:
    details = next(iter(resource.details.values()))
    if resource.kind == IMAGE:
        repository = {"name": details["repositoryName"], "scanFrequency": "CONTINUOUS_SCAN"}
        return {"ecrRepository": repository, "ecrImage": {"tags": details["imageTags"]}}
    if "imageId" in details:
        return {"ec2": {"tags": dict(resource.tags), "amiId": details["imageId"], "platform": "LINUX"}}
    told = {"functionName": details["functionName"], "runtime": details["runtime"]}
    return {"lambdaFunction": {**told, "functionTags": dict(resource.tags)}}


def _page(found: Sequence[Any], params: Params) -> tuple[Sequence[Any], dict[str, str]]:
    token = str(params.get("nextToken") or "0")
    if not token.isdigit():
        raise ApiError("ValidationException", "The pagination token is not valid")
    following = int(token) + int(params.get("maxResults") or MOST_RESULTS)
    return found[int(token) : following], ({"nextToken": str(following)} if following < len(found) else {})
