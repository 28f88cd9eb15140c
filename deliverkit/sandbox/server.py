"""The sandbox process: one HTTP server on the loopback, the timers, the engines, and a clean end on a signal."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from deliverkit.sandbox.access.guard import Guard
from deliverkit.sandbox.access.intake import Intake
from deliverkit.sandbox.alarms import install as install_alarms
from deliverkit.sandbox.balancing import install as install_balancing
from deliverkit.sandbox.codedeploy import install as install_codedeploy
from deliverkit.sandbox.codepipeline import install as install_codepipeline
from deliverkit.sandbox.codepipeline.jobs.clients import client_endpoints
from deliverkit.sandbox.codepipeline.webhooks.delivery import deliver
from deliverkit.sandbox.control import install as install_control
from deliverkit.sandbox.control.calls import Calls
from deliverkit.sandbox.drift import install as install_drift
from deliverkit.sandbox.events import install as install_events
from deliverkit.sandbox.events.schedules import Scheduler
from deliverkit.sandbox.faults import Weather
from deliverkit.sandbox.findings import install as install_findings
from deliverkit.sandbox.findings.endpoints import finding_endpoints
from deliverkit.sandbox.front import Front
from deliverkit.sandbox.functions import install as install_functions
from deliverkit.sandbox.hostcommands import install as install_hostcommands
from deliverkit.sandbox.instances import install as install_instances
from deliverkit.sandbox.keeping import requests
from deliverkit.sandbox.keeping.journal import Entry
from deliverkit.sandbox.keeping.keeper import Keeper
from deliverkit.sandbox.kernel.engine import Engine
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.kernel.wsgi import CredentialScope, Environ
from deliverkit.sandbox.launch_errors import PortError
from deliverkit.sandbox.logs import install as install_logs
from deliverkit.sandbox.moto_base import MotoBase
from deliverkit.sandbox.moto_stacks import serve_stacks
from deliverkit.sandbox.moto_time import follow_clock
from deliverkit.sandbox.repositories import install as install_repositories
from deliverkit.sandbox.trail import install as install_trail
from deliverkit.sandbox.trail.recorder import Recorder

log = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
IDLE_SECONDS = 120.0
"""How long a connection may say nothing, between requests or within one: half-open ones must not pile up for ever."""


class Sandbox:
    """An AWS in this process; `start` serves until `stop`.

    Args:
        state_dir: Where instances, artifacts and the log live; made when missing.
        port: TCP port on 127.0.0.1; 0 takes a free one.
        region: The region printed for clients; every region works.
        keeps_state: Whether what it knows outlives it, in the state directory.

    Raises:
        PortError: If the port is taken.
    """

    def __init__(self, state_dir: Path, *, port: int = 0, region: str = "us-east-1", keeps_state: bool = False) -> None:
        self.region = region
        self.state_dir = state_dir.resolve()
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.world = World(state_dir=self.state_dir, moto=MotoBase())
        self.world.moto.forget()
        follow_clock(self.world.clock)
        self._alarms = install_alarms(self.world)
        self.world.metrics.subscribe(self._alarms.look)
        self._balancing = install_balancing(self.world)
        self._schedules = Scheduler(self.world)
        self._engines: list[Engine] = [
            install_functions(self.world),
            install_codedeploy(self.world),
            install_hostcommands(self.world),
            install_instances(self.world),
            install_codepipeline(self.world),
            self._alarms,
            install_events(self.world),
            self._balancing,
            self._schedules,
        ]
        install_repositories(self.world)
        install_logs(self.world)
        install_trail(self.world)
        serve_stacks(self.world)
        install_drift(self.world)
        install_findings(self.world)
        self.control = install_control(self.world)
        self.control.add({("GET", "status"): self._status, ("GET", "balancers"): self._balancing.urls})
        self.control.add(client_endpoints(self.world))
        self.control.add(finding_endpoints(self.world))
        self._front = Front(self.world, self.control.answer, observers=[self._notice_metrics])
        self._front.callers = partial(deliver, self.world)
        self._keeper = Keeper(self.world, self._repeat) if keeps_state else None
        self._server = self._listen(port)
        self.port = int(self._server.server_address[1])
        self.world.endpoint = self.endpoint
        self.world.address_base = f"127.{self.port >> 8}.{self.port & 255}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="sandbox-http", daemon=True
        )

    @property
    def endpoint(self) -> str:
        """The URL for `AWS_ENDPOINT_URL`."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Serve requests and run timers, on threads of their own.

        Raises:
            UnreadableStateError: If the state that it should go on from was written by another version, or is damaged.
        """
        if self._keeper is not None:
            self._keeper.restore()
        self.world.timers.start()
        for engine in self._engines:
            engine.start()
        if self._keeper is not None:
            self._keeper.start()
            self._front.keeper = self._keeper
        self._thread.start()

    def stop(self) -> None:
        """End the agents with the processes of their instances, the timers and the server; safe to call twice."""
        self.world.doorbell.close()
        for engine in reversed(self._engines):
            engine.stop()
        self.world.timers.stop()
        self._server.shutdown()
        self._server.server_close()
        if self._keeper is not None:
            self._keeper.stop()

    def _listen(self, port: int) -> Any:
        from moto.server import MotoRequestHandler  # noqa: PLC0415  (0.5 s to import)
        from werkzeug.serving import make_server  # noqa: PLC0415

        class QuietHandler(MotoRequestHandler):  # type: ignore[misc]
            """Quiet, and HTTP/1.1 for chunked bodies; werkzeug closes the connection after each answer all the same."""

            protocol_version = "HTTP/1.1"
            timeout = IDLE_SECONDS

            def log(self, *_: Any) -> None:
                """Say nothing per request."""

        calls = Calls(self.world, Recorder(self.world, Weather(self.world, Guard(self.world, self._front))))
        self.control.add(calls.endpoints())
        front = Intake(calls)
        # Bound here, because werkzeug answers a taken port by ending the process.
        with _bound(port) as bound:
            return make_server(LOOPBACK, port, front, threaded=True, request_handler=QuietHandler, fd=bound.fileno())

    def _repeat(self, entry: Entry) -> None:
        for _ in Recorder(self.world, self._front)(requests.environ_of(entry), requests.ignore_response):
            pass

    def _notice_metrics(self, scope: CredentialScope, _environ: Environ) -> None:
        # CloudWatch signs as `monitoring`.
        if scope.service in {"monitoring", "cloudformation"}:
            self._alarms.look()
        if scope.service in {"elasticloadbalancing", "cloudformation"}:
            self._balancing.look()
        if scope.service in {"events", "cloudformation"}:
            self._schedules.look()

    def _status(self, _params: Mapping[str, Any]) -> Mapping[str, Any]:
        now = self.world.clock.now().isoformat()
        return {"endpoint": self.endpoint, "region": self.region, "now": now, "state_dir": str(self.state_dir)}


def _bound(port: int) -> socket.socket:
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise PortError(error.errno, f"port {port} of {LOOPBACK} cannot be used: {error.strerror}") from error
