"""The sandbox's own endpoints: the clock over HTTP and by the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deliverkit.sandbox.control.endpoints import Endpoints
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.server import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path / "state")
    running.start()
    yield running
    running.stop()


def ask(sandbox: Sandbox, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{sandbox.endpoint}/_sandbox/{path}", data, timeout=20) as answer:
        return json.loads(answer.read())


def refused(sandbox: Sandbox, path: str, body: Any) -> str:
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(sandbox, path, body)
    assert caught.value.code == 400
    return str(json.loads(caught.value.read())["message"])


def test_time_is_frozen_and_set_free(sandbox: Sandbox) -> None:
    assert ask(sandbox, "clock", {"speed": 0})["is_frozen"] is True
    assert ask(sandbox, "clock")["now"] == ask(sandbox, "clock")["now"]
    shown = ask(sandbox, "clock", {"speed": 1000})
    assert (shown["speed"], shown["is_frozen"]) == (1000.0, False)
    assert ask(sandbox, "clock")["now"] > shown["now"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"speed": -1},
        {"speed": 1001},
        {"speed": True},
        {"speed": "fast"},
        {"speed": 1, "advance_seconds": 1},
        {"advance_seconds": -1},
        {"advance_seconds": 1e12},
        {"spede": 1},
    ],
)
def test_a_time_that_cannot_be_is_refused(sandbox: Sandbox, body: Any) -> None:
    before = ask(sandbox, "clock")["speed"]
    assert refused(sandbox, "clock", body)
    assert ask(sandbox, "clock")["speed"] == before


def test_a_jump_lets_every_timer_on_the_way_see_its_own_moment(sandbox: Sandbox) -> None:
    world = sandbox.world
    world.clock.set_speed(0)
    began = world.clock.now()
    seen: list[timedelta] = []

    def tick() -> None:
        seen.append(world.clock.now() - began)
        if len(seen) < 4:
            world.timers.after(timedelta(minutes=10), tick)

    world.timers.after(timedelta(minutes=10), tick)
    shown = ask(sandbox, "clock", {"advance_seconds": 3600})
    assert datetime.fromisoformat(shown["now"]) - began == timedelta(hours=1)
    assert [round(moment.total_seconds() / 60) for moment in seen] == [10, 20, 30, 40]


def test_a_long_jump_does_not_stop_for_every_second(sandbox: Sandbox) -> None:
    sandbox.world.clock.set_speed(0)
    began = sandbox.world.clock.now()
    shown = ask(sandbox, "clock", {"advance_seconds": 30 * 86400})
    assert datetime.fromisoformat(shown["now"]) - began == timedelta(days=30)


def test_an_endpoint_belongs_to_one_handler() -> None:
    endpoints = Endpoints()
    endpoints.add({("GET", "moon"): lambda _: {"phase": "full"}})
    assert endpoints.answer("GET", "moon", {}) == {"phase": "full"}
    with pytest.raises(ValueError, match="taken"):
        endpoints.add({("GET", "moon"): lambda _: {}})
    with pytest.raises(ApiError):
        endpoints.answer("POST", "moon", {})


# --- the command line ------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    assert typed(tmp_path, "sandbox", "up").returncode == 0
    yield tmp_path
    typed(tmp_path, "sandbox", "down")


def typed(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "DELIVERKIT_STATE_DIR": str(home / "state")}
    command = [sys.executable, "-m", "deliverkit", *words]
    return subprocess.run(command, env=environ, cwd=home, capture_output=True, text=True, timeout=60, check=False)


def document(home: Path, *words: str) -> Any:
    ran = typed(home, *words, "--output", "json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_the_clock_is_set_by_typing(home: Path) -> None:
    assert document(home, "sandbox", "clock")["speed"] == 1.0
    assert document(home, "sandbox", "clock", "speed", "60")["speed"] == 60.0
    frozen = document(home, "sandbox", "clock", "freeze")
    assert frozen["is_frozen"] is True
    jumped = document(home, "sandbox", "clock", "advance", "1h30m")
    gone = datetime.fromisoformat(jumped["now"]) - datetime.fromisoformat(frozen["now"])
    assert gone == timedelta(hours=1, minutes=30)
    assert document(home, "sandbox", "clock", "run")["speed"] == 1.0
    assert "as fast as outside" in typed(home, "sandbox", "clock", "show").stdout
    for wrong in (("speed", "0"), ("speed", "1001"), ("speed", "quick"), ("advance", "90"), ("stop",)):
        assert typed(home, "sandbox", "clock", *wrong).returncode == 2, wrong


def test_without_a_sandbox_there_is_no_clock(tmp_path: Path) -> None:
    ran = typed(tmp_path, "sandbox", "clock", "show")
    assert ran.returncode == 8
    assert "deliverkit sandbox up" in ran.stderr


def test_faults_are_added_listed_and_cleared_by_typing(home: Path, tmp_path: Path) -> None:
    added = document(home, "sandbox", "fault", "add", "throttling", "service=codedeploy", "probability=0.5", "for=1h")
    assert (added[0]["kind"], added[0]["state"]) == ("throttling", "active")
    file = tmp_path / "storm.yml"
    file.write_text('seed: 3\nfaults: [{lost-region: {region: "${region}", after: 10h}}]', encoding="utf-8")
    assert document(home, "sandbox", "fault", "run", str(file))[0]["settings"]["region"] == "us-east-1"
    assert document(home, "sandbox", "fault", "run", "bad-host")[0]["kind"] == "killed-instance"
    shown = typed(home, "sandbox", "fault", "list").stdout
    assert "service=codedeploy probability=0.5 for=3600" in shown
    assert len(document(home, "sandbox", "fault", "list")) == 3
    assert [each["id"] for each in document(home, "sandbox", "fault", "clear", added[0]["id"])] == [added[0]["id"]]
    assert len(document(home, "sandbox", "fault", "clear")) == 2
    assert document(home, "sandbox", "fault", "list") == []
    wrong = typed(home, "sandbox", "fault", "add", "throttling", "probability=2")
    assert (wrong.returncode, "is not a share" in wrong.stderr) == (2, True)
    assert typed(home, "sandbox", "fault", "run", "nowhere.yml").returncode == 2
    assert typed(home, "sandbox", "fault", "clear", "f-99").returncode == 2


def test_clock_faults_and_enforcement_outlive_a_killed_sandbox(home: Path) -> None:
    typed(home, "sandbox", "fault", "add", "throttling", "service=codedeploy", "probability=0.5")
    typed(home, "sandbox", "fault", "add", "flapping-alarm", "after=1h")
    assert typed(home, "sandbox", "up", "--enforce-iam").returncode == 0
    frozen = document(home, "sandbox", "clock", "freeze")
    jumped = document(home, "sandbox", "clock", "advance", "2d")
    os.kill(document(home, "sandbox", "status")["pid"], signal.SIGKILL)
    running = document(home, "sandbox", "up")
    assert document(home, "sandbox", "clock") == jumped != frozen
    assert [each["kind"] for each in document(home, "sandbox", "fault", "list")] == ["throttling", "flapping-alarm"]
    with urllib.request.urlopen(f"{running['endpoint']}/_sandbox/access", timeout=10) as answer:
        assert json.loads(answer.read()) == {"is_enforced": True}
    assert typed(home, "sandbox", "up", "--no-enforce-iam").returncode == 0
    with urllib.request.urlopen(f"{running['endpoint']}/_sandbox/access", timeout=10) as answer:
        assert json.loads(answer.read()) == {"is_enforced": False}


def test_policies_are_enforced_in_the_foreground_too(tmp_path: Path) -> None:
    environ = {**os.environ, "DELIVERKIT_STATE_DIR": str(tmp_path / "state")}
    command = [sys.executable, "-m", "deliverkit", "sandbox", "up", "--foreground", "--enforce-iam"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "serves at" in line
        endpoint = line.split("serves at ")[1].split()[0].rstrip(";,")
        with urllib.request.urlopen(f"{endpoint}/_sandbox/access", timeout=10) as answer:
            assert json.loads(answer.read()) == {"is_enforced": True}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


# --- where commands go -----------------------------------------------------------------------------

ASTRAY = {
    "AWS_PROFILE": "prod",
    "AWS_SESSION_TOKEN": "of-prod",
    "AWS_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/prod",
    "AWS_PAGER": "cat",
}


def shell(home: Path, script: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {**ASTRAY, "DELIVERKIT_STATE_DIR": str(home / "state")}
    environ["deliverkit"] = f"{sys.executable} -m deliverkit"
    return subprocess.run(
        ["sh", "-c", script], env=environ, cwd=home, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_printed_environment_leads_nowhere_else(home: Path) -> None:
    ran = shell(home, 'eval "$($deliverkit sandbox up)" && env')
    found = dict(line.split("=", 1) for line in ran.stdout.splitlines() if line.startswith("AWS_"))
    assert found == {
        "AWS_ENDPOINT_URL": document(home, "sandbox", "status")["endpoint"],
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "state" / "sandbox" / "credentials"),
        "AWS_CONFIG_FILE": str(home / "state" / "sandbox" / "config"),
        "AWS_PAGER": "cat",
    }


def test_a_callers_profile_does_not_matter_to_commands_of_the_sandbox(home: Path) -> None:
    assert shell(home, "$deliverkit sandbox instance add web").returncode == 0
    assert "web" in shell(home, 'eval "$($deliverkit sandbox status)" && $deliverkit sandbox instance list').stdout


@pytest.mark.parametrize("words", ["up --prot 1", "up --port 80000", "status"])
def test_what_fails_stops_a_shell_that_evaluates_it(tmp_path: Path, words: str) -> None:
    assert shell(tmp_path, f'eval "$($deliverkit sandbox {words})" && echo reached').stdout == ""
    assert shell(tmp_path, f"$deliverkit sandbox {words}").stdout == "false\n"
    assert shell(tmp_path, f"$deliverkit sandbox {words} --output json").stdout == ""


def test_an_unknown_argument_leads_to_the_help_of_its_own_command(tmp_path: Path) -> None:
    for command in ("sandbox up", "sandbox fault add throttling", "ledger verify"):
        ran = typed(tmp_path, *command.split(), "--prot", "1")
        shown = command.removesuffix(" throttling")
        assert ran.returncode == 2
        assert ran.stderr == f"error: unrecognized arguments: --prot 1\n  next: deliverkit {shown} --help\n"


def elsewhere(place: Path, endpoint: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    place.mkdir(exist_ok=True)
    environ = {**os.environ, "AWS_ENDPOINT_URL": endpoint, **environ}
    command = [sys.executable, "-m", "deliverkit", "sandbox", *words]
    return subprocess.run(command, env=environ, cwd=place, capture_output=True, text=True, timeout=60, check=False)


def test_the_sandbox_of_the_environment_is_found_from_any_directory(home: Path, tmp_path: Path) -> None:
    first, place = document(home, "sandbox", "status"), tmp_path / "other"
    at = first["endpoint"]
    assert json.loads(elsewhere(place, at, "status", "--output", "json").stdout) == first
    assert elsewhere(place, f"{at}/", "clock", "freeze").returncode == 0
    assert document(home, "sandbox", "clock")["is_frozen"] is True
    nowhere = elsewhere(place, at, "clock", DELIVERKIT_STATE_DIR=str(place / "named"))
    assert (nowhere.returncode, f"no sandbox runs in {place}/named" in nowhere.stderr) == (8, True)
    # `up` begins one of this directory's own, which comes first from then on.
    own = json.loads(elsewhere(place, at, "up", "--output", "json").stdout)
    assert own["endpoint"] != at
    assert json.loads(elsewhere(place, at, "status", "--output", "json").stdout) == own
    assert elsewhere(place, at, "down").returncode == 0
    assert elsewhere(place, at, "down").returncode == 0
    assert typed(home, "sandbox", "status").returncode == 8
    assert elsewhere(place, at, "status").returncode == 8


def test_load_that_nobody_answers_is_a_failure(tmp_path: Path) -> None:
    refused = typed(tmp_path, "sandbox", "load", "http://127.77.255.254:9/", "--for", "1s", "--rate", "5")
    assert (refused.returncode, "nobody answered at http://127.77.255.254:9/" in refused.stderr) == (8, True)
    assert "ConnectionRefusedError: 5" in refused.stdout
    astray = typed(tmp_path, "sandbox", "load", "http://example.com")
    assert (astray.returncode, "requests per second" in astray.stderr) == (2, False)
