"""Ports of trust: keys, where statements about bundles are kept, and who says whether a release may be deployed.

They are to `ports` what a second page is to the first: the same rules hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

from deliverkit.domain.release import BundleRevision, Measured, Release
from deliverkit.domain.trust import Evidence


class Measurements(Protocol):
    """What this machine measured of bundles that it made itself, from one packaging to the next.

    A signed statement names what was made here; what a store says of itself is worth as much as who may write there.
    """

    def measured(self, manifest: str) -> Measured | None:
        """What the bundle of a manifest's digest gave; None when it is not remembered."""
        ...

    def keep_measured(self, manifest: str, found: Measured) -> None:
        """Remember it."""
        ...


class PublicKey(Protocol):
    """A key that signatures are verified with."""

    @property
    def name(self) -> str:
        """Where it is, as the configuration writes it."""
        ...

    def public_key(self) -> str:
        """The public key in PEM.

        Raises:
            UsageError: If there is no such key, or it is none for signatures.
            ConflictError: If it is disabled or about to be deleted.
            UnreachableError: If whoever keeps it does not answer or denies it.
        """
        ...


class Signer(PublicKey, Protocol):
    """A private key, wherever it is kept."""

    def sign(self, message: bytes) -> bytes:
        """The signature over a message, in the scheme that goes with the key.

        Raises:
            UsageError: If there is no such key, it is none for signatures, or its passphrase is wrong.
            ConflictError: If it is disabled or about to be deleted.
            UnreachableError: If whoever keeps it does not answer or denies it.
        """
        ...


class AttachmentKind(StrEnum):
    """What is kept beside a bundle, with the ending of its name."""

    PROVENANCE = "provenance.dsse.json"
    SBOM = "sbom.cdx.json"


class Attestations(Protocol):
    """What is said about bundles, kept beside them and never replaced."""

    def attach(self, bundle: str, kind: AttachmentKind, content: bytes) -> str:
        """Keep a document about a bundle and give its digest; the same document again is kept once.

        Args:
            bundle: `sha256:...` of the bundle.
            kind: What it is.
            content: The document.

        Raises:
            UsageError: If there is no such place.
            UnreachableError: If it does not answer or denies the request.
        """
        ...

    def attachment(self, bundle: str, kind: AttachmentKind, digest: str) -> bytes:
        """The document with that digest.

        Raises:
            NotFoundError: If there is none.
            IntegrityError: If what lies there has another digest.
            UnreachableError: If the place does not answer or denies the request.
        """
        ...

    def supplement(self, version: str, digest: str) -> None:
        """Note that an attached statement was added to a release after it was recorded; once, however often.

        Args:
            version: The release.
            digest: `sha256:...` of the attached envelope.

        Raises:
            UnreachableError: If the place does not answer or denies the request.
        """
        ...

    def supplements(self, version: str) -> tuple[str, ...]:
        """Digests of the statements that were added to a release after it was recorded.

        Raises:
            UnreachableError: If the place does not answer or denies the request.
        """
        ...

    def chunks(self, revision: BundleRevision) -> Iterator[bytes]:
        """The bytes of exactly that object version.

        Raises:
            NotFoundError: If it is gone.
            IntegrityError: If it is another object.
            UnreachableError: If the place does not answer or denies the request.
        """
        ...


class Trust(Protocol):
    """Says whether a release may be deployed."""

    def require(self, release: Release, *, is_thorough: bool) -> Evidence | None:
        """What the trust in a release rests on; None when none is asked for.

        Args:
            release: The release.
            is_thorough: Read the whole bundle and hold it against the digest that was signed.

        Raises:
            IntegrityError: If its signature, its digest or the source policy does not hold, or there is no signature.
            UnreachableError: If that cannot be found out.
        """
        ...
