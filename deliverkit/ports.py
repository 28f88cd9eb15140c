"""Ports: what the engine needs from the outside world, in our own types, only the calls we use.

Adapters implement them against AWS, Jenkins, git and the file system; `deliverkit.testing` ships in-memory ones. Each
adapter translates its vendor's errors by code: `UnreachableError` for what may pass, `NotFoundError` and
`ConflictError` for what will not, `UsageError` for what the user must change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # every adapter imports this module, and needs few of these
    from deliverkit.attestation_ports import Measurements
    from deliverkit.domain.carriage import DeploymentReport, GroupFacts, Target
    from deliverkit.domain.environment import Strategy
    from deliverkit.domain.ledger import Draft, Event
    from deliverkit.domain.pipeline import ActionReport, ExecutionReport, StageDeclaration, WaitingExecution
    from deliverkit.domain.release import BundleFormat, BundleRevision, KeptParts, Release


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        ...

    def sleep_until(self, moment: datetime) -> None:
        """Return at the moment, or at once when it has passed."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who acts.

    Attributes:
        arn: As STS GetCallerIdentity gives it.
        account: Twelve-digit account id.
        groups: IAM groups of a user; the role's name for an assumed role.
    """

    arn: str
    account: str
    groups: tuple[str, ...] = ()


class IdentityProvider(Protocol):
    """Tells who acts."""

    def whoami(self) -> Identity:
        """The calling identity.

        Raises:
            UnreachableError: Without credentials, or when STS does not answer.
        """
        ...


class Ledger(Protocol):
    """Append-only streams of events."""

    def append(self, stream: str, after: Event | None, draft: Draft, *, actor: str, at: datetime) -> Event:
        """Record the event that follows `after`.

        Raises:
            ConflictError: If the stream already has an event there; read on and decide again.
        """
        ...

    def read(self, stream: str, after: int = 0) -> tuple[Event, ...]:
        """All events with a sequence above `after`, in order; empty for an unknown stream."""
        ...

    def streams(self, prefix: str) -> tuple[str, ...]:
        """Names of the streams that begin with the prefix, sorted."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """A fenced lock.

    Attributes:
        name: What is locked (`environments/production`), `holder`: by whom; empty when it is free.
        token: Grows with every change of holder; a holder with an older token has been fenced off.
        expires_at: When others may take it; None for never.
        reason: Why it is held, `acquired_at`: since when.
    """

    name: str
    holder: str
    token: int
    expires_at: datetime | None
    reason: str
    acquired_at: datetime


class LockService(Protocol):
    """Leases in the same store as the ledger."""

    def acquire(self, name: str, *, holder: str, ttl: timedelta | None, now: datetime, reason: str) -> Lease:
        """Take a free or expired lease, or take one again that this holder has.

        Raises:
            LockedError: While another holder has it; the message names holder, reason and since when.
        """
        ...

    def renew(self, lease: Lease, *, ttl: timedelta, now: datetime) -> Lease:
        """The same lease with a later expiry.

        Raises:
            FencedError: If somebody else has taken it since.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give it back; harmless when it is no longer ours."""
        ...

    def show(self, name: str) -> Lease | None:
        """Who holds it; None when nobody does."""
        ...


@dataclass(frozen=True, slots=True)
class PreparedBundle:
    """A bundle whose bytes are fixed already, although nobody has made them yet.

    Attributes:
        manifest_digest: `sha256:` and 64 hexadecimal digits over the manifest's canonical document. It names every file
            by content, the archive's type and the codec, so that this digest names the bundle's bytes.
        manifest_size: The document's bytes, some 200 for each file.
        manifest_pieces: Makes the document, piece by piece, the same one each time it is called.
        format: Archive type.
        size_limit: Bytes that the bundle will not exceed; the same for the same manifest.
        chunks: Makes the bytes, the same ones each time it is called; raises what packing raises.
    """

    manifest_digest: str
    manifest_size: int
    manifest_pieces: Callable[[], Iterator[bytes]]
    format: BundleFormat
    size_limit: int
    chunks: Callable[[], Iterator[bytes]]

    @property
    def manifest(self) -> bytes:
        """The manifest's canonical document, whole."""
        return b"".join(self.manifest_pieces())


@dataclass(frozen=True, slots=True)
class Upload:
    """What became of a bundle's upload.

    Attributes:
        revision: Where the bundle lies.
        digest: `sha256:` and 64 hexadecimal digits over the bundle's bytes.
        size: The bundle's bytes.
        was_sent: False when the same bytes were already there.
        kept: What an earlier upload had sent; None when this one went on with none.
    """

    revision: BundleRevision
    digest: str
    size: int
    was_sent: bool
    kept: KeptParts | None = None


UploadListener = Callable[[int, int], None]
"""Hears, now and then, from the uploading thread: bytes of a bundle that are done with, and those there are at most."""


class ReleaseStore(Protocol):
    """Bundles by the digest of their manifest, releases by version."""

    def upload(
        self, bundle: PreparedBundle, *, listener: UploadListener | None = None, measured: Measurements | None = None
    ) -> Upload:
        """Make a bundle and store it under its manifest's digest, unless it is there already.

        With `measured` nothing counts that the store says of itself, as it must not where the digest is signed: what
        lies there is held against what was measured here, or against the bytes, which are made once more.

        Raises:
            IntegrityError: If what lies there is not what its name says.
            UsageError: If the bucket is missing or not versioned.
            DeliverkitError: If the bundle cannot be made (a file changed meanwhile); nothing was stored.
        """
        ...

    def manifest(self, digest: str) -> bytes:
        """The manifest's document with that digest (`sha256:...`), as it was uploaded with its bundle.

        Raises:
            NotFoundError: If there is none.
            IntegrityError: If what lies there has another digest.
        """
        ...

    def exists(self, revision: BundleRevision) -> bool:
        """True when that very object version can still be read."""
        ...

    def record(self, release: Release) -> Release:
        """Record a release; recording the same version and digest again gives the recorded one.

        Raises:
            ConflictError: If the version already names another digest.
        """
        ...

    def get(self, version: str) -> Release:
        """The release of a version.

        Raises:
            NotFoundError: If there is none; the message names the nearest versions.
        """
        ...

    def list(self) -> tuple[Release, ...]:
        """All releases, the newest first."""
        ...

    def newest(self) -> Iterator[Release]:
        """The same, one after the other: whoever stops early has had no more read than it takes to know the order."""
        ...


class Deployer(Protocol):
    """CodeDeploy in one region."""

    def group_facts(self, application: str, group: str) -> GroupFacts:
        """What the group says about itself.

        Raises:
            NotFoundError: If the application or group does not exist.
        """
        ...

    def targets(self, application: str, group: str) -> tuple[Target, ...]:
        """The running instances that belong to the group now, with their addresses."""
        ...

    def create(
        self,
        application: str,
        group: str,
        revision: BundleRevision,
        *,
        strategy: Strategy,
        marker: str,
        ignore_stop_failures: bool = False,
    ) -> str:
        """Begin a deployment and give its id. The marker becomes its description, by which `find` knows it again.

        Raises:
            ConflictError: If the group has a live deployment.
            UsageError: If CodeDeploy refuses the request.
        """
        ...

    def find(self, application: str, group: str, marker: str) -> str | None:
        """Id of the deployment with that marker."""
        ...

    def observe(self, deployment_id: str) -> DeploymentReport:
        """The deployment now, with its failed targets' last words."""
        ...

    def rollback_of(self, deployment_id: str) -> str | None:
        """Id of the rollback that CodeDeploy itself began for the deployment."""
        ...

    def stop(self, deployment_id: str) -> None:
        """Ask CodeDeploy to schedule no more events, without a rollback of its own; harmless when it has ended."""
        ...


class PipelineService(Protocol):
    """CodePipeline in one region."""

    def stages(self, pipeline: str) -> tuple[StageDeclaration, ...]:
        """The pipeline's definition.

        Raises:
            NotFoundError: If there is no such pipeline.
        """
        ...

    def start(self, pipeline: str, *, source_action: str, revision: BundleRevision, token: str) -> str:
        """Start an execution with one exact object version; the same token gives the same execution.

        Raises:
            UsageError: If CodePipeline refuses the revision.
            ConflictError: If the pipeline is busy or at its limit.
        """
        ...

    def find(self, pipeline: str, *, revision: BundleRevision, since: datetime) -> str | None:
        """Id of the newest execution of that object version started since the moment."""
        ...

    def observe(self, pipeline: str, execution_id: str) -> ExecutionReport:
        """The execution now.

        Raises:
            NotFoundError: If the pipeline has no such execution.
        """
        ...

    def waiting(self, pipeline: str) -> tuple[WaitingExecution, ...]:
        """Every execution that waits for an approval, or in front of a stage that another one holds."""
        ...

    def answer(self, pipeline: str, report: ActionReport, *, is_approved: bool, reason: str) -> None:
        """Answer an open approval; harmless when it was answered the same way before.

        Raises:
            ConflictError: If the token expired or the approval was decided otherwise.
        """
        ...

    def stop(self, pipeline: str, execution_id: str, *, reason: str) -> None:
        """Stop the execution, abandoning what runs; harmless when it has ended."""
        ...

    def find_rollback(self, pipeline: str, *, target_execution: str, since: datetime) -> str | None:
        """Id of the newest rollback execution to that target started since the moment, whoever began it."""
        ...

    def roll_back(self, pipeline: str, stage: str, *, target_execution: str) -> str:
        """Begin CodePipeline's stage rollback and give the new execution's id.

        Raises:
            ConflictError: If CodePipeline cannot roll the stage back to that execution.
        """
        ...


class Drivers(Protocol):
    """Knows the processes that drive promotions."""

    def me(self) -> str:
        """This process, as lease holder: host, process id and start, so that nobody else is ever mistaken for it."""
        ...

    def is_known_dead(self, holder: str) -> bool:
        """True when the holder was a process of this machine that does not run any more."""
        ...


class TextSource(Protocol):
    """Asks an URL."""

    def fetch(self, url: str, *, timeout: timedelta) -> str:
        """The first 64 KiB of a 2xx answer's body.

        Raises:
            UnreachableError: If there is no such answer.
        """
        ...
