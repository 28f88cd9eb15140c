"""ECR's operations on scans of images.

Source: ECR API reference, StartImageScan, DescribeImageScanFindings, and user guide, "Scan images for software
vulnerabilities".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from deliverkit.sandbox.findings.book import ONE_DAY, SCAN_TAKES, SEVERITIES, Finding, FindingBook, Scan
from deliverkit.sandbox.findings.inspector import told as told_by_inspector
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context
from deliverkit.sandbox.moto_images import Image, account_status, find_image, scans_enhanced
from deliverkit.sandbox.moto_operations import Operation

Params = Mapping[str, Any]
MOST_RESULTS = 100
_WORDS = {
    "IN_PROGRESS": "The scan is in progress.",
    "COMPLETE": "The scan was completed successfully.",
    "ACTIVE": "Continuous scan is selected for image.",
    "PENDING": "The image is queued for its first scan.",
}
_LEFT_OUT = ("inspectorScore", "packageVulnerabilityDetails")


def operations() -> dict[str, Operation]:
    """The operations by name."""
    return {"StartImageScan": start_image_scan, "DescribeImageScanFindings": describe_image_scan_findings}


def start_image_scan(params: Params, context: Context) -> dict[str, Any]:
    """Begin a scan of an image, once a day at most.

    Raises:
        ApiError: What is not there; `LimitExceededException`; `ValidationException` where Inspector scans.
    """
    image = _image(params, context)
    if scans_enhanced(context.account, context.region):
        raise ApiError("ValidationException", "This feature is disabled")
    book = _book(context)
    last = _scan(image, book)
    if last is not None and context.now < last.at + ONE_DAY:
        message = "The scan quota per image has been exceeded. Wait and try again."
        raise ApiError("LimitExceededException", message)
    book.scans[image.arn] = Scan(context.now, book.outcomes.get(image.repository, "COMPLETE"))
    return {**_whose(image, params), "imageScanStatus": {"status": "IN_PROGRESS"}}


def describe_image_scan_findings(params: Params, context: Context) -> dict[str, Any]:
    """What was found in an image; a page of it.

    Raises:
        ApiError: What is not there; `ScanNotFoundException`; `InvalidParameterException` for a token that is none.
    """
    image = _image(params, context)
    status = _status(image, context)
    answer = {**_whose(image, params), "imageScanStatus": {"status": status, "description": _WORDS.get(status, status)}}
    if status not in {"COMPLETE", "ACTIVE"}:
        return answer
    is_active = [each for each in _book(context).findings if each.resource.id == image.arn and each.status == "ACTIVE"]
    found = sorted(is_active, key=lambda each: -SEVERITIES.index(each.severity))
    page, token = _page(found, params)
    counts = Counter(_severity(each, status) for each in found)
    findings: dict[str, Any] = {"findingSeverityCounts": dict(counts), "vulnerabilitySourceUpdatedAt": context.now}
    if status == "ACTIVE":
        findings["enhancedFindings"] = [_enhanced(each, context.region) for each in page]
        findings["imageScanCompletedAt"] = max((each.updated_at for each in found), default=image.pushed_at)
    else:
        scan = _scan(image, _book(context))
        findings["findings"] = [_basic(each) for each in page]
        findings["imageScanCompletedAt"] = (scan.at if scan else image.pushed_at) + SCAN_TAKES
    return {**answer, "imageScanFindings": findings, **token}


def _status(image: Image, context: Context) -> str:
    book = _book(context)
    if scans_enhanced(context.account, context.region):
        is_enabled = account_status(context.account, context.region, context.account)["ECR"] == "ENABLED"
        if not is_enabled:
            return "FINDINGS_UNAVAILABLE"
        ended = book.outcomes.get(image.repository, "ACTIVE")
        return "PENDING" if context.now < image.pushed_at + SCAN_TAKES else ended
    scan = _scan(image, book)
    if scan is None:
        raise ApiError(
            "ScanNotFoundException",
            f"Image scan does not exist for the image with '{{imageDigest:'{image.digest}'}}' in the repository with "
            f"name '{image.repository}' in the registry with id '{image.registry}'",
        )
    return scan.status(context.now)


def _scan(image: Image, book: FindingBook) -> Scan | None:
    """The last scan of an image, which a push may have begun."""
    started = book.scans.get(image.arn)
    if started is None and image.scans_on_push:
        return Scan(image.pushed_at, book.outcomes.get(image.repository, "COMPLETE"))
    return started


def _image(params: Params, context: Context) -> Image:
    registry = params.get("registryId", context.account)
    return find_image(registry, context.region, params["repositoryName"], params["imageId"])


def _book(context: Context) -> FindingBook:
    return context.world.store(FindingBook, context.account, context.region)


def _whose(image: Image, params: Params) -> dict[str, Any]:
    image_id = {"imageDigest": image.digest}
    if "imageTag" in params["imageId"]:
        image_id["imageTag"] = params["imageId"]["imageTag"]
    return {"registryId": image.registry, "repositoryName": image.repository, "imageId": image_id}


def _severity(finding: Finding, status: str) -> str:
    """What Inspector calls untriaged, ECR's own scans call undefined."""
    return "UNDEFINED" if finding.severity == "UNTRIAGED" and status == "COMPLETE" else finding.severity


def _basic(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.vulnerability,
        "description": finding.title,
        "uri": f"https://nvd.nist.gov/vuln/detail/{finding.vulnerability}",
        "severity": _severity(finding, "COMPLETE"),
        "attributes": [
            {"key": "package_name", "value": finding.package},
            {"key": "package_version", "value": finding.version},
        ],
    }


def _enhanced(finding: Finding, region: str) -> dict[str, Any]:
    found = told_by_inspector(finding, region)
    details = dict(found["packageVulnerabilityDetails"])
    details["vulnerablePackages"] = [dict(each) for each in details["vulnerablePackages"]]
    resources = [
        {**{name: each[name] for name in ("type", "id", "tags")}, "details": each["details"]}
        for each in found["resources"]
    ]
    kept = {name: value for name, value in found.items() if name not in _LEFT_OUT}
    return {**kept, "score": finding.score, "packageVulnerabilityDetails": details, "resources": resources}


def _page(found: Sequence[Finding], params: Params) -> tuple[Sequence[Finding], dict[str, str]]:
    token = str(params.get("nextToken") or "0")
    if not token.isdigit():
        raise ApiError("InvalidParameterException", "The nextToken is not valid")
    following = int(token) + int(params.get("maxResults") or MOST_RESULTS)
    return found[int(token) : following], ({"nextToken": str(following)} if following < len(found) else {})
