"""Checks of kind command: what is kept of them, what is masked, and what happens to those that will not end."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from web_bench import context, measured, taken_over

from deliverkit.adapters.command import SAMPLE, CommandCheck
from deliverkit.adapters.process_tree import started_with
from deliverkit.check_ports import Checker
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Check, CheckKind, Gate, Measurement, Policy, Verdict
from deliverkit.domain.rollout import Outcome
from deliverkit.testing.clock import FakeClock
from deliverkit.testing.contracts import CheckContract
from deliverkit.testing.contracts.checks import Case

SECRET = "s3cr3t-of-the-agent"
ENVIRON = {"DEPLOY_TOKEN": SECRET, "DB_PASSWORD": "line-one\nline-two", "HOME": "/root-of-home"}


def run(command: str, **spec: Any) -> Measurement:
    return measured(CommandCheck(clock=FakeClock(), environ=ENVIRON), "command", {"run": command, **spec})


class TestContract(CheckContract):
    kind = CheckKind.COMMAND

    @pytest.fixture
    def checker(self) -> Checker:
        return CommandCheck(clock=FakeClock(), environ=ENVIRON)

    @pytest.fixture
    def passing(self) -> Case:
        return Case({"run": "echo fine", "timeout": 30.0}, context())

    @pytest.fixture
    def failing(self) -> Case:
        return Case({"run": f"echo the token is {SECRET}; exit 1", "timeout": 30.0}, context(), (SECRET,))

    @pytest.fixture
    def unaskable(self) -> Case:
        return Case({"run": "exit 7", "timeout": 30.0}, context())


def test_the_last_lines_are_kept() -> None:
    found = run("seq 100; echo >&2 the end; exit 1")
    assert found.seen is not None
    assert found.seen["tail"] == [*(str(number) for number in range(82, 101)), "the end"]
    assert found.seen["exit_code"] == 1
    assert 0 <= found.seen["seconds"] < 60
    assert found.query == "seq 100; echo >&2 the end; exit 1"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"token {SECRET} was used", "token ${DEPLOY_TOKEN} was used"),
        ("it is line-two", "it is ${DB_PASSWORD}"),
        ("home is /root-of-home", "home is /root-of-home"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        ("curl -H Authorization: Bearer abc.def-ghi", "curl -H Authorization: Bearer ***"),
        ("password=hunter2222 user=x", "password=*** user=x"),
        ("postgres://shop:hunter2222@db/x", "postgres://***@db/x"),
        ("ghp_" + "a" * 36, "***"),
        ("no token was given", "no token was given"),
    ],
)
def test_secrets_are_masked_in_what_is_kept(said: str, kept: str) -> None:
    found = run(f"printf '%s\\n' '{said}'")
    assert found.reason == f"exit code 0: {kept}"
    assert found.seen is not None
    assert found.seen["tail"] == [kept]


def test_half_a_secret_at_the_begin_of_what_is_kept_is_dropped() -> None:
    # The kept 64 KiB begin within the secret of the first line.
    found = run(f"printf 'x{SECRET}'; echo; head -c {64 * 1024 - 12} /dev/zero | tr '\\0' 'y'; echo; echo done")
    assert found.seen is not None
    assert all(SECRET[-8:] not in line for line in found.seen["tail"])
    assert found.seen["tail"][-1] == "done"


def test_a_command_that_ignores_sigterm_is_killed() -> None:
    began = time.monotonic()
    found = run("trap '' TERM INT HUP; echo stubborn; while :; do sleep 1; done", timeout=0.3)
    assert time.monotonic() - began < 20
    assert (found.outcome, found.reason) == (Verdict.ERROR, "no end within 0.3 s, killed: stubborn")
    assert found.seen is not None
    assert found.seen["exit_code"] is None


def test_what_leaves_the_process_group_is_ended_too(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    found = run(f"setsid sh -c 'echo $$ > {pid}; exec sleep 300' & while [ ! -s {pid} ]; do sleep 0.05; done; echo ok")
    assert found.reason == "exit code 0: ok"
    assert _is_gone(int(pid.read_text()))


def test_a_record_is_judged_again() -> None:
    check = Check("smoke", "", "command", {"run": "x"})
    late = assess(check, {"exit_code": None, "limit": 5, "tail": []})
    assert (late.outcome, late.reason) == (Verdict.ERROR, "no end within 5 s, killed")
    assert assess(check, {"exit_code": -200, "tail": []}).reason == "ended by signal 200"
    assert assess(check, {"exit_code": 75, "tail": ["ask"]}).outcome is Verdict.INCONCLUSIVE


def test_a_process_that_takes_over_ends_what_the_dead_one_left(tmp_path: Path) -> None:
    """The measurement's name is the same in both, and by it the command of the dead process is found."""
    names = tmp_path / "names"
    gate = Gate.of("smoke", CheckKind.COMMAND, {"run": f"echo ${SAMPLE} >> {names}"}, Policy(passes=3))
    rollout, recorded = taken_over(gate, lambda clock: CommandCheck(clock=clock))
    assert rollout.outcome is Outcome.SUCCEEDED
    assert [each["outcome"] for each in recorded] == ["passed"] * 3
    told = names.read_text().split()
    assert len(told) == 4
    assert told[1] == told[2]
    assert len(set(told)) == 3
    left = subprocess.Popen(["sleep", "300"], env={**os.environ, SAMPLE: "shop/left/1"}, start_new_session=True)
    where = context()
    where = type(where)(where.values, where.endpoint, where.regions, "shop", "shop-dev", {"smoke": "shop/left/1"})
    check = Check("smoke", "", "command", {"run": "true"})
    assert CommandCheck(clock=FakeClock()).measure(check, where).outcome is Verdict.PASSED
    assert left.wait(10) == -9
    assert list(started_with(SAMPLE, "shop/left/1")) == []


def _is_gone(pid: int) -> bool:
    for _ in range(200):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            return True
        if stat.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False
