"""The smoke test's job: its shell snippet, run against real servers; whoever may start it chooses its parameters."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deliverkit.domain.job_xml import parse

if not os.environ.get("CI") and shutil.which("curl") is None:
    pytest.skip("no curl here", allow_module_level=True)
JOB = Path(__file__).parents[2] / "jenkins/jobs/storefront/smoke.xml"
ALLOWED = "https://staging.example.com"


class Server(ThreadingHTTPServer):
    """Serves a version, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = b"1.2.3" if self.path == "/version" else b"ok"
        self.send_response(200 if self.path in {"/version", "/healthz"} else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def listening() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def server(listening: Server) -> Server:
    listening.asked.clear()
    return listening


def smoke(endpoint: str, *, allowed: str = ALLOWED, version: str = "1.2.3") -> subprocess.CompletedProcess[str]:
    """Run the snippet as Jenkins does, with an address in place of one that the job allows."""
    definition = parse(JOB.read_text(encoding="utf-8"), str(JOB)).child("definition")
    script = definition and definition.child("script")
    assert script
    [snippet] = re.findall(r"sh '''(.*?)'''", script.text, re.DOTALL)
    assert ALLOWED in snippet
    environment = {"PATH": os.environ["PATH"], "VERSION": version, "ENDPOINT": endpoint, "no_proxy": "*"}
    command = ["sh", "-xe", "-c", snippet.replace(ALLOWED, allowed)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_the_version_that_serves_is_compared(server: Server) -> None:
    good = smoke(server.url, allowed=server.url)
    assert (good.returncode, server.asked) == (0, ["/healthz", "/version"]), good.stderr
    assert smoke(server.url, allowed=server.url, version="1.2.4").returncode == 1


@pytest.mark.parametrize(
    "endpoint",
    [
        "{url}",
        "file:///etc/hostname?",
        "http://169.254.169.254/latest/meta-data/iam/security-credentials",
        f"{ALLOWED}@{{place}}",
        f"{ALLOWED} {{url}}",
        f"{{url}}/?{ALLOWED}",
        f"{ALLOWED}\n{{url}}",
        f"*{ALLOWED}*",
        "*",
        "",
    ],
)
def test_nothing_is_asked_but_what_the_job_allows(server: Server, endpoint: str) -> None:
    ended = smoke(endpoint.format(url=server.url, place=server.url.partition("//")[2]))
    assert (ended.returncode, server.asked) == (2, [])
    assert "may be asked" in ended.stdout


def test_a_file_is_not_read_even_when_the_list_has_one(tmp_path: Path) -> None:
    for name in ("healthz", "version"):
        (tmp_path / name).write_text("hush")
    ended = smoke(tmp_path.as_uri(), allowed=tmp_path.as_uri(), version="hush")
    assert ended.returncode not in {0, 2}
    assert "hush" not in ended.stdout


def test_a_version_is_needed(server: Server) -> None:
    ended = smoke(server.url, allowed=server.url, version="")
    assert (ended.returncode, server.asked) == (2, [])
