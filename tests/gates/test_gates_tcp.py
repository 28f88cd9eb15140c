"""Checks of kind tcp: connections, greetings and handshakes, with real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from gate_certificates import Authority
from web_bench import context, measured, nobody, served, taken_over

from deliverkit.adapters.tcp import TcpCheck, split
from deliverkit.check_ports import Checker
from deliverkit.domain.carriage import Target
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Check, CheckKind, Gate, Measurement, Policy, Verdict
from deliverkit.domain.rollout import Outcome
from deliverkit.testing.clock import FakeClock
from deliverkit.testing.contracts import CheckContract
from deliverkit.testing.contracts.checks import Case

GREETING = b"220 mail.example.com ESMTP 1.2.3\r\n"


@contextmanager
def listening(talk: Callable[[socket.socket], None], host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """A server that lets each connection be talked to, one after the other; its address."""
    with socket.create_server((host, port)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    talk(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"{host}:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def greeting() -> Iterator[str]:
    with listening(lambda connection: connection.sendall(GREETING)) as address:
        yield address


@pytest.fixture(scope="module")
def closed() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def connect(spec: dict[str, Any], folder: Path = Path()) -> Measurement:
    return measured(TcpCheck(nobody, clock=FakeClock(), folder=folder), "tcp", spec)


class TestContract(CheckContract):
    kind = CheckKind.TCP

    @pytest.fixture
    def checker(self) -> Checker:
        return TcpCheck(nobody, clock=FakeClock())

    @pytest.fixture
    def passing(self, greeting: str) -> Case:
        return Case({"address": greeting, "banner": "ESMTP ${release.version}"}, context())

    @pytest.fixture
    def failing(self, closed: str) -> Case:
        return Case({"address": closed}, context())

    @pytest.fixture
    def unaskable(self) -> Case:
        return Case({"address": "nowhere.invalid:22"}, context())


def test_a_refused_connection_fails(closed: str) -> None:
    found = connect({"address": closed})
    assert (found.outcome, found.reason) == (Verdict.FAILED, f"tcp {closed}: connection refused")
    assert found.query == f"tcp {closed}"


def test_response_times_are_bounded_once_there_are_enough() -> None:
    check, state, found = Check("up", "", "tcp", {"address": "x:1", "p95": 0.1}), None, []
    for _ in range(5):
        judged = assess(check, {"places": [{"asked": "tcp x:1", "seconds": 0.4}]}, state)
        state = judged.state
        found.append(judged.outcome)
    assert found == [*[Verdict.INCONCLUSIVE] * 4, Verdict.FAILED]


def test_what_is_said_must_hold_the_banner(greeting: str) -> None:
    assert connect({"address": greeting, "banner": "220 mail"}).outcome is Verdict.PASSED
    found = connect({"address": greeting, "banner": "SSH-2.0"})
    assert found.outcome is Verdict.FAILED
    assert "but without 'SSH-2.0': '220 mail.example.com ESMTP 1.2.3'" in found.reason


def test_who_says_nothing_in_time_fails() -> None:
    with listening(lambda connection: connection.recv(1)) as address:
        assert connect({"address": address}).outcome is Verdict.PASSED
        found = connect({"address": address, "banner": "220", "timeout": 0.2})
    assert (found.outcome, found.reason) == (Verdict.FAILED, f"tcp {address}: no answer within 0.2 s")


def test_who_talks_without_end_is_cut_off() -> None:
    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"x" * 4096)

    with listening(flood) as address:
        found = connect({"address": address, "banner": "y"})
    assert found.outcome is Verdict.FAILED
    assert "but without 'y': 'xxxx" in found.reason
    assert len(repr(found.seen)) < 1000


def test_a_secret_in_a_greeting_is_masked() -> None:
    with listening(lambda connection: connection.sendall(b"password=hunter22 welcome")) as address:
        found = connect({"address": address, "banner": "welcome!"})
    assert "hunter22" not in repr(found)


def test_a_handshake_is_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with served(authority.issue("server")) as site:
        spec = {"address": site.host, "tls": True}
        assert connect({**spec, "ca": "ca.pem"}, tmp_path).outcome is Verdict.PASSED
        found = connect(spec)
    assert found.outcome is Verdict.FAILED
    assert "its certificate is not trusted: nobody we trust vouches for it" in found.reason


def test_a_handshake_with_who_speaks_no_tls_fails(greeting: str) -> None:
    found = connect({"address": greeting, "tls": True})
    assert found.outcome is Verdict.FAILED
    assert "it does not speak TLS here" in found.reason


def test_every_target_is_asked() -> None:
    class Fleet:
        def targets(self, _application: str, _group: str) -> tuple[Target, ...]:
            return tuple(Target(f"i-{number}", "us-east-1", f"127.0.0.{number}") for number in (1, 2, 3))

    with listening(lambda _: None) as address:
        port = int(address.partition(":")[2])
        with listening(lambda _: None, "127.0.0.2", port):
            check = TcpCheck(lambda _: Fleet(), clock=FakeClock())  # type: ignore[arg-type,return-value]
            found = measured(check, "tcp", {"address": "${target.address}:" + str(port)})
    assert found.outcome is Verdict.FAILED
    assert found.reason == f"1 of 3 failed: tcp 127.0.0.3:{port}: connection refused"
    assert len(found.latencies) == 2


@pytest.mark.parametrize(
    ("address", "expected"),
    [("db.example.com:5432", ("db.example.com", 5432)), ("[::1]:22", ("::1", 22)), ("10.0.0.1:1", ("10.0.0.1", 1))],
)
def test_addresses_are_hosts_with_ports(address: str, expected: tuple[str, int]) -> None:
    assert split(address) == expected


@pytest.mark.parametrize("address", ["", "host", "host:", "host:0", "host:65536", "::1:22", "http://host:80", "a b:1"])
def test_what_is_no_address_is_an_error(address: str) -> None:
    found = connect({"address": address})
    assert found.outcome is Verdict.ERROR


def test_a_process_that_takes_over_goes_on(greeting: str) -> None:
    gate = Gate.of("db", CheckKind.TCP, {"address": greeting, "banner": "220"}, Policy(passes=3))
    rollout, recorded = taken_over(gate, lambda clock: TcpCheck(nobody, clock=clock))
    assert rollout.outcome is Outcome.SUCCEEDED
    assert [each["outcome"] for each in recorded] == ["passed"] * 3
