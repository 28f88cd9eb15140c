"""`deliverkit gate run`, `resume` and `stop` as people and Jenkins type them: real processes, a real sandbox."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

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

    def begin(self, *words: str, command: str = "gate") -> subprocess.Popen[str]:
        environ = {
            **os.environ,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        typed = [sys.executable, "-m", "deliverkit", command, *words]
        # A group of its own: what a test kills must not be the test.
        return subprocess.Popen(
            typed,
            cwd=self.folder,
            env=environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def typed(self, *words: str, command: str = "gate") -> tuple[int, str, str]:
        process = self.begin(*words, command=command)
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
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert code < 0 or "next: deliverkit gate resume gates-dev-1" in err
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
    assert "asks something else: gates quick there, long here" in err
    _, _, err = shop.typed("run", "quick", "--for", "3s", "--id", "nightly")
    assert "asks something else: --for 0 s there, 3 s here\n" in err
    assert shop.typed("run", "--id", "../promotions/x")[0] == 2


def test_a_run_is_told_of_like_a_promotion(shop: Shop) -> None:
    assert shop.typed("run", "quick", "--junit", "gates.xml")[0] == 0
    suite = ET.parse(shop.folder / "gates.xml").getroot()[0]
    cases = [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")]
    assert cases == [("shop.dev", "quick"), ("shop.dev", "gates of dev")]
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("0", "0", "0")
    _, log, _ = shop.typed("log", "gates-dev-1", "--output", "json", command="ledger")
    assert json.loads(log)[0]["kind"] == "gates.opened"
    code, told, _ = shop.typed("gates-dev-1", "--as", "gates", command="report")
    assert (code, json.loads(told)["id"]) == (0, "gates-dev-1")
    assert json.loads(told) == json.loads(shop.typed("explain", "gates-dev-1", "--output", "json")[1])
    code, _, err = shop.typed("gates-dev-1", command="report")
    assert code == 2
    assert "next: deliverkit report gates-dev-1 --as gates" in err
    _, replayed, _ = shop.typed("replay", "gates-dev-1", "--with", "deliverkit.yml")
    assert re.search(r"^  quick +dev +passed", replayed, re.MULTILINE)


def test_the_results_of_a_failed_and_of_a_refused_run_are_in_the_file(shop: Shop) -> None:
    (shop.folder / "bad").touch()
    assert shop.typed("run", "quick", "--junit", "gates.xml")[0] == 1
    cases = {case.get("name"): case for case in ET.parse(shop.folder / "gates.xml").getroot().iter("testcase")}
    assert all(case.find("failure") is not None for case in cases.values())
    assert shop.typed("run", "quick", "--to", "prod", "--junit", "gates.xml")[0] == 2
    (case,) = ET.parse(shop.folder / "gates.xml").getroot().iter("testcase")
    assert case.get("name") == "run of gates quick"
    assert case.find("error") is not None


def test_runs_are_listed_and_given_up_twice(shop: Shop) -> None:
    assert shop.typed("run", "long", "--for", "1h", "--detach")[0] == 0
    code, out, _ = shop.typed("list")
    assert (code, out.count("\n")) == (0, 1)
    assert out.startswith("gates-dev-1: still running, opened ")
    assert out.endswith("next: deliverkit gate resume gates-dev-1\n")
    for _ in range(2):
        code, out, _ = shop.typed("stop", "gates-dev-1", "--reason", "seen enough")
        assert (code, out.splitlines()[0]) == (0, "gates-dev-1: inconclusive: stopped: seen enough")
    assert shop.typed("list")[1] == "no run of gates is under way\n"
    assert shop.typed("run", "quick")[0] == 0
    code, out, _ = shop.typed("stop", "gates-dev-2", "--reason", "late")
    assert (code, out.splitlines()[0]) == (0, "gates-dev-2: passed")
    assert len(json.loads(shop.typed("list", "--all", "--output", "json")[1])) == 2


def test_what_promotions_are_called_names_no_run(shop: Shop) -> None:
    code, _, err = shop.typed("run", "quick", "--id", "dev-7")
    assert code == 2
    assert "dev-7 is what promotions to dev are called" in err
