"""Small documents in one S3 bucket: conditional writes that know their own lost answers, reads, listings."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from deliverkit.adapters.aws.errors import RACED, code_of, translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.errors import ConflictError, IntegrityError, NotFoundError, UnreachableError, UsageError

PARALLEL = 16
"""Requests side by side: on AWS each takes about 30 ms, of which botocore works 2 to 3."""
DOCUMENT_LIMIT = 16 << 20
"""Bytes of a record, an event, a note: ours have some kilobytes."""
LIST_LIMIT = 256 << 20
"""Bytes of a document that lists a bundle's files, some 200 for each."""
_RACES = 4
"""How often a write is asked for again that met another one."""
_NONCE = "deliverkit-write"


@dataclass(frozen=True, slots=True)
class Encryption:
    """How objects are encrypted at rest (S3 API reference, PutObject, x-amz-server-side-encryption).

    Attributes:
        algorithm: `aws:kms`, `aws:kms:dsse` or `AES256`.
        key_id: KMS key; empty for the account's own S3 key.
    """

    algorithm: str = "aws:kms"
    key_id: str = ""

    def as_parameters(self) -> Mapping[str, str]:
        """The members that PutObject and CreateMultipartUpload take."""
        key = {"SSEKMSKeyId": self.key_id} if self.key_id else {}
        return {"ServerSideEncryption": self.algorithm, **key}


@dataclass(frozen=True, slots=True)
class Keeping:
    """What bundles are to be like once they are stored.

    Attributes:
        mode: Object Lock mode, `GOVERNANCE` or `COMPLIANCE`; empty for no lock.
        duration: For how long they are locked.
        tags: Their tags.
    """

    mode: str = ""
    duration: timedelta = timedelta(0)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """An object's content, with what a conditional write needs to replace exactly this one.

    Attributes:
        body: The content.
        e_tag: Entity tag as S3 gave it, with its quotes.
        nonce: Identifies the write that put it there; empty for an object that somebody else stored.
    """

    body: bytes
    e_tag: str
    nonce: str


class Bucket:
    """One bucket, seen through the few calls that ledgers, leases and release records need.

    Attributes:
        name: The bucket's name.
        encryption: How what we write is encrypted.
        owner: Account id that the bucket must belong to; empty for any.
    """

    def __init__(
        self, aws: Aws, name: str, *, encryption: Encryption | None = None, owner: str = "", page_size: int = 1000
    ) -> None:
        """Take the clients and the name; nothing is contacted yet.

        Args:
            aws: Gives the S3 client.
            name: Bucket name.
            encryption: How to encrypt; with the account's KMS key for S3 by default.
            owner: Account id that the bucket must belong to: S3 refuses each request when it does not.
            page_size: Keys asked for at once.
        """
        self.name = name
        self.owner = owner
        self.encryption = encryption or Encryption()
        self._aws = aws
        self._page_size = page_size

    @property
    def client(self) -> Any:
        """The boto3 client."""
        return self._aws.client("s3")

    @property
    def place(self) -> Mapping[str, str]:
        """The members that name the bucket, and its owner, in every request."""
        owner = {"ExpectedBucketOwner": self.owner} if self.owner else {}
        return {"Bucket": self.name, **owner}

    def send_body(self, operation: str, content: bytes | bytearray, checksum: str, **parameters: Any) -> Any:
        """Call an operation with a large body whose SHA-256 is known, and need not be computed once more.

        botocore would sign a body by hashing it again although TLS and the checksum protect it already: it leaves that
        out only where it computed the checksum itself. So it is told where this one stands.
        """
        client = self.client
        for name in ("PutObject", "UploadPart"):
            # Under the same id a second registration does nothing.
            client.meta.events.register(f"before-sign.s3.{name}", _tell_of_checksum, unique_id=f"deliverkit-{name}")
        return getattr(client, operation)(
            **parameters, Body=content, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum
        )

    def put(self, key: str, body: bytes, *, replacing: Document | None = None) -> None:
        """Write an object that is not there yet, or exactly the one that was read.

        boto3 repeats a request whose answer was lost; the repetition then finds the first one's object in its way. A
        nonce in the object's metadata tells whether what lies there is our own write.

        S3 may also decide nothing, because two writes met: then it is asked again while what lies there allows it.

        Raises:
            ConflictError: If another writer was there first; nothing was changed.
            UsageError: If the bucket does not exist.
            UnreachableError: If S3 does not answer or denies the write.
        """
        refused = self._put(key, body, replacing)
        if refused is not None:
            raise refused[0]

    def put_once(self, key: str, body: bytes, *, is_named_by_content: bool = False) -> None:
        """Have an object there, whoever was first.

        Args:
            key: Its key.
            body: Its content.
            is_named_by_content: Whether what lies there has to be this very content.

        Raises:
            ConflictError: If it was refused, and there is none.
            IntegrityError: If what lies there is not what its name says.
            UsageError: If the bucket does not exist.
            UnreachableError: If S3 does not answer or denies the write.
        """
        refused = self._put(key, body, None)
        if refused is None:
            return
        error, present = refused
        if present is None:
            raise error
        if is_named_by_content and present.body != body:
            raise IntegrityError(
                f"{self.uri(key)} is not what its name says", hint="restore its first version in S3, or remove it"
            )

    def _put(self, key: str, body: bytes, replacing: Document | None) -> tuple[ConflictError, Document | None] | None:
        """Write; the refusal with what lies there instead, None when it was written."""
        nonce = uuid.uuid4().hex
        for is_last in (*[False] * _RACES, True):
            try:
                self._put_object(key, body, nonce, replacing)
            except ConflictError as error:
                present = self.get(key)
                if present is not None and present.nonce == nonce:
                    return None
                is_undecided = code_of(error) == RACED and _is_same(present, replacing)
                if is_last or not is_undecided:
                    return error, present
            else:
                return None
        raise AssertionError("the last attempt returns")

    def _put_object(self, key: str, body: bytes, nonce: str, replacing: Document | None) -> None:
        condition = {"IfMatch": replacing.e_tag} if replacing else {"IfNoneMatch": "*"}
        try:
            with self.doing(f"writing {self.uri(key)}"):
                self.client.put_object(
                    **self.place,
                    Key=key,
                    Body=body,
                    ContentType="application/json",
                    Metadata={_NONCE: nonce},
                    **condition,
                    **self.encryption.as_parameters(),
                )
        except NotFoundError as error:
            # If-Match on a key that is gone: somebody deleted what we read.
            raise ConflictError(error.message) from error

    def get(self, key: str, *, limit: int = DOCUMENT_LIMIT) -> Document | None:
        """The object; None when there is none.

        Args:
            key: Its key.
            limit: Bytes that it may have: whoever may write to the bucket must not fill our memory.

        Raises:
            IntegrityError: If it has more; it was not read.
            UsageError: If the bucket does not exist.
            UnreachableError: If S3 does not answer or denies the read.
        """
        try:
            with self.doing(f"reading {self.uri(key)}"):
                answer = self.client.get_object(**self.place, Key=key)
                if int(answer["ContentLength"]) > limit:
                    answer["Body"].close()
                    raise IntegrityError(
                        f"{self.uri(key)} has {answer['ContentLength']} bytes, and {limit} are allowed",
                        hint="somebody wrote there by other means; find out who (CloudTrail) and remove that version",
                    )
                body = answer["Body"].read()
        except NotFoundError:
            return None
        return Document(body, str(answer["ETag"]), str(answer.get("Metadata", {}).get(_NONCE, "")))

    def get_all(self, keys: Iterable[str], *, limit: int = DOCUMENT_LIMIT) -> tuple[Document | None, ...]:
        """Many objects, side by side, in the keys' order."""
        wanted, get = tuple(keys), partial(self.get, limit=limit)
        if len(wanted) < 2:
            return tuple(map(get, wanted))
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  (10 ms that one document does not pay)

        with ThreadPoolExecutor(min(PARALLEL, len(wanted))) as pool:
            return tuple(pool.map(get, wanted))

    def keys(self, prefix: str, *, after: str = "") -> tuple[str, ...]:
        """All keys that begin with the prefix and come after the other one, in the order of their UTF-8 bytes."""
        return tuple(str(item["Key"]) for item in self.contents(prefix, after=after))

    def contents(self, prefix: str, *, after: str = "") -> tuple[Mapping[str, Any], ...]:
        """The same with what S3 tells of each object (S3 API reference, ListObjectsV2, Contents).

        Raises:
            UnreachableError: If S3 does not answer, denies it, or does not list them to the end.
        """
        return tuple(item for page in self._pages(prefix, after=after) for item in page.get("Contents", ()))

    def folders(self, prefix: str) -> tuple[str, ...]:
        """The folders that begin with the prefix, each up to its closing slash."""
        pages = self._pages(prefix, delimiter="/")
        return tuple(str(folder["Prefix"]) for page in pages for folder in page.get("CommonPrefixes", ()))

    def uri(self, key: str) -> str:
        """The object as people write it."""
        return f"s3://{self.name}/{key}"

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Translate errors; that the bucket itself is missing is a matter of configuration, not of one object.

        Raises:
            UsageError: If the bucket does not exist, or S3 finds the request wrong.
            NotFoundError: If the object does not exist.
            ConflictError: If a condition does not hold.
            UnreachableError: If S3 does not answer or denies the request.
        """
        try:
            with translated(what):
                yield
        except NotFoundError as error:
            if code_of(error) == "NoSuchBucket":
                hint = f"aws s3 mb s3://{self.name}, or correct `release.store` and `ledger` in deliverkit.yml"
                raise UsageError(f"{what}: there is no bucket {self.name}", hint=hint) from error
            raise
        except UnreachableError as error:
            if self.owner and code_of(error) in {"AccessDenied", "403"}:
                hint = f"{error.hint}; and the bucket must belong to account {self.owner} (release.bucket_owner)"
                raise UnreachableError(error.message, hint=hint) from error.__cause__
            raise

    def _pages(self, prefix: str, *, after: str = "", delimiter: str = "") -> Iterator[Mapping[str, Any]]:
        optional = {"StartAfter": after, "Delimiter": delimiter}
        given = {name: value for name, value in optional.items() if value}
        yield from self.pages("list_objects_v2", f"listing {self.uri(prefix)}", Prefix=prefix, **given)

    def pages(self, operation: str, what: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """All pages of a listing; one that breaks off is no listing, for what it lacks would count as not there.

        Args:
            operation: boto3's name of the call.
            what: What we are doing, for the message.
            parameters: Besides the bucket.

        Raises:
            UnreachableError: If S3 does not answer, denies it, or does not list to the end.
        """
        page: Mapping[str, Any] = {}
        with self.doing(what):
            paginator = self.client.get_paginator(operation)
            size = {"PageSize": self._page_size}
            for page in paginator.paginate(**self.place, **parameters, PaginationConfig=size):
                yield page
        if page.get("IsTruncated"):
            raise UnreachableError(f"{what}: S3 broke the list off", hint="type the command again")


def _is_same(present: Document | None, read: Document | None) -> bool:
    return (present.e_tag if present else "") == (read.e_tag if read else "")


def _tell_of_checksum(request: Any, **_: Any) -> None:
    name = "x-amz-checksum-sha256"
    if name in request.headers:
        request.context["checksum"] = {"request_algorithm": {"algorithm": "sha256", "in": "header", "name": name}}
