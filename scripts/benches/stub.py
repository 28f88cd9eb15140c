"""A stand-in for S3 that forgets what it is sent, so that only the client's speed shows: `stub.py DIRECTORY`.

It takes TLS connections on the loopback with a certificate of its own (`ca.pem` in the directory), answers what uploads
ask, and keeps sizes, checksums and small bodies. Any bucket exists and is versioned. It ends when its stdin does. The
first line of its stdout is the endpoint; requests that it does not know are answered with 501 and told on stderr.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import socket
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from stub_certificate import certify
from stub_http import Answer, Request, accept, fork

PROCESSES = 2
KEPT_HEADERS = ("x-amz-meta-", "x-amz-server-side-encryption", "x-amz-object-lock-", "content-type")
CALLER = (
    "<Arn>arn:aws:sts::123456789012:assumed-role/jenkins/build</Arn><UserId>AROABENCH:build</UserId>"
    "<Account>123456789012</Account>"
)
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


@dataclass(slots=True)
class Stored:
    """An object: all but its content, unless that is small."""

    size: int
    tag: str
    headers: dict[str, str]
    body: bytes = b""
    version: str = field(default_factory=lambda: uuid.uuid4().hex)

    def described(self) -> dict[str, str]:
        """The headers that tell of it."""
        told = {"ETag": f'"{self.tag}"', "x-amz-version-id": self.version, "Last-Modified": DATE}
        return {**self.headers, **told}


@dataclass(slots=True)
class Begun:
    """An upload in parts: number to size, tag and checksums."""

    bucket: str
    key: str
    headers: dict[str, str]
    parts: dict[int, Stored] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """A request, taken apart."""

    request: Request
    bucket: str
    key: str
    query: dict[str, str]

    @property
    def checksums(self) -> dict[str, str]:
        """The checksums that came with it, in front or behind."""
        named = {**self.request.headers, **self.request.trailers}
        return {name: value for name, value in named.items() if re.fullmatch(r"x-amz-checksum-(sha|crc).*", name)}


class Store:
    """Decides what to answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[tuple[str, str], Stored] = {}
        self._uploads: dict[str, Begun] = {}

    def __call__(self, request: Request) -> Answer:
        """The answer to a request."""
        parts = urlsplit(request.target)
        _, bucket, key = f"{unquote(parts.path)}/".split("/", 2)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        call = Call(request, bucket, key.removesuffix("/"), query)
        with self._lock:
            answer = self._service(call) or self._s3(call)
        if answer is None:
            target = request.headers.get("x-amz-target", "")
            tell(f"not known: {request.method} {request.target} {target} {request.body[:200]!r}")
            answer = _error(501, "NotImplemented")
        return answer

    # --- other services --------------------------------------------------------------------------

    def _service(self, call: Call) -> Answer | None:
        target = call.request.headers.get("x-amz-target", "")
        if target.endswith(".RegisterApplicationRevision"):
            return Answer(200, {"Content-Type": "application/x-amz-json-1.1"}, b"{}")
        if call.request.method == "POST" and b"Action=GetCallerIdentity" in call.request.body:
            return _xml("GetCallerIdentityResponse", f"<GetCallerIdentityResult>{CALLER}</GetCallerIdentityResult>")
        return None

    # --- S3 ---------------------------------------------------------------------------------------

    def _s3(self, call: Call) -> Answer | None:
        if not call.key:
            return self._bucket(call)
        operation = self._OPERATIONS.get((call.request.method, frozenset(call.query) & self._WORDS))
        return operation(self, call) if operation else None

    def _bucket(self, call: Call) -> Answer | None:
        query = call.query
        if call.request.method in ("HEAD", "PUT"):
            return Answer(200, {"x-amz-bucket-region": "us-east-1"})
        if call.request.method != "GET":
            return None
        if "uploads" in query:
            return self._list_uploads(call)
        settled = next((answer for word, answer in ABOUT_BUCKETS.items() if word in query), None)
        return settled or (self._list(call) if set(query) <= self._LISTING else None)

    def _list(self, call: Call) -> Answer:
        prefix, after = call.query.get("prefix", ""), call.query.get("start-after", "")
        found = sorted(
            (key, stored)
            for (bucket, key), stored in self._objects.items()
            if bucket == call.bucket and key.startswith(prefix) and key > after
        )
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{stored.size}</Size><ETag>&quot;{stored.tag}&quot;</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, stored in found
        )
        head = f"<Name>{escape(call.bucket)}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(found)}</KeyCount>"
        return _xml("ListBucketResult", f"{head}<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{items}")

    def _list_uploads(self, call: Call) -> Answer:
        items = "".join(
            f"<Upload><Key>{escape(each.key)}</Key><UploadId>{upload}</UploadId>"
            "<Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>"
            for upload, each in self._uploads.items()
            if each.bucket == call.bucket and each.key.startswith(call.query.get("prefix", ""))
        )
        head = f"<Bucket>{escape(call.bucket)}</Bucket><IsTruncated>false</IsTruncated>"
        return _xml("ListMultipartUploadsResult", f"{head}{items}")

    def _put(self, call: Call) -> Answer:
        if self._stands_in_the_way(call):
            return _error(412, "PreconditionFailed")
        request = call.request
        stored = Stored(request.size, uuid.uuid4().hex, {**_kept(request), **call.checksums}, request.body)
        self._objects[call.bucket, call.key] = stored
        return Answer(200, stored.described())

    def _stands_in_the_way(self, call: Call) -> bool:
        present = self._objects.get((call.bucket, call.key))
        headers = call.request.headers
        if headers.get("if-none-match") == "*":
            return present is not None
        wanted = headers.get("if-match")
        return wanted is not None and (present is None or present.tag != wanted.strip('"'))

    def _get(self, call: Call) -> Answer:
        stored = self._objects.get((call.bucket, call.key))
        if stored is None:
            return _error(404, "NoSuchKey")
        if call.request.method == "HEAD":
            return Answer(200, {**stored.described(), "Content-Length": str(stored.size)})
        if stored.size != len(stored.body):
            tell(f"{call.key} was thrown away, its content cannot be read")
            return _error(501, "NotImplemented")
        return Answer(200, stored.described(), stored.body)

    def _delete(self, call: Call) -> Answer:
        self._objects.pop((call.bucket, call.key), None)
        return Answer(204)

    def _tag(self, call: Call) -> Answer:
        return Answer(200) if (call.bucket, call.key) in self._objects else _error(404, "NoSuchKey")

    # --- S3, uploads in parts ---------------------------------------------------------------------

    def _create(self, call: Call) -> Answer:
        upload, headers = uuid.uuid4().hex, call.request.headers
        told = {
            str(name): headers[name] for name in ("x-amz-checksum-algorithm", "x-amz-checksum-type") if name in headers
        }
        self._uploads[upload] = Begun(call.bucket, call.key, {**_kept(call.request), **told})
        names = f"<Bucket>{escape(call.bucket)}</Bucket><Key>{escape(call.key)}</Key><UploadId>{upload}</UploadId>"
        return _xml("InitiateMultipartUploadResult", names, told)

    def _put_part(self, call: Call) -> Answer:
        begun = self._uploads.get(call.query["uploadId"])
        if begun is None:
            return _error(404, "NoSuchUpload")
        part = Stored(call.request.size, uuid.uuid4().hex, call.checksums)
        begun.parts[int(call.query["partNumber"])] = part
        return Answer(200, {"ETag": f'"{part.tag}"', **part.headers})

    def _list_parts(self, call: Call) -> Answer:
        begun = self._uploads.get(call.query["uploadId"])
        if begun is None:
            return _error(404, "NoSuchUpload")
        after = int(call.query.get("part-number-marker", 0))
        items = "".join(
            f"<Part><PartNumber>{number}</PartNumber><Size>{part.size}</Size><ETag>&quot;{part.tag}&quot;</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            + "".join(f"<{_member(name)}>{value}</{_member(name)}>" for name, value in part.headers.items())
            + "</Part>"
            for number, part in sorted(begun.parts.items())
            if number > after
        )
        head = f"<Bucket>{escape(call.bucket)}</Bucket><Key>{escape(call.key)}</Key>"
        return _xml("ListPartsResult", f"{head}<IsTruncated>false</IsTruncated>{items}")

    def _complete(self, call: Call) -> Answer:
        begun = self._uploads.get(call.query["uploadId"])
        if begun is None:
            return _error(404, "NoSuchUpload")
        if self._stands_in_the_way(call):
            return _error(412, "PreconditionFailed")
        asked = re.findall(rb"<PartNumber>(\d+)</PartNumber>", call.request.body)
        tags = re.findall(rb"<ETag>(?:&quot;|&#34;|\")?([0-9a-f]+)", call.request.body)
        parts = [begun.parts.get(int(number)) for number in asked]
        if not parts or [part and part.tag.encode() for part in parts] != tags:
            return _error(400, "InvalidPart")
        del self._uploads[call.query["uploadId"]]
        found = [part for part in parts if part]
        checksum = call.checksums or composite(found)
        tag = f"{uuid.uuid4().hex}-{len(found)}"
        stored = Stored(sum(part.size for part in found), tag, {**begun.headers, **checksum})
        stored.headers.pop("x-amz-checksum-algorithm", None)
        self._objects[call.bucket, call.key] = stored
        names = f"<Bucket>{escape(call.bucket)}</Bucket><Key>{escape(call.key)}</Key><ETag>&quot;{tag}&quot;</ETag>"
        sums = "".join(f"<{_member(name)}>{value}</{_member(name)}>" for name, value in checksum.items())
        return _xml("CompleteMultipartUploadResult", names + sums, {"x-amz-version-id": stored.version})

    def _abort(self, call: Call) -> Answer:
        return Answer(204) if self._uploads.pop(call.query["uploadId"], None) else _error(404, "NoSuchUpload")

    _WORDS = frozenset({"uploads", "uploadId", "partNumber", "tagging", "retention", "legal-hold", "acl", "attributes"})
    _LISTING = frozenset(
        {"list-type", "prefix", "start-after", "max-keys", "delimiter", "encoding-type", "x-id", "fetch-owner"}
    )
    _OPERATIONS: ClassVar[dict[tuple[str, frozenset[str]], Callable[[Store, Call], Answer]]] = {
        ("PUT", frozenset()): _put,
        ("GET", frozenset()): _get,
        ("HEAD", frozenset()): _get,
        ("DELETE", frozenset()): _delete,
        ("PUT", frozenset({"tagging"})): _tag,
        ("PUT", frozenset({"retention"})): _tag,
        ("POST", frozenset({"uploads"})): _create,
        ("PUT", frozenset({"uploadId", "partNumber"})): _put_part,
        ("GET", frozenset({"uploadId"})): _list_parts,
        ("POST", frozenset({"uploadId"})): _complete,
        ("DELETE", frozenset({"uploadId"})): _abort,
    }


def composite(parts: list[Stored]) -> dict[str, str]:
    """The SHA-256 over the parts' SHA-256 (S3 User Guide, "Checking object integrity"), when all parts have one."""
    sums = [part.headers.get("x-amz-checksum-sha256", "") for part in parts]
    if not all(sums):
        return {}
    digest = hashlib.sha256(b"".join(map(base64.b64decode, sums))).digest()
    return {"x-amz-checksum-sha256": f"{base64.b64encode(digest).decode()}-{len(sums)}"}


def _member(header: str) -> str:
    return f"Checksum{header.removeprefix('x-amz-checksum-').upper()}"


def _kept(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.startswith(KEPT_HEADERS)}


def _xml(name: str, content: str, headers: dict[str, str] | None = None) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{content}</{name}>'
    return Answer(200, {"Content-Type": "application/xml", **(headers or {})}, text.encode())


def _error(status: int, code: str) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return Answer(status, {"Content-Type": "application/xml"}, text.encode())


ABOUT_BUCKETS = {
    "versioning": _xml("VersioningConfiguration", "<Status>Enabled</Status>"),
    "location": _xml("LocationConstraint", ""),
    "object-lock": _error(404, "ObjectLockConfigurationNotFoundError"),
}


def tell(line: str) -> None:
    """Say something to whoever extends this file."""
    sys.stderr.write(f"stub: {line}\n")
    sys.stderr.flush()


# --- the process ----------------------------------------------------------------------------------


def serve(directory: Path) -> int:
    """Serve until stdin ends."""
    context = certify(directory)
    place = f"\0deliverkit-bench-{uuid.uuid4().hex}"  # abstract: a path of temporary directories can be too long
    key = uuid.uuid4().bytes
    deciding, store = Listener(place, "AF_UNIX", backlog=64, authkey=key), Store()
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    children = [fork(lambda: accept(listener, context, lambda: _asking(place, key))) for _ in range(PROCESSES)]
    threading.Thread(target=_decide_all, args=(deciding, store), daemon=True).start()
    sys.stdout.write(f"https://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    for child in children:
        os.waitpid(child, 0)
    return 0


def _asking(place: str, key: bytes) -> Callable[[Request], Answer]:
    link = Client(place, "AF_UNIX", authkey=key)

    def ask(request: Request) -> Answer:
        link.send(request)
        answer: Answer = link.recv()
        return answer

    return ask


def _decide_all(deciding: Listener, store: Store) -> None:
    while True:
        link = deciding.accept()
        threading.Thread(target=_decide, args=(link, store), daemon=True).start()


def _decide(link: object, store: Store) -> None:
    try:
        while True:
            link.send(store(link.recv()))  # type: ignore[attr-defined]
    except (EOFError, OSError):
        return  # the connection that it decided for is closed


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1])))
