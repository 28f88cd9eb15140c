"""An upload as AWS gets it: over TLS, from a process of its own whose memory is bounded."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

MIB = 1024 * 1024
SIZE = 300 * MIB
MEMORY_LIMIT = 96 * MIB

BEGUN = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
COMPLETED = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
NONE = b"<ListMultipartUploadsResult></ListMultipartUploadsResult>"

BUILDER = """
import re
from pathlib import Path
from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.adapters.aws.bundle_upload import BundleUpload, Content
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.adapters.clock import SystemClock

def chunks():
    for number in range({size} >> 18):
        yield number.to_bytes(8, "big") * (1 << 15)

aws = Aws(Account(None, "us-east-1", {endpoint!r}, "AKIAIOSFODNN7EXAMPLE", "sandbox"))
sent = BundleUpload(Bucket(aws, "releases"), SystemClock()).send(Content({size}, chunks), "key")
assert sent.is_ours
# Not getrusage: what it gives outlives exec, and is that of the process which started this one.
print(sent.made.digest, int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024)
"""


def expected_digest() -> str:
    digest = hashlib.sha256()
    for number in range(SIZE >> 18):
        digest.update(number.to_bytes(8, "big") * (1 << 15))
    return digest.hexdigest()


@dataclass
class Sink:
    """An S3 that keeps nothing but what it was told about parts."""

    endpoint: str = ""
    parts: dict[int, int] = field(default_factory=dict)
    hashed: set[str] = field(default_factory=set)
    checksums: set[int] = field(default_factory=set)
    expected: set[str] = field(default_factory=set)
    connections: int = 0


@pytest.fixture
def sink(certificate: Path) -> Iterator[Sink]:
    sink = Sink()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            with lock:
                sink.connections += 1

        def do_PUT(self) -> None:
            left = length = int(self.headers["Content-Length"])
            room = memoryview(bytearray(MIB))
            while left:
                left -= self.rfile.readinto(room[: min(left, len(room))])
            number = int(re.search(r"partNumber=(\d+)", self.path)[1])
            with lock:
                sink.parts[number] = length
                sink.hashed.add(self.headers["x-amz-content-sha256"])
                sink.checksums.add(len(self.headers["x-amz-checksum-sha256"]))
                sink.expected.add(self.headers.get("Expect", ""))
            self.answer(b"")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.answer(COMPLETED if "uploadId" in self.path else BEGUN)

        def do_GET(self) -> None:
            self.answer(NONE)

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("ETag", '"e"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    sink.endpoint = f"https://127.0.0.1:{server.server_port}"
    yield sink
    server.shutdown()
    server.server_close()


def test_a_large_bundle_is_sent_in_bounded_memory_and_no_body_is_hashed_for_its_signature(
    sink: Sink, certificate: Path
) -> None:
    script = BUILDER.format(size=SIZE, endpoint=sink.endpoint)
    environ = {**os.environ, "AWS_CA_BUNDLE": str(certificate)}
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=120
    )
    digest, peak = ended.stdout.split()
    assert digest == expected_digest()
    assert int(peak) < MEMORY_LIMIT, f"{int(peak) // MIB} MiB"
    assert sum(sink.parts.values()) == SIZE
    assert sorted(sink.parts) == list(range(1, len(sink.parts) + 1))
    assert sink.hashed == {"UNSIGNED-PAYLOAD"}
    assert sink.checksums == {44}
    assert sink.expected == {""}
    assert sink.connections <= 4
