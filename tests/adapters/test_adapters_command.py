"""Command gates with real processes."""

from __future__ import annotations

import os
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from deliverkit.adapters.command import CommandCheck
from deliverkit.check_ports import CheckContext
from deliverkit.domain.gate import Check, CheckKind, Measurement, Verdict
from deliverkit.testing import FakeClock


def measure(run: str, *, endpoint: str = "http://shop.example.com", **spec: object) -> Measurement:
    values = {"release.version": "1.2.3; echo pwned", "release.digest": "sha256:ab", "environment": "production"}
    where = CheckContext(
        {**values, "region": "us-east-1"}, endpoint, ("us-east-1", "eu-west-1"), "storefront", "storefront-prod"
    )
    check = Check("smoke", "", CheckKind.COMMAND, {"run": run, **spec})
    return CommandCheck(clock=FakeClock()).measure(check, where)


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM; "])
def test_an_interruption_ends_what_runs_and_nothing_else(tmp_path: Path, stubborn: str) -> None:
    checker = CommandCheck(clock=FakeClock(), directory=tmp_path)
    where = CheckContext({}, "http://shop.example.com", ("us-east-1",), "storefront", "storefront-prod")
    check = Check("slow", "", CheckKind.COMMAND, {"run": f"{stubborn}touch begun; sleep 50; touch done", "timeout": 60})
    with ThreadPoolExecutor(1) as pool:
        measured = pool.submit(checker.measure, check, where)
        while not (tmp_path / "begun").exists():
            assert not measured.done()
        began = time.monotonic()
        checker.interrupt()
        assert measured.result(timeout=10).outcome is Verdict.ERROR
        assert checker.measure(replace(check, spec={"run": "true"}), where).outcome is Verdict.PASSED
    assert time.monotonic() - began < 10
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("command", "outcome", "said"),
    [
        ("exit 0", Verdict.PASSED, "exit code 0"),
        ("exit 1", Verdict.FAILED, "exit code 1"),
        ("exit 75", Verdict.INCONCLUSIVE, "exit code 75"),
        ("exit 2", Verdict.ERROR, "exit code 2"),
        ("exit 255", Verdict.ERROR, "exit code 255"),
        ("kill -KILL $$", Verdict.ERROR, "ended by SIGKILL"),
        ("no-such-command-anywhere", Verdict.ERROR, "nothing to run"),
        ("/dev/null", Verdict.ERROR, "nothing to run"),
        ("if", Verdict.ERROR, "exit code 2"),
        (" ", Verdict.ERROR, "no `run`"),
        ("echo a\0b", Verdict.ERROR, "cannot be run"),
    ],
)
def test_the_exit_code_decides(command: str, outcome: Verdict, said: str) -> None:
    sample = measure(command)
    assert sample.outcome is outcome
    assert said in sample.reason
    assert sample.at == FakeClock().now()


def test_the_last_line_of_either_output_is_the_reason() -> None:
    assert measure("echo first; echo second >&2; echo; exit 1").reason == "exit code 1: second"
    assert measure("printf 'no newline'").reason == "exit code 0: no newline"


def test_the_reason_is_one_printable_line_of_bounded_length() -> None:
    reason = measure(r"printf '\033[31mred\007 \377'; printf 'x%.0s' $(seq 500)").reason
    assert reason.isprintable()
    assert "red" in reason
    assert reason.endswith("...")
    assert len(reason) < 250


def test_a_chatty_command_neither_blocks_nor_fills_memory() -> None:
    tracemalloc.start()
    try:
        sample = measure("head -c 20000000 /dev/zero | tr '\\0' 'x'; echo; echo the end", timeout=30)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # bytes; it says twenty millions
    assert sample.outcome is Verdict.PASSED
    assert sample.reason == "exit code 0: the end"


def test_it_is_told_what_it_is_about() -> None:
    names = [
        "RELEASE_VERSION",
        "RELEASE_DIGEST",
        "ENVIRONMENT",
        "REGION",
        "REGIONS",
        "ENDPOINT",
        "APPLICATION",
        "GROUP",
    ]
    asked = "|".join(f"$DELIVERKIT_{name}" for name in names)
    sample = measure(f'echo "{asked}"')
    assert sample.reason == (
        "exit code 0: 1.2.3; echo pwned|sha256:ab|production|us-east-1|us-east-1,eu-west-1"
        "|http://shop.example.com|storefront|storefront-prod"
    )


def test_placeholders_in_the_command_are_values_and_never_shell_syntax() -> None:
    assert (
        measure('echo "${release.version} in ${environment}"').reason == "exit code 0: 1.2.3; echo pwned in production"
    )
    assert measure("echo ${release.version}").reason == "exit code 0: 1.2.3; echo pwned"


def test_the_endpoint_is_filled_in_unless_every_target_has_its_own() -> None:
    asked = 'echo "<${DELIVERKIT_ENDPOINT-unset}>"'
    assert "<http://us-east-1.example.com>" in measure(asked, endpoint="http://${region}.example.com").reason
    assert "<unset>" in measure(asked, endpoint="http://${target.address}").reason


def test_it_inherits_the_environment_and_reads_nothing(monkeypatch) -> None:
    monkeypatch.setenv("SMOKE_TOKEN", "inherited")
    assert measure('read line; echo "$SMOKE_TOKEN<$line>"').reason == "exit code 0: inherited<>"


def test_a_late_command_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 60 & echo $! $$ > {pids}; echo started; wait; wait"
    sample = measure(script, timeout=0.5)
    assert sample.outcome is Verdict.ERROR
    assert sample.reason == "no end within 0.5 s, killed: started"
    assert all(_is_gone(int(pid)) for pid in pids.read_text().split())


def test_a_late_command_may_clean_up_first(tmp_path: Path) -> None:
    told = tmp_path / "told"
    measure(f"trap 'echo bye > {told}; exit 0' TERM; sleep 60 & wait", timeout=0.3)
    assert told.read_text() == "bye\n"


def test_what_a_command_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    sample = measure(f"sleep 60 & echo $! > {pid}; echo done")
    assert sample.reason == "exit code 0: done"
    assert _is_gone(int(pid.read_text()))


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    check = Check("smoke", "", CheckKind.COMMAND, {"run": "true"})
    where = CheckContext({}, "", ("us-east-1",), "storefront", "storefront-prod")
    sample = CommandCheck(clock=FakeClock(), directory=tmp_path / "gone").measure(check, where)
    assert sample.outcome is Verdict.ERROR
    assert "cannot be run" in sample.reason


def _is_gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (ProcessLookupError, FileNotFoundError):
            return True
        if stat.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False
