"""One upload of one bundle in parts: begun or taken up again, filled from several threads, completed or aborted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.adapters.aws.errors import code_of
from deliverkit.adapters.aws.locking import Retention
from deliverkit.adapters.aws.parts import Made, Part, encoded
from deliverkit.errors import DeliverkitError, NotFoundError, UnreachableError


class Multipart:
    """An upload in parts under a key.

    The key fixes the bytes and the size of the parts, so that an upload which somebody began and left, or is still
    busy with, can be filled up by anybody: a part that lies there with the right SHA-256 is not sent again.

    Attributes:
        kept: Bytes of each part that lay there already, by its number.
        is_lost: True once the upload is gone although we neither completed nor aborted it: somebody else did.
    """

    def __init__(self, bucket: Bucket, key: str, properties: Mapping[str, Any], retention: Retention | None) -> None:
        """Take the place and what the object is to be like; nothing is contacted yet."""
        self._bucket = bucket
        self._place = {**bucket.place, "Key": key}
        self._properties = properties
        self._retention = retention
        self._lock = threading.Lock()
        self._upload: Mapping[str, Any] | None = None
        self._present: Mapping[int, Mapping[str, Any]] = {}
        self._parts: dict[int, Mapping[str, Any]] = {}
        self._others: tuple[str, ...] = ()
        self._is_taken_up = False
        self.kept: dict[int, int] = {}
        self.is_lost = False

    @property
    def is_taken_up(self) -> bool:
        """True when it goes on with an upload that was begun earlier."""
        return self._is_taken_up

    def put(self, part: Part, digest: bytes) -> None:
        """Have a part there, unless the upload is lost."""
        if self.is_lost:
            return
        checksum = encoded(digest)
        with self._losing():
            upload = self._open()
            present = self._present.get(part.number, {})
            if (present.get("ChecksumSHA256"), present.get("Size")) == (checksum, len(part.content)):
                e_tag = present["ETag"]
                self.kept[part.number] = len(part.content)
            else:
                numbered = {**upload, "PartNumber": part.number}
                e_tag = self._bucket.send_body("upload_part", part.content, checksum, **numbered)["ETag"]
            self._parts[part.number] = {"PartNumber": part.number, "ETag": e_tag, "ChecksumSHA256": checksum}

    def complete(self, made: Made) -> bool:
        """Let the object appear, unless there is one by now; True when it is ours.

        Raises:
            DeliverkitError: If S3 refuses.
        """
        if self.is_lost or self._upload is None:
            return False
        parts = {"Parts": [self._parts[number] for number in sorted(self._parts)]}
        with self._losing():
            self._bucket.client.complete_multipart_upload(
                **self._upload, MultipartUpload=parts, MpuObjectSize=made.size, IfNoneMatch="*"
            )
        if not self.is_lost:
            self._settle()
        return not self.is_lost

    def abort(self) -> None:
        """Leave no part behind, as far as S3 lets us: parts of an unfinished upload cost money."""
        if self._upload is not None and not self.is_lost:
            self._abort(self._upload["UploadId"])

    def _open(self) -> Mapping[str, Any]:
        with self._lock:
            if self._upload is None:
                found = self._find()
                self._is_taken_up = found is not None
                self._upload = {**self._place, "UploadId": found or self._begin()}
            return self._upload

    def _begin(self) -> str:
        begun = self._bucket.client.create_multipart_upload(
            **self._place,
            ChecksumAlgorithm="SHA256",
            **self._properties,
            **(self._retention.as_parameters() if self._retention else {}),
        )
        return str(begun["UploadId"])

    def _find(self) -> str | None:
        """The youngest upload under the key that keeps SHA-256 checksums, with its parts; the others are remembered."""
        try:
            with self._bucket.doing("looking for an upload to go on with"):
                uploads = tuple(self._uploads())
                self._others = uploads[:-1]
                parts = self._listed(uploads[-1]) if uploads else ()
                self._present = {part["PartNumber"]: part for part in parts}
        except NotFoundError:
            return None  # ended between the two looks
        except UnreachableError as error:
            # Whoever may write but not list begins anew each time.
            if code_of(error) != "AccessDenied":
                raise
            return None
        return uploads[-1] if uploads else None

    def _uploads(self) -> Iterator[str]:
        pages = self._bucket.client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(**self._bucket.place, Prefix=self._place["Key"]):
            for upload in page.get("Uploads", ()):
                if (upload["Key"], upload.get("ChecksumAlgorithm")) == (self._place["Key"], "SHA256"):
                    yield str(upload["UploadId"])

    def _listed(self, upload_id: str) -> Iterator[Mapping[str, Any]]:
        pages = self._bucket.client.get_paginator("list_parts")
        for page in pages.paginate(**self._place, UploadId=upload_id):
            yield from page.get("Parts", ())

    @contextmanager
    def _losing(self) -> Iterator[None]:
        try:
            with self._bucket.doing(f"uploading {self._bucket.uri(self._place['Key'])}"):
                yield
        except NotFoundError as error:
            if code_of(error) != "NoSuchUpload":
                raise
            self.is_lost = True

    def _settle(self) -> None:
        """No other upload under the key can be completed any more."""
        for upload_id in self._others:
            self._abort(upload_id)

    def _abort(self, upload_id: str) -> None:
        with suppress(DeliverkitError), self._bucket.doing("removing the parts of an unfinished upload"):
            self._bucket.client.abort_multipart_upload(**self._place, UploadId=upload_id)
