"""HTTP gates against real servers on the loopback."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path

import pytest

from deliverkit.adapters.http import HttpCheck, UrlTextSource
from deliverkit.check_ports import CheckContext
from deliverkit.domain.carriage import Target
from deliverkit.domain.gate import Check, CheckKind, Measurement, Verdict
from deliverkit.errors import UnreachableError
from deliverkit.testing import FakeClock


@dataclass
class Server:
    """A real server: `replies` by path, else 404; remembers what it was asked."""

    host: str = "127.0.0.1"
    replies: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def reply(self, path: str, body: str = "ok", status: int = 200, **headers: str) -> None:
        def send(handler: BaseHTTPRequestHandler) -> None:
            data = body.encode()
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            if handler.command != "HEAD":
                handler.wfile.write(data)

        self.replies[path] = send


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What slow replies wait for; set at the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def serve(release: threading.Event) -> Iterator[Callable[..., Server]]:
    running: list[ThreadingHTTPServer] = []

    def start(host: str = "127.0.0.1", port: int = 0, certificate: Path | None = None) -> Server:
        server = Server(host)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(f"{self.command} {self.path}")
                server.hosts.append(self.headers["Host"])
                reply = server.replies.get(self.path)
                if reply is None:
                    self.send_error(404)
                else:
                    reply(self)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        listening = ThreadingHTTPServer((host, port), Handler)
        if certificate:
            encryption = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            encryption.load_cert_chain(certificate)
            listening.socket = encryption.wrap_socket(listening.socket, server_side=True)
        listening.handle_error = lambda *_: None  # clients that hang up are part of the game
        threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        running.append(listening)
        server.port = listening.server_port
        return server

    yield start
    release.set()
    for listening in running:
        listening.shutdown()
        listening.server_close()


class Fleet:
    """A deployer in one region that knows its targets."""

    def __init__(self, targets: dict[str, list[str]]) -> None:
        self._targets = targets

    def __call__(self, region: str) -> Fleet:
        fleet = Fleet(self._targets)
        fleet.region = region
        return fleet

    def targets(self, application: str, group: str) -> tuple[Target, ...]:
        assert (application, group) == ("storefront", "storefront-prod")
        return tuple(Target(f"i-{address}", self.region, address) for address in self._targets[self.region])


def context(endpoint: str = "", regions: tuple[str, ...] = ("us-east-1",)) -> CheckContext:
    values = {"release.version": "1.2.3", "region": regions[0], "environment": "production"}
    return CheckContext(values, endpoint, regions, "storefront", "storefront-prod")


def measure(
    spec: dict[str, object], where: CheckContext | None = None, targets: dict[str, list[str]] | None = None
) -> Measurement:
    check = Check("up", "", CheckKind.HTTP, spec)
    return HttpCheck(Fleet(targets or {}), clock=FakeClock()).measure(check, where or context())


@contextmanager
def elapsing_at_most(seconds: float) -> Iterator[None]:
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds


def test_the_expected_answer_passes_and_is_timed(serve) -> None:
    server = serve()
    server.reply("/healthz")
    sample = measure({"url": f"{server.url}/healthz"})
    assert sample.outcome is Verdict.PASSED
    assert sample.gate == "up"
    assert sample.at == FakeClock().now()
    assert f"GET {server.url}/healthz answered 200 in " in sample.reason
    (latency,) = sample.latencies
    assert 0 < latency < 5


def test_another_status_fails_and_is_timed(serve) -> None:
    server = serve()
    server.reply("/healthz", status=503)
    sample = measure({"url": f"{server.url}/healthz"})
    assert sample.outcome is Verdict.FAILED
    assert "answered 503" in sample.reason
    assert "expected 200" in sample.reason
    assert len(sample.latencies) == 1


def test_any_one_status_can_be_the_expected_one(serve) -> None:
    server = serve()
    server.reply("/gone", status=410)
    assert measure({"url": f"{server.url}/gone", "status": 410}).outcome is Verdict.PASSED


def test_redirects_are_answers(serve) -> None:
    server = serve()
    server.reply("/", status=302, Location="/login")
    server.reply("/login")
    sample = measure({"url": server.url})
    assert sample.outcome is Verdict.FAILED
    assert "redirects to /login" in sample.reason
    assert server.asked == ["GET /"]


def test_the_method_is_the_configured_one(serve) -> None:
    server = serve()
    server.reply("/healthz")
    assert measure({"url": f"{server.url}/healthz", "method": "head"}).outcome is Verdict.PASSED
    assert server.asked == ["HEAD /healthz"]


def test_the_body_must_contain_the_text_with_placeholders_filled_in(serve) -> None:
    server = serve()
    server.reply("/version", body='{"version": "1.2.3"}')
    spec = {"url": f"{server.url}/version", "contains": '"${release.version}"'}
    assert measure(spec).outcome is Verdict.PASSED
    server.reply("/version", body='{"version":\n "1.2.2"}')
    sample = measure(spec)
    assert sample.outcome is Verdict.FAILED
    assert "without '\"1.2.3\"'" in sample.reason
    assert "1.2.2" in sample.reason
    assert "\n" not in sample.reason


def test_the_body_is_read_up_to_64_kib(serve) -> None:
    server = serve()
    server.reply("/big", body="x" * (64 * 1024 - 4) + "last" + "beyond")
    assert measure({"url": f"{server.url}/big", "contains": "last"}).outcome is Verdict.PASSED
    assert measure({"url": f"{server.url}/big", "contains": "beyond"}).outcome is Verdict.FAILED


def test_a_refused_connection_fails(serve) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sample = measure({"url": f"http://127.0.0.1:{port}/healthz"})
    assert sample.outcome is Verdict.FAILED
    assert "connection refused" in sample.reason
    assert str(port) in sample.reason
    assert sample.latencies == ()


def test_a_silent_server_fails_after_the_timeout(serve, release) -> None:
    server = serve()
    server.replies["/slow"] = lambda _: release.wait(20)
    sample = measure({"url": f"{server.url}/slow", "timeout": 0.2})
    assert sample.outcome is Verdict.FAILED
    assert "no whole answer within 0.2 s" in sample.reason


@pytest.mark.parametrize("declares_length", [True, False])
def test_a_dripping_server_fails_after_the_timeout(serve, release, declares_length: bool) -> None:
    server = serve()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if declares_length:
            handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not release.wait(0.05):
            handler.wfile.write(b".")

    server.replies["/drip"] = drip
    sample = measure({"url": f"{server.url}/drip", "timeout": 0.4})
    assert sample.outcome is Verdict.FAILED
    assert "no whole answer within 0.4 s" in sample.reason


class Dripper:
    """A server that answers with these bytes, one each 20 ms, and with the last one on and on."""

    def __init__(self, content: bytes, release: threading.Event) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._content, self._release = content, release
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        connection, _ = self._listening.accept()
        with self._listening, connection, suppress(OSError):  # until the client goes away
            connection.recv(4096)
            for byte in chain(self._content, repeat(self._content[-1], 150)):
                connection.sendall(bytes([byte]))
                if self._release.wait(0.02):
                    return


@pytest.mark.parametrize(
    ("content", "timeout"),
    [
        (b"HTTP/1.1 200 OK\r\nX", 0.6),
        (b"HTTP/1.1 200 Connection established\r\n\r\n\x16\x03\x03\x40\x00\x02\x00\x3f\xf0", 1),
    ],
    ids=["the proxy's answer", "the handshake behind it"],
)
def test_a_dripping_proxy_is_cut_off(release, monkeypatch, content: bytes, timeout: float) -> None:
    proxy = Dripper(content, release)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("no_proxy", "")
    with elapsing_at_most(1.6):
        sample = measure({"url": "https://shop.example.com/", "timeout": timeout})
    assert sample.outcome is Verdict.FAILED
    assert f"through the proxy 127.0.0.1:{proxy.port}: no whole answer within {timeout} s" in sample.reason


def test_a_dripping_handshake_is_cut_off(release) -> None:
    server = Dripper(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xf0", release)
    with elapsing_at_most(2):
        sample = measure({"url": f"https://127.0.0.1:{server.port}/", "timeout": 0.3})
    assert sample.outcome is Verdict.FAILED
    assert "no whole answer within 0.3 s" in sample.reason


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """An address where connections are neither taken nor refused: the system's queue for it is full."""
    with socket.socket() as listening, ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            queued = waiting.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(listening.getsockname())
        yield listening.getsockname()


def addresses(monkeypatch: pytest.MonkeyPatch, *places: tuple[str, int]) -> None:
    """Have every name resolve to these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place) for place in places]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_several_silent_addresses_share_the_time(silent, monkeypatch) -> None:
    addresses(monkeypatch, silent, silent, silent, silent, silent, silent)
    with elapsing_at_most(1.5):
        sample = measure({"url": "http://shop.example.com/", "timeout": 0.5})
    assert sample.outcome is Verdict.FAILED
    assert "no whole answer within 0.5 s" in sample.reason


def test_a_silent_address_leaves_time_for_the_next_one(serve, silent, monkeypatch) -> None:
    server = serve()
    server.reply("/healthz")
    addresses(monkeypatch, silent, ("127.0.0.1", server.port))
    assert measure({"url": "http://shop.example.com/healthz", "timeout": 1}).outcome is Verdict.PASSED


def test_what_is_not_http_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"220 smtp.example.com ready\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        sample = measure({"url": f"http://127.0.0.1:{listening.getsockname()[1]}/"})
        thread.join()
    assert sample.outcome is Verdict.FAILED
    assert "not an HTTP answer" in sample.reason


def test_a_torn_connection_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            connection, _ = listening.accept()
            connection.recv(1024)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        sample = measure({"url": f"http://127.0.0.1:{listening.getsockname()[1]}/"})
        thread.join()
    assert sample.outcome is Verdict.FAILED
    assert sample.latencies == ()


def test_encryption_with_a_server_that_speaks_none_fails(serve) -> None:
    server = serve()
    sample = measure({"url": server.url.replace("http:", "https:")})
    assert sample.outcome is Verdict.FAILED


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://nowhere.invalid/", "has no address"),
        ("ftp://127.0.0.1/", "no usable URL"),
        ("127.0.0.1:80/healthz", "no usable URL"),
        ("http:///healthz", "no usable URL"),
        ("http://127.0.0.1:99999/", "no usable URL"),
        ("http://127.0.0.1/a b", "no usable URL"),
        ("http://user:secret@127.0.0.1/", "credentials"),
        ("${endpoint}/healthz", "no usable URL"),
        ("http://${nonsense}/", "nonsense"),
        ("", "no url"),
    ],
)
def test_what_cannot_be_asked_is_an_error(url: str, said: str) -> None:
    sample = measure({"url": url})
    assert sample.outcome is Verdict.ERROR
    assert said in sample.reason


def test_credentials_in_an_url_are_not_repeated() -> None:
    assert "secret" not in measure({"url": "http://user:secret@127.0.0.1/"}).reason


def test_a_timeout_that_is_no_number_is_an_error(serve) -> None:
    sample = measure({"url": serve().url, "timeout": "soon"})
    assert sample.outcome is Verdict.ERROR


def test_the_endpoint_is_filled_in(serve) -> None:
    server = serve()
    server.reply("/healthz?for=1.2.3")
    sample = measure({"url": "${endpoint}/healthz?for=${release.version}"}, context(server.url))
    assert sample.outcome is Verdict.PASSED


def test_each_region_is_asked_when_the_url_names_it(serve) -> None:
    server = serve()
    server.reply("/us-east-1")
    server.reply("/eu-west-1", status=500)
    sample = measure({"url": "${endpoint}"}, context(server.url + "/${region}", ("us-east-1", "eu-west-1")))
    assert sample.outcome is Verdict.FAILED
    assert sample.reason.startswith("1 of 2 failed: ")
    assert "/eu-west-1 answered 500" in sample.reason
    assert len(sample.latencies) == 2


def test_an_url_without_region_is_asked_once(serve) -> None:
    server = serve()
    server.reply("/healthz")
    measure({"url": f"{server.url}/healthz"}, context(regions=("us-east-1", "eu-west-1")))
    assert server.asked == ["GET /healthz"]


def test_every_target_is_asked(serve) -> None:
    first = serve("127.0.0.1")
    others = [serve(f"127.0.0.{n}", first.port) for n in range(2, 6)]
    for server in (first, *others):
        server.reply("/healthz")
    addresses = [server.host for server in (first, *others)]
    where = context("http://${target.address}:" + str(first.port), ("us-east-1", "eu-west-1"))
    targets = {"us-east-1": addresses[:2], "eu-west-1": addresses[2:]}
    good = measure({"url": "${endpoint}/healthz"}, where, targets)
    assert good.outcome is Verdict.PASSED
    assert good.reason.startswith("5 of 5 passed: ")
    assert len(good.latencies) == 5
    assert all(len(server.asked) == 1 for server in (first, *others))
    others[2].reply("/healthz", status=500)
    bad = measure({"url": "${endpoint}/healthz"}, where, targets)
    assert bad.outcome is Verdict.FAILED
    assert bad.reason.startswith(f"1 of 5 failed: GET http://{others[2].host}:")


def test_a_failed_target_outweighs_one_that_cannot_be_asked(serve) -> None:
    server = serve()
    server.reply("/", status=500)
    where = context("http://${target.address}")
    sample = measure(
        {"url": "${endpoint}"}, where, {"us-east-1": ["nowhere.invalid", f"127.0.0.1:{server.port}", "x.invalid"]}
    )
    assert sample.outcome is Verdict.FAILED
    assert sample.reason.startswith("1 of 3 failed")


def test_no_targets_at_all_is_an_error_and_never_a_pass() -> None:
    sample = measure({"url": "http://${target.address}/"}, None, {"us-east-1": []})
    assert sample.outcome is Verdict.ERROR
    assert "no running targets in us-east-1" in sample.reason


def test_a_region_without_targets_is_not_hidden_by_another(serve) -> None:
    server = serve()
    server.reply("/")
    where = context("http://${target.address}:" + str(server.port), ("us-east-1", "eu-west-1"))
    sample = measure({"url": "${endpoint}/"}, where, {"us-east-1": ["127.0.0.1"], "eu-west-1": []})
    assert sample.outcome is Verdict.ERROR


def test_an_unreachable_aws_is_an_error_and_no_exception() -> None:
    def no_aws(region: str) -> Fleet:
        raise UnreachableError(f"asking CodeDeploy in {region}: AWS does not answer")

    check = Check("up", "", CheckKind.HTTP, {"url": "http://${target.address}/"})
    sample = HttpCheck(no_aws, clock=FakeClock()).measure(check, context())
    assert sample.outcome is Verdict.ERROR
    assert "AWS does not answer" in sample.reason


def test_private_addresses_are_asked_without_a_proxy(serve, monkeypatch) -> None:
    proxy, server = serve(), serve()
    server.reply("/healthz")
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "")
    assert measure({"url": f"{server.url}/healthz"}).outcome is Verdict.PASSED
    assert proxy.asked == []


def test_public_names_are_asked_through_the_proxy(serve, monkeypatch) -> None:
    proxy = serve()
    proxy.reply("http://shop.example.com/healthz?x=1", body="through the proxy")
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "")
    sample = measure({"url": "http://shop.example.com/healthz?x=1", "contains": "through the proxy"})
    assert sample.outcome is Verdict.PASSED
    assert proxy.hosts == ["shop.example.com"]


def test_a_proxy_that_refuses_is_named(serve, monkeypatch) -> None:
    proxy = serve()
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "")
    sample = measure({"url": "https://shop.example.com/"})
    assert sample.outcome is Verdict.FAILED
    assert f"through the proxy 127.0.0.1:{proxy.port}: " in sample.reason
    assert "501" in sample.reason


class TestUrlTextSource:
    def test_gives_the_body_of_a_2xx_answer(self, serve) -> None:
        server = serve()
        server.reply("/version", body="1.2.3 ä", status=203)
        assert UrlTextSource().fetch(f"{server.url}/version", timeout=timedelta(seconds=5)) == "1.2.3 ä"

    @pytest.mark.parametrize("status", [300, 302, 404, 500])
    def test_refuses_any_other_answer(self, serve, status: int) -> None:
        server = serve()
        server.reply("/version", status=status)
        with pytest.raises(UnreachableError, match=rf"/version answered {status}"):
            UrlTextSource().fetch(f"{server.url}/version", timeout=timedelta(seconds=5))

    def test_names_the_url_when_nothing_answers(self, serve, release) -> None:
        server = serve()
        server.replies["/slow"] = lambda _: release.wait(20)
        with pytest.raises(UnreachableError, match=r"/slow: no whole answer within 0\.2 s"):
            UrlTextSource().fetch(f"{server.url}/slow", timeout=timedelta(seconds=0.2))
        with pytest.raises(UnreachableError, match="no usable URL"):
            UrlTextSource().fetch("nonsense", timeout=timedelta(seconds=1))


class TestEncryption:
    """A server with a certificate that nobody vouches for."""

    def test_an_untrusted_certificate_fails(self, serve, certificate: Path) -> None:
        server = serve(certificate=certificate)
        server.reply("/")
        sample = measure({"url": server.url.replace("http:", "https:")})
        assert sample.outcome is Verdict.FAILED
        assert "certificate is not trusted" in sample.reason
        assert server.asked == []

    def test_a_trusted_one_passes_and_a_dripping_server_is_cut_off(
        self, serve, certificate: Path, monkeypatch, release
    ) -> None:
        # OpenSSL reads the trusted certificates from the file that this variable names.
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        server = serve(certificate=certificate)
        server.reply("/")

        def drip(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            while not release.wait(0.05):
                handler.wfile.write(b".")

        server.replies["/drip"] = drip
        url = server.url.replace("http:", "https:")
        assert measure({"url": url}).outcome is Verdict.PASSED
        late = measure({"url": f"{url}/drip", "timeout": 0.5})
        assert late.outcome is Verdict.FAILED
        assert "no whole answer within 0.5 s" in late.reason
