"""`deliverkit jenkins ...` where something is wrong: what is told at once, what it ends with, what to type next."""

from __future__ import annotations

import http.server
import io
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from jenkins_controller import REQUEST, Asked, Controller, Interference, running_controller
from jenkins_typing import QUICK, Told, typed, variables

from deliverkit.cli import jenkins_trigger
from deliverkit.cli.main import build_parser, run
from deliverkit.cli.options import Options
from deliverkit.cli.streams import Console
from deliverkit.testing.clock import FakeClock

pytestmark = pytest.mark.usefixtures("nowhere", "own_signals")
NOBODY = "http://127.0.0.1:1/"
ROOT = Path(__file__).resolve().parents[2]


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


# --- wrong addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:99999/", "http://[::1/", "http://h:port/", "http://h:0/", "http://:8080/", "http://a:hush@h:0/"],
)
def test_an_address_that_is_none(controller: Controller, nowhere: Path, url: str) -> None:
    example = (ROOT / "examples" / "storefront" / "deliverkit.yml").read_text(encoding="utf-8")
    (nowhere / "other.yml").write_text(f"{example}\njenkins: {{url: '{url}'}}\n", encoding="utf-8")
    for words, more in (
        (("--url", url), {}),
        ((), {"JENKINS_URL": url}),
        (("--config", "other.yml"), {}),
    ):
        told = typed(controller, "status", "smoke", *words, **more)
        assert (told.code, told.out) == (2, "")
        assert "address" in told.err
        assert "  next: " in told.err
        assert "hush" not in told.err


@pytest.fixture(scope="module")
def no_jenkins() -> Iterator[str]:
    """A web server whose answers are as little of a Jenkins as can be: 404, 400 and `{}`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Other)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class _Other(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path.split("/")[1])
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("status", ["404", "400", "500", "200"])
def test_what_is_no_jenkins_is_told_apart(controller: Controller, no_jenkins: str, status: str) -> None:
    url = f"{no_jenkins}{status}/"
    for words in (
        ("status", "shop/smoke"),
        ("status", "smoke", "3"),
        ("trigger", "smoke"),
        ("input", "list", "a", "1"),
    ):
        told = typed(controller, *words, "--url", url)
        assert (told.code, told.out) == (8, "")
        error = next(line for line in told.err.splitlines() if line.startswith("error: "))
        assert error.endswith(f"nothing at {url} says that it is a Jenkins: its answers have no header X-Jenkins")
        assert "path" in told.err.splitlines()[-1]


def test_a_jenkins_without_its_path(controller: Controller) -> None:
    told = typed(controller, "status", "smoke", "--url", controller.url.removesuffix("jenkins/"))
    assert told.code == 8
    assert "says that it is a Jenkins" in told.err


@pytest.mark.parametrize("status", [404, 400])
def test_a_proxy_that_takes_the_header_from_refusals_makes_no_other_server(controller: Controller, status: int) -> None:
    controller.interfere(Interference(status))
    told = typed(controller, "status", "smoke")
    assert told.code == (1 if status == 404 else 8)
    assert "X-Jenkins" not in told.err


@pytest.mark.parametrize(
    "root", [Interference(503), Interference(403), Interference(200, '{"_class": "hudson.model.Hudson"}')]
)
def test_where_nobody_can_tell_nothing_is_claimed(controller: Controller, root: Interference) -> None:
    controller.interfere(Interference(404), root)
    told = typed(controller, "status", "smoke")
    assert (told.code, "there is no job smoke" in told.err) == (1, True)


def test_who_has_been_met_is_not_asked_again(controller: Controller) -> None:
    controller.add_job("smoke", looks_running=None)
    assert typed(controller, "trigger", "smoke", "--detach").code == 0
    assert not [asked for asked in controller.seen if asked.startswith("GET /jenkins/api/json")]


# --- what to type next -----------------------------------------------------------------------------


def error_and_next(told: Told, code: int) -> tuple[str, str]:
    """The message and the next command of a refusal."""
    assert (told.code, told.out) == (code, ""), told.err
    error, hint = told.err.splitlines()
    return error.removeprefix("error: "), hint.removeprefix("  next: ")


def test_the_status_of_what_was_never_built_names_a_command_that_works(controller: Controller) -> None:
    controller.add_job("shop/smoke", parameters=(REQUEST, "WHERE", "VERSION"))
    told = error_and_next(typed(controller, "status", "shop/smoke", "--url", controller.url), 1)
    command = f"deliverkit jenkins trigger shop/smoke -p VERSION=VALUE -p WHERE=VALUE --url {controller.url}"
    assert told == ("shop/smoke was never built", command)
    assert typed(controller, *shlex.split(command)[2:], *QUICK).code == 0


def test_the_status_of_a_folder(controller: Controller) -> None:
    controller.add_job("shop/smoke")
    told = error_and_next(typed(controller, "status", "shop"), 2)
    assert told == ("shop is a folder, which cannot be built", "name a job in it: shop/NAME")


def test_the_status_of_what_cannot_be_built_this_way(controller: Controller) -> None:
    controller.add_job("old", parameters=None)
    controller.add_job("off", is_disabled=True)
    message, hint = error_and_next(typed(controller, "status", "old"), 1)
    assert message.startswith(f"old was never built; the job old has no parameter {REQUEST}")
    assert "add string" in hint
    message, hint = error_and_next(typed(controller, "status", "off"), 1)
    assert message == "off was never built; the job off is disabled"
    assert "enable it" in hint


def test_the_status_of_what_waits_in_the_queue(controller: Controller) -> None:
    controller.add_job("shop/smoke", looks_queued=None)
    typed(controller, "trigger", "shop/smoke", "--request", "r 1", "--detach")
    message, hint = error_and_next(typed(controller, "status", "shop/smoke"), 1)
    assert (
        message == "shop/smoke was never built; a request waits in the queue: In the quiet period. Expires in 4.9 sec"
    )
    assert hint == "deliverkit jenkins trigger shop/smoke --request 'r 1' --attach"
    controller.jobs["shop/smoke"].builds.clear()
    controller.enqueue("shop/smoke", {})
    message, hint = error_and_next(typed(controller, "status", "shop/smoke"), 1)
    assert hint == "deliverkit jenkins status shop/smoke"


def test_the_status_of_a_build_that_is_none_names_the_newest(controller: Controller) -> None:
    controller.add_job("shop/smoke")
    for _ in range(2):
        typed(controller, "trigger", "shop/smoke", *QUICK)
    message, hint = error_and_next(typed(controller, "status", "shop/smoke", "99"), 1)
    assert message == f"there is no build shop/smoke #99 at {controller.url}; the newest is #2"
    assert hint == "deliverkit jenkins status shop/smoke 2"


def test_the_name_of_a_request_is_no_parameter(controller: Controller) -> None:
    controller.add_job("smoke")
    message, hint = error_and_next(typed(controller, "trigger", "smoke", "-p", f"{REQUEST}=x"), 2)
    assert message == f"{REQUEST} is the name of the request, and no parameter to give"
    assert hint == "--request ID"
    assert controller.seen == []


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("-p", "A=1", "-p", "A=2"), "-p A=VALUE, once"),
        (("--request", "r 1", "--attach", "--detach"), "deliverkit jenkins trigger smoke --request 'r 1' --attach"),
        (("--request", "r1", "--attach", "-p", "A=1"), "deliverkit jenkins trigger smoke --request r1 --attach"),
        (("--request", "a\nb"), "--request ID, such as build-17"),
    ],
)
def test_what_is_typed_oddly_has_a_next_word_too(controller: Controller, words: tuple[str, ...], hint: str) -> None:
    assert error_and_next(typed(controller, "trigger", "smoke", *words), 2)[1] == hint


def test_where_to_go_on_after_a_plan_to_install(controller: Controller, nowhere: Path) -> None:
    place = nowhere / "my jobs"
    place.mkdir()
    (place / "smoke.xml").write_text("<flow-definition/>", encoding="utf-8")
    words = ("install", "my jobs", "--url", controller.url)
    command = f"deliverkit jenkins install 'my jobs' --yes --url {controller.url}"
    told = typed(controller, *words, "--plan")
    assert (told.code, told.err.splitlines()[-1]) == (0, f"next: {command}")
    assert last_next(typed(controller, *words)) == command
    assert typed(controller, *shlex.split(command)[2:]).code == 0
    assert "smoke" in controller.jobs


def last_next(told: Told) -> str:
    assert told.code == 2
    return told.err.splitlines()[-1].removeprefix("  next: ")


def test_a_build_is_said_to_run_before_its_log_begins(controller: Controller) -> None:
    controller.add_job("smoke", log="hello\n", looks_running=3)
    told = typed(controller, "trigger", "smoke", *QUICK).err.splitlines()
    words = [line.split("  ", 1)[-1] for line in told]
    assert words[-3:] == ["smoke #1 runs", "| hello", "smoke #1: SUCCESS, it succeeded"]


def test_an_answer_that_is_offered_can_be_typed(controller: Controller) -> None:
    controller.add_job("my ship", asks=(Asked(parameters={"WHY": "all is well"}),), looks_running=None)
    controller.enqueue("my ship", {REQUEST: "r1"})
    controller.settle_queue()
    for words in (("status", "my ship"), ("input", "list", "my ship", "1")):
        told = typed(controller, *words, "--url", controller.url)
        offered = [line.removeprefix("  next: ") for line in told.out.splitlines() if line.startswith("  next: ")]
        assert all(line.endswith(f" --url {controller.url}") for line in offered)
    assert typed(controller, *shlex.split(offered[0])[2:], JENKINS_URL="").code == 0
    assert controller.builds("my ship")[0].asked[0].given == {"WHY": "all is well"}


# --- what is to be typed next ----------------------------------------------------------------------


def test_a_next_command_names_the_configuration_that_was_named_unless_it_makes_one(tmp_path: Path) -> None:
    def told(*words: str) -> str:
        out, err = io.StringIO(), io.StringIO()
        run(list(words), Console(out, err, {}))
        return err.getvalue()

    named = tmp_path / "our shop.yml"
    assert "next: deliverkit init\n" in told("plan", "--config", str(named))
    named.write_text(
        "application: shop\nrelease: {bundle: {path: build}, store: s3://shop-releases}\n"
        "environments: {dev: {deploy: {codedeploy: {group: shop-dev}}}}\n"
    )
    hint = told(
        "release",
        "list",
        "--config",
        str(named),
        "--region",
        "us-east-1",
        "--environment",
        "x",
        "--endpoint-url",
        NOBODY,
    )
    assert f"next: deliverkit --config '{named}' release list" in hint
