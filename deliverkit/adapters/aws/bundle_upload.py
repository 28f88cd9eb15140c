"""Storing one bundle under its digest, in one request or in parts, so that it appears whole or not at all."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.adapters.aws.errors import code_of
from deliverkit.errors import ConflictError, DeliverkitError, IntegrityError, UsageError

SINGLE_LIMIT = 64 * 1024 * 1024
"""Bytes up to which a bundle goes in one request; larger ones go in parts of this size."""
PARTS_LIMIT = 10_000
"""S3's limit of parts in one upload (S3 User Guide, "Amazon S3 multipart upload limits")."""
_DIGEST = "deliverkit-sha256"


class BundleUpload:
    """Puts bundles into a bucket; an upload that fails leaves nothing that anybody could read."""

    def __init__(self, bucket: Bucket, *, single_limit: int = SINGLE_LIMIT) -> None:
        """Take the bucket.

        Args:
            bucket: Where to store.
            single_limit: Bytes up to which one request is used, and the least size of a part.
        """
        self._bucket = bucket
        self._single_limit = single_limit

    def send(self, bundle: Path, key: str, digest: str) -> bool:
        """Store the bundle; False when somebody else stored the same key meanwhile.

        Args:
            bundle: The archive, whose bytes have that digest.
            key: Object key.
            digest: Sixty-four hexadecimal digits.

        Raises:
            DeliverkitError: If S3 refuses or does not answer; nothing was stored.
        """
        size = bundle.stat().st_size
        try:
            with self._bucket.doing(f"uploading {bundle.name} to {self._bucket.uri(key)}"), bundle.open("rb") as file:
                if size <= self._single_limit:
                    self._put(file, key, digest)
                else:
                    self._put_in_parts(file, key, digest, part_size=self._part_size(size))
        except ConflictError:
            return False
        except UsageError as error:
            # The repetition of a completion whose answer was lost finds no upload any more; the object tells the rest.
            if code_of(error) != "NoSuchUpload":
                raise
            return False
        return True

    def check(self, head: Mapping[str, Any], key: str, digest: str, size: int) -> None:
        """Compare what lies at the key with what the digest says.

        Raises:
            IntegrityError: If checksum, recorded digest or size differ.
        """
        place = self._bucket.uri(key)
        hint = "somebody wrote there by other means; find out who (CloudTrail) and restore the right version"
        if head["ContentLength"] != size:
            raise IntegrityError(f"{place} has {head['ContentLength']} bytes, the bundle of its name {size}", hint=hint)
        # The checksum of an object made of parts is one over the parts' checksums and says nothing about the whole; the
        # entity tag of such an object ends in the number of its parts (S3 User Guide, "Checking object integrity").
        checksum = str(head.get("ChecksumSHA256", ""))
        if checksum and "-" not in str(head["ETag"]):
            if checksum != _base64(digest):
                raise IntegrityError(f"the bytes of {place} are not what its name says: SHA-256 {checksum}", hint=hint)
            return
        recorded = str(head.get("Metadata", {}).get(_DIGEST, ""))
        if recorded != digest:
            said = f"says {recorded[:12]} of itself" if recorded else "has neither checksum nor recorded digest"
            raise IntegrityError(f"{place} {said}; it was not stored by deliverkit", hint=hint)

    def _put(self, file: BinaryIO, key: str, digest: str) -> None:
        self._bucket.client.put_object(
            Bucket=self._bucket.name,
            Key=key,
            Body=file,
            IfNoneMatch="*",
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=_base64(digest),
            **self._properties(digest),
        )

    def _put_in_parts(self, file: BinaryIO, key: str, digest: str, *, part_size: int) -> None:
        client, place = self._bucket.client, {"Bucket": self._bucket.name, "Key": key}
        begun = client.create_multipart_upload(**place, ChecksumAlgorithm="SHA256", **self._properties(digest))
        upload = {**place, "UploadId": begun["UploadId"]}
        try:
            parts = [
                self._put_part(upload, number, chunk) for number, chunk in enumerate(_chunks(file, part_size), start=1)
            ]
            client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
        except BaseException:
            # Also when interrupted: parts of an unfinished upload cost money until somebody removes them.
            with suppress(DeliverkitError), self._bucket.doing("removing the parts of an unfinished upload"):
                client.abort_multipart_upload(**upload)
            raise

    def _put_part(self, upload: Mapping[str, str], number: int, chunk: bytes) -> Mapping[str, Any]:
        checksum = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
        answer = self._bucket.client.upload_part(**upload, PartNumber=number, Body=chunk, ChecksumSHA256=checksum)
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    def _part_size(self, size: int) -> int:
        return max(self._single_limit, -(-size // PARTS_LIMIT))

    def _properties(self, digest: str) -> Mapping[str, Any]:
        metadata = {"ContentType": "application/octet-stream", "Metadata": {_DIGEST: digest}}
        return {**metadata, **self._bucket.encryption.as_parameters()}


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while chunk := file.read(size):
        yield chunk


def _base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()
