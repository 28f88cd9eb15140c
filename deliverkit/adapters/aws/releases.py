"""The release store in S3: bundles by their manifest's digest, one record for each version, every object written once.

`<prefix>/bundles/<digits>.<format>` with `.json` beside it, `<prefix>/manifests/<digits>.json` and
`<prefix>/releases/<version>.json`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import msgspec

from deliverkit.adapters.aws.bucket import LIST_LIMIT, Bucket, Document, Encryption, Keeping
from deliverkit.adapters.aws.session import Aws
from deliverkit.adapters.release_records import newest_first, settled, unknown_version
from deliverkit.domain.ledger import canonical
from deliverkit.domain.release import BundleFormat, BundleRevision, KeptParts, Release
from deliverkit.errors import ConflictError, IntegrityError, NotFoundError, UsageError

if TYPE_CHECKING:
    from deliverkit.adapters.aws.bundle_upload import BundleUpload, Content, Sent
    from deliverkit.adapters.aws.deeds import Deed, Deeds
    from deliverkit.adapters.aws.records import Records
    from deliverkit.attestation_ports import Measurements
    from deliverkit.ports import Clock, PreparedBundle, Upload, UploadListener

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ATTEMPTS = 3
"""Uploads of a bundle that others may end before we give up."""


class S3Releases:
    """A `ReleaseStore` in one versioned bucket."""

    def __init__(
        self,
        aws: Aws,
        *,
        bucket: str,
        prefix: str,
        encryption: Encryption | None = None,
        owner: str = "",
        keeping: Keeping | None = None,
        clock: Callable[[], Clock] | None = None,
        part_size: int | None = None,
        page_size: int = 1000,
    ) -> None:
        """Take the place; nothing is contacted yet.

        Args:
            aws: Gives the S3 client.
            bucket: Bucket name.
            prefix: Key prefix without slashes at its ends; may be empty.
            encryption: How objects are encrypted; with KMS by default.
            owner: Account id that the bucket must belong to; empty for any.
            keeping: Lock and tags of bundles; none by default.
            clock: Gives the clock that tells until when bundles are locked; the machine's by default.
            part_size: Bytes above which a bundle is sent in parts, and the least size of a part; 5 MiB by default.
            page_size: Keys asked for at once when listing.
        """
        self._bucket = Bucket(aws, bucket, encryption=encryption, owner=owner, page_size=page_size)
        self._keeping = keeping
        self._clock = clock
        self._part_size = part_size
        self._root = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._is_known_versioned = False

    # --- bundles -----------------------------------------------------------------------------------

    def upload(
        self, bundle: PreparedBundle, *, listener: UploadListener | None = None, measured: Measurements | None = None
    ) -> Upload:
        """Make a bundle and store it under its manifest's digest, unless it is there already.

        What is there already counts only when S3's own checksum over it is that of the bundle's bytes. A note beside
        it says so; without one that fits, the bytes are made once more and compared, but not sent.
        With `measured` the note counts for nothing, and what was measured here before takes its place.

        Raises:
            IntegrityError: If what lies there is not what its name says.
            UsageError: If the bucket is missing or not versioned; nothing was stored.
            UnreachableError: If S3 does not answer or denies the request.
        """
        from deliverkit.adapters.aws.bundle_upload import Content, Sent  # noqa: PLC0415  (readers need none of these)
        from deliverkit.adapters.aws.deeds import Deeds  # noqa: PLC0415
        from deliverkit.adapters.aws.locking import hold  # noqa: PLC0415

        self._require_versioning()
        digits = bundle.manifest_digest.removeprefix("sha256:")
        key = f"{self._root}bundles/{digits}.{bundle.format.value}"
        deeds = Deeds(self._bucket, key)
        stored = self._head(key)
        place = partial(_upload, self._bucket.name, key, bundle.format)
        if stored is not None and (deed := _known(deeds, stored, bundle, measured)) is not None:
            hold(self._bucket, key, stored, self._uploads.retention())
            return place(deed, was_sent=False)
        self._put_manifest(bundle, f"{self._root}manifests/{digits}.json")
        content = Content(bundle.size_limit, bundle.chunks)
        if stored is None:
            stored, sent = self._send(self._uploads, content, key, listener)
        else:
            sent = Sent(self._uploads.measure(content), is_ours=False)
        deed = deeds.record(stored, sent.made.measured)
        if measured is not None:
            measured.keep_measured(bundle.manifest_digest, sent.made.measured)
        hold(self._bucket, key, stored, self._uploads.retention())
        return place(deed, was_sent=sent.is_ours, kept=sent.kept)

    @cached_property
    def _uploads(self) -> BundleUpload:
        return self._uploads_of(self._keeping)

    def _uploads_of(self, keeping: Keeping | None) -> BundleUpload:
        from deliverkit.adapters.aws.bundle_upload import BundleUpload  # noqa: PLC0415
        from deliverkit.adapters.aws.parts import PART_SIZE  # noqa: PLC0415
        from deliverkit.adapters.clock import SystemClock  # noqa: PLC0415

        clock, least = self._clock() if self._clock else SystemClock(), self._part_size or PART_SIZE
        return BundleUpload(self._bucket, clock, keeping=keeping, least=least)

    def _put_manifest(self, bundle: PreparedBundle, key: str) -> None:
        """Store what the bundle says of itself; of many files that is too much to be held in memory at once."""
        from deliverkit.adapters.aws.bundle_upload import Content  # noqa: PLC0415

        uploads = self._uploads_of(None)
        if bundle.manifest_size <= uploads.least:
            self._bucket.put_once(key, bundle.manifest, is_named_by_content=True)
        elif self._head(key) is None:
            self._send(uploads, Content(bundle.manifest_size, bundle.manifest_pieces), key)

    def _send(
        self, uploads: BundleUpload, content: Content, key: str, listener: UploadListener | None = None
    ) -> tuple[Mapping[str, Any], Sent]:
        for _ in range(_ATTEMPTS):
            sent = uploads.send(content, key, listener)
            stored = self._head(key)
            if stored is not None:
                return stored, sent
            if sent.is_ours:
                raise IntegrityError(
                    f"{self._bucket.uri(key)} vanished right after it was stored",
                    hint="see the bucket's lifecycle rules",
                )
            # Somebody ended the upload that we shared, and stored nothing: begin anew.
        raise ConflictError(
            f"{self._bucket.uri(key)}: others ended the upload {_ATTEMPTS} times, and stored nothing",
            hint="see who removes unfinished uploads there (lifecycle rules, other builds), then deliverkit package",
        )

    def manifest(self, digest: str) -> bytes:
        """The manifest's document with that digest, as it was uploaded with its bundle.

        Raises:
            NotFoundError: If there is none.
            IntegrityError: If what lies there has another digest.
        """
        key = f"{self._root}manifests/{digest.removeprefix('sha256:')}.json"
        document = self._bucket.get(key, limit=LIST_LIMIT)
        if document is None:
            raise NotFoundError(f"there is no manifest {self._bucket.uri(key)}", hint="deliverkit package")
        if f"sha256:{hashlib.sha256(document.body).hexdigest()}" != digest:
            raise IntegrityError(f"{self._bucket.uri(key)} is not the manifest of its name")
        return document.body

    def exists(self, revision: BundleRevision) -> bool:
        """True when that very object version can still be read.

        Raises:
            UnreachableError: If S3 does not answer or denies the request.
        """
        try:
            with self._bucket.doing(f"looking for {revision.uri}"):
                head = self._bucket.client.head_object(
                    **{**self._bucket.place, "Bucket": revision.bucket},
                    Key=revision.key,
                    VersionId=revision.version_id,
                )
        except NotFoundError:
            return False
        return bool(str(head["ETag"]).strip('"') == revision.e_tag)

    def _head(self, key: str) -> Mapping[str, Any] | None:
        try:
            with self._bucket.doing(f"looking for {self._bucket.uri(key)}"):
                head: Mapping[str, Any] = self._bucket.client.head_object(
                    **self._bucket.place, Key=key, ChecksumMode="ENABLED"
                )
        except NotFoundError:
            return None
        return head

    def _require_versioning(self) -> None:
        if self._is_known_versioned:
            return
        name = self._bucket.name
        with self._bucket.doing(f"asking for the versioning of bucket {name}"):
            status = self._bucket.client.get_bucket_versioning(**self._bucket.place).get("Status")
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
        return newest_first(self.records.all().values())

    def newest(self) -> Iterator[Release]:
        """The same, one after the other; whoever stops early has had no more read than it takes to know the order.

        Raises:
            IntegrityError: If a record cannot be read.
        """
        return self.records.newest()

    @cached_property
    def records(self) -> Records:
        """All records, each read once; for whoever needs them beside us."""
        from deliverkit.adapters.aws.records import Records  # noqa: PLC0415  (asking for one release needs no others)

        return Records(self._bucket, f"{self._root}releases/", self._decoded)

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
        stated = filter(None, (release.manifest, release.provenance, release.sbom))
        if not all(map(_DIGEST.fullmatch, (release.digest, *stated))):
            raise IntegrityError(
                f"{self._bucket.uri(key)} names something that is no SHA-256", hint="restore an earlier version of it"
            )
        return release


def _known(
    deeds: Deeds, stored: Mapping[str, Any], bundle: PreparedBundle, measured: Measurements | None
) -> Deed | None:
    """What is known of a stored bundle without making its bytes: by the store's word, or by our own alone."""
    if measured is None:
        return deeds.of(stored)
    return deeds.confirm(stored, measured.measured(bundle.manifest_digest))


def _upload(
    bucket: str,
    key: str,
    format: BundleFormat,  # noqa: A002
    deed: Deed,
    *,
    was_sent: bool,
    kept: KeptParts | None = None,
) -> Upload:
    from deliverkit.ports import Upload  # noqa: PLC0415  (readers have no use for ports)

    revision = BundleRevision(bucket, key, deed.version_id, deed.e_tag, format)
    return Upload(revision, deed.digest, deed.size, was_sent, kept if was_sent else None)
