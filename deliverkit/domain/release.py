"""A release: a version, the digest of its bundle, where the bundle lies in S3 and which source it was built from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from deliverkit.errors import ConflictError


class BundleFormat(StrEnum):
    """The archive types that CodeDeploy takes (CodeDeploy API reference, S3Location.bundleType)."""

    ZIP = "zip"
    TAR = "tar"
    TGZ = "tgz"


class Compression(StrEnum):
    """What compressing aims at: little time, or few bytes."""

    FAST = "fast"
    SMALL = "small"


@dataclass(frozen=True, slots=True)
class SourceRevision:
    """The commit that a bundle was built from.

    Attributes:
        commit: Full lower-case hexadecimal commit id.
        tag: The tag that names the commit, if any.
        branch: The checked-out branch; None for a detached head.
        is_dirty: True when tracked files differed from the commit, or untracked ones lay beside them.
    """

    commit: str
    tag: str | None = None
    branch: str | None = None
    is_dirty: bool = False


@dataclass(frozen=True, slots=True)
class BundleRevision:
    """One immutable S3 object version, as CodeDeploy's S3Location and CodePipeline's source override name it.

    Attributes:
        bucket: Bucket name.
        key: Object key; it contains the digest of the bundle's manifest.
        version_id: S3 version id of the object.
        e_tag: Entity tag without the surrounding quotes.
        format: Archive type.
    """

    bucket: str
    key: str
    version_id: str
    e_tag: str
    format: BundleFormat = BundleFormat.ZIP

    @property
    def uri(self) -> str:
        """The revision as people write it: `s3://bucket/key?versionId=...`."""
        return f"s3://{self.bucket}/{self.key}?versionId={self.version_id}"


@dataclass(frozen=True, slots=True)
class Release:
    """What is promoted: built once, tied to no environment, named by version and proven by digest.

    Attributes:
        application: Name of the application.
        version: Human name, unique within the application.
        digest: `sha256:` and 64 hexadecimal digits, over the bundle's bytes.
        size: Size of the bundle in bytes.
        bundle: Where the bundle lies.
        source: The source revision; None when the build was not in a git repository.
        created_at: When it was packaged, UTC.
        created_by: Who packaged it (AWS identity ARN).
        manifest: `sha256:` and 64 hexadecimal digits over the manifest, which names every file in the bundle.
        provenance: `sha256:` and 64 hexadecimal digits over the envelope with the provenance; empty when there is none.
        sbom: The same over the bill of materials.
    """

    application: str
    version: str
    digest: str
    size: int
    bundle: BundleRevision
    created_at: datetime
    created_by: str
    source: SourceRevision | None = None
    manifest: str = ""
    provenance: str = ""
    sbom: str = ""

    @property
    def short_digest(self) -> str:
        """The first twelve hexadecimal digits, enough to tell releases apart on a screen."""
        return self.digest.removeprefix("sha256:")[:12]


def name_taken(present: Release, build: str) -> ConflictError:
    """The refusal for a version that names another bundle; `build` says what this one is."""
    since = f"{present.created_at:%Y-%m-%d %H:%M} UTC by {present.created_by}"
    return ConflictError(
        f"version {present.version} already names {present.short_digest}, packaged {since}; this build is {build}",
        hint="commit or tag the build, so that it gets a version of its own; a recorded release never changes",
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """What a bundle's bytes gave when they were made here.

    Attributes:
        digest: `sha256:` and 64 hexadecimal digits over them.
        size: Bytes.
        checksum: What the store computes over them when they are sent, as it writes it.
    """

    digest: str
    size: int
    checksum: str


@dataclass(frozen=True, slots=True)
class KeptParts:
    """What an upload found of an earlier one that was broken off, and did not send again.

    Attributes:
        parts: How many parts.
        size: Their bytes.
        total: How many parts the bundle has.
    """

    parts: int
    size: int
    total: int
