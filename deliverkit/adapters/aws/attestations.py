"""Statements about bundles in S3, beside the bundles: `<prefix>/attestations/<bundle>/<document>.<kind>`.

Both names are SHA-256 digits: a document is what its name says, several can be kept about one bundle, and none is ever
replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress

from deliverkit.adapters.aws.bucket import Bucket, Encryption
from deliverkit.adapters.aws.session import Aws
from deliverkit.attestation_ports import AttachmentKind
from deliverkit.domain.release import BundleRevision
from deliverkit.errors import ConflictError, IntegrityError, NotFoundError

_CHUNK = 1 << 20


class S3Attestations:
    """Implements `attestation_ports.Attestations` in the release store's bucket."""

    def __init__(self, aws: Aws, *, bucket: str, prefix: str, encryption: Encryption | None = None) -> None:
        """Take the place; nothing is contacted yet.

        Args:
            aws: Gives the S3 client.
            bucket: Bucket name.
            prefix: Key prefix without slashes at its ends; may be empty.
            encryption: How objects are encrypted; with KMS by default.
        """
        self._bucket = Bucket(aws, bucket, encryption=encryption)
        self._root = f"{prefix.strip('/')}/attestations/".lstrip("/")

    def attach(self, bundle: str, kind: AttachmentKind, content: bytes) -> str:
        """Keep a document about a bundle and give its digest; the same document again is kept once.

        Raises:
            UsageError: If the bucket is missing.
            UnreachableError: If S3 does not answer or denies the request.
        """
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        with suppress(ConflictError):  # the name says the content: what is there already is this very document
            self._bucket.put(self._key(bundle, kind, digest), content)
        return digest

    def attachment(self, bundle: str, kind: AttachmentKind, digest: str) -> bytes:
        """The document with that digest.

        Raises:
            NotFoundError: If there is none.
            IntegrityError: If what lies there has another digest.
            UnreachableError: If S3 does not answer or denies the request.
        """
        key = self._key(bundle, kind, digest)
        document = self._bucket.get(key)
        if document is None:
            raise NotFoundError(f"there is no {self._bucket.uri(key)}", hint="deliverkit package, under a new version")
        if f"sha256:{hashlib.sha256(document.body).hexdigest()}" != digest:
            raise IntegrityError(
                f"{self._bucket.uri(key)} is not what its name says", hint="restore its first version in S3"
            )
        return document.body

    def chunks(self, revision: BundleRevision) -> Iterator[bytes]:
        """The bytes of exactly that object version.

        Raises:
            NotFoundError: If it is gone.
            IntegrityError: If it is another object.
            UnreachableError: If S3 does not answer, breaks off, or denies the request.
        """
        with self._bucket.doing(f"reading {revision.uri}"):
            answer = self._bucket.client.get_object(
                Bucket=revision.bucket, Key=revision.key, VersionId=revision.version_id
            )
            if str(answer["ETag"]).strip('"') != revision.e_tag:
                raise IntegrityError(f"{revision.uri} has the entity tag {answer['ETag']}, not {revision.e_tag}")
            yield from answer["Body"].iter_chunks(_CHUNK)

    def _key(self, bundle: str, kind: AttachmentKind, digest: str) -> str:
        return f"{self._root}{_digits(bundle)}/{_digits(digest)}.{kind.value}"


def _digits(digest: str) -> str:
    digits = digest.removeprefix("sha256:")
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise NotFoundError(f"{digest!r} is no digest, so nothing is kept under it")
    return digits
