"""Bundles that no record names and uploads that nobody completed, in the release store's bucket."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import msgspec

from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.adapters.aws.errors import code_of
from deliverkit.adapters.aws.object_locks import ObjectLocks
from deliverkit.adapters.aws.purging import HINT, Purge, Version
from deliverkit.domain.strays import Stray, StrayKind
from deliverkit.errors import NotFoundError, UnreachableError

_NOTE = ".json"


class _Note(msgspec.Struct):
    digest: str
    version_id: str


class S3Strays:
    """Finds everything below `<prefix>/bundles/`, and removes what is told."""

    def __init__(self, bucket: Bucket, root: str) -> None:
        """Take the place; nothing is contacted yet.

        Args:
            bucket: The store's bucket.
            root: What all its keys begin with: empty, or with a slash at its end.
        """
        self._bucket = bucket
        self._root = root
        self._purge = Purge(bucket)
        self._locks = ObjectLocks(bucket)

    def found(self) -> tuple[Stray, ...]:
        """All bundles with their notes, and all unfinished uploads; the digests of bundles are not asked for.

        Raises:
            UnreachableError: If S3 does not answer, denies it, or does not list them to the end.
        """
        folder = f"{self._root}bundles/"
        versions: dict[str, list[Version]] = defaultdict(list)
        for page in self._bucket.pages("list_object_versions", f"listing {self._bucket.uri(folder)}", Prefix=folder):
            for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                versions[str(each["Key"]).removesuffix(_NOTE)].append(each)
        bundles = (_bundle(key, found) for key, found in versions.items())
        return (*bundles, *self._uploads(folder))

    def digest_of(self, stray: Stray) -> str:
        """What the bytes of a bundle have: by the note beside it, else by S3's checksum; empty when neither tells.

        Raises:
            UnreachableError: If S3 does not answer or denies it.
        """
        try:
            with self._bucket.doing(f"looking for {self._bucket.uri(stray.key)}"):
                head = self._bucket.client.head_object(**self._bucket.place, Key=stray.key, ChecksumMode="ENABLED")
        except NotFoundError:
            return ""
        document = self._bucket.get(f"{stray.key}{_NOTE}")
        try:
            note = msgspec.json.decode(document.body, type=_Note) if document else None
        except msgspec.DecodeError:
            note = None
        if note is not None and note.version_id == head.get("VersionId"):
            return note.digest
        checksum = str(head.get("ChecksumSHA256", ""))
        return f"sha256:{base64.b64decode(checksum).hex()}" if checksum and "-" not in checksum else ""

    def locked_until(self, stray: Stray) -> str:
        """Until when S3 refuses to remove one of a bundle's versions (Object Lock); empty when it does not.

        Raises:
            UnreachableError: If S3 does not answer, or denies to tell.
        """
        versions = [each for each in self._purge.versions(stray.key) if "Size" in each]  # markers have none
        told = (self._locks.locked_until(self._bucket.name, stray.key, str(each["VersionId"])) for each in versions)
        return next(filter(None, told), "")

    def remove(self, stray: Stray) -> int:
        """Remove a stray with what lies around it; how many object versions, or 1 for an upload.

        The note goes first, so that whoever packages the same bytes meanwhile stores the manifest again; the bundle
        goes last, so that after a crash it is still found.

        Returns:
            0 when it is gone by itself, or somebody has sent it anew.

        Raises:
            UnreachableError: If S3 denies it or does not answer.
        """
        if stray.kind is StrayKind.UPLOAD:
            return self._abort(stray)
        bundle, note = self._purge.versions(stray.key), self._purge.versions(f"{stray.key}{_NOTE}")
        if any(each["LastModified"] > stray.at for each in (*bundle, *note)):
            return 0
        return self._purge.remove(note) + self._purge.remove(self._around(stray)) + self._purge.remove(bundle)

    def _around(self, stray: Stray) -> Sequence[Version]:
        digits = stray.name.partition(".")[0]
        folders = [f"{self._root}attestations/{stray.digest.removeprefix('sha256:')}/"] if stray.digest else []
        return self._purge.versions(f"{self._root}manifests/{digits}.json", *folders)

    def _abort(self, stray: Stray) -> int:
        """End an upload, unless somebody has gone on with it since it was found."""
        known = {"Key": stray.key, "UploadId": stray.upload_id, "Initiated": stray.at}
        if self._upload(known).at > stray.at:
            return 0
        place = {**self._bucket.place, "Key": stray.key, "UploadId": stray.upload_id}
        try:
            with self._bucket.doing(f"removing an unfinished upload of {self._bucket.uri(stray.key)}"):
                self._bucket.client.abort_multipart_upload(**place)
        except NotFoundError as error:
            if code_of(error) != "NoSuchUpload":
                raise
            return 0  # ended meanwhile
        except UnreachableError as error:
            raise UnreachableError(error.message, hint=f"s3:AbortMultipartUpload is needed; {HINT}") from error
        return 1

    def _uploads(self, folder: str) -> Sequence[Stray]:
        what = f"listing the unfinished uploads of {self._bucket.uri(folder)}"
        pages = self._bucket.pages("list_multipart_uploads", what, Prefix=folder)
        return [self._upload(each) for page in pages for each in page.get("Uploads", ())]

    def _upload(self, upload: Mapping[str, Any]) -> Stray:
        """An upload is as old as its youngest part: somebody may be busy with one that was begun long ago."""
        key, upload_id = str(upload["Key"]), str(upload["UploadId"])
        size, at = 0, upload["Initiated"]
        try:
            what = f"listing the parts of an unfinished upload of {self._bucket.uri(key)}"
            for page in self._bucket.pages("list_parts", what, Key=key, UploadId=upload_id):
                for part in page.get("Parts", ()):
                    size, at = size + int(part["Size"]), max(at, part["LastModified"])
        except NotFoundError:
            pass  # ended meanwhile
        return Stray(StrayKind.UPLOAD, key, size, at.astimezone(UTC), upload_id=upload_id)


def _bundle(key: str, versions: Sequence[Version]) -> Stray:
    size = sum(int(each.get("Size", 0)) for each in versions)
    at = max(each["LastModified"] for each in versions)
    return Stray(StrayKind.BUNDLE, key, size, at.astimezone(UTC))
