"""A process that is told to end does not wait for servers that take their time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from web_bench import context, nobody

from deliverkit.adapters.http import HttpCheck
from deliverkit.adapters.prometheus import PrometheusCheck
from deliverkit.adapters.tcp import TcpCheck
from deliverkit.check_ports import Checker, Interruptible
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.testing.clock import FakeClock

CHECKERS = {"http": HttpCheck, "tcp": TcpCheck, "prometheus": PrometheusCheck}


@pytest.fixture
def mute() -> Iterator[str]:
    """Takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def deaf() -> Iterator[str]:
    """Takes no connections: the system's queue for them is full."""
    with socket.socket() as listening, ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            queued = waiting.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(listening.getsockname())
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def interrupted(kind: str, address: str) -> tuple[list[Measurement | None], float]:
    """What comes of a measurement that is interrupted, and the time that it took."""
    spec = {"url": f"http://{address}/", "address": address, "query": "up", "below": 1, "banner": "x", "timeout": 60}
    checker: Checker = CHECKERS[kind](nobody, clock=FakeClock())
    assert isinstance(checker, Interruptible)
    found: list[Measurement | None] = []
    thread = threading.Thread(
        target=lambda: found.append(checker.measure(Check("up", "", kind, {**spec, "requests": 9}), context()))
    )
    began = time.monotonic()
    thread.start()
    # Nothing can be seen of a connection that waits; who comes too early comes again.
    while thread.is_alive() and time.monotonic() - began < 30:
        checker.interrupt()
        thread.join(0.05)
    return found, time.monotonic() - began


@pytest.mark.parametrize("kind", CHECKERS)
@pytest.mark.parametrize("server", ["mute", "deaf"])
def test_an_interruption_ends_what_is_under_way(kind: str, server: str, request: pytest.FixtureRequest) -> None:
    (found,), seconds = interrupted(kind, request.getfixturevalue(server))
    assert seconds < 5
    assert found is not None
    assert found.outcome is not Verdict.PASSED
