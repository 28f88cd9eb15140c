"""Real servers on the loopback for checks to ask, and a delivery whose driver dies while it measures."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from deliverkit.check_ports import CheckContext, Checker
from deliverkit.domain.environment import Environment
from deliverkit.domain.gate import Check, Gate, Measurement
from deliverkit.domain.rollout import Rollout
from deliverkit.errors import UnreachableError
from deliverkit.testing.clock import FakeClock
from deliverkit.testing.contracts.checks import context
from deliverkit.testing.rehearsal import Rehearsal

Reply = Callable[[BaseHTTPRequestHandler], None]
__all__ = ["Site", "context", "measured", "nobody", "served", "taken_over"]


@dataclass
class Site:
    """A server that answers by path, else with 404, and remembers what it was asked."""

    url: str = ""
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    def says(self, path: str, body: str | bytes = "ok", status: int = 200, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body

        def send(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)

        self.replies[path] = send

    def leads(self, path: str, to: str, status: int = 302) -> None:
        self.says(path, "", status, Location=to)


@contextmanager
def served(certificate: Path | None = None, clients: Path | None = None) -> Iterator[Site]:
    """A running site; with a certificate it speaks TLS, with clients it asks for a certificate that they hold."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(f"{self.command} {self.path}")
            site.headers.append({name.lower(): value for name, value in self.headers.items()})
            site.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            reply = site.replies.get(self.path.partition("?")[0])
            if reply is None:
                self.send_error(404)
            else:
                reply(self)

        do_POST = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        encryption = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        encryption.load_cert_chain(certificate)
        if clients:
            encryption.verify_mode = ssl.CERT_REQUIRED
            encryption.load_verify_locations(clients)
        listening.socket = encryption.wrap_socket(listening.socket, server_side=True)
    listening.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are part of the game
    threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
    site.url = f"http{'s' if certificate else ''}://127.0.0.1:{listening.server_port}"
    try:
        yield site
    finally:
        listening.shutdown()
        listening.server_close()


def nobody(region: str) -> Any:
    """A way to a deployer where no check needs one."""
    raise UnreachableError(f"nobody was to ask for targets in {region}")


def measured(checker: Checker, kind: str, spec: dict[str, Any], where: CheckContext | None = None) -> Measurement:
    found = checker.measure(Check("up", "", kind, spec), where or context())
    assert found is not None
    return found


class DiedError(BaseException):
    """The process was killed: nothing in it may notice."""


class Mortal:
    """A checker whose process dies after the check was measured, and before that is on record."""

    def __init__(self, checker: Checker, *, dies_at: int) -> None:
        self._checker = checker
        self._dies_at = dies_at
        self.taken = 0

    def measure(self, check: Check, where: CheckContext) -> Measurement | None:
        found = self._checker.measure(check, where)
        self.taken += 1
        if self.taken == self._dies_at:
            raise DiedError
        return found


def taken_over(gate: Gate, make: Callable[[FakeClock], Checker]) -> tuple[Rollout, list[Measurement]]:
    """A promotion with the gate in front of it, whose driver dies while it takes the second measurement.

    Returns:
        The promotion as another process brought it to its end, and what is on record of the gate.
    """
    dev = Environment("dev", (("us-east-1",),), "shop", "shop-dev", before=(gate.name,))
    world = Rehearsal([dev], {gate.name: gate})
    kind = gate.checks[0].kind
    world.checks[kind] = Mortal(make(world.clock), dies_at=2)
    world.release("1.0")
    first = world.delivery(driver="driver-1")
    promotion = first.promote("1.0", to="dev")
    try:
        first.watch(promotion)
    except DiedError:
        world.dead.add("driver-1")
    world.checks[kind] = make(world.clock)
    rollout = world.delivery(driver="driver-2").watch(promotion)
    events = world.ledger.read(f"promotions/{promotion}")
    recorded = [each for event in events if event.kind == "gate.measured" for each in event.payload["measurements"]]
    return rollout, [each for each in recorded if each["gate"] == gate.name]
