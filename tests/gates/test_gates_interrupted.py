"""A process that is told to end does not wait for servers that take their time."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from web_bench import context, nobody

from deliverkit.adapters.aws.certificates import CertificateCheck
from deliverkit.adapters.http import PARALLEL, HttpCheck
from deliverkit.adapters.prometheus import PrometheusCheck
from deliverkit.adapters.served_certificate import ServedCertificates
from deliverkit.adapters.tcp import TcpCheck
from deliverkit.check_ports import Checker, Interruptible
from deliverkit.domain.carriage import Target
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.testing.clock import FakeClock
from deliverkit.testing.fleet import Fleet

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


def checker_of_many(kind: str) -> Checker:
    """A checker of a kind that asks each of many targets; all of them are this machine."""
    fleet = Fleet(FakeClock())
    fleet.add_group("us-east-1", "shop-dev", size=3 * PARALLEL)
    for instance in fleet.instances("us-east-1", "shop-dev"):
        instance.target = Target(instance.target.target_id, "us-east-1", f"127.79.1.{instance.target.target_id[3:]}")
    if kind == "certificate":
        aws: Any = None
        return CertificateCheck(aws, FakeClock(), served=ServedCertificates(fleet.deployer, folder=Path()))
    made = {"http": HttpCheck, "tcp": TcpCheck}[kind]
    return made(fleet.deployer, clock=FakeClock())


@pytest.mark.parametrize("kind", ["http", "tcp", "certificate"])
def test_questions_whose_turn_comes_after_an_interruption_are_not_asked(kind: str) -> None:
    checker = checker_of_many(kind)
    where = replace(context(), regions=("us-east-1",), group="shop-dev")
    found: list[Measurement | None] = []
    with socket.create_server(("", 0), backlog=3 * PARALLEL) as listening, ExitStack() as held:
        listening.settimeout(10)
        address = f"${{target.address}}:{listening.getsockname()[1]}"
        spec = {"url": f"http://{address}/", "address": address, "banner": "x", "timeout": 60}
        thread = threading.Thread(target=lambda: found.append(checker.measure(Check("up", "", kind, spec), where)))
        thread.start()
        for _ in range(PARALLEL):
            held.enter_context(listening.accept()[0])
        assert isinstance(checker, Interruptible)
        checker.interrupt()
        thread.join(5)
        assert not thread.is_alive()
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert found[0] is not None
    assert found[0].outcome is not Verdict.PASSED


ENDING = """
import sys
from datetime import timedelta
from deliverkit.adapters.clock import SystemClock
from deliverkit.adapters.http import HttpCheck
from deliverkit.domain.gate import Check
from deliverkit.engine.measuring import Gatekeeper
from deliverkit.testing.contracts.checks import context
http = HttpCheck(None, clock=SystemClock())
gates = Gatekeeper(lambda _: http, clock=SystemClock(), grace=timedelta(seconds=0.2))
urls = [f"http://{sys.argv[1]}/{number}" for number in range(64)]
assert gates.measure([(Check("up", "", "http", {"urls": urls, "timeout": 60}), context())]) == ()
gates.close()
"""


def test_a_process_that_ends_does_not_wait_for_what_was_asked(mute: str) -> None:
    ended = subprocess.run([sys.executable, "-c", ENDING, mute], timeout=20, check=False)
    assert ended.returncode == 0
