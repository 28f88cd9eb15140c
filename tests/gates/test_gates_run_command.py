"""`deliverkit gate run`, `resume` and `stop` as people and Jenkins type them: real processes, a real sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deliverkit.sandbox import launcher

CONFIGURATION = """\
application: shop
release: {bundle: {path: build}, store: "s3://releases/shop"}
ledger: sqlite:///ledger.db
gates:
  quick: {command: {run: "test ! -e bad"}, every: 1s}
  long:
    checks:
      steady: {command: {run: "echo x >> steady; exit 0"}, every: 1s}
      slow: {command: {run: "echo x >> slow; sleep 30"}, every: 1m, observe_only: true}
environments:
  dev: {deploy: {codedeploy: {group: dev}}, gates: {after: [quick]}}
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state_dir = tmp_path_factory.mktemp("gates-sandbox")
    yield launcher.start(state_dir).endpoint
    launcher.stop(state_dir)


@dataclass(frozen=True)
class Shop:
    """A folder with a configuration, where commands are typed."""

    folder: Path
    endpoint: str

    def begin(self, *words: str) -> subprocess.Popen[str]:
        environ = {
            **os.environ,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        command = [sys.executable, "-m", "deliverkit", "gate", *words]
        # A group of its own: what a test kills must not be the test.
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def typed(self, *words: str) -> tuple[int, str, str]:
        process = self.begin(*words)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err


@pytest.fixture
def shop(tmp_path: Path, endpoint: str) -> Shop:
    (tmp_path / "deliverkit.yml").write_text(CONFIGURATION)
    return Shop(tmp_path, endpoint)


def until_measured(shop: Shop, times: int) -> None:
    deadline = time.monotonic() + 30
    counted = shop.folder / "steady"
    while not counted.exists() or len(counted.read_text().splitlines()) < times:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_gate_passes_with_0_and_fails_with_1(shop: Shop) -> None:
    code, out, _ = shop.typed("run")
    assert (code, out.splitlines()[:2]) == (0, ["gates-dev-1", "gates-dev-1: passed"])
    (shop.folder / "bad").touch()
    code, out, err = shop.typed("run", "quick", "--output", "json")
    document = json.loads(out)
    assert (code, document["verdict"], document["gates"]["quick"]["verdict"]) == (1, "failed", "failed")
    assert "gates-dev-2" in err


def test_what_cannot_be_measured_is_8_and_what_still_runs_is_5(shop: Shop) -> None:
    text = CONFIGURATION.replace("test ! -e bad", "exit 7").replace("every: 1s}\n  long", "errors: 0}\n  long")
    (shop.folder / "deliverkit.yml").write_text(text)
    assert shop.typed("run", "quick")[0] == 8
    code, out, _ = shop.typed("run", "long", "--for", "1h", "--timeout", "1s")
    assert (code, out.splitlines()[-1]) == (5, "next: deliverkit gate resume gates-dev-2")
    assert shop.typed("stop", "gates-dev-2", "--reason", "seen enough")[0] == 0
    code, out, _ = shop.typed("resume", "gates-dev-2")
    assert (code, out.splitlines()[0]) == (5, "gates-dev-2: inconclusive: stopped: seen enough")


@pytest.mark.parametrize(("ends_by", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_whoever_resumes_after_a_crash_loses_no_measurement(shop: Shop, ends_by: int, code: int) -> None:
    process = shop.begin("run", "long", "--for", "4s")
    until_measured(shop, 2)
    began = time.monotonic()
    process.send_signal(ends_by)
    process.communicate(timeout=30)
    assert process.returncode == code
    assert time.monotonic() - began < 10
    exit_code, out, _ = shop.typed("resume", "gates-dev-1", "--output", "json")
    assert exit_code == 0
    document = json.loads(out)
    asked = len((shop.folder / "steady").read_text().splitlines())
    # At most the one measurement that was being taken when the process ended is not on record.
    assert asked - 1 <= document["measurements"]["long/steady"] <= asked
    assert document["verdict"] == "passed"


def test_what_is_typed_wrongly_is_told_with_the_next_command(shop: Shop) -> None:
    for words, told in {
        ("run", "quik"): "next: deliverkit gate run quick",
        ("run", "--to", "prod"): "there is no environment prod; the configuration has dev",
        ("resume", "gates-dev-9"): "there is no run of gates gates-dev-9",
        ("stop", "gates-dev-9"): "--reason",
    }.items():
        code, _, err = shop.typed(*words)
        assert code in {1, 2}, words
        assert told in err


def test_a_name_that_was_used_before_is_no_new_verdict(shop: Shop) -> None:
    assert shop.typed("run", "quick", "--id", "nightly")[0] == 0
    (shop.folder / "bad").touch()
    code, out, err = shop.typed("run", "quick", "--id", "nightly")
    assert (code, out.splitlines()[0]) == (0, "nightly")
    assert "note: nightly ended at " in err
    assert "nothing is measured now" in err
    code, _, err = shop.typed("run", "long", "--id", "nightly")
    assert code != 0
    assert "asks something else: quick in dev" in err
    assert shop.typed("run", "--id", "../promotions/x")[0] == 2
