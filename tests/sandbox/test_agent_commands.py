"""The agent's conversation with CodeDeploy: poll, acknowledge, execute, complete, and coming back after a crash."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from agent_bench import (
    EVENTS,
    GROUP,
    NOW,
    Bench,
    ScriptedService,
    agent_of,
    appspec,
    hook,
    make_bench,
    shell,
    specification,
    wait_for,
    zipped,
)

from deliverkit.sandbox.agent.agent import Agent
from deliverkit.sandbox.agent.errors import AgentError
from deliverkit.sandbox.agent.protocol import CommandStatus, Diagnostics
from deliverkit.sandbox.agent.specification import Revision, parse_specification

SUCCEEDED, FAILED = CommandStatus.SUCCEEDED, CommandStatus.FAILED


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = make_bench(tmp_path)
    yield made
    made.host.processes.kill()


def converse(
    bench: Bench, tree: dict[str, Any], events: list[str], completions: int, **changes: Any
) -> ScriptedService:
    """Let an agent work through the events until so many completions arrived, and stop it."""
    bench.shelf.put("bundle", zipped(tree))
    answers = changes.pop("answers", {})
    service = ScriptedService(specification(**changes), events, answers=answers)
    agent = agent_of(bench, service)
    agent.start()
    service.wait_until(lambda: len(service.completions) >= completions)
    time.sleep(0.05)  # a completion too many would arrive now
    agent.kill()
    assert agent.join(10)
    return service


def test_a_whole_deployment(bench: Bench) -> None:
    tree = {"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": shell("echo hello")}
    service = converse(bench, tree, EVENTS, len(EVENTS))
    assert service.statuses() == [(event, SUCCEEDED) for event in EVENTS]
    assert [diagnostics for _, _, diagnostics in service.completions] == [Diagnostics(0, "", "Succeeded", "")] * 7
    noops = {"ApplicationStop", "BeforeInstall", "ApplicationStart", "ValidateService"}
    assert service.acknowledged == [(event, event in noops) for event in EVENTS]
    assert list(bench.host.layout.ongoing.iterdir()) == []


def test_a_failing_script_is_reported_twice_the_truth_first(bench: Bench) -> None:
    tree = {"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": shell("echo why; exit 9")}
    service = converse(bench, tree, ["DownloadBundle", "AfterInstall"], 3)
    message = "Script at specified location: a.sh failed with exit code 9"
    log = "LifecycleEvent - AfterInstall\nScript - a.sh\n[stdout]why\n"
    assert service.completions[1:] == [
        ("AfterInstall", FAILED, Diagnostics(4, "a.sh", message, log)),
        ("AfterInstall", FAILED, Diagnostics(5, "", message, "")),
    ]
    assert list(bench.host.layout.ongoing.iterdir()) == []


def test_a_bundle_that_cannot_be_fetched_is_code_5_at_the_download(bench: Bench) -> None:
    service = converse(bench, {}, ["DownloadBundle"], 2, key="gone")
    _, status, diagnostics = service.completions[0]
    assert (status, diagnostics.error_code) == (FAILED, 5)
    assert diagnostics.message == "NoSuchKey: s3://releases/gone has no version (newest)"


def test_a_bad_appspec_fails_the_first_event_after_the_download_unacknowledged(bench: Bench) -> None:
    service = converse(bench, {"appspec.yml": "version: 1\nos: linux\n"}, ["DownloadBundle", "BeforeInstall"], 2)
    assert service.acknowledged == [("DownloadBundle", False)]
    assert service.statuses()[:2] == [("DownloadBundle", SUCCEEDED), ("BeforeInstall", FAILED)]
    diagnostics = service.completions[1][2]
    assert (diagnostics.error_code, diagnostics.log) == (5, "")
    assert "invalid version value (1)" in diagnostics.message


def test_a_command_that_the_service_settled_already_is_not_executed(bench: Bench) -> None:
    answers = {"DownloadBundle": FAILED, "Install": SUCCEEDED, "ApplicationStop": FAILED}
    events = ["DownloadBundle", "Install", "ApplicationStop"]
    service = converse(bench, {"appspec.yml": appspec()}, events, 1, answers=answers)
    assert service.completions == [("ApplicationStop", SUCCEEDED, Diagnostics(0, "", "CompletedNoopCommand", ""))]
    assert not bench.directory().exists()


def test_an_unknown_command_is_acknowledged_as_noop_and_fails(bench: Bench) -> None:
    service = converse(bench, {"appspec.yml": appspec()}, ["AfterInstal"], 2)
    assert service.acknowledged == [("AfterInstal", True)]
    assert service.completions[0][2].message == "Unsupported command type: AfterInstal."


def test_an_agent_that_is_woken_polls_at_once_and_a_sleeping_one_now_and_then(bench: Bench) -> None:
    service = ScriptedService(specification(), [])
    agent = agent_of(bench, service)
    agent.start()
    service.wait_until(lambda: service.polls == 1)
    bench.shelf.put("bundle", zipped({"appspec.yml": appspec()}))
    service.events.append("DownloadBundle")
    began = time.monotonic()
    agent.wake()
    service.wait_until(lambda: bool(service.completions))
    assert time.monotonic() - began < 5  # it would have slept ten minutes
    agent.kill()

    slow = ScriptedService(specification(), [])
    other = agent_of(make_bench(bench.root.parent / "other"), slow, poll_seconds=0.01)
    other.start()
    slow.wait_until(lambda: slow.polls >= 3)
    other.kill()
    assert agent.join(10)
    assert other.join(10)


def test_an_agent_survives_a_service_that_does_not_answer(bench: Bench) -> None:
    service = ScriptedService(specification(), ["ApplicationStop"], refuses=OSError("connection refused"))
    agent = agent_of(bench, service, poll_seconds=0.01)
    agent.start()
    service.wait_until(lambda: service.polls >= 3)
    assert agent.is_alive
    service.refuses = None
    service.wait_until(lambda: bool(service.completions))
    agent.kill()
    assert agent.join(10)
    assert not agent.is_alive


class Stubborn(ScriptedService):
    """Offers one command for ever, whatever it is told."""

    def poll(self, host: str) -> Any:
        self.acknowledged.clear()
        self.completions.clear()
        return super().poll(host)


def test_a_command_that_is_offered_for_ever_does_not_spin_the_agent(bench: Bench) -> None:
    service = Stubborn(specification(), ["ApplicationStop"])
    agent = agent_of(bench, service)
    agent.start()
    service.wait_until(lambda: service.polls >= 2)
    time.sleep(0.1)
    assert service.polls == 2
    agent.kill()
    assert agent.join(10)


def start_long_script(bench: Bench) -> tuple[Agent, ScriptedService]:
    script = shell("touch $DELIVERKIT_INSTANCE_ROOT/started", "sleep 600")
    bench.shelf.put("bundle", zipped({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": script}))
    service = ScriptedService(specification(), ["DownloadBundle", "AfterInstall"])
    agent = agent_of(bench, service)
    agent.start()
    wait_for((bench.root / "started").exists, "the script's start")
    return agent, service


def test_an_agent_that_comes_back_fails_what_it_left_behind(bench: Bench) -> None:
    agent, service = start_long_script(bench)
    note = bench.host.layout.ongoing / "d-1"
    assert note.read_text() == "command-AfterInstall"
    agent.kill()
    assert agent.join(10)
    assert service.statuses() == [("DownloadBundle", SUCCEEDED)]  # a machine without power reports nothing

    again = ScriptedService(specification(), [])
    reborn = agent_of(Bench(make_bench(bench.root.parent).host), again)
    reborn.start()
    again.wait_until(lambda: bool(again.completions))
    message = "Failing in-progress lifecycle event after an agent restart."
    assert again.completions == [("AfterInstall", FAILED, Diagnostics(7, "", message, ""))]
    assert not note.exists()
    reborn.kill()
    assert reborn.join(10)


@pytest.mark.parametrize(("hours", "reported"), [(23, 1), (25, 0)])
def test_what_was_left_behind_long_ago_is_forgotten(bench: Bench, hours: int, reported: int) -> None:
    note = bench.host.layout.ongoing / "d-0"
    note.parent.mkdir(parents=True)
    note.write_text("command-Install")
    then = (NOW - timedelta(hours=hours)).timestamp()
    os.utime(note, (then, then))
    service = ScriptedService(specification(), [])
    agent = agent_of(bench, service)
    agent.start()
    service.wait_until(lambda: service.polls >= 1)
    assert len(service.completions) == reported
    assert not note.exists()
    agent.kill()
    assert agent.join(10)


def test_killing_from_many_threads_while_scripts_start_leaves_nothing(bench: Bench) -> None:
    entries = ["location: a.sh"] * 40
    tree = {
        "appspec.yml": hook("AfterInstall", *entries),
        "a.sh": shell("setsid sleep 600 </dev/null >/dev/null 2>&1 &"),
    }
    bench.shelf.put("bundle", zipped(tree))
    service = ScriptedService(specification(), ["DownloadBundle", "AfterInstall"])
    agent = agent_of(bench, service)
    agent.start()
    log = bench.directory() / "logs/scripts.log"
    wait_for(lambda: log.exists() and log.read_text().count("Script - ") >= 3, "some scripts")
    threads = [threading.Thread(target=agent.kill) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert agent.join(10)
    assert bench.host.processes.living() == []


# --- the specification ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["DeploymentId", "DeploymentGroupId", "DeploymentGroupName", "ApplicationName"])
def test_a_specification_needs_its_members(key: str) -> None:
    with pytest.raises(AgentError, match=f"has no {key}"):
        parse_specification({**specification(), key: None})


@pytest.mark.parametrize("key", ["Bucket", "Key", "BundleType"])
def test_an_s3_revision_needs_its_members(key: str) -> None:
    with pytest.raises(AgentError, match=f"has no {key}"):
        parse_specification(specification(revision={key: ""}))


def test_other_revisions_and_bundle_types_are_refused() -> None:
    with pytest.raises(AgentError, match="got 'GitHub'"):
        parse_specification({**specification(), "Revision": {"RevisionType": "GitHub"}})
    with pytest.raises(AgentError, match="not 'rar'"):
        parse_specification(specification(bundle_type="rar"))


@pytest.mark.parametrize("value", ["..", ".", "a/../..", "\0"])
def test_an_id_never_names_another_directory(value: str) -> None:
    with pytest.raises(AgentError, match="DeploymentGroupId cannot name a directory"):
        parse_specification(specification(DeploymentGroupId=value))


@pytest.mark.parametrize("member", ["S3Revision", "S3", None])
def test_where_the_members_of_an_s3_revision_may_stand(member: str | None) -> None:
    location = {"Bucket": "b", "Key": "k", "BundleType": "TGZ", "ETag": "e", "Version": "v"}
    revision = {"RevisionType": "S3", **({member: location} if member else location)}
    assert parse_specification({**specification(), "Revision": revision}).revision == Revision(
        "b", "k", "tgz", "v", "e"
    )


def test_what_a_specification_says_by_silence() -> None:
    parsed = parse_specification(specification("arn:aws:codedeploy:us-east-1:123456789012:deployment/d-ABC"))
    assert (parsed.deployment_id, parsed.group_id, parsed.creator) == ("d-ABC", GROUP, "user")
    assert (parsed.deployment_type, parsed.appspec_name, parsed.file_exists_behavior) == (
        "IN_PLACE",
        "appspec.yml",
        "DISALLOW",
    )
    assert parsed.all_possible_events is None
