"""What a deliverkit.yml says, as frozen values; every path in it is absolute or relative to the working directory.

They are Structs because every command makes these classes anew, and dataclasses take ten times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec

from deliverkit.domain.environment import Environment
from deliverkit.domain.gate import Gate
from deliverkit.domain.linting import LintPolicy
from deliverkit.domain.release import BundleFormat, Compression
from deliverkit.domain.release_rules import KeepRules, ReplicaPlace, TicketRules
from deliverkit.domain.trust import SourcePolicy
from deliverkit.yaml_tree import Place


class VersionSource(msgspec.Struct, frozen=True):
    """Where a release's version comes from.

    Attributes:
        kind: `git` (git describe), `file` (its first line), `env` (an environment variable) or `literal`.
        value: Path as written, variable name or text; empty for `git`.
    """

    kind: str = "git"
    value: str = ""


@dataclass(frozen=True, slots=True)
class BundleSettings:
    """What is packed.

    Attributes:
        path: The build directory.
        format: Archive type.
        appspec: The appspec when it is kept outside the build directory; None when it lies at its root.
        compression: What compressing aims at.
        keeps_links: Whether symbolic links are packed as links, or refused.
        allow: Names, paths or patterns of files to pack although they look like secrets.
        allow_places: Where each of them was written, with the file.
        has_format: Whether the archive type was written, and not left to the default.
    """

    path: Path
    format: BundleFormat
    appspec: Path | None
    compression: Compression = Compression.FAST
    keeps_links: bool = True
    allow: tuple[str, ...] = ()
    # How the file is written, and not what it says.
    allow_places: Mapping[str, Place] = field(default_factory=dict, compare=False)
    has_format: bool = field(default=False, compare=False)


class S3Location(msgspec.Struct, frozen=True):
    """A folder of a bucket; the prefix has no slash at its ends and may be empty."""

    bucket: str
    prefix: str


class RepositoryLocation(msgspec.Struct, frozen=True):
    """A repository where people look at commits.

    Attributes:
        scheme: `github` or `codecommit`.
        name: `OWNER/NAME` on GitHub; the repository's name in CodeCommit.
    """

    scheme: str
    name: str


class KeyLocation(msgspec.Struct, frozen=True):
    """Where a key is.

    Attributes:
        text: As written: `kms://...` or `file:...`.
        path: Of a file; None for KMS.
    """

    text: str
    path: Path | None = None


class TrustSettings(msgspec.Struct, frozen=True):
    """What a release must prove: which keys may have signed it, and which sources it may come from."""

    keys: tuple[KeyLocation, ...]
    source: SourcePolicy


class EncryptionSettings(msgspec.Struct, frozen=True):
    """How S3 encrypts what is stored.

    Attributes:
        algorithm: As S3 writes it: `aws:kms`, `aws:kms:dsse` or `AES256`.
        key: KMS key id, ARN or alias; empty for the account's own key for S3.
    """

    algorithm: str = "aws:kms"
    key: str = ""


class RetentionSettings(msgspec.Struct, frozen=True):
    """For how long S3 refuses to remove a bundle (Object Lock).

    Attributes:
        mode: `governance` or `compliance`; empty for no lock.
        duration: From the moment it is stored.
    """

    mode: str = ""
    duration: timedelta = timedelta(0)


class ReleaseSettings(msgspec.Struct, frozen=True):
    """How a build becomes a release, and where releases are kept.

    Attributes:
        version: Where the version comes from.
        bundle: What is packed.
        store: Where releases are kept.
        build: Shell command that makes the build out of a clean checkout; empty for none.
        sign: The key that signs; None for unsigned releases.
        trust: What must be proved before a promotion; None for nothing.
        encryption: How they are encrypted.
        bucket_owner: Account id that the bucket must belong to; empty for any.
        retention: Object Lock of bundles.
        tags: Tags of bundles.
        lint: What the lint of the appspec is told.
        replicas: Where copies are kept, by region.
        keep: What pruning leaves although nothing needs it; None when nothing is to be pruned.
        tickets: How commits name tickets.
        commit_status: Whose commits are told how they fare; None for nobody's.
    """

    version: VersionSource
    bundle: BundleSettings
    store: S3Location
    build: str = ""
    sign: KeyLocation | None = None
    trust: TrustSettings | None = None
    encryption: EncryptionSettings = EncryptionSettings()
    bucket_owner: str = ""
    retention: RetentionSettings = RetentionSettings()
    tags: Mapping[str, str] = msgspec.field(default_factory=dict)
    lint: LintPolicy = msgspec.field(default_factory=LintPolicy)
    replicas: Mapping[str, ReplicaPlace] = msgspec.field(default_factory=dict)
    keep: KeepRules | None = None
    tickets: TicketRules = msgspec.field(default_factory=TicketRules)
    commit_status: RepositoryLocation | None = None


class PipelineSettings(msgspec.Struct, frozen=True):
    """The CodePipeline pipeline that carries releases.

    Attributes:
        name: Its name.
        file: Holds its declaration; None when that is not kept here.
        secrets: Keys of custom actions' configuration that are shown to nobody.
    """

    name: str
    file: Path | None
    secrets: tuple[str, ...] = ()


class JenkinsSettings(msgspec.Struct, frozen=True):
    """Which Jenkins; user and token come from the environment and are never written down.

    Attributes:
        url: The controller's address with a slash at its end; empty where JENKINS_URL has to tell.
    """

    url: str = ""


class LedgerLocation(msgspec.Struct, frozen=True):
    """Where the ledger is kept.

    Attributes:
        scheme: `s3` or `sqlite`.
        bucket: For `s3`.
        prefix: For `s3`, without slashes at its ends.
        path: For `sqlite`.
    """

    scheme: str
    bucket: str = ""
    prefix: str = ""
    path: Path = Path()


class Settings(msgspec.Struct, frozen=True):
    """A whole deliverkit.yml.

    Attributes:
        path: The file itself.
        application: Name of the application.
        release: How releases are made.
        pipeline: What carries them; None when promotions drive CodeDeploy directly.
        gates: By name.
        environments: In the order of the file. Waves are empty where the file names no region: then the region in use
            holds.
        ledger: Where everything that happens is recorded.
        jenkins: Which Jenkins is asked.
    """

    path: Path
    application: str
    release: ReleaseSettings
    pipeline: PipelineSettings | None
    gates: Mapping[str, Gate]
    environments: tuple[Environment, ...]
    ledger: LedgerLocation
    jenkins: JenkinsSettings = JenkinsSettings()
