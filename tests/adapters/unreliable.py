"""A network that loses answers: a proxy in front of the sandbox that does to chosen requests what a test asks for."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from deliverkit.adapters.aws.session import Account, Aws

Refusal = tuple[int, str]
DENIED: Refusal = (403, "AccessDenied")


@dataclass
class Network:
    """What happens on the way; `seen` lists the requests as `METHOD /path?query`.

    `lose_answers` and `deny` count down for requests that `concerns` says yes to; a lost answer may be followed by a
    refusal of the repeated request. `cut` counts connections to end before anything is handed on; `detail` is XML that
    stands in a refusal too; `replacing` is done to answers that `concerns` says yes to. `hiding` names beginnings of
    headers that all answers lack. `signers` lists the access keys that signed what was seen.
    """

    endpoint: str = ""
    concerns: Callable[[str], bool] = lambda _: True
    lose_answers: int = 0
    deny: int = 0
    refusal: Refusal = DENIED
    refuses_repetition: bool = False
    between: Callable[[], None] | None = None
    cut: int = 0
    detail: str = ""
    replacing: tuple[tuple[bytes, bytes], ...] = ()
    hiding: tuple[str, ...] = ()
    seen: list[str] = field(default_factory=list)
    signers: list[str] = field(default_factory=list)

    def changed(self, headers: dict[str, str], answer: bytes) -> tuple[dict[str, str], bytes]:
        """An answer as it arrives."""
        for old, new in self.replacing:
            answer = answer.replace(old, new)
        gone = "content-length" if self.replacing else ""
        return {name: value for name, value in headers.items() if name.lower() != gone}, answer


def aws_at(endpoint: str) -> Aws:
    """Clients of their own at an endpoint, as another machine has them."""
    account = Account(
        region="us-east-1", endpoint_url=endpoint, access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="sandbox"
    )
    return Aws(account)


def _error(code: str, detail: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>so told</Message>{detail}</Error>".encode()


@contextmanager
def unreliable(upstream: str) -> Iterator[Network]:
    """A proxy in front of an endpoint."""
    network = Network()
    parts = urlsplit(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            asked = f"{self.command} {self.path}"
            network.seen.append(asked)
            network.signers.append(self.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0])
            concerned = network.concerns(asked)
            if len(body) < length or (concerned and network.cut):
                network.cut -= bool(concerned and network.cut)
                self.close_connection = True
                return
            if concerned and network.deny:
                network.deny -= 1
                status, code = network.refusal
                self._answer(status, {}, _error(code, network.detail))
                return
            if concerned and network.between:
                act, network.between = network.between, None
                act()
            status, headers, answer = self._forward(body)
            if concerned and network.lose_answers:
                network.lose_answers -= 1
                network.deny += network.refuses_repetition
                self.close_connection = True
                return
            self._answer(status, *(network.changed(headers, answer) if concerned else (headers, answer)))

        do_GET = do_HEAD = do_POST = do_DELETE = do_PUT  # noqa: N815

        def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
            connection.request(self.command, self.path, body, dict(self.headers))
            response = connection.getresponse()
            answer = response.read()
            headers = dict(response.getheaders())
            connection.close()
            return response.status, headers, answer

        def _answer(self, status: int, headers: dict[str, str], answer: bytes) -> None:
            self.send_response(status)
            skipped = {"transfer-encoding", "connection", "date", "server"}
            kept = {name: value for name, value in headers.items() if name.lower() not in skipped}
            kept = {name: value for name, value in kept.items() if not name.lower().startswith(network.hiding)}
            if "content-length" not in map(str.lower, kept):
                kept["Content-Length"] = str(len(answer))
            for name, value in kept.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    network.endpoint = f"http://127.0.0.1:{server.server_port}"
    yield network
    server.shutdown()
    server.server_close()
