"""One listener as a real HTTP server on the loopback, which forwards to targets."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from deliverkit.sandbox.balancing.routing import Request

IDLE_SECONDS = 60.0
"""How long a target may take (ELB User Guide, connection idle timeout)."""
_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade"})
MOST_BODY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fixed:
    """An answer that the load balancer gives itself; the action that wanted it is empty for an error."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    action: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes.

    Attributes:
        group: ARN of the target group.
        name: Id of the target.
        address: Loopback address.
        port: Its port.
    """

    group: str
    name: str
    address: str
    port: int


Decide = Callable[[Request], Fixed | Target]
Count = Callable[[Fixed | Target, int, float | None], None]
"""`(what was decided, status, seconds until the target answered)`."""


class ListenerServer:
    """Serves one listener until `stop`.

    Args:
        address: Loopback address to bind.
        port: Port to bind; 0 takes a free one.
        decide: What becomes of a request.
        count: Told every answer.

    Raises:
        OSError: If the port is taken or not allowed.
    """

    def __init__(self, address: str, port: int, decide: Decide, count: Count) -> None:
        handler = type("Handler", (_Handler,), {"decide": staticmethod(decide), "count": staticmethod(count)})
        self._server = ThreadingHTTPServer((address, port), handler)
        self._server.daemon_threads = True
        self.address, self.port = address, int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="sandbox-balancer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "awselb/2.0"
    sys_version = ""
    decide: Decide
    count: Count

    def log_message(self, *_: Any) -> None:
        """Say nothing per request."""

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            self._send(Fixed(413))
            return
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, url.path or "/", url.query, headers, self.client_address[0])
        decision = self.decide(request)
        if isinstance(decision, Fixed):
            self.count(decision, decision.status, None)
            self._send(decision)
        else:
            self._forward(decision, body)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") or not length.isdigit() or int(length) > MOST_BODY:
            # Chunked requests are not built; the connection can not be used any further.
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _forward(self, target: Target, body: bytes) -> None:
        began = time.monotonic()
        connection = http.client.HTTPConnection(target.address, target.port, timeout=IDLE_SECONDS)
        try:
            connection.request(self.command, self.path, body or None, self._headers_for_target())
            response = connection.getresponse()
            answer = response.read()
        except TimeoutError:
            self.count(target, 504, None)
            self._send(Fixed(504))
            return
        except (OSError, http.client.HTTPException):
            self.count(target, 502, None)
            self._send(Fixed(502))
            return
        finally:
            connection.close()
        self.count(target, response.status, time.monotonic() - began)
        kept = tuple((name, value) for name, value in response.getheaders() if name.lower() not in _HOP)
        self._send(Fixed(response.status, answer, kept))

    def _headers_for_target(self) -> dict[str, str]:
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        client = self.client_address[0]
        before = kept.get("X-Forwarded-For")
        forwarded = {
            "X-Forwarded-For": f"{before}, {client}" if before else client,
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Port": str(self.connection.getsockname()[1]),
        }
        return {**kept, **forwarded}

    def _send(self, answer: Fixed) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        has_body = self.command != "HEAD" and answer.status not in {204, 304}
        if answer.status not in {204, 304}:
            length = {name.lower(): value for name, value in answer.headers}.get("content-length")
            is_head = self.command == "HEAD" and length is not None
            self.send_header("Content-Length", str(length) if is_head else str(len(answer.body)))
        self.end_headers()
        if has_body:
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _serve  # noqa: N815  (http.server's names)
