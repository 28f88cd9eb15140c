"""Storing one bundle while it is made, in one request or in parts, so that it appears whole or not at all."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.adapters.aws.errors import code_of
from deliverkit.errors import ConflictError, DeliverkitError, UsageError

if TYPE_CHECKING:
    from deliverkit.ports import PreparedBundle

PART_SIZE = 8 * 1024 * 1024
"""Bytes up to which a bundle goes in one request; larger ones go in parts of at least this size."""
PARTS_LIMIT = 10_000
"""S3's limit of parts in one upload (S3 User Guide, "Amazon S3 multipart upload limits")."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was made and sent.

    Attributes:
        digest: Sixty-four hexadecimal digits over the bundle's bytes.
        size: The bundle's bytes.
        is_ours: False when somebody else stored the same key meanwhile.
    """

    digest: str
    size: int
    is_ours: bool


class BundleUpload:
    """Puts bundles into a bucket; an upload that fails leaves nothing that anybody could read."""

    def __init__(self, bucket: Bucket, *, part_size: int = PART_SIZE) -> None:
        """Take the bucket.

        Args:
            bucket: Where to store.
            part_size: Bytes up to which one request is used, and the least size of a part.
        """
        self._bucket = bucket
        self._part_size = part_size

    def send(self, bundle: PreparedBundle, key: str) -> Sent:
        """Make the bundle and store it.

        Raises:
            DeliverkitError: If the bundle cannot be made, or S3 refuses or does not answer; nothing was stored.
        """
        part_size = max(self._part_size, -(-bundle.size_limit // PARTS_LIMIT))
        made = _Made()
        parts = _parts(made.over(bundle.chunks()), part_size)
        first, second = next(parts, b""), next(parts, b"")
        is_ours = True
        try:
            with self._bucket.doing(f"uploading {self._bucket.uri(key)}"):
                if second:
                    self._put_in_parts(chain((first, second), parts), key)
                else:
                    self._put(first, key)
        except ConflictError:
            is_ours = False
        except UsageError as error:
            # The repetition of a completion whose answer was lost finds no upload any more; the object tells the rest.
            if code_of(error) != "NoSuchUpload":
                raise
            is_ours = False
        return Sent(made.sha256.hexdigest(), made.size, is_ours)

    def _put(self, content: bytes, key: str) -> None:
        self._bucket.client.put_object(
            Bucket=self._bucket.name,
            Key=key,
            Body=content,
            IfNoneMatch="*",
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=_checksum(content),
            **self._properties(),
        )

    def _put_in_parts(self, chunks: Iterator[bytes], key: str) -> None:
        client, place = self._bucket.client, {"Bucket": self._bucket.name, "Key": key}
        begun = client.create_multipart_upload(**place, ChecksumAlgorithm="SHA256", **self._properties())
        upload = {**place, "UploadId": begun["UploadId"]}
        try:
            parts = [self._put_part(upload, number, chunk) for number, chunk in enumerate(chunks, start=1)]
            client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
        except BaseException:
            # Also when interrupted: parts of an unfinished upload cost money until somebody removes them.
            with suppress(DeliverkitError), self._bucket.doing("removing the parts of an unfinished upload"):
                client.abort_multipart_upload(**upload)
            raise

    def _put_part(self, upload: Mapping[str, str], number: int, chunk: bytes) -> Mapping[str, Any]:
        checksum = _checksum(chunk)
        answer = self._bucket.client.upload_part(**upload, PartNumber=number, Body=chunk, ChecksumSHA256=checksum)
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    def _properties(self) -> Mapping[str, Any]:
        return {"ContentType": "application/octet-stream", **self._bucket.encryption.as_parameters()}


class _Made:
    """Digest and size of what went by."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.size = 0

    def over(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.sha256.update(chunk)
            self.size += len(chunk)
            yield chunk


def _parts(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    gathered = bytearray()
    for chunk in chunks:
        gathered += chunk
        while len(gathered) > size:
            yield bytes(gathered[:size])
            del gathered[:size]
    if gathered:
        yield bytes(gathered)


def _checksum(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
