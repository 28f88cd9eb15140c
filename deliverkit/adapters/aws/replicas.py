"""Copies of bundles in buckets of other regions, each with a record of its proof beside the original.

CodeDeploy's instances take revisions only from a bucket of their own region (CodeDeploy user guide, "Push a revision
for CodeDeploy to Amazon S3"). The record, `<prefix>/replicas/<digits>/<region>.json` in the store's own bucket, is
written once the copy is proven, so that what has no record is no replica. It may be anybody's who can write there: it
counts only for the very key in the region's own bucket where we put copies, and whoever asks for trust proves the copy.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import msgspec

from deliverkit.adapters.aws.bucket import Bucket, Document
from deliverkit.adapters.aws.copying import COPY_LIMIT, PART_SIZE, ObjectCopy
from deliverkit.adapters.aws.errors import RACED, code_of
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.ledger import canonical
from deliverkit.domain.release import BundleRevision, Release
from deliverkit.domain.release_rules import ReplicaPlace
from deliverkit.domain.replica import Proof, Replica
from deliverkit.errors import ConflictError, IntegrityError, NotFoundError, UnreachableError, UsageError
from deliverkit.ports import Clock, Identity

_CHUNK = 1 << 20
_HINT = "somebody wrote there by other means; find out who (CloudTrail), remove that object version and replicate again"


class S3Replicas:
    """Makes, proves, finds and removes copies."""

    def __init__(
        self,
        aws: Aws,
        bucket: Bucket,
        prefix: str,
        *,
        places: Mapping[str, ReplicaPlace],
        clock: Clock,
        identity: Callable[[], Identity],
        copy_limit: int = COPY_LIMIT,
        part_size: int = PART_SIZE,
    ) -> None:
        """Take the places; nothing is contacted yet.

        Args:
            aws: Gives a client for each region.
            bucket: The store's own bucket.
            prefix: The store's prefix, without slashes at its ends; may be empty.
            places: Where copies are kept, by region.
            clock: Tells when a copy was proven.
            identity: Tells who proved it.
            copy_limit: Bytes up to which one request copies all.
            part_size: Bytes of a part, where the original was not stored in parts.
        """
        self.places = places
        self._aws = aws
        self._bucket = bucket
        self._root = f"{prefix.strip('/')}/replicas/".lstrip("/")
        self._clock = clock
        self._identity = identity
        self._limits = {"copy_limit": copy_limit, "part_size": part_size}
        self._known_places: set[str] = set()

    @cached_property
    def home(self) -> str:
        """Region of the store's own bucket; empty when S3 does not tell us."""
        return self._region_of(self._bucket.client, self._bucket.name)

    def of(self, release: Release) -> tuple[Replica, ...]:
        """The proven copies of a release's bundle that lie where they are configured to.

        Raises:
            IntegrityError: If a record cannot be read, or is about other bytes or another region.
        """
        keys = self._bucket.keys(f"{self._root}{_digits(release)}/")
        documents = zip(keys, self._bucket.get_all(keys), strict=True)
        found = [self._decoded(key, document, release) for key, document in documents if document]
        return tuple(each for each in found if self._is_placed(each.region, each.bundle, _name(release.bundle)))

    def exists(self, replica: Replica) -> bool:
        """True when that very copy can still be read."""
        return self._head_of(replica.bundle, replica.region) is not None

    def prove(self, release: Release, region: str, bundle: BundleRevision) -> Proof:
        """How an object version is known to be a copy of a release, asked of S3 or read, and never of its record.

        Raises:
            NotFoundError: If it is gone.
            IntegrityError: If it has other bytes, or lies where no copy of ours does.
            UnreachableError: If S3 does not answer or denies it.
        """
        hint = f"deliverkit release replicate {release.version} --to {region}"
        if not self._is_placed(region, bundle, _name(release.bundle)):
            raise IntegrityError(f"{bundle.uri} lies outside the place of copies in {region}", hint=hint)
        head = self._head_of(bundle, region)
        if head is None:
            raise NotFoundError(f"the copy of {release.version} in {region} is gone: {bundle.uri}", hint=hint)
        return self._proof_of(release, bundle, region, head)

    def replicate(self, release: Release, region: str, *, is_read: bool = False) -> Replica:
        """The proven copy in a region, made when there is none.

        Args:
            release: The release.
            region: A region that has a place.
            is_read: Prove it by reading it, whatever S3 says about it.

        Raises:
            UsageError: If the region has no place, or its bucket is in another region or not versioned.
            IntegrityError: If what lies there, or what was copied, has other bytes.
            UnreachableError: If S3 does not answer or denies it.
        """
        place = self._place(region)
        known = next((each for each in self.of(release) if each.region == region), None)
        if known and (known_head := self._head_of(known.bundle, region)):
            proof = self._proof_of(release, known.bundle, region, known_head, is_read=is_read)
            return replace(known, proof=proof) if is_read else known
        key = _key(place, _name(release.bundle))
        made = self._copy(release, region, place.bucket, key)
        head = self._head(region, place.bucket, key, made)
        if head is None:
            raise IntegrityError(f"s3://{place.bucket}/{key} vanished right after it was copied")
        bundle = BundleRevision(place.bucket, key, str(head.get("VersionId", "")), _e_tag(head), release.bundle.format)
        try:
            proof = self._proof_of(release, bundle, region, head, is_read=is_read)
        except IntegrityError:
            if made:  # ours, and worth nothing
                self._remove_copy(bundle, region)
            raise
        made_by = self._identity().arn
        return self._record(release, Replica(region, bundle, release.digest, proof, self._clock.now(), made_by))

    def remove(self, replica: Replica) -> int:
        """Remove a copy; its record goes with the release's own objects. Harmless when it is gone.

        Raises:
            IntegrityError: If it lies where no copy of ours does; its record may be anybody's.
            UnreachableError: If S3 denies it or does not answer.
        """
        if not self._is_placed(replica.region, replica.bundle, _name(replica.bundle)):
            raise IntegrityError(
                f"{replica.bundle.uri} lies outside the place of copies in {replica.region}, and is not removed",
                hint="see release.replicas in deliverkit.yml; what lies elsewhere is removed by hand",
            )
        if not self.exists(replica):
            return 0
        self._remove_copy(replica.bundle, replica.region)
        return 1

    # --- copying -----------------------------------------------------------------------------------

    def _copy(self, release: Release, region: str, bucket: str, key: str) -> str:
        """Version id of the copy that we made; empty when something lies there already."""
        copying = ObjectCopy(self._bucket, self._client(region), **self._limits)
        try:
            return copying.copy(release.bundle, release.size, bucket, key)
        except ConflictError as error:
            # Of the original's tag (also 412): then it is not there as it was, and nothing lies at the copy's key.
            if self._head(region, bucket, key, "") is None:
                if code_of(error) == RACED:
                    raise
                raise IntegrityError(
                    f"{release.bundle.uri} is not what was recorded of it",
                    hint=f"deliverkit release show {release.version}",
                ) from error
            return ""

    def _place(self, region: str) -> ReplicaPlace:
        if region not in self.places:
            known = ", ".join(self.places) or "none"
            raise UsageError(
                f"no place for copies in {region} is configured; there are {known}",
                hint=f"release.replicas: {{{region}: s3://BUCKET/PREFIX}} in deliverkit.yml",
            )
        place = self.places[region]
        if region not in self._known_places:
            self._check(region, place.bucket)
            self._known_places.add(region)
        return place

    def _check(self, region: str, bucket: str) -> None:
        client = self._client(region)
        found = self._region_of(client, bucket)
        if found not in {"", region}:
            raise UsageError(
                f"bucket {bucket} is in {found}, not in {region}; CodeDeploy takes revisions only from its own region",
                hint=f"name a bucket of {region} in release.replicas.{region}",
            )
        with self._bucket.doing(f"asking for the versioning of bucket {bucket}"):
            status = client.get_bucket_versioning(**self._in(bucket)).get("Status")
        if status != "Enabled":
            raise UsageError(
                f"the versioning of bucket {bucket} is {status or 'off'}; deployments name exact object versions",
                hint=f"aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled",
            )

    def _region_of(self, client: Any, bucket: str) -> str:
        try:
            with self._bucket.doing(f"asking for the region of bucket {bucket}"):
                return str(client.head_bucket(**self._in(bucket)).get("BucketRegion", ""))
        except UnreachableError as error:
            if code_of(error) in {"403", "AccessDenied"}:
                return ""  # HeadBucket asks for s3:ListBucket, which not everybody has
            raise
        except NotFoundError as error:  # HEAD answers carry no code but their status
            raise UsageError(f"there is no bucket {bucket}", hint="see release.replicas in deliverkit.yml") from error

    # --- proving -----------------------------------------------------------------------------------

    def _proof_of(
        self,
        release: Release,
        bundle: BundleRevision,
        region: str,
        head: Mapping[str, Any],
        *,
        is_read: bool = False,
    ) -> Proof:
        size = int(head.get("ContentLength", -1))
        if size != release.size:
            raise IntegrityError(f"{bundle.uri} has {size} bytes, {release.version} has {release.size}", hint=_HINT)
        proof = None if is_read else self._proof(release, bundle, head)
        if proof is None:
            self._read(release, bundle, region)
            proof = Proof.CONTENT
        return proof

    def _proof(self, release: Release, bundle: BundleRevision, head: Mapping[str, Any]) -> Proof | None:
        """What S3's checksum proves; None when it proves nothing either way.

        The checksum of an object that was stored in parts is one over the checksums of the parts, and differs between
        the same bytes in other parts (S3 user guide, "Checking object integrity"); any other is over the bytes.
        """
        checksum = str(head.get("ChecksumSHA256", ""))
        if not checksum:
            return None
        is_of_parts = "-" in checksum or head.get("ChecksumType") == "COMPOSITE"
        if not is_of_parts and _digits_of(checksum) == release.digest:
            return Proof.DIGEST
        if is_of_parts or "-" in bundle.e_tag:  # of an upload in parts the tag says so too
            return Proof.CHECKSUM if self._checksum_of(release.bundle) == checksum else None
        raise _no_copy(bundle, release, _digits_of(checksum).removeprefix("sha256:"))

    def _checksum_of(self, original: BundleRevision) -> str:
        """S3's checksum of an original; empty when it is gone."""
        try:
            with self._bucket.doing(f"looking for {original.uri}"):
                head = self._bucket.client.head_object(
                    **self._in(original.bucket), Key=original.key, VersionId=original.version_id, ChecksumMode="ENABLED"
                )
        except NotFoundError:
            return ""
        return str(head.get("ChecksumSHA256", ""))

    def _read(self, release: Release, bundle: BundleRevision, region: str) -> None:
        sha256 = hashlib.sha256()
        with self._bucket.doing(f"reading {bundle.uri}"):
            body = self._client(region).get_object(
                **self._in(bundle.bucket), Key=bundle.key, VersionId=bundle.version_id
            )["Body"]
            for chunk in body.iter_chunks(_CHUNK):
                sha256.update(chunk)
        if f"sha256:{sha256.hexdigest()}" != release.digest:
            raise _no_copy(bundle, release, sha256.hexdigest())

    def _record(self, release: Release, replica: Replica) -> Replica:
        key = f"{self._root}{_digits(release)}/{replica.region}.json"
        present = self._bucket.get(key)
        try:
            self._bucket.put(key, canonical(msgspec.to_builtins(replica)), replacing=present)
        except ConflictError:
            found = self._bucket.get(key)
            if found is None:
                raise
            return self._decoded(key, found, release)
        return replica

    # --- the rest ----------------------------------------------------------------------------------

    def _remove_copy(self, bundle: BundleRevision, region: str) -> None:
        with self._bucket.doing(f"removing {bundle.uri}"):
            self._client(region).delete_object(**self._in(bundle.bucket), Key=bundle.key, VersionId=bundle.version_id)

    def _is_placed(self, region: str, bundle: BundleRevision, name: str) -> bool:
        place = self.places.get(region)
        return place is not None and (bundle.bucket, bundle.key) == (place.bucket, _key(place, name))

    def _head_of(self, bundle: BundleRevision, region: str) -> Mapping[str, Any] | None:
        """What S3 tells of that very object version; None when it is not there."""
        head = self._head(region, bundle.bucket, bundle.key, bundle.version_id)
        return head if head is not None and _e_tag(head) == bundle.e_tag else None

    def _head(self, region: str, bucket: str, key: str, version_id: str) -> Mapping[str, Any] | None:
        version = {"VersionId": version_id} if version_id else {}
        try:
            with self._bucket.doing(f"looking for s3://{bucket}/{key}"):
                head: Mapping[str, Any] = self._client(region).head_object(
                    **self._in(bucket), Key=key, ChecksumMode="ENABLED", **version
                )
        except NotFoundError:
            return None
        return head

    def _in(self, bucket: str) -> Mapping[str, str]:
        """The members that name a bucket: copies must belong to the same account as the store, where it is told."""
        return {**self._bucket.place, "Bucket": bucket}

    def _client(self, region: str) -> Any:
        return self._aws.client("s3", region)

    def _decoded(self, key: str, document: Document, release: Release) -> Replica:
        try:
            replica = msgspec.json.decode(document.body, type=Replica)
        except msgspec.DecodeError as error:
            raise IntegrityError(f"{self._bucket.uri(key)} is not the record of a copy: {error}") from error
        region = key.rpartition("/")[2].removesuffix(".json")
        hint = f"remove it, then deliverkit release replicate {release.version} --to {region}"
        if replica.digest != release.digest:
            raise IntegrityError(f"{self._bucket.uri(key)} is about other bytes than {release.version}", hint=hint)
        if replica.region != region:
            raise IntegrityError(f"{self._bucket.uri(key)} is about a copy in {replica.region}", hint=hint)
        return replica


def _no_copy(bundle: BundleRevision, release: Release, digits: str) -> IntegrityError:
    found = f"its SHA-256 is {digits[:12]}, not {release.short_digest}"
    return IntegrityError(f"{bundle.uri} is no copy of {release.version}: {found}", hint=_HINT)


def _name(bundle: BundleRevision) -> str:
    return bundle.key.rpartition("/")[2]


def _key(place: ReplicaPlace, name: str) -> str:
    return f"{place.prefix}/bundles/{name}".lstrip("/")


def _digits(release: Release) -> str:
    return _name(release.bundle).partition(".")[0]


def _digits_of(checksum: str) -> str:
    return f"sha256:{base64.b64decode(checksum).hex()}"


def _e_tag(head: Mapping[str, Any]) -> str:
    return str(head["ETag"]).strip('"')
