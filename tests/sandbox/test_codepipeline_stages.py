"""Retry, rollback, and what a stage does by itself when it fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from codepipeline_fixtures import Rig, approval, deploy, refused, source, stage

UNKNOWN = "11111111-2222-3333-4444-555555555555"


def retry(rig: Rig, name: str, execution_id: str, mode: str = "FAILED_ACTIONS", place: str = "Deploy") -> None:
    answer = rig.cp.retry_stage_execution(
        pipelineName=name, stageName=place, pipelineExecutionId=execution_id, retryMode=mode
    )
    assert answer["pipelineExecutionId"] == execution_id


def roll_back(rig: Rig, name: str, target: str, place: str = "Deploy") -> str:
    answer = rig.cp.rollback_stage(pipelineName=name, stageName=place, targetPipelineExecutionId=target)
    return str(answer["pipelineExecutionId"])


def ran(rig: Rig, name: str, execution_id: str) -> list[str]:
    """Names of the actions an execution ran, source left out."""
    return [each["actionName"] for each in rig.actions(name, execution_id) if each["stageName"] != "Source"]


@pytest.fixture
def half_failed(rig: Rig) -> tuple[str, str]:
    """A pipeline, and its execution that failed in B after A had succeeded; B succeeds from now on."""
    rig.codedeploy.fails.add("mends")
    name = rig.create(stage("Deploy", deploy("ok", "A"), deploy("mends", "B"), deploy("ok", "C", runOrder=2)))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Failed"
    rig.codedeploy.fails.discard("mends")
    return name, execution_id


# --- retry ----------------------------------------------------------------------------------------


def test_a_retry_of_failed_actions_runs_them_and_what_follows_in_the_same_execution(
    rig: Rig, half_failed: tuple[str, str]
) -> None:
    name, execution_id = half_failed
    before = {each["actionExecutionId"] for each in rig.actions(name, execution_id)}
    revision = rig.execution(name, execution_id)["artifactRevisions"]
    rig.put(b"PK newer")
    retry(rig, name, execution_id)
    assert rig.ends(name, execution_id) == "Succeeded"
    attempts = rig.actions(name, execution_id)
    assert ran(rig, name, execution_id) == ["A", "B", "B", "C"]
    assert before < {each["actionExecutionId"] for each in attempts}, "the old records stay"
    assert rig.execution(name, execution_id)["artifactRevisions"] == revision, "the source is not read again"
    assert rig.stage(name, "Deploy")["retryStageMetadata"] == {
        "manualStageRetryAttempt": 1,
        "latestRetryTrigger": "ManualStageRetry",
    }
    assert rig.events(execution_id, "Pipeline") == ["STARTED", "FAILED", "RESUMED", "SUCCEEDED"]


def test_a_retry_of_all_actions_runs_all_of_them(rig: Rig, half_failed: tuple[str, str]) -> None:
    name, execution_id = half_failed
    retry(rig, name, execution_id, "ALL_ACTIONS")
    assert rig.ends(name, execution_id) == "Succeeded"
    assert sorted(ran(rig, name, execution_id)) == ["A", "A", "B", "B", "C"]


def test_failed_actions_can_be_retried_while_their_siblings_run_but_not_all(rig: Rig) -> None:
    rig.codedeploy.fails.add("mends-early")
    name = rig.create(stage("Deploy", deploy("mends-early", "A"), deploy("held-sibling", "B")))
    execution_id = rig.first_execution(name)
    sibling = rig.deployment("held-sibling")
    rig.until(lambda: rig.action(name, "Deploy", "A")["latestExecution"]["status"] == "Failed")
    with refused("StageNotRetryableException", "retried now"):
        retry(rig, name, execution_id, "ALL_ACTIONS")
    rig.codedeploy.fails.discard("mends-early")
    retry(rig, name, execution_id)
    rig.until(lambda: rig.action(name, "Deploy", "A")["latestExecution"]["status"] == "Succeeded")
    with refused("ConflictException"):
        retry(rig, name, execution_id)
    rig.codedeploy.finish(sibling)
    assert rig.ends(name, execution_id) == "Succeeded"


def test_a_retry_needs_a_failure(rig: Rig) -> None:
    name = rig.create()
    execution_id = rig.first_execution(name)
    rig.ends(name, execution_id)
    with refused("StageNotRetryableException", "no failed actions"):
        retry(rig, name, execution_id)
    with refused("StageNotRetryableException"):
        retry(rig, name, UNKNOWN)
    with refused("StageNotFoundException"):
        retry(rig, name, execution_id, place="Nowhere")
    with refused("PipelineNotFoundException"):
        retry(rig, "nobody", execution_id)


def test_a_retry_needs_the_version_it_failed_with(rig: Rig, half_failed: tuple[str, str]) -> None:
    name, execution_id = half_failed
    rig.cp.update_pipeline(pipeline=rig.cp.get_pipeline(name=name)["pipeline"])
    with refused("StageNotRetryableException", "pipeline definition has changed"):
        retry(rig, name, execution_id)


def test_a_retry_needs_the_latest_execution_of_the_stage(rig: Rig, half_failed: tuple[str, str]) -> None:
    name, execution_id = half_failed
    newer = rig.start(name)
    rig.ends(name, newer)
    with refused("NotLatestPipelineExecutionException"):
        retry(rig, name, execution_id)


def test_an_abandoned_stage_can_be_retried(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("held-again")))
    execution_id = rig.first_execution(name)
    first = rig.deployment("held-again")
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True)
    assert rig.ends(name, execution_id) == "Stopped"
    rig.codedeploy.finish(first)
    retry(rig, name, execution_id)
    second = rig.deployment("held-again")
    assert second != first
    rig.codedeploy.finish(second)
    assert rig.ends(name, execution_id) == "Succeeded"


# --- rollback -------------------------------------------------------------------------------------


@pytest.fixture
def two_releases(rig: Rig) -> tuple[str, str, str]:
    """A pipeline, the execution of its first release, and that of the one that serves now."""
    rig.put(b"PK good")
    name = rig.create(stage("Deploy", deploy("rolls")), stage("After", approval("Ask")))
    good = rig.first_execution(name)
    rig.answer(name, rig.token(name, "After"), stage="After")
    assert rig.ends(name, good) == "Succeeded"
    rig.put(b"PK worse")
    newer = rig.start(name)
    rig.answer(name, rig.token(name, "After", execution_id=newer), stage="After")
    assert rig.ends(name, newer) == "Succeeded"
    return name, good, newer


def test_a_rollback_runs_the_one_stage_with_the_targets_artifacts(rig: Rig, two_releases: tuple[str, str, str]) -> None:
    name, good, newer = two_releases
    rollback = roll_back(rig, name, good)
    assert rollback not in (good, newer)
    assert rig.ends(name, rollback) == "Succeeded"
    execution = rig.execution(name, rollback)
    assert execution["executionType"] == "ROLLBACK"
    assert execution["rollbackMetadata"] == {"rollbackTargetPipelineExecutionId": good}
    assert execution["trigger"]["triggerType"] == "ManualRollback"
    assert json.loads(execution["trigger"]["triggerDetail"])["AwsUserArn"].startswith("arn:aws:")
    assert execution["artifactRevisions"] == rig.execution(name, good)["artifactRevisions"]
    assert ran(rig, name, rollback) == ["Deploy"], "later stages are not run"
    location = rig.codedeploy.of_group("rolls")[-1]["revision"]["s3Location"]
    assert rig.s3.get_object(Bucket=location["bucket"], Key=location["key"])["Body"].read() == b"PK good"
    latest = rig.stage(name, "Deploy")["latestExecution"]
    assert (latest["pipelineExecutionId"], latest["type"]) == (rollback, "ROLLBACK")
    assert rig.stage(name, "After")["latestExecution"]["pipelineExecutionId"] == newer


def test_a_rollback_has_the_targets_variables(rig: Rig) -> None:
    told = {"CustomData": "#{variables.Ticket} #{Release.VersionId}"}
    name = rig.create(
        stage("Source", source(namespace="Release")),
        stage("Approve", approval(configuration=told)),
        variables=[{"name": "Ticket", "defaultValue": "T-1"}],
    )
    good = rig.first_execution(name)
    rig.answer(name, rig.token(name))
    rig.ends(name, good)
    rig.put(b"PK newer")
    newer = rig.start(name, variables=[{"name": "Ticket", "value": "T-2"}])
    rig.answer(name, rig.token(name, execution_id=newer))
    rig.ends(name, newer)
    rollback = roll_back(rig, name, good, "Approve")
    rig.token(name, execution_id=rollback)
    version = rig.execution(name, good)["artifactRevisions"][0]["revisionId"]
    asked = rig.actions(name, rollback)[-1]
    assert asked["input"]["resolvedConfiguration"]["CustomData"] == f"T-1 {version}"
    assert rig.execution(name, rollback)["variables"] == [{"name": "Ticket", "resolvedValue": "T-1"}]


def test_standard_executions_say_nothing_of_a_type(rig: Rig, two_releases: tuple[str, str, str]) -> None:
    name, good, _ = two_releases
    assert "executionType" not in rig.execution(name, good)
    assert "type" not in rig.stage(name, "Deploy")["latestExecution"]


def test_a_rollback_is_no_target(rig: Rig, two_releases: tuple[str, str, str]) -> None:
    name, good, _ = two_releases
    rollback = roll_back(rig, name, good)
    rig.ends(name, rollback)
    with refused("UnableToRollbackStageException", f"with id '{rollback}' has not completed"):
        roll_back(rig, name, rollback)


def test_a_rollback_of_the_source_stage_reads_the_present_revision(rig: Rig) -> None:
    name = rig.create()
    good = rig.first_execution(name)
    rig.ends(name, good)
    version = rig.put(b"PK present")
    rollback = roll_back(rig, name, good, "Source")
    assert rig.ends(name, rollback) == "Succeeded"
    # What it read shows in the stage's state; the history keeps the target's revision.
    assert rig.action(name, "Source", "Read")["currentRevision"]["revisionId"] == version
    target = rig.execution(name, good)["artifactRevisions"]
    assert rig.execution(name, rollback)["artifactRevisions"] == target != []
    assert target[0]["revisionId"] != version
    assert [each["actionName"] for each in rig.actions(name, rollback)] == ["Read"]


def test_a_parallel_pipeline_can_be_rolled_back_while_its_stage_is_in_use(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("held-parallel")), executionMode="PARALLEL")
    good = rig.first_execution(name)
    rig.codedeploy.finish(rig.deployment("held-parallel"))
    assert rig.ends(name, good) == "Succeeded"
    busy = rig.start(name)
    rig.deployment("held-parallel")
    rollback = roll_back(rig, name, good)
    rig.until(lambda: len(rig.codedeploy.of_group("held-parallel")) == 3)
    for deployment in rig.codedeploy.of_group("held-parallel"):
        deployment["status"] = "Succeeded"
    assert (rig.ends(name, busy), rig.ends(name, rollback)) == ("Succeeded", "Succeeded")


def test_a_rollback_can_be_stopped_and_retried(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), stage("Deploy", deploy()))
    good = rig.first_execution(name)
    rig.answer(name, rig.token(name))
    rig.ends(name, good)
    rollback = roll_back(rig, name, good, "Approve")
    rig.token(name, execution_id=rollback)
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=rollback, abandon=True)
    assert rig.ends(name, rollback) == "Stopped"
    retry(rig, name, rollback, place="Approve")
    rig.answer(name, rig.token(name, execution_id=rollback))
    assert rig.ends(name, rollback) == "Succeeded"
    assert ran(rig, name, rollback) == ["Ask", "Ask"]


def test_a_target_must_have_succeeded_in_the_stage(rig: Rig, two_releases: tuple[str, str, str]) -> None:
    name, *_ = two_releases
    unfinished = rig.start(name)
    rig.token(name, "After", execution_id=unfinished)
    with refused("UnableToRollbackStageException", "has not completed in stage with name"):
        roll_back(rig, name, unfinished, "After")


def test_a_busy_stage_cannot_be_rolled_back(rig: Rig, two_releases: tuple[str, str, str]) -> None:
    name, good, _ = two_releases
    rig.token(name, "After", execution_id=rig.start(name))
    with refused("UnableToRollbackStageException", "in progress"):
        roll_back(rig, name, good, "After")


def test_a_target_of_an_older_version_is_outdated(rig: Rig, two_releases: tuple[str, str, str]) -> None:
    name, good, _ = two_releases
    rig.cp.update_pipeline(pipeline=rig.cp.get_pipeline(name=name)["pipeline"])
    with refused("PipelineExecutionOutdatedException", "version 1"):
        roll_back(rig, name, good)


def test_a_pipeline_of_type_v1_has_no_rollback(rig: Rig) -> None:
    name = rig.create(pipelineType="V1")
    first = rig.first_execution(name)
    rig.ends(name, first)
    with refused("UnableToRollbackStageException", "type V2"):
        rig.cp.rollback_stage(pipelineName=name, stageName="Deploy", targetPipelineExecutionId=first)


def test_unknown_targets_and_places_are_refused(rig: Rig, two_releases: tuple[str, str, str]) -> None:
    name, good, _ = two_releases
    with refused("PipelineExecutionNotFoundException"):
        roll_back(rig, name, UNKNOWN)
    with refused("StageNotFoundException"):
        roll_back(rig, name, good, "Nowhere")
    with refused("ValidationException"):
        roll_back(rig, name, "not-an-id")
    with refused("PipelineNotFoundException"):
        roll_back(rig, "nobody", good)


def test_targets_are_found_by_the_stage_they_succeeded_in(rig: Rig, two_releases: tuple[str, str, str]) -> None:
    name, good, newer = two_releases
    unfinished = rig.start(name)
    rig.token(name, "After", execution_id=unfinished)

    def succeeded_in(place: str) -> list[str]:
        wanted = {"succeededInStage": {"stageName": place}}
        found = rig.cp.list_pipeline_executions(pipelineName=name, filter=wanted)["pipelineExecutionSummaries"]
        return [each["pipelineExecutionId"] for each in found]

    assert succeeded_in("After") == [newer, good]
    assert succeeded_in("Deploy") == [unfinished, newer, good]
    rig.cp.update_pipeline(pipeline=rig.cp.get_pipeline(name=name)["pipeline"])
    assert succeeded_in("After") == []


# --- a stage's own answer to a failure ------------------------------------------------------------


def failing_after_success(rig: Rig, group: str, *, once: bool = False, **on_failure: Any) -> tuple[str, str, str]:
    """A pipeline with the failure policy, its good execution, and a second one whose deployment fails."""
    name = rig.create(stage("Deploy", deploy(group), onFailure=on_failure))
    good = rig.first_execution(name)
    assert rig.ends(name, good) == "Succeeded"
    (rig.codedeploy.fails_once if once else rig.codedeploy.fails).add(group)
    return name, good, rig.start(name)


def executions(rig: Rig, name: str) -> list[Any]:
    return list(rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])


def test_on_failure_rollback_goes_back_to_the_latest_success(rig: Rig) -> None:
    name, good, bad = failing_after_success(rig, "auto-rolls", once=True, result="ROLLBACK")
    assert rig.ends(name, bad) == "Failed"
    rollback = executions(rig, name)[0]
    assert rollback["executionType"] == "ROLLBACK"
    assert rollback["rollbackMetadata"] == {"rollbackTargetPipelineExecutionId": good}
    assert rollback["trigger"]["triggerType"] == "AutomatedRollback"
    assert bad in rollback["trigger"]["triggerDetail"]
    assert rig.ends(name, rollback["pipelineExecutionId"]) == "Succeeded"
    assert rig.status(name, bad) == "Failed"


def test_a_failed_automatic_rollback_is_not_followed_by_another(rig: Rig) -> None:
    name, _, bad = failing_after_success(rig, "auto-worse", result="ROLLBACK")
    assert rig.ends(name, bad) == "Failed"
    rollback = executions(rig, name)[0]["pipelineExecutionId"]
    assert rig.ends(name, rollback) == "Failed"
    assert len(executions(rig, name)) == 3


def test_without_an_earlier_success_nothing_is_rolled_back(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("bad"), onFailure={"result": "ROLLBACK"}))
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    assert len(executions(rig, name)) == 1


def test_on_failure_retry_runs_the_stage_once_more(rig: Rig) -> None:
    name, _, bad = failing_after_success(rig, "auto-retries", result="RETRY")
    assert rig.ends(name, bad) == "Failed"
    assert ran(rig, name, bad) == ["Deploy", "Deploy"], "one attempt only"
    assert rig.stage(name, "Deploy")["retryStageMetadata"] == {
        "autoStageRetryAttempt": 1,
        "latestRetryTrigger": "AutomatedStageRetry",
    }


def test_on_failure_retry_that_mends_it_succeeds(rig: Rig) -> None:
    name, _, mended = failing_after_success(rig, "auto-mends", once=True, result="RETRY")
    assert rig.ends(name, mended) == "Succeeded"
    assert ran(rig, name, mended) == ["Deploy", "Deploy"]
    assert "FAILED" not in rig.events(mended, "Pipeline")


@pytest.mark.parametrize(
    ("more", "again"),
    [
        ({}, ["A", "B"]),
        ({"retryConfiguration": {"retryMode": "ALL_ACTIONS"}}, ["A", "B"]),
        ({"retryConfiguration": {"retryMode": "FAILED_ACTIONS"}}, ["B"]),
    ],
)
def test_on_failure_retry_runs_the_actions_of_its_mode(rig: Rig, more: dict[str, Any], again: list[str]) -> None:
    policy = {"result": "RETRY", **more}
    name = rig.create(stage("Deploy", deploy("ok", "A"), deploy("bad", "B", runOrder=2), onFailure=policy))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Failed"
    assert ran(rig, name, execution_id) == ["A", "B", *again]


def test_on_failure_fail_fails(rig: Rig) -> None:
    name, _, bad = failing_after_success(rig, "auto-fails", result="FAIL")
    assert rig.ends(name, bad) == "Failed"
    assert len(executions(rig, name)) == 2
