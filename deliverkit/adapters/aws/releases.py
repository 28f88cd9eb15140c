"""The release store in S3: bundles by digest, one record for each version, every object written once.

`<prefix>/bundles/sha256/<digest>.<format>` and `<prefix>/releases/<version>.json`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from deliverkit.adapters.aws.bucket import Bucket, Document, Encryption
from deliverkit.adapters.aws.bundle_upload import SINGLE_LIMIT, BundleUpload
from deliverkit.adapters.aws.session import Aws
from deliverkit.adapters.release_records import newest_first, settled, unknown_version
from deliverkit.domain.ledger import canonical
from deliverkit.domain.release import BundleFormat, BundleRevision, Release
from deliverkit.errors import ConflictError, IntegrityError, NotFoundError, UsageError
from deliverkit.ports import Upload

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class S3Releases:
    """A `ReleaseStore` in one versioned bucket."""

    def __init__(
        self,
        aws: Aws,
        *,
        bucket: str,
        prefix: str,
        encryption: Encryption | None = None,
        single_limit: int = SINGLE_LIMIT,
        page_size: int = 1000,
    ) -> None:
        """Take the place; nothing is contacted yet.

        Args:
            aws: Gives the S3 client.
            bucket: Bucket name.
            prefix: Key prefix without slashes at its ends; may be empty.
            encryption: How objects are encrypted; with KMS by default.
            single_limit: Bytes above which a bundle is sent in parts.
            page_size: Keys asked for at once when listing.
        """
        self._bucket = Bucket(aws, bucket, encryption=encryption, page_size=page_size)
        self._uploads = BundleUpload(self._bucket, single_limit=single_limit)
        self._root = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._is_known_versioned = False

    # --- bundles -----------------------------------------------------------------------------------

    def upload(self, bundle: Path, *, digest: str, format: BundleFormat) -> Upload:  # noqa: A002
        """Store a bundle under its digest, unless it is there already.

        Raises:
            IntegrityError: If the file, or what lies at its key, is not what the digest says; nothing was stored.
            UsageError: If the bucket is missing or not versioned; nothing was stored.
            UnreachableError: If S3 does not answer or denies the request.
        """
        digits = _digits_of(bundle, digest)
        key = f"{self._root}bundles/sha256/{digits}.{format.value}"
        self._require_versioning()
        size = bundle.stat().st_size
        head = self._head(key)
        was_sent = head is None and self._uploads.send(bundle, key, digits)
        if head is None:
            head = self._head(key)
        if head is None:
            raise IntegrityError(
                f"{self._bucket.uri(key)} vanished right after it was stored", hint="see the bucket's lifecycle rules"
            )
        self._uploads.check(head, key, digits, size)
        version_id, e_tag = str(head.get("VersionId", "")), str(head["ETag"]).strip('"')
        return Upload(BundleRevision(self._bucket.name, key, version_id, e_tag, format), was_sent)

    def exists(self, revision: BundleRevision) -> bool:
        """True when that very object version can still be read.

        Raises:
            UnreachableError: If S3 does not answer or denies the request.
        """
        try:
            with self._bucket.doing(f"looking for {revision.uri}"):
                head = self._bucket.client.head_object(
                    Bucket=revision.bucket, Key=revision.key, VersionId=revision.version_id
                )
        except NotFoundError:
            return False
        return bool(str(head["ETag"]).strip('"') == revision.e_tag)

    def _head(self, key: str) -> Mapping[str, Any] | None:
        try:
            with self._bucket.doing(f"looking for {self._bucket.uri(key)}"):
                head: Mapping[str, Any] = self._bucket.client.head_object(
                    Bucket=self._bucket.name, Key=key, ChecksumMode="ENABLED"
                )
        except NotFoundError:
            return None
        return head

    def _require_versioning(self) -> None:
        if self._is_known_versioned:
            return
        name = self._bucket.name
        with self._bucket.doing(f"asking for the versioning of bucket {name}"):
            status = self._bucket.client.get_bucket_versioning(Bucket=name).get("Status")
        if status != "Enabled":
            said = "suspended" if status == "Suspended" else "off"
            raise UsageError(
                f"the versioning of the release bucket {name} is {said}; CodePipeline deploys exact object versions",
                hint=f"aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled",
            )
        self._is_known_versioned = True

    # --- records -----------------------------------------------------------------------------------

    def record(self, release: Release) -> Release:
        """Record a release; recording the same version and digest again gives the recorded one.

        Raises:
            ConflictError: If the version already names another digest.
            UnreachableError: If S3 does not answer or denies the request.
        """
        key = self._record_key(release.version)
        try:
            self._bucket.put(key, canonical(msgspec.to_builtins(release)))
        except ConflictError:
            present = self._bucket.get(key)
            if present is None:
                raise
            return settled(self._decoded(key, present), release)
        return release

    def get(self, version: str) -> Release:
        """The release of a version.

        Raises:
            NotFoundError: If there is none; the message names the nearest versions.
            IntegrityError: If its record cannot be read.
        """
        key = self._record_key(version)
        document = self._bucket.get(key)
        if document is None:
            raise unknown_version(version, (self._version_of(each) for each in self._record_keys()))
        return self._decoded(key, document)

    def list(self) -> tuple[Release, ...]:
        """All releases, the newest first.

        Raises:
            IntegrityError: If a record cannot be read.
        """
        keys = self._record_keys()
        documents = zip(keys, self._bucket.get_all(keys), strict=True)
        return newest_first(self._decoded(key, document) for key, document in documents if document)

    def _record_keys(self) -> tuple[str, ...]:
        return self._bucket.keys(f"{self._root}releases/")

    def _record_key(self, version: str) -> str:
        return f"{self._root}releases/{quote(version, safe='+')}.json"

    def _version_of(self, key: str) -> str:
        return unquote(key.removeprefix(f"{self._root}releases/").removesuffix(".json"))

    def _decoded(self, key: str, document: Document) -> Release:
        try:
            release = msgspec.json.decode(document.body, type=Release)
        except msgspec.DecodeError as error:
            raise IntegrityError(
                f"{self._bucket.uri(key)} is not a release record: {error}", hint="restore an earlier version of it"
            ) from error
        if release.version != self._version_of(key):
            raise IntegrityError(f"{self._bucket.uri(key)} is the record of {release.version}, not of its own name")
        return release


def _digits_of(bundle: Path, digest: str) -> str:
    matched = _DIGEST.fullmatch(digest)
    if matched is None:
        raise UsageError(f"{digest!r} is not a digest: sha256: and 64 lower-case hexadecimal digits")
    with bundle.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != matched[1]:
        raise IntegrityError(f"{bundle} is not {digest}: its bytes give sha256:{found}", hint="deliverkit package")
    return found
