"""Removing releases from S3, so that a crash anywhere loses nothing that is needed and leaves nothing half alive.

A mark in `<prefix>/pruned/<version>.json` is written before anything goes, and removed after everything is gone. The
record goes first: from then on the release can neither be listed nor promoted nor be gone back to, whatever is left of
it, and the mark knows what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from deliverkit.adapters.aws.bucket import Bucket, Document
from deliverkit.adapters.aws.errors import code_of
from deliverkit.adapters.aws.replicas import S3Replicas
from deliverkit.domain.ledger import canonical
from deliverkit.domain.release import Release
from deliverkit.errors import ConflictError, IntegrityError, NotFoundError, UnreachableError, UsageError

_HINT = "s3:DeleteObjectVersion is needed, and neither Object Lock nor a bucket policy may forbid it"


class _Mark(msgspec.Struct):
    release: Release
    by: str
    at: datetime


class S3Removals:
    """Removes releases, with everything that no other release needs."""

    def __init__(self, bucket: Bucket, prefix: str, *, replicas: S3Replicas) -> None:
        """Take the place; nothing is contacted yet.

        Args:
            bucket: The store's bucket.
            prefix: Key prefix without slashes at its ends; may be empty.
            replicas: Copies in other regions.
        """
        self._bucket = bucket
        self._root = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        # Records never change, so that of a thousand only those are read again that came meanwhile.
        self._known: dict[str, Release] = {}
        self._replicas = replicas

    def begun(self) -> tuple[Release, ...]:
        """Releases whose removal was begun and not ended.

        Raises:
            IntegrityError: If a mark cannot be read.
        """
        keys = self._bucket.keys(f"{self._root}pruned/")
        documents = zip(keys, self._bucket.get_all(keys), strict=True)
        return tuple(self._mark(key, document).release for key, document in documents if document)

    def locked_until(self, release: Release) -> str:
        """Until when S3 refuses to remove the bundle (Object Lock); empty when it does not."""
        bundle = release.bundle
        try:
            with self._bucket.doing(f"looking for {bundle.uri}"):
                head = self._bucket.client.head_object(
                    **{**self._bucket.place, "Bucket": bundle.bucket}, Key=bundle.key, VersionId=bundle.version_id
                )
        except NotFoundError:
            return ""
        if head.get("ObjectLockLegalHoldStatus") == "ON":
            return "its bundle is under a legal hold (Object Lock)"
        until = head.get("ObjectLockRetainUntilDate")
        is_past = until is None or until.astimezone(UTC) <= _told_time(head)
        return "" if is_past else f"its bundle is locked until {until:%Y-%m-%d %H:%M} UTC (Object Lock)"

    def remove(self, release: Release, *, by: str, at: datetime) -> int:
        """Remove the record, and then everything that no other record needs; what is gone already is passed over.

        Raises:
            UnreachableError: If S3 denies it or does not answer; what is left is in `begun`.
        """
        with suppress(ConflictError):  # begun earlier
            self._bucket.put(self._mark_key(release), canonical(msgspec.to_builtins(_Mark(release, by, at))))
        count = self._remove_record(release)
        # Only now, for a record that came meanwhile is seen here.
        others = self._others(release)
        if any(each.bundle == release.bundle for each in others):
            return count
        if any(each.bundle.key == release.bundle.key for each in others):
            return count + self._remove_version(release.bundle.key, release.bundle.version_id)
        for replica in self._replicas.of(release):
            count += self._replicas.remove(replica)
        return count + sum(self._remove_all(prefix) for prefix in self._prefixes(release))

    def is_shared(self, release: Release) -> bool:
        """True when another record names the same bundle.

        Raises:
            IntegrityError: If a record cannot be read.
        """
        return any(each.bundle == release.bundle for each in self._others(release))

    def settle(self, release: Release) -> None:
        """Forget that the removal was begun."""
        self._remove_all(self._mark_key(release))

    def abort_uploads(self, before: datetime) -> int:
        """Abort unfinished uploads of bundles begun before the moment; how many there were."""
        stale = [each for each in self._uploads() if each["Initiated"] < before]
        for upload in stale:
            place = {**self._bucket.place, "Key": upload["Key"], "UploadId": upload["UploadId"]}
            try:
                with self._bucket.doing(f"removing an unfinished upload of {self._bucket.uri(upload['Key'])}"):
                    self._bucket.client.abort_multipart_upload(**place)
            except UsageError as error:
                if code_of(error) != "NoSuchUpload":  # ended meanwhile
                    raise
        return len(stale)

    # --- parts -------------------------------------------------------------------------------------

    def _prefixes(self, release: Release) -> Iterator[str]:
        """What lies around a bundle; the bundle goes before its manifest, which tells what it was."""
        digits = release.bundle.key.rpartition("/")[2].partition(".")[0]
        yield f"{self._root}replicas/{digits}/"
        yield f"{self._root}attestations/{release.digest.removeprefix('sha256:')}/"
        yield f"{release.bundle.key}.json"
        yield release.bundle.key
        if release.manifest:
            yield f"{self._root}manifests/{release.manifest.removeprefix('sha256:')}.json"

    def _others(self, release: Release) -> Sequence[Release]:
        """Every other record, by a fresh list of them."""
        keys = self._bucket.keys(f"{self._root}releases/")
        new = [key for key in keys if key not in self._known]
        found = zip(new, self._bucket.get_all(new), strict=True)
        self._known |= {key: self._record(key, document) for key, document in found if document}
        return [self._known[key] for key in keys if key in self._known and self._known[key] != release]

    def _record(self, key: str, document: Document) -> Release:
        try:
            return msgspec.json.decode(document.body, type=Release)
        except msgspec.DecodeError as error:
            raise IntegrityError(f"{self._bucket.uri(key)} is not a release record: {error}") from error

    def _remove_record(self, release: Release) -> int:
        key = f"{self._root}releases/{quote(release.version, safe='+')}.json"
        self._known.pop(key, None)
        document = self._bucket.get(key)
        if document is not None and self._record(key, document) != release:
            return 0  # the version was packaged anew since the removal was begun
        return self._remove_all(key)

    def _remove_all(self, prefix: str) -> int:
        """Remove every version below a folder, or of one object."""
        listed = self._versions(prefix)
        found = [each for each in listed if prefix.endswith("/") or each["Key"] == prefix]
        return sum(self._remove_version(str(each["Key"]), str(each["VersionId"])) for each in found)

    def _remove_version(self, key: str, version_id: str) -> int:
        uri = f"{self._bucket.uri(key)}?versionId={version_id}"
        try:
            with self._bucket.doing(f"removing {uri}"):
                self._bucket.client.delete_object(**self._bucket.place, Key=key, VersionId=version_id)
        except UnreachableError as error:
            raise UnreachableError(error.message, hint=_HINT) from error
        return 1

    def _versions(self, prefix: str) -> Sequence[Mapping[str, Any]]:
        versions: list[Mapping[str, Any]] = []
        markers: list[Mapping[str, Any]] = []
        pages = self._bucket.client.get_paginator("list_object_versions")
        with self._bucket.doing(f"listing the versions of {self._bucket.uri(prefix)}"):
            for page in pages.paginate(**self._bucket.place, Prefix=prefix):
                versions += page.get("Versions", ())
                markers += page.get("DeleteMarkers", ())
        # The oldest first, and markers last: what is on top stays there to the end, and nothing older comes to light.
        return (*reversed(versions), *markers)

    def _uploads(self) -> Iterator[Mapping[str, Any]]:
        prefix = f"{self._root}bundles/"
        with self._bucket.doing(f"listing the unfinished uploads of {self._bucket.uri(prefix)}"):
            for page in self._bucket.client.get_paginator("list_multipart_uploads").paginate(
                **self._bucket.place, Prefix=prefix
            ):
                yield from page.get("Uploads", ())

    def _mark_key(self, release: Release) -> str:
        return f"{self._root}pruned/{quote(release.version, safe='+')}.json"

    def _mark(self, key: str, document: Document) -> _Mark:
        try:
            return msgspec.json.decode(document.body, type=_Mark)
        except msgspec.DecodeError as error:
            raise IntegrityError(f"{self._bucket.uri(key)} is not the mark of a removal: {error}") from error


def _told_time(answer: Mapping[str, Any]) -> datetime:
    """The moment at which S3 answered, by its own clock: that is the one that Object Lock goes by."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)
