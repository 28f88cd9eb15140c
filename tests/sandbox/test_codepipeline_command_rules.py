"""Rule Commands: real shell commands that let executions pass, or do not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from codepipeline_builds import bundle
from codepipeline_conditions import condition, rule, rule_state, status_of
from codepipeline_fixtures import Rig, deploy, refused, running_rig, source, stage, structure


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as made:
        made.put(bundle())
        yield made


def commanded(*commands: str, reads: bool = True, **more: Any) -> dict[str, Any]:
    inputs = [{"name": "Bundle"}] if reads else []
    ruled = rule("Commands", "Run", commands=list(commands), inputArtifacts=inputs, **more)
    return stage("Deploy", deploy(), beforeEntry=condition("FAIL", ruled))


def made(rig: Rig, declared: dict[str, Any], **members: Any) -> tuple[str, str]:
    name = rig.create(stage("Source", source(namespace="Read")), declared, **members)
    return name, rig.first_execution(name)


def test_commands_see_the_artifacts_files_and_keep_their_shell(rig: Rig) -> None:
    name, execution_id = made(rig, commanded("./check.sh", "mkdir -p d; cd d", "WORD=fit", 'grep "$WORD" ../notes.txt'))
    assert rig.ends(name, execution_id) == "Succeeded"
    build = rule_state(rig, name, "Deploy")["latestExecution"]["externalExecutionId"]
    told = rig.client("logs").get_log_events(logGroupName=f"/aws/codepipeline/{name}", logStreamName=build)
    assert [each["message"] for each in told["events"]] == ["fit for production"]


def test_the_first_command_that_fails_ends_them_all(rig: Rig, tmp_path: Path) -> None:
    name, execution_id = made(rig, commanded("echo so far", "false && true", f"touch {tmp_path}/late"))
    assert rig.ends(name, execution_id) == "Failed"
    assert status_of(rig, name, "Deploy") == "Failed"
    failure = rule_state(rig, name, "Deploy")["latestExecution"]["errorDetails"]
    assert failure == {"code": "JobFailed", "message": "A command ended with exit status 1. so far"}
    assert not (tmp_path / "late").exists()


def test_variables_are_replaced_in_commands(rig: Rig) -> None:
    declared = commanded('[ "#{variables.Track}" = stable ]', '[ -n "#{Read.VersionId}" ]', reads=False)
    name, execution_id = made(rig, declared, variables=[{"name": "Track", "defaultValue": "stable"}])
    assert rig.ends(name, execution_id) == "Succeeded"
    assert rig.ends(name, rig.start(name, variables=[{"name": "Track", "value": "nightly"}])) == "Failed"


def test_commands_have_the_pipelines_keys_and_the_sandboxs_address(rig: Rig) -> None:
    name, execution_id = made(
        rig, commanded(f'[ "$AWS_ENDPOINT_URL" = "{rig.sandbox.endpoint}" ]', '[ -n "$AWS_SESSION_TOKEN" ]')
    )
    assert rig.ends(name, execution_id) == "Succeeded"


def test_rules_without_commands_and_commands_without_the_rule_are_refused(rig: Rig) -> None:
    empty = stage("Deploy", deploy(), beforeEntry=condition("FAIL", rule("Commands")))
    with refused("InvalidStageDeclarationException", "has no commands"):
        rig.cp.create_pipeline(pipeline=structure("bad", empty))
    alarm = rule("CloudWatchAlarm", configuration={"AlarmName": "a"}, commands=["true"])
    with refused("InvalidStageDeclarationException", "only supported by rules of type Commands"):
        rig.cp.create_pipeline(
            pipeline=structure("bad", stage("Deploy", deploy(), beforeEntry=condition("FAIL", alarm)))
        )


# Time moves for the whole sandbox: this comes last.


def test_commands_are_ended_when_their_time_is_over(rig: Rig, tmp_path: Path) -> None:
    endless = f"while :; do sleep 0.05; touch {tmp_path}/pulse; done"
    name, execution_id = made(rig, commanded(endless))
    rig.until((tmp_path / "pulse").exists)
    rig.sandbox.world.clock.advance(timedelta(minutes=56))
    assert rig.ends(name, execution_id) == "Failed"
    assert "timed out" in rule_state(rig, name, "Deploy")["latestExecution"]["errorDetails"]["message"]
    rig.until(lambda: time.time() - (tmp_path / "pulse").stat().st_mtime > 0.5)
