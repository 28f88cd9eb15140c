"""What is stated about a release when it is made: a bill of materials, and provenance that a key signs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.attestation_ports import AttachmentKind, Attestations, Signer
from deliverkit.domain.build_claims import build_claims, claim, web_address
from deliverkit.domain.release import SourceRevision
from deliverkit.domain.trust import Origin, Provenance
from deliverkit.errors import ConflictError, IntegrityError
from deliverkit.ports import Clock

if TYPE_CHECKING:
    from deliverkit.domain.release import Release
    from deliverkit.packaging.contents import Contents
    from deliverkit.packaging.sbom import Sbom

_TRIAL = b"deliverkit looks whether this key signs"
"""Signed and thrown away. It is no statement: those are signed with the prefix that DSSE gives them."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The bundle that is stated about.

    Attributes:
        version: The release's version.
        tree: The build directory.
        contents: What lies in the bundle.
        manifest: `sha256:...` of its manifest.
        bundle: `sha256:...` of the bundle.
        started_at: When packaging began.
        source: The source revision; None outside git.
        packaged_by: AWS identity ARN that stores it.
    """

    version: str
    tree: Path
    contents: Contents
    manifest: str
    bundle: str
    started_at: datetime
    source: SourceRevision | None
    packaged_by: str = ""


@dataclass(frozen=True, slots=True)
class Attested:
    """What was kept beside the bundle.

    Attributes:
        provenance: `sha256:...` of the envelope.
        sbom: `sha256:...` of the bill of materials.
        warnings: What the bill of materials could not look into.
    """

    provenance: str
    sbom: str
    warnings: tuple[str, ...]


class Attestor:
    """Makes the statements about a release and keeps them beside its bundle."""

    def __init__(
        self,
        application: str,
        store: Attestations,
        *,
        signer: Signer | None,
        clock: Clock,
        builder_version: str,
        folder: Path,
        repository: Callable[[Path], str],
        environ: Mapping[str, str],
    ) -> None:
        """Take what statements are made of.

        Args:
            application: Name of the application.
            store: Where statements are kept.
            signer: Signs them; None to leave them unsigned.
            clock: Tells when packaging ended.
            builder_version: Version of deliverkit.
            folder: The configuration's folder; the build directory is told relative to it.
            repository: Gives the address of a directory's repository, without credentials; empty for none.
            environ: Jenkins's variables.
        """
        self._application = application
        self._store = store
        self._signer = signer
        self._clock = clock
        self._builder_version = builder_version
        self._folder = folder
        self._repository = repository
        self._environ = environ

    @property
    def signs(self) -> bool:
        """Whether a key says that what is stated is true: then nothing may be stated that was not seen here."""
        return self._signer is not None

    def check(self) -> None:
        """See that the key signs, before anything is packed or stored: reading a key does not tell that one may use it.

        Raises:
            UsageError: If there is no such key, or it cannot sign.
            ConflictError: If it is disabled.
            UnreachableError: If whoever keeps it does not answer or denies it.
        """
        if self._signer is not None:
            from deliverkit.packaging.signing import key_id_of  # noqa: PLC0415  (only what signs pays for it)

            key_id_of(self._signer.public_key(), name=self._signer.name)
            self._signer.sign(_TRIAL)

    def attest(self, subject: Subject) -> Attested:
        """Make the statements and keep them; repeated after a crash, new ones lie beside the old.

        Raises:
            UnreachableError: If the store or the key's keeper does not answer or denies the request.
            DeliverkitError: If a file of the build changed meanwhile.
        """
        from deliverkit.packaging.signing import seal  # noqa: PLC0415

        sbom, digest = self._sbom(subject)
        envelope = seal(self._statement(subject, digest), self._signer)
        kept = self._store.attach(subject.bundle, AttachmentKind.SBOM, sbom.content)
        provenance = self._store.attach(subject.bundle, AttachmentKind.PROVENANCE, envelope)
        return Attested(provenance, kept, tuple(f"the SBOM is incomplete: {gap}" for gap in sbom.gaps))

    def supplement(self, release: Release, subject_of: Callable[[], Subject]) -> str:
        """Sign what is on record already, if our key has not: by a statement that is added, for records never change.

        What was built now has to be all that is on record, so that nothing is signed which this build does not show.

        Returns:
            `sha256:...` of the added envelope; empty when there is nothing to add.

        Raises:
            ConflictError: If what is on record was built from something else, or by other means.
            UnreachableError: If the store or the key's keeper does not answer or denies the request.
        """
        if self._signer is None or self._has_signed(release, self._signer):
            return ""
        from deliverkit.packaging.provenance import read_statement  # noqa: PLC0415
        from deliverkit.packaging.signing import seal  # noqa: PLC0415
        from deliverkit.trusting.proving import mismatches  # noqa: PLC0415

        subject = subject_of()
        statement = self._statement(subject, self._sbom(subject)[1])
        faults = [each.replace("its signed", "its") for each in mismatches(read_statement(statement), release)]
        if faults:
            raise ConflictError(
                f"{release.version} is on record without a signature of {self._signer.name}, and this build cannot be "
                f"signed for it: {'; '.join(faults)}",
                hint="package under a new version",
            )
        added = self._store.attach(subject.bundle, AttachmentKind.PROVENANCE, seal(statement, self._signer))
        self._store.supplement(release.version, added)
        return added

    def _has_signed(self, release: Release, signer: Signer) -> bool:
        from deliverkit.trusting.proving import KeyRing, prove  # noqa: PLC0415

        if not release.provenance:
            return False
        try:
            prove(release, KeyRing([signer]), self._store)
        except IntegrityError:
            return False
        return True

    def _sbom(self, subject: Subject) -> tuple[Sbom, str]:
        from deliverkit.packaging.sbom import make_sbom  # noqa: PLC0415

        sbom = make_sbom(
            subject.contents,
            manifest=subject.manifest,
            application=self._application,
            version=subject.version,
            tool_version=self._builder_version,
        )
        return sbom, f"sha256:{hashlib.sha256(sbom.content).hexdigest()}"

    def _statement(self, subject: Subject, sbom: str) -> bytes:
        from deliverkit.packaging.provenance import make_statement  # noqa: PLC0415

        return make_statement(self._provenance(subject, sbom))

    def _provenance(self, subject: Subject, sbom: str) -> Provenance:
        from deliverkit.packaging.provenance import OWN_BUILDER  # noqa: PLC0415

        return Provenance(
            application=self._application,
            version=subject.version,
            bundle=subject.bundle,
            format=subject.contents.format.value,
            path=self._relative(subject.tree),
            manifest=subject.manifest,
            sbom=sbom,
            builder=web_address(self._environ.get("JENKINS_URL", "")) or OWN_BUILDER,
            builder_version=self._builder_version,
            invocation=web_address(self._environ.get("BUILD_URL", "")),
            build=claim(self._environ.get("BUILD_TAG", "")),
            started_at=subject.started_at,
            finished_at=self._clock.now(),
            origin=self._origin(subject),
            claims=build_claims(self._environ, packaged_by=subject.packaged_by),
        )

    def _relative(self, tree: Path) -> str:
        tree, folder = tree.resolve(), self._folder.resolve()
        # An absolute path would tell of this machine, and of nothing that anybody else could use.
        return tree.relative_to(folder).as_posix() if tree.is_relative_to(folder) else tree.name

    def _origin(self, subject: Subject) -> Origin | None:
        source = subject.source
        if source is None:
            return None
        return Origin(
            repository=self._repository(subject.tree),
            commit=source.commit,
            branch=source.branch or self._branch_of_jenkins(),
            tag=source.tag or "",
            is_dirty=source.is_dirty,
        )

    def _branch_of_jenkins(self) -> str:
        """Jenkins checks out commits, not branches: BRANCH_NAME tells the branch, or GIT_BRANCH its remote's."""
        named = self._environ.get("BRANCH_NAME") or self._environ.get("GIT_BRANCH", "").removeprefix("origin/")
        # git-check-ref-format(1) allows no control characters in branches: what holds some names none.
        return named if claim(named) == named else ""
