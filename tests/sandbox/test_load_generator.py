"""The load generator: a steady rate, loopback only, and an honest result."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from deliverkit.sandbox.load import checked, run


@pytest.fixture
def server() -> Iterator[str]:
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(500 if len(seen) % 5 == 0 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_address[1]}/shop?a=1"
    serving.shutdown()
    serving.server_close()


def test_a_steady_rate_is_kept_and_everything_is_counted(server: str) -> None:
    told = run(server, 50, 1).document()
    assert told["requests"] == told["wanted"] == 50
    assert told["statuses"] == {"200": 40, "500": 10}
    assert told["seconds"] >= 1
    assert told["latency_ms"]["p50"] <= told["latency_ms"]["p99"]


def test_nobody_there_is_an_error_not_an_end() -> None:
    told = run("http://127.77.255.254:9/", 20, 0.25).document()
    assert told["errors"] == {"ConnectionRefusedError": 5}
    assert told["latency_ms"]["p50"] is None


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "https://127.0.0.1/", "http://10.0.0.1/", "ftp://127.0.0.1", "127.0.0.1:80", "http://[::1"],
)
def test_it_goes_nowhere_but_to_the_loopback(url: str) -> None:
    with pytest.raises(ValueError, match=r"loopback|Invalid IPv6"):
        checked(url)


@pytest.mark.parametrize(("rate", "seconds"), [(0, 1), (5000, 1), (1, 0), (1, 1e6)])
def test_it_is_bounded(server: str, rate: float, seconds: float) -> None:
    with pytest.raises(ValueError, match="at most"):
        run(server, rate, seconds)
