"""A copy of a bundle in another region, and how it was proven to be the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from deliverkit.domain.release import BundleRevision


class Proof(StrEnum):
    """What says that a copy holds the release's bytes."""

    DIGEST = "digest"
    """S3's own SHA-256 over the whole copy is the release's digest."""
    CHECKSUM = "checksum"
    """S3's checksum over the copy's parts is the one over the original's, which was proven when it was stored."""
    CONTENT = "content"
    """The copy was read, and its bytes have the release's digest."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One proven copy.

    Attributes:
        region: Region of its bucket.
        bundle: The copy's own object version.
        digest: The release's digest, which the copy was proven to have.
        proof: How.
        proven_at: When, UTC.
        proven_by: Who (AWS identity ARN).
    """

    region: str
    bundle: BundleRevision
    digest: str
    proof: Proof
    proven_at: datetime
    proven_by: str
