"""Storefront: a small web shop window, the service that deliverkit's examples deliver.

    storefront.py serve --address 0.0.0.0 --port 8080 --pid-file FILE
    storefront.py check                                     # are the installed version and settings usable?
    storefront.py ask URL [--within 10] [--expect TEXT]     # wait for a 200 answer; exit 1 when it does not come

Pages: `/` the shop window, `/version` the version as plain text, `/healthz` 200 while the shop can sell and 503 when it
cannot. It needs nothing but Python 3.8 or later, because that is what the hosts have.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import signal
import socketserver
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
CATALOGUE = (("Field notebook", "7.50"), ("Brass pencil", "12.00"), ("Canvas bag", "31.90"))


class PoolDryError(Exception):
    """Every database connection is lent out and none comes back."""


class ConnectionPool:
    """A fixed number of connections to the catalogue's database, lent out one at a time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._free = threading.BoundedSemaphore(size)

    def borrow(self) -> None:
        """Takes a connection; PoolDryError when none is given back within 50 ms."""
        if not self._free.acquire(timeout=0.05):
            raise PoolDryError(f"connection pool is dry: all {self.size} connections are lent out")

    def give_back(self) -> None:
        """Returns a borrowed connection."""
        self._free.release()

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Borrows a connection for the length of a block."""
        self.borrow()
        try:
            yield
        finally:
            self.give_back()


class Recommendations(threading.Thread):
    """Recalculates in the background which article is recommended.

    The bug that a faulty build carries: the job forgets to give its connection back. Nothing shows at first; the pool
    runs dry when the job has run as often as the pool has connections.
    """

    def __init__(self, pool: ConnectionPool, *, every: float, leaks: bool) -> None:
        super().__init__(daemon=True, name="recommendations")
        self.pool, self.every, self.leaks = pool, every, leaks
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(self.every):
            try:
                self.pool.borrow()
            except PoolDryError as error:
                log(f"recommendations not recalculated: {error}")
                continue
            if not self.leaks:
                self.pool.give_back()


class Shop(ThreadingHTTPServer):
    """The server: it stops taking requests on `shutdown`, and finishes those it has before it closes."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], version: str, pool: ConnectionPool) -> None:
        self.version, self.pool = version, pool
        super().__init__(address, Page)

    def server_bind(self) -> None:
        # HTTPServer asks the name service for its own name here, which can take seconds on a host without one.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "storefront", int(self.server_address[1])


class Page(BaseHTTPRequestHandler):
    """One request."""

    server: Shop
    timeout = 3  # a client that connects and stays silent must not hold up the end of the server
    server_version = "storefront"
    sys_version = ""

    def do_GET(self) -> None:
        pages = {"/": self.window, "/version": self.tell_version, "/healthz": self.health}
        page = pages.get(self.path.partition("?")[0], self.missing)
        try:
            page()
        except PoolDryError as error:
            is_probe = page == self.health
            self.answer(503 if is_probe else 500, f"{error}\n")

    def window(self) -> None:
        with self.server.pool.connection():
            rows = "".join(f"<li>{html.escape(name)}: {price} EUR</li>" for name, price in CATALOGUE)
        version = html.escape(self.server.version)
        page = f"<!doctype html><title>Storefront</title><h1>Storefront</h1><ul>{rows}</ul><footer>{version}</footer>\n"
        self.answer(200, page, kind="text/html")

    def tell_version(self) -> None:
        self.answer(200, f"{self.server.version}\n")

    def health(self) -> None:
        with self.server.pool.connection():
            self.answer(200, "ok\n")

    def missing(self) -> None:
        self.answer(404, "no such page\n")

    def answer(self, status: int, text: str, *, kind: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        log(f"{self.client_address[0]} {format % args}")


def log(line: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(stamp, line, file=sys.stderr, flush=True)


def read_version() -> str:
    version = (HERE / "VERSION").read_text(encoding="utf-8").strip()
    if not version:
        raise ValueError("VERSION is empty")
    return version


def read_settings() -> tuple[int, float, bool]:
    """Pool size, seconds between two recalculations, and whether this build leaks here."""
    settings = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))
    size, leak = int(settings["pool_size"]), settings["leak"]
    if size < 1:
        raise ValueError(f"pool_size must be 1 or more, not {size}")
    group = os.environ.get("DEPLOYMENT_GROUP_NAME", "")
    leaks = leak["dry_after_seconds"] > 0 and leak["only_in"] in ("", group)
    every = leak["dry_after_seconds"] / size if leaks else float(settings["recalculate_every_seconds"])
    return size, every, leaks


def serve(arguments: argparse.Namespace) -> int:
    version, (size, every, leaks) = read_version(), read_settings()
    pool = ConnectionPool(size)
    shop = Shop((arguments.address, arguments.port), version, pool)
    # Blocked before any thread starts, and waited for below: a handler that sets an Event can run in the middle of the
    # Event's own wait, and then both wait for each other for ever.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    pid_file = Path(arguments.pid_file)
    threading.Thread(target=shop.serve_forever, kwargs={"poll_interval": 0.1}, name="server").start()
    Recommendations(pool, every=every, leaks=leaks).start()
    pid_file.write_text(f"{os.getpid()}\n", encoding="ascii")  # written last: its presence says that the port is open
    log(f"storefront {version} serves on {arguments.address}:{arguments.port}")
    signal.sigwait(ends)
    log("asked to stop: finishing what is under way")
    shop.shutdown()
    shop.server_close()
    pid_file.unlink()
    log("stopped")
    return 0


def check(_: argparse.Namespace) -> int:
    version, (size, _every, _leaks) = read_version(), read_settings()
    print(f"storefront {version}, {size} connections")
    return 0


def ask(arguments: argparse.Namespace) -> int:
    deadline = time.monotonic() + arguments.within
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a host's own address never needs a proxy
    while True:
        try:
            with opener.open(arguments.url, timeout=2) as reply:
                answer = reply.read().decode("utf-8", "replace").strip()
            if arguments.expect in ("", answer):
                print(f"{arguments.url} answers: {answer[:200]}")
                return 0
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.read().decode('utf-8', 'replace').strip()}"
        except OSError as error:
            answer = str(error)
        if time.monotonic() >= deadline:
            wanted = f"{arguments.expect!r}" if arguments.expect else "a 200 answer"
            print(f"{arguments.url}: wanted {wanted}, got: {answer[:200]}", file=sys.stderr)
            return 1
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="storefront")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("serve")
    command.add_argument("--address", default="0.0.0.0")
    command.add_argument("--port", type=int, default=8080)
    command.add_argument("--pid-file", required=True)
    command.set_defaults(run=serve)
    commands.add_parser("check").set_defaults(run=check)
    command = commands.add_parser("ask")
    command.add_argument("url")
    command.add_argument("--within", type=float, default=10.0, help="seconds")
    command.add_argument("--expect", default="", help="the whole answer, surrounding space ignored")
    command.set_defaults(run=ask)
    arguments = parser.parse_args()
    try:
        result: int = arguments.run(arguments)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"storefront: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return result


if __name__ == "__main__":
    sys.exit(main())
