"""Workers as real processes, and a way to the sandbox on which requests are held up so that they are killed there."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from codepipeline_fixtures import Rig, stage
from codepipeline_workers import Worker, action, declare, property_of

SOON = 20.0


@dataclass
class Way:
    """A proxy. Requests are called by their operation (`AcknowledgeJob`), those to S3 by method and path."""

    endpoint: str = ""
    seen: list[str] = field(default_factory=list)
    held: str = ""
    is_forwarded_first: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    refusing: dict[str, tuple[int, str]] = field(default_factory=dict)
    losing: dict[str, int] = field(default_factory=dict)

    def hold(self, request: str, *, after: bool = False) -> None:
        """Let requests of the kind never be answered: they get no further, or their answers do not come back."""
        self.held, self.is_forwarded_first = request, after
        self.reached.clear()

    def count(self, request: str) -> int:
        return sum(each.startswith(request) for each in self.seen)


@contextmanager
def way_to(upstream: str) -> Iterator[Way]:
    way, parts = Way(), urlsplit(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            target = self.headers.get("X-Amz-Target", "")
            name = target.partition(".")[2] if target else f"{self.command} {self.path}"
            way.seen.append(name)
            refusal = next((way.refusing[each] for each in way.refusing if each in name), None)
            if refusal:
                status, code = refusal
                json = f'{{"__type": "{code}", "message": "so told"}}'
                xml = f"<Error><Code>{code}</Code><Message>so told</Message></Error>"
                self._answer(status, [], (json if target else xml).encode())
                return
            is_held = bool(way.held) and name.startswith(way.held)
            if is_held and not way.is_forwarded_first:
                self._vanish()
                return
            status, headers, answer = self._forward(body)
            if is_held:
                self._vanish()
                return
            if way.losing.get(name, 0):
                way.losing[name] -= 1
                self.close_connection = True
                return
            self._answer(status, headers, answer)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST  # noqa: N815

        def _vanish(self) -> None:
            way.reached.set()
            with contextlib.suppress(OSError):
                self.connection.settimeout(SOON)
                self.connection.recv(1)  # until whoever asked is gone
            self.close_connection = True

        def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
            connection.request(self.command, self.path, body, dict(self.headers))
            response = connection.getresponse()
            answer = response.read()
            connection.close()
            return response.status, response.getheaders(), answer

        def _answer(self, status: int, headers: list[tuple[str, str]], answer: bytes) -> None:
            self.send_response(status)
            skipped = {"transfer-encoding", "connection", "date", "server", "content-length"}
            for name, value in headers:
                if name.lower() not in skipped:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    way.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield way
    finally:
        server.shutdown()
        server.server_close()


class Bench:
    """A directory in which workers run, and pipelines with work for them."""

    def __init__(self, rig: Rig, directory: Path) -> None:
        self.rig = rig
        self.directory = directory
        self.begun: list[subprocess.Popen[str]] = []
        self.jenkins: dict[str, str] = {}

    def kind(self, **more: Any) -> Worker:
        return declare(self.rig, **more)

    def project(self, **more: Any) -> Worker:
        """An action type as the AWS plugin's users have it."""
        return declare(self.rig, property_of("ProjectName", queryable=True), **more)

    def pipeline(self, kind: Worker, *actions: dict[str, Any], **members: Any) -> str:
        """A pipeline whose first execution waits for workers, each of its actions with a job of its own."""
        wanted = actions or (action(kind),)
        name = self.rig.create(stage("Build", *wanted), **members)
        self.rig.until(
            lambda: all(self.rig.action(name, "Build", each["name"]).get("latestExecution") for each in wanted)
        )
        return name

    def environ(self, endpoint: str = "") -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | {
            "AWS_ENDPOINT_URL": endpoint or self.rig.sandbox.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "RAN": str(self.directory / "ran"),
            **self.jenkins,
        }

    def begin(self, kind: Worker, *more: str, endpoint: str = "", state: str = "worker") -> subprocess.Popen[str]:
        """A worker for a kind of jobs that is left running."""
        identity = ("--category", kind.kind["category"], "--provider", kind.kind["provider"])
        return self.started(*identity, *more, endpoint=endpoint, state=state)

    def started(self, *words: str, endpoint: str = "", state: str = "worker") -> subprocess.Popen[str]:
        """Type `deliverkit jenkins worker`."""
        command = [sys.executable, "-m", "deliverkit", "jenkins", "worker", *words]
        process = subprocess.Popen(
            [*command, "--state-dir", str(self.directory / state)],
            cwd=self.directory,
            env=self.environ(endpoint),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.begun.append(process)
        return process

    def once(self, kind: Worker, *more: str, endpoint: str = "", state: str = "worker") -> str:
        """A worker that ends well when nothing is left to do; what it said."""
        process = self.begin(kind, "--once", *more, endpoint=endpoint, state=state)
        _, said = process.communicate(timeout=SOON)
        assert process.returncode == 0, said
        return said

    def kill(self, process: subprocess.Popen[str]) -> None:
        """The worker alone, as the kernel does it when memory is short; what it started lives on."""
        process.kill()
        process.communicate(timeout=SOON)

    def terminate(self, process: subprocess.Popen[str]) -> tuple[int, str, float]:
        """Exit code, words, and seconds after SIGTERM."""
        at = time.monotonic()
        process.terminate()
        _, said = process.communicate(timeout=SOON)
        return process.returncode, said, time.monotonic() - at

    def end(self) -> None:
        for process in self.begun:
            if process.poll() is None:
                self.kill(process)
        for started in self.directory.glob("*/jobs/*/started"):
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.killpg(int(started.read_text()), signal.SIGKILL)

    def runs(self) -> int:
        """How often commands ran that append to $RAN."""
        file = self.directory / "ran"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def outcome(self, name: str) -> Any:
        """The action's latest execution once the pipeline's first execution is over."""
        self.rig.ends(name, self.rig.first_execution(name))
        return self.latest(name)

    def latest(self, name: str) -> Any:
        return self.rig.action(name, "Build", "Build").get("latestExecution", {})

    def built(self, name: str) -> Any:
        """The latest attempt of the action, with what it left."""
        execution = self.rig.actions(name, self.rig.first_execution(name))
        return next(each for each in reversed(execution) if each["actionName"] == "Build")

    def stored(self, built: Any) -> Any:
        """The one output artifact of an attempt, as S3 gives it."""
        place = built["output"]["outputArtifacts"][0]["s3location"]
        return self.rig.s3.get_object(Bucket=place["bucket"], Key=place["key"])


def wait_until(condition: Callable[[], Any], *, within: float = SOON) -> Any:
    """Poll a condition about real processes."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def zipped(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()
