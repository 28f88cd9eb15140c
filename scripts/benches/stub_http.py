"""A listener that takes requests over TLS as fast as it can and throws large bodies away.

Processes share one listening socket and have a thread for each connection; what to answer is decided by one process
that they all ask (`stub.py`), because one client's requests come in over many connections.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

BUFFER = 256 * 1024
KEPT = 1 << 20
"""Bodies up to this size are kept: records, lists of parts, forms. Of larger ones only the size and the end stay."""
TAIL = 1024


@dataclass(slots=True)
class Request:
    """One request, its body perhaps thrown away.

    Attributes:
        method: GET, PUT, ...
        target: Path and query as they came.
        headers: Names in lower case.
        size: Bytes of the content, without the framing of aws-chunked.
        body: The content when it is small, else empty.
        trailers: What followed an aws-chunked body.
    """

    method: str
    target: str
    headers: dict[str, str]
    size: int = 0
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Answer:
    """What to send back."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Connection:
    """One client's connection, read without more copies than needed."""

    def __init__(self, link: ssl.SSLSocket) -> None:
        self._link = link
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._rest = b""

    def serve(self, decide: Callable[[Request], Answer]) -> None:
        """Answer requests until the client goes away."""
        while (head := self._head()) is not None:
            request = self._request(head)
            answer = decide(request)
            lines = [f"HTTP/1.1 {answer.status} Said", *(f"{name}: {value}" for name, value in answer.headers.items())]
            if "Content-Length" not in answer.headers:
                lines.append(f"Content-Length: {len(answer.body)}")
            body = b"" if request.method == "HEAD" else answer.body
            self._link.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    def _head(self) -> str | None:
        while b"\r\n\r\n" not in self._rest:
            size = self._link.recv_into(self._view)
            if not size:
                return None
            self._rest += bytes(self._view[:size])
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def _request(self, head: str) -> Request:
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        pairs = (line.partition(":") for line in lines)
        request = Request(method, target, {name.lower(): value.strip() for name, _, value in pairs})
        if request.headers.get("expect", "").lower() == "100-continue":
            self._link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in request.headers.get("transfer-encoding", ""):
            wire = Body()
            self._chunks(wire)
        else:
            wire = self._sized(int(request.headers.get("content-length", 0)))
        settle(request, wire)
        return request

    def _sized(self, size: int) -> Body:
        wire, left = Body(size), size
        taken, self._rest = self._rest[:left], self._rest[left:]
        wire.add(taken)
        left -= len(taken)
        while left:
            got = self._link.recv_into(self._view, min(left, BUFFER))
            if not got:
                raise ConnectionError("the client went away in the middle of a body")
            wire.add(self._view[:got])
            left -= got
        return wire

    def _chunks(self, wire: Body) -> None:
        while size := int(self._line().partition(b";")[0], 16):
            chunk = self._sized(size + 2)
            wire.append(chunk, less=2)
        while self._line():
            pass

    def _line(self) -> bytes:
        while b"\r\n" not in self._rest:
            got = self._link.recv_into(self._view)
            if not got:
                raise ConnectionError("the client went away in the middle of a body")
            self._rest += bytes(self._view[:got])
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line


class Body:
    """What is left of a body: all of it when it is small, else its size and its end."""

    def __init__(self, expected: int = 0) -> None:
        self.size = 0
        self._is_small = expected <= KEPT
        self._kept = bytearray()

    @property
    def kept(self) -> bytes:
        """All of a small body, or the last bytes of a large one."""
        return bytes(self._kept)

    def add(self, piece: bytes | memoryview) -> None:
        """Take the next bytes."""
        self.size += len(piece)
        if self._is_small and self.size > KEPT:
            self._is_small = False
        if not self._is_small:
            del self._kept[:-TAIL]
            piece = piece[-TAIL:]
        self._kept += piece

    def append(self, other: Body, *, less: int) -> None:
        """Take another body without its last bytes."""
        whole = other.kept[: len(other.kept) - less]
        self.add(whole)
        self.size += other.size - less - len(whole)


def settle(request: Request, wire: Body) -> None:
    """Take aws-chunked framing off: `SIZE[;chunk-signature=...]` before each chunk, trailers at the end."""
    request.size = wire.size
    if "aws-chunked" not in request.headers.get("content-encoding", ""):
        request.body = wire.kept if wire.size <= KEPT else b""
        return
    request.size = int(request.headers["x-amz-decoded-content-length"])
    end = wire.kept[-TAIL:].decode("latin-1")
    lines = end.rpartition("\r\n0")[2].split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    request.trailers = {name.lower(): value for name, _, value in pairs}
    if wire.size <= KEPT:
        request.body = unframed(wire.kept)


def unframed(wire: bytes) -> bytes:
    """The content of a small aws-chunked body."""
    content, place = b"", 0
    while True:
        end = wire.index(b"\r\n", place)
        size = int(wire[place:end].partition(b";")[0], 16)
        if not size:
            return content
        content += wire[end + 2 : end + 2 + size]
        place = end + 2 + size + 2


# --- processes ------------------------------------------------------------------------------------


def accept(
    listener: socket.socket, context: ssl.SSLContext, connect: Callable[[], Callable[[Request], Answer]]
) -> None:
    """Serve connections for ever, a thread for each; `connect` gives a thread its way to whoever decides."""
    while True:
        link, _ = listener.accept()
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_converse, args=(link, context, connect), daemon=True).start()


def _converse(link: socket.socket, context: ssl.SSLContext, connect: Any) -> None:
    try:
        with context.wrap_socket(link, server_side=True) as secured:
            Connection(secured).serve(connect())
    except (OSError, EOFError):
        return  # clients close connections as they like


def fork(work: Callable[[], None]) -> int:
    """Do the work in a child that ends when stdin does, however its parent ended."""
    child = os.fork()
    if child:
        return child
    try:
        threading.Thread(target=work, daemon=True).start()
        while os.read(0, 1):
            pass
        os._exit(0)
    finally:
        os._exit(1)
