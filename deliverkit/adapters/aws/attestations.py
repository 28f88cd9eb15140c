"""Statements about bundles in S3, beside the bundles: `<prefix>/attestations/<bundle>/<document>.<kind>`.

Both names are SHA-256 digits: a document is what its name says, several can be kept about one bundle, and none is ever
replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote

import msgspec

from deliverkit.adapters.aws.bucket import LIST_LIMIT, Bucket, Encryption
from deliverkit.adapters.aws.session import Aws
from deliverkit.attestation_ports import AttachmentKind
from deliverkit.domain.release import BundleRevision, Release
from deliverkit.domain.trust import Signing
from deliverkit.errors import IntegrityError, NotFoundError

_CHUNK = 1 << 20
_ENVELOPE_LIMIT = 1 << 20
"""As large as envelopes that are read at all (`packaging.signing`)."""
_LIMITS = {AttachmentKind.PROVENANCE: _ENVELOPE_LIMIT, AttachmentKind.SBOM: LIST_LIMIT}


class _Signed(msgspec.Struct):
    """The one member of an envelope that is looked at (DSSE v1.0.2, "Envelope")."""

    signatures: list[msgspec.Raw]


class S3Attestations:
    """Implements `attestation_ports.Attestations` in the release store's bucket."""

    def __init__(
        self, aws: Aws, *, bucket: str, prefix: str, encryption: Encryption | None = None, owner: str = ""
    ) -> None:
        """Take the place; nothing is contacted yet.

        Args:
            aws: Gives the S3 client.
            bucket: Bucket name.
            prefix: Key prefix without slashes at its ends; may be empty.
            encryption: How objects are encrypted; with KMS by default.
            owner: Account id that the bucket must belong to; empty for any.
        """
        self._bucket = Bucket(aws, bucket, encryption=encryption, owner=owner)
        self._root = f"{prefix.strip('/')}/attestations/".lstrip("/")
        self._added = f"{prefix.strip('/')}/supplements/".lstrip("/")

    def attach(self, bundle: str, kind: AttachmentKind, content: bytes) -> str:
        """Keep a document about a bundle and give its digest; the same document again is kept once.

        Raises:
            IntegrityError: If what lies there has another digest.
            UsageError: If the bucket is missing.
            UnreachableError: If S3 does not answer or denies the request.
        """
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._bucket.put_once(self._key(bundle, kind, digest), content, is_named_by_content=True)
        return digest

    def attachment(self, bundle: str, kind: AttachmentKind, digest: str) -> bytes:
        """The document with that digest.

        Raises:
            NotFoundError: If there is none.
            IntegrityError: If what lies there has another digest, or more bytes than such a document can have.
            UnreachableError: If S3 does not answer or denies the request.
        """
        key = self._key(bundle, kind, digest)
        document = self._bucket.get(key, limit=_LIMITS[kind])
        if document is None:
            raise NotFoundError(f"there is no {self._bucket.uri(key)}", hint="deliverkit package, under a new version")
        if f"sha256:{hashlib.sha256(document.body).hexdigest()}" != digest:
            raise IntegrityError(
                f"{self._bucket.uri(key)} is not what its name says", hint="restore its first version in S3"
            )
        return document.body

    def supplement(self, version: str, digest: str) -> None:
        """Note that an attached statement was added to a release after it was recorded: `supplements/<version>/`.

        Only the note's name counts. What it names is signed, or worth nothing.

        Raises:
            UnreachableError: If S3 does not answer or denies the request.
        """
        self._bucket.put_once(f"{self._folder(version)}{_digits(digest)}.json", b"{}")

    def supplements(self, version: str) -> tuple[str, ...]:
        """Digests of the statements that were added to a release after it was recorded.

        Raises:
            UnreachableError: If S3 does not answer or denies the request.
        """
        folder = self._folder(version)
        names = (key.removeprefix(folder).removesuffix(".json") for key in self._bucket.keys(folder))
        return tuple(f"sha256:{name}" for name in names if _is_digits(name))

    def _folder(self, version: str) -> str:
        return f"{self._added}{quote(version, safe='+')}/"

    def signings(self, releases: Sequence[Release]) -> tuple[Signing, ...]:
        """Whether the provenance of each release has a signature, the recorded one or one that was added later.

        Nothing is verified: it is a look at many releases, which `release verify` does thoroughly for one.

        Raises:
            UnreachableError: If S3 does not answer or denies the request.
        """
        stated = [release for release in releases if release.provenance]
        keys = [self._key(each.digest, AttachmentKind.PROVENANCE, each.provenance) for each in stated]
        found = {
            release.version: _signing_of(document.body) if document else Signing.GONE
            for release, document in zip(stated, self._bucket.get_all(keys, limit=_ENVELOPE_LIMIT), strict=True)
        }
        if Signing.UNSIGNED in found.values():
            added = {
                unquote(folder.removeprefix(self._added).rstrip("/")) for folder in self._bucket.folders(self._added)
            }
            found |= {version: Signing.SIGNED for version in added if found.get(version) is Signing.UNSIGNED}
        return tuple(found.get(release.version, Signing.NONE) for release in releases)

    def chunks(self, revision: BundleRevision) -> Iterator[bytes]:
        """The bytes of exactly that object version.

        Raises:
            NotFoundError: If it is gone.
            IntegrityError: If it is another object.
            UnreachableError: If S3 does not answer, breaks off, or denies the request.
        """
        with self._bucket.doing(f"reading {revision.uri}"):
            answer = self._bucket.client.get_object(
                **{**self._bucket.place, "Bucket": revision.bucket}, Key=revision.key, VersionId=revision.version_id
            )
            if str(answer["ETag"]).strip('"') != revision.e_tag:
                raise IntegrityError(f"{revision.uri} has the entity tag {answer['ETag']}, not {revision.e_tag}")
            yield from answer["Body"].iter_chunks(_CHUNK)

    def _key(self, bundle: str, kind: AttachmentKind, digest: str) -> str:
        return f"{self._root}{_digits(bundle)}/{_digits(digest)}.{kind.value}"


def _digits(digest: str) -> str:
    digits = digest.removeprefix("sha256:")
    if not _is_digits(digits):
        raise NotFoundError(f"{digest!r} is no digest, so nothing is kept under it")
    return digits


def _signing_of(envelope: bytes) -> Signing:
    try:
        return Signing.SIGNED if msgspec.json.decode(envelope, type=_Signed).signatures else Signing.UNSIGNED
    except msgspec.DecodeError:
        return Signing.UNSIGNED


def _is_digits(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")
