"""Copying one S3 object from bucket to bucket, within S3: the bytes never come by here."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.domain.release import BundleRevision
from deliverkit.errors import DeliverkitError

COPY_LIMIT = 5 * 1024**3
"""Bytes that one CopyObject takes (S3 API reference, CopyObject); more goes in parts (UploadPartCopy)."""
PART_SIZE = 512 * 1024**2
"""Bytes of a part where the original has none that could be kept."""
_PARALLEL = 4


class ObjectCopy:
    """Copies of objects; the client is that of the region which they go to."""

    def __init__(
        self, bucket: Bucket, client: Any, *, copy_limit: int = COPY_LIMIT, part_size: int = PART_SIZE
    ) -> None:
        """Take the bucket that they come from, for its rules and errors.

        Args:
            bucket: Where originals lie; copies are encrypted alike.
            client: The S3 client of the region that they go to.
            copy_limit: Bytes up to which one request copies all.
            part_size: Bytes of a part, where the original was not stored in parts.
        """
        self._bucket = bucket
        self._client = client
        self._copy_limit = copy_limit
        self._part_size = part_size

    def copy(self, original: BundleRevision, size: int, bucket: str, key: str) -> str:
        """Copy an object to a key where nothing lies, and give the copy's version id.

        Raises:
            ConflictError: If something lies there already; nothing was changed.
            UnreachableError: If S3 does not answer or denies it.
        """
        source: dict[str, Any] = {
            "CopySource": {"Bucket": original.bucket, "Key": original.key, "VersionId": original.version_id},
            "CopySourceIfMatch": original.e_tag,
        }
        place = {"Bucket": bucket, "Key": key}
        if self._bucket.owner:
            source["ExpectedSourceBucketOwner"] = place["ExpectedBucketOwner"] = self._bucket.owner
        with self._bucket.doing(f"copying {original.uri} to s3://{bucket}/{key}"):
            if size > self._copy_limit:
                return self._copy_in_parts(original, size, source, place)
            answer = self._client.copy_object(
                **place, **source, IfNoneMatch="*", ChecksumAlgorithm="SHA256", **self._encryption()
            )
        return str(answer.get("VersionId", ""))

    def _copy_in_parts(
        self, original: BundleRevision, size: int, source: Mapping[str, Any], place: Mapping[str, str]
    ) -> str:
        part_size = self._part_size_of(original, size)
        ranges = [(begin, min(begin + part_size, size) - 1) for begin in range(0, size, part_size)]
        properties = {"ContentType": "application/octet-stream", **self._encryption()}
        begun = self._client.create_multipart_upload(**place, ChecksumAlgorithm="SHA256", **properties)
        upload = {**place, "UploadId": begun["UploadId"]}

        def copy_part(number: int) -> Mapping[str, Any]:
            begin, end = ranges[number - 1]
            answer = self._client.upload_part_copy(
                **upload, **source, PartNumber=number, CopySourceRange=f"bytes={begin}-{end}"
            )["CopyPartResult"]
            return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]}

        try:
            with ThreadPoolExecutor(_PARALLEL) as pool:
                parts = list(pool.map(copy_part, range(1, len(ranges) + 1)))
            answer = self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
        except BaseException:
            with suppress(DeliverkitError), self._bucket.doing("removing the parts of an unfinished copy"):
                self._client.abort_multipart_upload(**upload)
            raise
        return str(answer.get("VersionId", ""))

    def _part_size_of(self, original: BundleRevision, size: int) -> int:
        """The size of the original's parts: with the same parts the copy has the same checksum over them."""
        head = self._bucket.client.head_object(
            **{**self._bucket.place, "Bucket": original.bucket},
            Key=original.key,
            VersionId=original.version_id,
            PartNumber=1,
        )
        first = int(head["ContentLength"])
        return first if head.get("PartsCount", 1) > 1 and first < size else self._part_size

    def _encryption(self) -> Mapping[str, str]:
        # A KMS key of ours is at home in one region; elsewhere the account's own key for S3 takes its place.
        algorithm = self._bucket.encryption.algorithm
        return {"ServerSideEncryption": algorithm}
