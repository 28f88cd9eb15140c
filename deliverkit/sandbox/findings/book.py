"""The findings and the scans of an account and region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

SCAN_TAKES = timedelta(seconds=2)
"""How long a scan of an image is under way; AWS does not say."""
ONE_DAY = timedelta(hours=24)
SEVERITIES = ("UNTRIAGED", "INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")
"""From the least to the gravest."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that is scanned.

    Attributes:
        kind: `AWS_EC2_INSTANCE`, `AWS_ECR_CONTAINER_IMAGE`, `AWS_LAMBDA_FUNCTION`.
        id: The id of an instance, the ARN of anything else.
        tags: Its tags.
        details: As Inspector tells them, by the name of the kind's member.
    """

    kind: str
    id: str
    tags: Mapping[str, str]
    details: Mapping[str, Any]


@dataclass
class Finding:
    """One vulnerability of one resource.

    Attributes:
        arn: Its ARN.
        account: Account of the resource.
        resource: What has it.
        vulnerability: `CVE-2026-0001`.
        severity: One of `SEVERITIES`.
        title: A line about it.
        package: Name of the package.
        version: Its version.
        fixed_in: The version that mends it; empty when there is none.
        score: From 0 to 10.
        exploit: `YES` or `NO`: whether an exploit is known.
        observed_at: When it was found first.
        updated_at: When it changed last.
        status: `ACTIVE`, `SUPPRESSED` or `CLOSED`.
    """

    arn: str
    account: str
    resource: Resource
    vulnerability: str
    severity: str
    title: str
    package: str
    version: str
    fixed_in: str
    score: float
    exploit: str
    observed_at: datetime
    updated_at: datetime
    status: str = "ACTIVE"

    @property
    def fix(self) -> str:
        """`YES` or `NO`: whether an update mends it."""
        return "YES" if self.fixed_in else "NO"


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan of an image by ECR.

    Attributes:
        at: When it began.
        outcome: The status in which it ends.
    """

    at: datetime
    outcome: str = "COMPLETE"

    def status(self, now: datetime) -> str:
        """How far it is."""
        return "IN_PROGRESS" if now < self.at + SCAN_TAKES else self.outcome


@dataclass
class FindingBook:
    """What was found.

    Attributes:
        findings: In the order in which they were put in.
        scans: The last scan of each image, by its ARN.
        outcomes: How scans of a repository's images end, other than `COMPLETE`.
    """

    findings: list[Finding] = field(default_factory=list)
    scans: dict[str, Scan] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
