"""Gates with every kind that asks over the network or runs a command, as people type them, killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from plugin_bench import install_example
from web_bench import Site, served

from deliverkit.sandbox import launcher

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "acme-token-0815"
CONFIGURATION = """\
application: shop
release: {bundle: {path: build}, store: "s3://releases/shop"}
ledger: sqlite:///ledger.db
gates:
  good:
    checks:
      page:
        http: {url: "SITE/page", requests: 5, p99: 20s, json: {status: ok}, headers: {X-Key: "${env.ACME_TOKEN}"}}
        passes: 2
        every: 500ms
      port: {tcp: {address: "HOST"}, passes: 2, every: 500ms}
      rate: {prometheus: {url: "SITE", query: up, below: 1}, passes: 2, every: 500ms}
      script: {command: {run: "echo the token is $ACME_TOKEN"}, passes: 2, every: 500ms}
      budget: {acme-budget: {url: "SITE", token: "${env.ACME_TOKEN}"}, passes: 2, every: 500ms}
  bad: {acme-budget: {url: "SITE", at_least: 90}}
  away: {prometheus: {url: "http://127.0.0.1:1", query: up, below: 1}, errors: 0}
environments:
  dev: {deploy: {codedeploy: {group: dev}}, gates: {after: [good]}}
"""


@dataclass(frozen=True)
class Shop:
    """A folder with a configuration, a site that it asks, and a package with a plug-in."""

    folder: Path
    endpoint: str
    site: Site

    def begin(self, *words: str) -> subprocess.Popen[str]:
        environ = {
            **os.environ,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "ACME_TOKEN": TOKEN,
            "PYTHONPATH": f"{self.folder / 'site-packages'}{os.pathsep}{ROOT}",
        }
        command = [sys.executable, "-m", "deliverkit", "gate", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.folder, env=environ, text=True, stdout=pipe, stderr=pipe, start_new_session=True
        )

    def typed(self, *words: str) -> tuple[int, str]:
        process = self.begin(*words)
        out, _ = process.communicate(timeout=60)
        return process.returncode, out


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    install_example(packages)
    state_dir = tmp_path / "sandbox"
    with served() as site:
        site.says("/page", json.dumps({"status": "ok"}))
        site.says("/budgets/shop", json.dumps({"left": 64.5}))
        vector = {"resultType": "vector", "result": [{"metric": {}, "value": [1, "0.5"]}]}
        site.says("/api/v1/query", json.dumps({"status": "success", "data": vector}))
        (tmp_path / "deliverkit.yml").write_text(CONFIGURATION.replace("SITE", site.url).replace("HOST", site.host))
        yield Shop(tmp_path, launcher.start(state_dir).endpoint, site)
    launcher.stop(state_dir)


def held(shop: Shop, release: threading.Event) -> threading.Event:
    """Let the page answer only once it is released; set as soon as it is asked."""
    asked, answer = threading.Event(), shop.site.replies["/page"]

    def hold(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        release.wait(30)
        answer(handler)

    shop.site.replies["/page"] = hold
    return asked


def test_a_process_that_is_killed_while_it_measures_is_taken_over(shop: Shop) -> None:
    release = threading.Event()
    asked = held(shop, release)
    process = shop.begin("run", "good")
    assert asked.wait(30)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    release.set()
    code, out = shop.typed("resume", "gates-dev-1", "--output", "json")
    document: dict[str, Any] = json.loads(out)
    assert (code, document["verdict"]) == (0, "passed")
    assert sorted(document["measurements"]) == [f"good/{name}" for name in ("budget", "page", "port", "rate", "script")]
    assert set(document["measurements"].values()) == {2}
    code, explained = shop.typed("explain", "gates-dev-1", "--output", "json")
    assert code == 0
    code, replayed = shop.typed("replay", "gates-dev-1")
    assert code == 0, replayed
    files = sorted(shop.folder.glob("ledger.db*"))
    recorded = "".join(file.read_bytes().decode("utf-8", "replace") for file in files)
    for told in (out, explained, replayed, recorded):
        assert TOKEN not in told
    assert "the token is ${ACME_TOKEN}" in recorded
    assert any(each.get("x-key") == TOKEN for each in shop.site.headers)

    code, out = shop.typed("run", "bad", "--output", "json")
    assert (code, json.loads(out)["verdict"]) == (1, "failed")
    began = time.monotonic()
    code, out = shop.typed("run", "away", "--output", "json")
    assert (code, json.loads(out)["verdict"]) == (8, "error")
    assert time.monotonic() - began < 30
