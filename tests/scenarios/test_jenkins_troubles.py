"""`deliverkit jenkins ...` where something is wrong: what is told at once, what it ends with, what to type next."""

from __future__ import annotations

import http.server
import io
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from jenkins_controller import REQUEST, Controller, Interference, running_controller
from jenkins_typing import QUICK, typed, variables

from deliverkit.cli import jenkins_trigger
from deliverkit.cli.main import build_parser
from deliverkit.cli.options import Options
from deliverkit.cli.streams import Console
from deliverkit.testing.clock import FakeClock

NOBODY = "http://127.0.0.1:1/"


@pytest.fixture(scope="module")
def one() -> Iterator[Controller]:
    with running_controller() as running:
        yield running


@pytest.fixture
def controller(one: Controller) -> Iterator[Controller]:
    """The controller of this module, without what an earlier test has left."""
    one.jobs.clear()
    one.seen.clear()
    yield one
    one.interfere()


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a deliverkit.yml."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """The command line takes signals over; what had them before gets them back."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


# --- nobody there ----------------------------------------------------------------------------------


def test_a_refused_connection_is_told_at_once_and_nothing_was_asked_for(controller: Controller) -> None:
    told = typed(controller, "trigger", "smoke", "--request", "r1", "--url", NOBODY, "--timeout", "50ms", *QUICK)
    lines = told.err.splitlines()
    assert (told.code, told.out, lines[0]) == (8, "", "request r1")
    assert lines[1].endswith(f"GET {NOBODY}queue/api/json: connection refused; trying again")
    assert lines[2] == "nothing was asked for"
    assert lines[3] == f"error: time is up after 50ms: GET {NOBODY}queue/api/json: connection refused"
    assert lines[4].startswith("  next: see that Jenkins runs")
    assert len(lines) == 5


def test_a_trouble_is_told_once_and_again_when_it_is_another_one(controller: Controller) -> None:
    controller.add_job("smoke", looks_running=None)
    words = ["jenkins", "trigger", "smoke", "--request", "r1", "--timeout", "3m"]
    arguments = build_parser().parse_args(words)
    out, err = io.StringIO(), io.StringIO()
    console, clock = Console(out, err, variables(controller)), FakeClock()
    controller.restart(resets=3, starting=3)
    assert jenkins_trigger.run(arguments, Options.of(arguments), console, clock=clock) == 5
    told = [line.split(": ", 1)[1] for line in err.getvalue().splitlines() if "trying again" in line]
    assert len(told) == 2
    assert "Jenkins is starting (503); trying again" in told[1]
    assert "smoke #1 runs; it goes on" in err.getvalue()


def test_where_nobody_was_met_nobody_is_waited_for(controller: Controller) -> None:
    told = typed(controller, "trigger", "smoke", "--request", "r1", "--url", "http://nosuch.invalid/")
    lines = told.err.splitlines()
    assert (told.code, len(lines), lines[:2]) == (8, 4, ["request r1", "nothing was asked for"])
    assert "the host nosuch.invalid has no address" in lines[2]


def test_an_answer_to_the_first_look_that_no_waiting_mends_is_the_end(controller: Controller) -> None:
    controller.add_job("smoke")
    controller.interfere(Interference(414, headers={"X-Jenkins": "2.462.3"}))
    told = typed(controller, "trigger", "smoke", "--request", "r1")
    assert told.code == 8
    assert "answered 414" in told.err
    assert "nothing was asked for" in told.err.splitlines()
    controller.interfere(Interference(500, headers={"X-Jenkins": "2.462.3"}))
    assert typed(controller, "trigger", "smoke", "--request", "r1", *QUICK).code == 0


def test_whether_a_request_arrived_may_stay_unknown(controller: Controller) -> None:
    controller.add_job("smoke")
    controller.interfere(Interference(504), concerns=lambda asked: asked.startswith("POST"))
    told = typed(controller, "trigger", "smoke", "--request", "r1", "--timeout", "50ms", *QUICK)
    assert told.code == 8
    assert "whether Jenkins has got the request is not known" in told.err
    assert "next: deliverkit jenkins trigger smoke --request r1 --attach" in told.err


def test_attaching_where_nobody_is(controller: Controller) -> None:
    again = ("--request", "r1", "--attach", "--timeout", "10ms", *QUICK)
    told = typed(controller, "trigger", "smoke", "--url", NOBODY, *again)
    assert told.code == 8
    assert "asked for" not in told.err
    assert "  next: see that Jenkins runs" in told.err


@pytest.mark.parametrize("job", ["a" * 100_000, "shop/" + "ä" * 2_000, "a\nb", "a\u2028b", "a\x1b[2Jb"])
def test_what_no_job_can_be_called_is_asked_for_nowhere(controller: Controller, job: str) -> None:
    for words in (("trigger", job), ("status", job), ("input", "list", job, "1")):
        told = typed(controller, *words)
        lines = [line for line in told.err.split("\n")[:-1] if not line.startswith(("request ", "nothing "))]
        assert (told.code, len(lines)) == (2, 2)
        assert "no full name of a job" in lines[0]
        assert len(told.err) < 600
    assert controller.seen == []
