"""Reports and JUnit files of real promotions on a sandbox, typed as a Jenkinsfile types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from shop import DIRECT, Shop

CONFIGURATION = DIRECT.replace("release:\n", "release:\n  commit_status: github://acme/storefront\n")
TOKEN = "ghp_0123456789secret"


@pytest.fixture(scope="module")
def statuses() -> Iterator[list[tuple[str, Any]]]:
    """What a GitHub on this machine was told: where, and what; its address stands first."""
    told: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(201 if self.headers["Authorization"] == f"Bearer {TOKEN}" else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    told.append((f"http://127.0.0.1:{running.server_address[1]}", None))
    yield told
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, statuses: list[tuple[str, Any]]) -> Iterator[Shop]:
    """Release 1.0.0 serves dev, brought by dev-1, whose results are in a folder that was not there."""
    opened = Shop.open(Path(tmp_path_factory.mktemp("shop")), configuration=CONFIGURATION)
    opened.start()
    opened.environ |= {"BUILD_URL": "https://ci.example.com/job/shop/7/", "JOB_NAME": "shop", "BUILD_NUMBER": "7"}
    opened.environ |= {"GITHUB_API_URL": statuses[0][0], "GITHUB_TOKEN": TOKEN}
    (opened.directory / ".gitignore").write_text("build/\n", encoding="utf-8")
    git(opened, "init", "--quiet", "-b", "main")
    git(opened, "add", ".")
    git(opened, "commit", "--quiet", "-m", "storefront")
    opened.release("1.0.0")
    opened.must("promote", "1.0.0", "--to", "dev", "--junit", "reports/new/gates.xml")
    yield opened
    opened.stop()


def git(shop: Shop, *words: str) -> str:
    who = ("-c", "user.name=Dev", "-c", "user.email=dev@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *words], cwd=shop.directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def read(path: Path) -> ET.Element:
    """The file, which is whole and the only one of its kind there."""
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".")] == []
    return ET.parse(path).getroot()


def test_the_results_are_in_a_folder_that_was_not_there(shop: Shop) -> None:
    root = read(shop.directory / "reports" / "new" / "gates.xml")
    assert [suite.get("name") for suite in root] == ["dev-1 dev", "dev-1"]
    case = root[0].find("testcase")
    assert case is not None
    assert case.get("name") == "up (after)"
    assert float(case.get("time", "0")) > 0
    # Only its writer could read it otherwise, and Jenkins is another user.
    assert (shop.directory / "reports" / "new" / "gates.xml").stat().st_mode & 0o044 == 0o044 & ~os.umask(0o022)


def test_a_page_for_publish_html(shop: Shop) -> None:
    ran = shop.must("report", "dev-1", "--to-file", "site/index.html")
    assert (ran.out, ran.err) == ("", "written to site/index.html\n")
    document = (shop.directory / "site" / "index.html").read_text(encoding="utf-8")
    assert document.startswith("<!DOCTYPE html>\n")
    assert "Succeeded" in document
    assert 'href="https://ci.example.com/job/shop/7/"' in document
    assert "console.aws.amazon.com" not in document  # the sandbox's deployments are not in AWS's console
    assert shop.must("report", "dev-1").out == document


def test_the_commit_was_told_how_it_fared(shop: Shop, statuses: list[tuple[str, Any]]) -> None:
    place = f"/repos/acme/storefront/statuses/{git(shop, 'rev-parse', 'HEAD')}"
    first, last = statuses[1:3]
    assert (first[0], first[1]["state"], first[1]["context"]) == (place, "pending", "deliverkit/dev")
    assert last == (
        place,
        {
            "state": "success",
            "context": "deliverkit/dev",
            "description": last[1]["description"],
            "target_url": "https://ci.example.com/job/shop/7/",
        },
    )
    assert last[1]["description"].startswith("1.0.0 succeeded: ")


@pytest.mark.parametrize("trouble", [{"GITHUB_API_URL": "http://127.0.0.1:9"}, {"GITHUB_TOKEN": "ghp_withdrawn"}])
def test_a_status_that_cannot_be_set_is_only_said(shop: Shop, trouble: dict[str, str]) -> None:
    ran = shop.run("report", "dev-1", "--commit-status", "--as", "description", **trouble)
    assert (ran.code, ran.out.startswith("1.0.0 to dev: Succeeded")) == (0, True)
    assert "is not told: " in ran.err
    assert "ghp_" not in ran.err + ran.out


def test_a_line_for_the_description(shop: Shop) -> None:
    line = "1.0.0 to dev: Succeeded (dev-1) https://ci.example.com/job/shop/7/\n"
    assert shop.must("report", "dev-1", "--as", "description").out == line
    told = shop.must("report", "dev-1", "--as", "description", "--output", "json").document
    assert told == {
        "promotion": "dev-1",
        "version": "1.0.0",
        "environment": "dev",
        "outcome": "succeeded",
        "file": None,
        "report": line.strip(),
    }


def test_what_there_is_no_report_of(shop: Shop) -> None:
    ran = shop.run("report", "9.9.9")
    assert (ran.code, ran.out) == (1, "")
    assert "there is no promotion 9.9.9" in ran.err
    assert "next: deliverkit status" in ran.err
    ran = shop.run("report", "dev-1", "--to-file", "/dev/null/report.html")
    assert ran.code == 2
    assert "/dev/null/report.html cannot be written: /dev/null is no folder" in ran.err


def test_a_promotion_that_is_not_there_leaves_a_file_that_says_so(shop: Shop) -> None:
    ran = shop.run("wait", "dev-99", "--junit", "reports/none.xml")
    assert ran.code == 1
    root = read(shop.directory / "reports" / "none.xml")
    assert (root.get("tests"), root.get("errors")) == ("1", "1")
    assert "there is no promotion dev-99" in str(root[0][0][0].text)


def test_a_promotion_that_is_refused_leaves_no_results_of_an_earlier_build(shop: Shop) -> None:
    gates = shop.directory / "reports" / "refused.xml"
    gates.parent.mkdir(exist_ok=True)
    gates.write_text("of another build", encoding="utf-8")
    assert shop.run("promote", "9.9.9", "--to", "dev", "--junit", str(gates)).code == 1
    assert "9.9.9" in str(read(gates)[0][0][0].text)


def test_a_file_that_cannot_be_written_does_not_hide_how_it_ended(shop: Shop) -> None:
    ran = shop.run("wait", "dev-1", "--junit", "/dev/null/gates.xml", GITHUB_TOKEN="")
    assert ran.code == 1
    assert "warning: commit " in ran.err
    assert ran.out.startswith("dev-1: 1.0.0 to dev: succeeded")
    assert "the results are not in /dev/null/gates.xml" in ran.err


def test_an_interrupted_command_leaves_the_file_and_says_so(shop: Shop) -> None:
    path = shop.directory / "deliverkit.yml"
    path.write_text(CONFIGURATION.replace("bake_time: 1500ms", "bake_time: 10m"), encoding="utf-8")
    gates = shop.directory / "reports" / "gates.xml"
    gates.write_text("of another build", encoding="utf-8")
    process = shop.begin("promote", "1.0.0", "--to", "dev", "--junit", str(gates))
    assert process.stderr is not None
    while "bakes until" not in process.stderr.readline():
        assert process.poll() is None
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143
    root = read(gates)
    (skipped,) = root[-1].iter("skipped")
    assert "still baking dev; the command that watched it ended: it was interrupted" in str(skipped.text)
    # Without a name it is the one that is under way; with a version the newest of that release.
    for subject in ((), ("1.0.0",)):
        told = shop.must("report", *subject, "--as", "description").out
        assert told.startswith("1.0.0 to dev: Under way, baking dev (dev-2)")
    shop.run("abort", "dev-2", "--detach")
    path.write_text(CONFIGURATION, encoding="utf-8")
