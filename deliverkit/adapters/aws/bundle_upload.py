"""Storing one bundle while it is made, in one request or in parts, so that it appears whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from deliverkit.adapters.aws.bucket import Bucket, Keeping
from deliverkit.adapters.aws.errors import code_of
from deliverkit.adapters.aws.locking import Retention, needs_object_lock
from deliverkit.adapters.aws.multipart import Multipart
from deliverkit.adapters.aws.parts import PART_SIZE, Made, Part, encoded, make, part_size
from deliverkit.domain.release import KeptParts
from deliverkit.errors import ConflictError, DeliverkitError
from deliverkit.ports import Clock, UploadListener


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that are made while they are sent.

    Attributes:
        size_limit: Bytes that they will not exceed; the same for the same key.
        chunks: Makes them, the same ones each time it is called.
    """

    size_limit: int
    chunks: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Sent:
    """What was made and sent.

    Attributes:
        made: What the pass over the bytes found.
        is_ours: False when somebody else stored the same key meanwhile, or ended the upload.
        kept: What an earlier upload had sent; None when there was none to go on with.
    """

    made: Made
    is_ours: bool
    kept: KeptParts | None = None


class BundleUpload:
    """Puts bundles into a bucket; an upload that fails leaves nothing that anybody could read or pays for."""

    def __init__(self, bucket: Bucket, clock: Clock, *, keeping: Keeping | None = None, least: int = PART_SIZE) -> None:
        """Take the place.

        Args:
            bucket: Where to store.
            clock: Tells until when bundles are locked.
            keeping: What they are to be like.
            least: Bytes up to which one request is used, and the least size of a part.
        """
        self.least = least
        self._bucket = bucket
        self._clock = clock
        self._keeping = keeping or Keeping()

    def send(self, content: Content, key: str, listener: UploadListener | None = None) -> Sent:
        """Make the bundle and store it, going on with an upload of it that was left unfinished.

        Raises:
            DeliverkitError: If the bundle cannot be made, or S3 refuses or does not answer; nothing was stored, and
                no parts are left.
        """
        passage = _Passage(self, content, key)
        try:
            made = self._make(content, passage.send, passage.tick(listener))
            return Sent(made, passage.finish(made), passage.kept(made))
        except BaseException as error:
            # Also when interrupted: parts of an unfinished upload cost money until somebody removes them.
            passage.abort()
            advice = self._advice(error, key) if isinstance(error, DeliverkitError) else ""
            if isinstance(error, DeliverkitError) and advice:
                raise type(error)(error.message, hint=advice) from error.__cause__
            raise

    def measure(self, content: Content) -> Made:
        """Make the bundle without sending it.

        Raises:
            DeliverkitError: If it cannot be made.
        """
        return self._make(content, lambda _part, _digest: None, lambda: None)

    def _make(self, content: Content, send: Callable[[Part, bytes], None], tick: Callable[[], None]) -> Made:
        return make(content.chunks(), part_size(content.size_limit, self.least), send, tick=tick)

    def put(self, key: str, content: bytearray, digest: bytes) -> None:
        """Store a whole bundle in one request, unless there is one.

        Raises:
            ConflictError: If there is one.
        """
        retention = self.retention()
        with self._bucket.doing(f"uploading {self._bucket.uri(key)}"):
            self._bucket.send_body(
                "put_object",
                content,
                encoded(digest),
                **self._bucket.place,
                Key=key,
                IfNoneMatch="*",
                **self.properties(),
                **(retention.as_parameters() if retention else {}),
            )

    def multipart(self, key: str) -> Multipart:
        """An upload in parts."""
        return Multipart(self._bucket, key, self.properties(), self.retention())

    def properties(self) -> Mapping[str, Any]:
        """The members of PutObject and CreateMultipartUpload that say what the object is to be like."""
        tagging = {"Tagging": urlencode(self._keeping.tags)} if self._keeping.tags else {}
        return {"ContentType": "application/octet-stream", **self._bucket.encryption.as_parameters(), **tagging}

    def retention(self) -> Retention | None:
        """The lock of a bundle that is packaged now; it is renewed once a tenth of its time has passed."""
        keeping = self._keeping
        if not keeping.mode:
            return None
        return Retention(keeping.mode, self._clock.now() + keeping.duration, slack=keeping.duration / 10)

    def _advice(self, error: DeliverkitError, key: str) -> str:
        """What an upload knows about an error of S3; told apart by code."""
        code = code_of(error)
        if code == "AccessDenied":
            return self._permissions(key)
        if code.startswith("KMS."):
            return f"aws kms describe-key --key-id {self._bucket.encryption.key_id or 'alias/aws/s3'}"
        if code == "InvalidRequest" and self._keeping.mode:
            return needs_object_lock(self._bucket.name)
        return ""

    def _permissions(self, key: str) -> str:
        needs = [f"s3:PutObject and s3:AbortMultipartUpload on {self._bucket.uri(key)}"]
        if self._bucket.encryption.algorithm.startswith("aws:kms"):
            needs.append("kms:GenerateDataKey and kms:Decrypt on the bucket's key")
        if self._keeping.mode:
            needs.append("s3:PutObjectRetention")
        if self._keeping.tags:
            needs.append("s3:PutObjectTagging")
        owner = f"; the bucket must belong to {self._bucket.owner} (release.bucket_owner)" if self._bucket.owner else ""
        return f"the credentials in use need {', '.join(needs)}{owner}"


class _Passage:
    """One bundle on its way: which of the two forms it takes shows with its first part."""

    def __init__(self, uploads: BundleUpload, content: Content, key: str) -> None:
        self._uploads, self._content, self._key = uploads, content, key
        self._multipart = uploads.multipart(key)
        self._is_stored = False
        self._done = 0
        self._lock = threading.Lock()

    def send(self, part: Part, digest: bytes) -> None:
        if part.is_whole:
            self._put(part, digest)
        else:
            self._multipart.put(part, digest)
        with self._lock:
            self._done += len(part.content)

    def tick(self, listener: UploadListener | None) -> Callable[[], None]:
        return (lambda: listener(self._done, self._content.size_limit)) if listener else lambda: None

    def finish(self, made: Made) -> bool:
        """True when what lies there now is what we sent."""
        if self._is_stored:
            return True
        try:
            return self._multipart.complete(made)
        except ConflictError:
            self._multipart.abort()
            return False

    def kept(self, made: Made) -> KeptParts | None:
        if not self._multipart.is_taken_up:
            return None
        sizes = self._multipart.kept
        return KeptParts(len(sizes), sum(sizes.values()), len(made.part_digests))

    def abort(self) -> None:
        self._multipart.abort()

    def _put(self, part: Part, digest: bytes) -> None:
        try:
            self._uploads.put(self._key, part.content, digest)
        except ConflictError:
            return
        self._is_stored = True
