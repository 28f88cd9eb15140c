"""What ECR says of an image's scan, basic or enhanced (ECR API reference, DescribeImageScanFindings)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.adapters.aws.vulnerability_list import Listed, of_finding

_SCANNED = frozenset({"COMPLETE", "ACTIVE"})
_PENDING = frozenset({"IN_PROGRESS", "PENDING"})


def look(listed: Listed, aws: Aws, region: str, image: Mapping[str, str]) -> None:
    """Add what the scan of an image found.

    Args:
        listed: What scans found so far.
        aws: The session.
        region: Of the repository.
        image: `repository`, and `digest` or `tag`.

    Raises:
        NotFoundError: If there is no such image, or it was never scanned.
        UnreachableError: If ECR does not answer or denies the request.
    """
    what, status = f"{named(image)} ({region})", {}
    wanted = {"imageDigest": image["digest"]} if image.get("digest") else {"imageTag": image["tag"]}
    pages = aws.client("ecr", region).get_paginator("describe_image_scan_findings")
    with translated(f"reading the scan of image {named(image)} in {region}"):
        for page in pages.paginate(repositoryName=image["repository"], imageId=wanted):
            status = page.get("imageScanStatus", {})
            found = page.get("imageScanFindings", {})
            for each in (*map(_basic, found.get("findings", [])), *_enhanced(found.get("enhancedFindings", []))):
                listed.add(each, what)
    _tell_status(listed, what, status)


def named(image: Mapping[str, str]) -> str:
    """REPOSITORY:TAG or REPOSITORY@DIGEST."""
    return (
        f"{image['repository']}@{image['digest']}" if image.get("digest") else f"{image['repository']}:{image['tag']}"
    )


def _tell_status(listed: Listed, what: str, status: Mapping[str, Any]) -> None:
    state, why = str(status.get("status", "no status")), str(status.get("description") or "")
    if state in _SCANNED:
        listed.scanned += 1
    elif state in _PENDING:
        listed.pending.append({"what": what, "why": state})
    else:
        listed.uncovered.append({"what": what, "why": f"{state}: {why}" if why else state})


def _basic(finding: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = {each["key"]: str(each.get("value", "")) for each in finding.get("attributes", [])}
    package = " ".join(filter(None, (attributes.get("package_name"), attributes.get("package_version"))))
    # A basic scan does not tell whether there is a fix.
    return {"id": str(finding["name"]), "severity": str(finding["severity"]), "fix": None, "package": package}


def _enhanced(findings: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (of_finding(each) for each in findings if each.get("status", "ACTIVE") == "ACTIVE")
