"""Removing releases from S3, so that a crash anywhere loses nothing that is needed and leaves nothing half alive.

A mark in `<prefix>/pruned/<version>.json` is written before anything goes, and removed after everything is gone. The
record goes first: from then on the release can neither be listed nor promoted nor be gone back to, whatever is left of
it, and the mark knows what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec

from deliverkit.adapters.aws.bucket import Bucket, Document
from deliverkit.adapters.aws.object_locks import ObjectLocks
from deliverkit.adapters.aws.purging import Purge
from deliverkit.adapters.aws.records import Records
from deliverkit.adapters.aws.replicas import S3Replicas
from deliverkit.adapters.aws.strays import S3Strays
from deliverkit.adapters.release_records import removal_not_ended
from deliverkit.domain.ledger import canonical
from deliverkit.domain.release import Release
from deliverkit.domain.strays import Stray
from deliverkit.errors import ConflictError, IntegrityError


class _Mark(msgspec.Struct):
    release: Release
    by: str
    at: datetime


class S3Removals:
    """Removes releases, with everything that no other release needs."""

    def __init__(self, bucket: Bucket, prefix: str, *, replicas: S3Replicas, records: Records | None = None) -> None:
        """Take the place; nothing is contacted yet.

        Args:
            bucket: The store's bucket.
            prefix: Key prefix without slashes at its ends; may be empty.
            replicas: Copies in other regions.
            records: The store's records, where they were read already.
        """
        self._bucket = bucket
        self._root = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._records = records or Records(bucket, f"{self._root}releases/", self._record)
        self._replicas = replicas
        self._purge = Purge(bucket)
        self._locks = ObjectLocks(bucket)
        self._strays = S3Strays(bucket, self._root)

    def begun(self) -> tuple[Release, ...]:
        """Releases whose removal was begun and not ended.

        Raises:
            IntegrityError: If a mark cannot be read.
        """
        keys = self._bucket.keys(f"{self._root}pruned/")
        documents = zip(keys, self._bucket.get_all(keys), strict=True)
        return tuple(self._mark(key, document).release for key, document in documents if document)

    def locked_until(self, release: Release) -> str:
        """Until when S3 refuses to remove the bundle (Object Lock); empty when it does not.

        Raises:
            UnreachableError: If S3 does not answer, or denies to tell.
        """
        bundle = release.bundle
        return self._locks.locked_until(bundle.bucket, bundle.key, bundle.version_id)

    def remove(self, release: Release, *, by: str, at: datetime, keep: Callable[[], None] = lambda: None) -> int:
        """Remove the record, and then everything that no other record needs; what is gone already is passed over.

        Args:
            release: The release.
            by: ARN of whoever removes it.
            at: The present moment, UTC.
            keep: Called before each step that cannot be taken back; whatever it raises ends the removal there.

        Raises:
            ConflictError: If the removal of an older release of this version was begun and not ended.
            IntegrityError: If the record of a copy cannot be read; nothing was removed.
            UnreachableError: If S3 denies it or does not answer; what is left is in `begun`.
        """
        copies = self._replicas.of(release)  # first: a record that cannot be read leaves the release whole
        self._begin(_Mark(release, by, at))
        keep()
        count = self._remove_record(release)
        # Only now, for a record that came meanwhile is seen here.
        others = self._others(release)
        if any(each.bundle == release.bundle for each in others):
            return count
        keep()
        if any(each.bundle.key == release.bundle.key for each in others):
            return count + self._purge.remove(
                each
                for each in self._purge.versions(release.bundle.key)
                if each["VersionId"] == release.bundle.version_id
            )
        for replica in copies:
            count += self._replicas.remove(replica)
            keep()
        return count + self._remove_bundle(release)

    def is_shared(self, release: Release) -> bool:
        """True when another record names the same bundle.

        Raises:
            IntegrityError: If a record cannot be read.
        """
        return any(each.bundle == release.bundle for each in self._others(release))

    def settle(self, release: Release) -> None:
        """Forget that the removal was begun; that of another release of the version stays on record.

        Raises:
            IntegrityError: If the mark cannot be read.
            UnreachableError: If S3 denies it or does not answer.
        """
        key = self._mark_key(release)
        present = self._bucket.get(key)
        if present is None or self._mark(key, present).release == release:
            self._purge.remove(self._purge.versions(key))

    # --- strays ------------------------------------------------------------------------------------

    def found(self) -> tuple[Stray, ...]:
        """All bundles and all unfinished uploads, named by a record or not.

        Raises:
            UnreachableError: If S3 does not answer, denies it, or does not list them to the end.
        """
        return self._strays.found()

    def digest_of(self, stray: Stray) -> str:
        """What the bytes of a bundle have; empty when nothing tells."""
        return self._strays.digest_of(stray)

    def stray_locked_until(self, stray: Stray) -> str:
        """Until when S3 refuses to remove a bundle; empty when it does not.

        Raises:
            UnreachableError: If S3 does not answer, or denies to tell.
        """
        return self._strays.locked_until(stray)

    def remove_stray(self, stray: Stray) -> int:
        """Remove a stray with what lies around it; 0 when it is gone, or was sent anew.

        Raises:
            UnreachableError: If S3 denies it or does not answer.
        """
        return self._strays.remove(stray)

    # --- parts -------------------------------------------------------------------------------------

    def _begin(self, mark: _Mark) -> None:
        """Write the mark; one of the same removal, begun earlier, does as well."""
        key = self._mark_key(mark.release)
        try:
            self._bucket.put(key, canonical(msgspec.to_builtins(mark)))
        except ConflictError:
            present = self._bucket.get(key)
            if present is None:
                raise
            if self._mark(key, present).release != mark.release:
                raise removal_not_ended(mark.release) from None

    def _remove_bundle(self, release: Release) -> int:
        """What lies around a bundle, and the bundle; only then its manifest, which tells what it was."""
        digits = release.bundle.key.rpartition("/")[2].partition(".")[0]
        manifest = (
            [f"{self._root}manifests/{release.manifest.removeprefix('sha256:')}.json"] if release.manifest else []
        )
        found = self._purge.versions(
            f"{self._root}replicas/{digits}/",
            f"{self._root}attestations/{release.digest.removeprefix('sha256:')}/",
            f"{release.bundle.key}.json",
            release.bundle.key,
            *manifest,
        )
        first = [each for each in found if each["Key"] not in manifest]
        return self._purge.remove(first) + self._purge.remove(each for each in found if each["Key"] in manifest)

    def _others(self, release: Release) -> Sequence[Release]:
        """Every other record, by a fresh list of them."""
        return [each for each in self._records.all().values() if each != release]

    def _record(self, key: str, document: Document) -> Release:
        try:
            return msgspec.json.decode(document.body, type=Release)
        except msgspec.DecodeError as error:
            raise IntegrityError(f"{self._bucket.uri(key)} is not a release record: {error}") from error

    def _remove_record(self, release: Release) -> int:
        """The record first, then the statements that were added to it."""
        name = quote(release.version, safe="+")
        key = f"{self._root}releases/{name}.json"
        document = self._bucket.get(key)
        if document is not None and self._record(key, document) != release:
            return 0  # the version was packaged anew since the removal was begun
        found = self._purge.versions(key, f"{self._root}supplements/{name}/")
        record = [each for each in found if each["Key"] == key]
        return self._purge.remove(record) + self._purge.remove(each for each in found if each["Key"] != key)

    def _mark_key(self, release: Release) -> str:
        return f"{self._root}pruned/{quote(release.version, safe='+')}.json"

    def _mark(self, key: str, document: Document) -> _Mark:
        try:
            return msgspec.json.decode(document.body, type=_Mark)
        except msgspec.DecodeError as error:
            raise IntegrityError(f"{self._bucket.uri(key)} is not the mark of a removal: {error}") from error
