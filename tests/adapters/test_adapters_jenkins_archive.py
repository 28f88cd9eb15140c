"""What builds have archived, fetched through a real connection into a file, whatever its size."""

from __future__ import annotations

import errno
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from deliverkit.adapters.jenkins_archive import JenkinsArchive
from deliverkit.adapters.jenkins_connection import Connection, Credentials
from deliverkit.errors import DeniedError, UnreachableError

MEBIBYTE = bytes(1 << 20)


class Served(NamedTuple):
    """What a server answers, in chunks; with a declared length in one piece of which the end may be missing."""

    chunks: int = 0
    status: int = 200
    declared: int = 0
    content_type: str = "application/zip"
    body: bytes = b""
    location: str = ""


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, dict[str, Served]]]:
    answers: dict[str, Served] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = answers[self.path]
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            if answer.location:
                self.send_header("Location", answer.location)
            if answer.chunks:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for _ in range(answer.chunks):
                    self.wfile.write(b"100000\r\n" + MEBIBYTE + b"\r\n")
                self.wfile.write(b"0\r\n\r\n")
                return
            self.send_header("Content-Length", str(answer.declared or len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", answers
        server.shutdown()


class Desk:
    """An archive, and what its server answers for build 1 of a job of its own."""

    def __init__(self, url: str, answers: dict[str, Served], job: str) -> None:
        self.job, self.url, self._answers = job, url, answers
        connection = Connection(url, Credentials("alice", "11" + "a" * 32), timeout=timedelta(seconds=20))
        self._archive = JenkinsArchive(connection)

    def answer(self, answer: Served, folder: str = "") -> None:
        inside = f"{folder}/*zip*/{folder}.zip" if folder else "*zip*/archive.zip"
        self._answers[f"/job/{self.job}/1/artifact/{inside}"] = answer

    def fetch(self, destination: Path, folder: str = "") -> bool:
        return self._archive.fetch(self.job, 1, folder, destination)


@pytest.fixture
def desk(served: tuple[str, dict[str, Served]]) -> Desk:
    return Desk(*served, job=f"job-{len(served[1])}")


def test_a_large_archive_is_never_in_memory(desk: Desk, tmp_path: Path) -> None:
    desk.answer(Served(chunks=48))
    tracemalloc.start()
    try:
        assert desk.fetch(tmp_path / "archive.zip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "archive.zip").stat().st_size == 48 << 20
    assert peak < 8 << 20


def test_an_archive_comes_as_it_is_also_from_where_a_redirect_leads(desk: Desk, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000  # more than what a reply keeps
    desk.answer(Served(status=302, location=f"/job/{desk.job}/1/artifact/app/*zip*/app.zip", body=b"elsewhere"))
    desk.answer(Served(body=content), folder="app")
    for folder in ("", "app"):
        assert desk.fetch(tmp_path / "archive.zip", folder)
        assert (tmp_path / "archive.zip").read_bytes() == content


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Served(body=b"begin", declared=100), UnreachableError),
        (Served(body=b"<!doctype html><title>Sign in</title>", content_type="text/html"), DeniedError),
        (Served(status=500, body=b"half"), UnreachableError),
        (Served(status=403, body=b"no"), DeniedError),
    ],
)
def test_what_is_no_whole_archive_is_told_and_leaves_no_file(
    desk: Desk, tmp_path: Path, answer: Served, error: type[Exception]
) -> None:
    desk.answer(answer)
    with pytest.raises(error, match=r"artifact/\*zip\*/archive\.zip"):
        desk.fetch(tmp_path / "archive.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_archived_nothing_has_no_archive(desk: Desk, tmp_path: Path) -> None:
    desk.answer(Served(status=404, body=b"<title>Not Found</title>"))
    assert not desk.fetch(tmp_path / "archive.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("chunks", [0, 2])
def test_a_full_disk_is_no_fault_of_the_server(desk: Desk, tmp_path: Path, chunks: int) -> None:
    desk.answer(Served(chunks=chunks, body=b"small"))
    (tmp_path / "archive.zip").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as found:
        desk.fetch(tmp_path / "archive.zip")
    assert found.value.errno == errno.ENOSPC


def test_an_archive_does_not_fill_the_disk(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = (64 << 20) + (3 << 19)  # what is left free, and one and a half of two MiB
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
    desk.answer(Served(chunks=2))
    with pytest.raises(OSError, match="No space left on device for an archive of more than 1 MiB"):
        desk.fetch(tmp_path / "archive.zip")
    assert list(tmp_path.iterdir()) == []
