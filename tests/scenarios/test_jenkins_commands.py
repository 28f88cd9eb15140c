"""`deliverkit jenkins trigger`, `status` and `input` against a controller over HTTP: words, data and exit codes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jenkins_controller import REQUEST, Asked, Controller, Interference, Person, running_controller
from jenkins_typing import QUICK, typed, variables

from deliverkit.cli import jenkins_trigger
from deliverkit.cli.main import build_parser
from deliverkit.cli.options import Options
from deliverkit.cli.streams import Console
from deliverkit.testing.clock import FakeClock

pytestmark = pytest.mark.usefixtures("nowhere", "own_signals")
ROOT = Path(__file__).resolve().parents[2]
WANTS = {"TICKET": "none", "SURE": False, "WHERE": ("eu", "us")}
KEEP = ("PATH", "HOME", "LANG")


@pytest.fixture
def controller() -> Iterator[Controller]:
    with running_controller() as running:
        yield running


def process(controller: Controller, *words: str) -> subprocess.Popen[str]:
    environ = {name: os.environ[name] for name in KEEP if name in os.environ} | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "deliverkit", "jenkins", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ | variables(controller),
    )


# --- trigger ---------------------------------------------------------------------------------------


def test_a_process_that_follows_a_build(controller: Controller) -> None:
    log = "one\n\x1b[32mtwo\x1b[0m\r\n10%\r20%\r\nthree"
    controller.add_job("shop/smoke", log=log, piece=9, looks_running=4)
    ran = process(controller, "trigger", "shop/smoke", "-p", "VERSION=1=2", *QUICK)
    out, err = ran.communicate(timeout=60)
    assert ran.returncode == 0
    assert out == f"shop/smoke #1: SUCCESS, it succeeded  {controller.url}job/shop/job/smoke/1/\n"
    logged = [line for line in err.splitlines() if line.startswith("  | ")]
    assert logged == ["  | one", "  | two", "  | 20%", "  | three"]
    parameters = controller.builds("shop/smoke")[0].parameters
    assert parameters["VERSION"] == "1=2"
    assert f"request {parameters[REQUEST]}" in err.splitlines()


@pytest.mark.parametrize(("signal_", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"])
def test_a_process_that_is_stopped_says_how_to_attach_again(
    controller: Controller, signal_: signal.Signals, code: int
) -> None:
    controller.add_job("shop/smoke", looks_running=None)
    ran = process(controller, "trigger", "shop/smoke", "-p", "VERSION=hush", "--every", "10s", "--request", "r 1")
    limit = time.monotonic() + 60
    while not controller.waiting("shop/smoke") and time.monotonic() < limit:
        time.sleep(0.02)  # a real process on its way
    ran.send_signal(signal_)
    out, err = ran.communicate(timeout=60)
    assert (ran.returncode, out) == (code, "")
    controller.settle_queue()
    assert controller.builds("shop/smoke")[0].result is None
    again = "deliverkit jenkins trigger shop/smoke --request 'r 1' --attach"
    ended = "interrupted: this command has ended; a build that was asked for goes on"
    assert err.splitlines()[-2:] == [f"next: {again}", ended]
    assert "hush" not in err
    controller.finish("shop/smoke", 1, "FAILURE")
    told = typed(controller, "trigger", "shop/smoke", "--request", "r 1", "--attach", *QUICK)
    assert (told.code, len(controller.builds("shop/smoke"))) == (1, 1)


def test_a_process_that_is_stopped_before_anything_was_asked_for(controller: Controller) -> None:
    controller.stop()
    ran = process(controller, "trigger", "smoke", "--every", "10s")
    assert ran.stderr is not None
    assert ran.stderr.readline().startswith("request ")
    assert "connection refused; trying again" in ran.stderr.readline()
    ran.send_signal(signal.SIGINT)
    out, err = ran.communicate(timeout=60)
    assert (ran.returncode, out) == (130, "")
    ended = "interrupted: this command has ended; a build that was asked for goes on"
    assert err.splitlines() == ["nothing was asked for", ended]


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        ("SUCCESS", 0, "it succeeded"),
        ("UNSTABLE", 1, "its tests or checks are not content"),
        ("FAILURE", 1, "it failed"),
        ("NOT_BUILT", 1, "it was not built"),
        ("ABORTED", 1, "stopped, timed out or rejected"),
    ],
)
def test_results_are_exit_codes_with_words(controller: Controller, outcome: str, code: int, words: str) -> None:
    controller.add_job("smoke", outcome=outcome)
    told = typed(controller, "trigger", "smoke", *QUICK)
    assert told.code == code
    assert told.out.startswith(f"smoke #1: {outcome}, ")
    assert words in told.out


def test_a_build_as_a_document(controller: Controller) -> None:
    controller.add_job("smoke")
    told = typed(controller, "trigger", "smoke", "--request", "r1", *QUICK, "--output", "json")
    assert told.document == {
        "job": "smoke",
        "number": 1,
        "url": f"{controller.url}job/smoke/1/",
        "result": "SUCCESS",
        "parameters": {REQUEST: "r1", "VERSION": ""},
        "description": "",
        "request": "r1",
        "queue_item": controller.builds("smoke")[0].item,
        "phase": "ended",
        "reason": "smoke #1: SUCCESS, it succeeded",
        "exit_code": 0,
        "log_says": None,
    }


def test_a_log_that_says_nothing_does_not_mean_that_nothing_goes_on(controller: Controller) -> None:
    controller.add_job("smoke", looks_running=30)
    words = ["jenkins", "trigger", "smoke", "--request", "r1"]
    arguments = build_parser().parse_args(words)
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err, variables(controller))
    assert jenkins_trigger.run(arguments, Options.of(arguments), console, clock=FakeClock()) == 0
    told = [line for line in err.getvalue().splitlines() if "runs" in line]
    assert told == ["09:00:10  smoke #1 runs", "09:01:10  still: smoke #1 runs", "09:02:10  still: smoke #1 runs"]


@pytest.mark.parametrize(
    "line", ["Rejected by bob", "Aborted by bob", "Timeout has been exceeded", "Cancelling nested steps due to timeout"]
)
def test_why_a_build_was_aborted_only_its_log_says(controller: Controller, line: str) -> None:
    controller.add_job("smoke", outcome="ABORTED", log=f"[Pipeline] sh\n{line}\nFinished: ABORTED\n")
    assert f"its log says: {line}" in typed(controller, "trigger", "smoke", *QUICK).err
    told = typed(controller, "trigger", "smoke", *QUICK, "--output", "json")
    assert told.document["log_says"] == line
    controller.add_job("good", log=f"{line}\n")
    assert "its log says" not in typed(controller, "trigger", "good", *QUICK).err


def test_time_that_is_up_is_no_failure(controller: Controller) -> None:
    controller.add_job("smoke", looks_running=None)
    told = typed(controller, "trigger", "smoke", "--request", "r1", "--timeout", "60ms", *QUICK)
    assert told.code == 5
    assert "smoke #1 runs; it goes on" in told.err
    assert "next: deliverkit jenkins trigger smoke --request r1 --attach" in told.err


def test_detached_requests_are_named_and_made_once(controller: Controller) -> None:
    controller.add_job("smoke")
    for _ in range(2):
        told = typed(controller, "trigger", "smoke", "--request", "r1", "--detach")
        assert (told.code, told.out) == (0, "r1\n")
        assert "next: deliverkit jenkins trigger smoke --request r1 --attach" in told.err
    assert len(controller.waiting("smoke")) == 1
    controller.settle_queue()
    assert typed(controller, "trigger", "smoke", "--request", "r1", *QUICK).code == 0
    assert len(controller.builds("smoke")) == 1


def test_a_server_that_is_away_at_the_end(controller: Controller) -> None:
    controller.add_job("smoke")
    controller.interfere(Interference(504), concerns=lambda asked: asked.startswith("POST"))
    told = typed(controller, "trigger", "smoke", "--request", "r1", "--detach")
    assert told.code == 8
    assert "whether Jenkins has got the request is not known" in told.err
    assert "next: deliverkit jenkins trigger smoke --request r1 --attach" in told.err


def test_what_was_never_asked_for_cannot_be_attached_to(controller: Controller) -> None:
    controller.add_job("smoke")
    assert typed(controller, "trigger", "smoke", "--request", "r1", "--attach").code == 1
    assert typed(controller, "trigger", "smoke", "--attach").code == 2
    assert typed(controller, "trigger", "smoke", "--request", "r1", "--attach", "-p", "VERSION=1").code == 2
    assert controller.waiting("smoke") == []


@pytest.mark.parametrize(
    ("words", "told_words"),
    [
        (("-p", "hush"), "expected NAME=VALUE"),
        (("-p", "=hush"), "expected NAME=VALUE"),
        (("-p", "VERSION=1", "-p", "VERSION=2"), "-p VERSION is given more than once"),
        (("--request", "a\nb"), "--request is a text on one line"),
        (("--timeout", "soon"), "write 90s, 30m or 2h"),
        (("--every", "0s"), "--every 0s would never let go"),
    ],
)
def test_typed_oddly(controller: Controller, words: tuple[str, ...], told_words: str) -> None:
    controller.add_job("smoke")
    told = typed(controller, "trigger", "smoke", *words)
    assert told.code == 2
    assert told_words in told.err
    assert "hush" not in told.err
    assert controller.seen == []


# --- refusals --------------------------------------------------------------------------------------


def test_refusals_are_one_line_with_a_next_command(controller: Controller) -> None:
    controller.add_job("old", parameters=None)
    controller.add_job("smoke")
    wrong = {"JENKINS_API_TOKEN": "wrong"}
    cases: tuple[tuple[tuple[str, ...], dict[str, str], int, str], ...] = (
        (("trigger", "nope"), {}, 1, "there is no job nope"),
        (("trigger", "old"), {}, 2, "no parameter DELIVERKIT_REQUEST"),
        (("trigger", "smoke"), wrong, 8, "does not accept user alice with this token (401)"),
        (("status", "smoke"), wrong, 8, "(401)"),
        (("status", "smoke"), {}, 1, "smoke was never built"),
        (("status", "smoke", "3"), {}, 1, "there is no build smoke #3"),
        (("input", "list", "smoke", "3"), {}, 1, "there is no build smoke #3"),
        (("status", "smoke"), {"JENKINS_URL": ""}, 2, "no Jenkins is named"),
        (("status", "smoke"), {"JENKINS_URL": "ftp://x"}, 2, "JENKINS_URL: 'ftp://x' is not the address"),
        (("status", "smoke"), {"JENKINS_URL": "http://a:hush@x/"}, 2, "leave them out"),
        (("status", "smoke"), {"JENKINS_API_TOKEN": " "}, 2, "JENKINS_API_TOKEN is not set"),
    )
    for words, more, code, message in cases:
        told = typed(controller, *words, **more)
        lines = [line for line in told.err.splitlines() if not line.startswith("request ")]
        assert (told.code, told.out) == (code, ""), told.err
        assert lines[0].startswith("error: ")
        assert message in lines[0]
        assert lines[1].startswith("  next: ")
        assert len(lines) == 2
        assert not {"<", "hush"} & set(told.err.split())


def test_both_missing_variables_are_named(controller: Controller) -> None:
    told = typed(controller, "status", "smoke", JENKINS_USER_ID="", JENKINS_API_TOKEN="")
    assert "error: JENKINS_USER_ID and JENKINS_API_TOKEN are not set" in told.err
    assert controller.seen == []


def test_which_controller_is_meant(controller: Controller, nowhere: Path) -> None:
    controller.add_job("smoke")
    gone = {"JENKINS_URL": "http://127.0.0.1:9/"}
    assert typed(controller, "trigger", "smoke", "--url", controller.url, *QUICK, **gone).code == 0
    example = (ROOT / "examples" / "storefront" / "deliverkit.yml").read_text(encoding="utf-8")
    (nowhere / "deliverkit.yml").write_text(f"{example}\njenkins: {{url: {controller.url}}}\n", encoding="utf-8")
    assert typed(controller, "status", "smoke", **gone).code == 0
    (nowhere / "deliverkit.yml").write_text("nonsense", encoding="utf-8")
    assert typed(controller, "status", "smoke", "--url", controller.url).code == 0
    assert typed(controller, "status", "smoke").code == 2


# --- status and input ------------------------------------------------------------------------------


def running(controller: Controller, *asked: Asked, **settings: Any) -> None:
    controller.add_job("ship", asks=asked, looks_running=None, **settings)
    controller.enqueue("ship", {REQUEST: "r1"})
    controller.settle_queue()


def test_the_status_of_a_build_that_asks(controller: Controller) -> None:
    running(controller, Asked(parameters=WANTS), stages=("Build", "Ship"))
    told = typed(controller, "status", "ship")
    assert told.code == 0
    assert told.out.splitlines() == [
        f"ship #1: runs, waits for an answer  {controller.url}job/ship/1/",
        "  Build  PAUSED_PENDING_INPUT  2 s",
        "  Ship   PAUSED_PENDING_INPUT  2 s",
        "Ship-it: Ship it?",
        "  next: deliverkit jenkins input approve ship 1 --id Ship-it -p TICKET=none -p SURE=false -p WHERE=eu",
        "  next: deliverkit jenkins input reject ship 1 --id Ship-it",
    ]
    document = typed(controller, "status", "ship", "1", "--output", "json").document
    assert [each["name"] for each in document["stages"]] == ["Build", "Ship"]
    assert document["questions"] == typed(controller, "input", "list", "ship", "1", "--output", "json").document
    assert document["questions"][0]["parameters"] == {"TICKET": "none", "SURE": "false", "WHERE": "eu"}


def test_a_server_that_cannot_tell_stages_and_questions_is_no_obstacle(controller: Controller) -> None:
    running(controller, Asked(), stages=("Build",))
    controller.has_stage_api = False
    told = typed(controller, "status", "ship", "--output", "json")
    assert (told.code, told.document["stages"], told.document["questions"]) == (0, None, [])
    assert "pipeline-rest-api" in told.err
    listed = typed(controller, "input", "list", "ship", "1")
    assert listed.code == 1
    assert "pipeline-rest-api" in listed.err


def test_an_approval_with_words(controller: Controller) -> None:
    running(controller, Asked(parameters=WANTS))
    controller.builds("ship")[0].description = "candidate"
    told = typed(
        controller, "input", "approve", "ship", "1", "--id", "ship-it", "-p", "WHERE=us", "--reason", "tests\nare green"
    )
    assert (told.code, told.out) == (0, "Ship-it of ship #1 approved by alice\n")
    build = controller.builds("ship")[0]
    assert build.asked[0].given == {"TICKET": "none", "SURE": False, "WHERE": "us"}
    assert build.description == "candidate\nShip-it of ship #1 approved by alice: tests are green"
    assert typed(controller, "input", "list", "ship", "1").out == ""


def test_a_rejection_as_a_document(controller: Controller) -> None:
    running(controller, Asked())
    told = typed(controller, "input", "reject", "ship", "1", "--output", "json")
    assert told.document == {
        "job": "ship",
        "number": 1,
        "id": "Ship-it",
        "answer": "rejected",
        "by": "alice",
        "reason": "",
    }
    assert controller.builds("ship")[0].result == "ABORTED"


def test_an_approval_counts_even_if_its_reason_finds_no_place(controller: Controller) -> None:
    running(controller, Asked())
    controller.interfere(Interference(403), concerns=lambda asked: "submitDescription" in asked)
    told = typed(controller, "input", "approve", "ship", "1", "--reason", "fine")
    assert told.code == 0
    assert "warning: the reason is not in the build's description" in told.err
    assert controller.builds("ship")[0].asked[0].answer == "proceedEmpty"


def test_answers_that_are_refused(controller: Controller) -> None:
    controller.people["bob"] = Person("t")
    running(controller, Asked(submitter="bob"))
    cases: tuple[tuple[tuple[str, ...], int, str], ...] = (
        (("approve", "ship", "1"), 6, "alice may not answer Ship-it of ship #1: it is for bob"),
        (("approve", "ship", "1", "--id", "other"), 1, "does not ask other now, but Ship-it"),
        (("approve", "ship", "1", "-p", "X=1"), 2, "does not take X; it takes nothing"),
        (("approve", "ship", "none"), 2, "is not a whole number"),
    )
    for words, code, message in cases:
        told = typed(controller, "input", *words)
        assert told.code == code
        assert message in told.err
    assert controller.builds("ship")[0].asked[0].answer == ""
    controller.finish("ship", 1)
    assert "ship #1 asks nothing now" in typed(controller, "input", "reject", "ship", "1").err
