"""What is told afterwards: action executions, pages, filters, events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from codepipeline_fixtures import Rig, approval, deploy, refused, stage

UNKNOWN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def retried(rig: Rig) -> tuple[str, str, str]:
    """A pipeline with an execution that was retried and one that succeeded at once."""
    rig.codedeploy.fails_once.add("history")
    name = rig.create(stage("Deploy", deploy("history")))
    first = rig.first_execution(name)
    rig.ends(name, first)
    rig.cp.retry_stage_execution(
        pipelineName=name, stageName="Deploy", pipelineExecutionId=first, retryMode="FAILED_ACTIONS"
    )
    rig.ends(name, first)
    second = rig.start(name)
    rig.ends(name, second)
    return name, first, second


def details(rig: Rig, name: str, **wanted: Any) -> list[Any]:
    return list(rig.cp.list_action_executions(pipelineName=name, filter=wanted)["actionExecutionDetails"])


def test_action_executions_come_newest_first(rig: Rig, retried: tuple[str, str, str]) -> None:
    name, first, second = retried
    found = rig.cp.list_action_executions(pipelineName=name)["actionExecutionDetails"]
    assert [(each["pipelineExecutionId"], each["actionName"], each["status"]) for each in found] == [
        (second, "Deploy", "Succeeded"),
        (second, "Read", "Succeeded"),
        (first, "Deploy", "Succeeded"),
        (first, "Deploy", "Failed"),
        (first, "Read", "Succeeded"),
    ]
    starts = [each["startTime"] for each in found]
    assert starts == sorted(starts, reverse=True)


def test_the_latest_attempts_or_all_of_them(rig: Rig, retried: tuple[str, str, str]) -> None:
    name, first, _ = retried

    def statuses(start_time_range: str) -> list[str]:
        latest = {"pipelineExecutionId": first, "startTimeRange": start_time_range}
        return [each["status"] for each in details(rig, name, latestInPipelineExecution=latest)]

    assert statuses("All") == ["Succeeded", "Failed", "Succeeded"]
    assert statuses("Latest") == ["Succeeded", "Succeeded"]


def test_both_filters_intersect_and_must_exist(rig: Rig, retried: tuple[str, str, str]) -> None:
    name, first, second = retried
    latest = {"pipelineExecutionId": first, "startTimeRange": "Latest"}
    assert details(rig, name, pipelineExecutionId=second, latestInPipelineExecution=latest) == []
    with refused("PipelineExecutionNotFoundException"):
        details(rig, name, pipelineExecutionId=UNKNOWN)
    with refused("PipelineExecutionNotFoundException"):
        details(rig, name, latestInPipelineExecution={**latest, "pipelineExecutionId": UNKNOWN})
    with refused("PipelineExecutionNotFoundException"):
        rig.cp.get_pipeline_execution(pipelineName=name, pipelineExecutionId=UNKNOWN)


def test_an_attempt_tells_its_input_and_output(rig: Rig, retried: tuple[str, str, str]) -> None:
    name, _, second = retried
    deployed, read = details(rig, name, pipelineExecutionId=second)
    assert deployed["input"]["actionTypeId"]["provider"] == "CodeDeploy"
    assert deployed["input"]["resolvedConfiguration"] == deployed["input"]["configuration"]
    assert deployed["input"]["region"] == "us-east-1"
    assert deployed["input"]["inputArtifacts"] == read["output"]["outputArtifacts"]
    result = deployed["output"]["executionResult"]
    assert result["externalExecutionId"].startswith("d-")
    assert result["externalExecutionSummary"] == "Deployment Succeeded"
    assert "errorDetails" not in result
    assert read["output"]["executionResult"]["externalExecutionId"] == read["output"]["outputVariables"]["VersionId"]
    assert (read["pipelineVersion"], read["stageName"]) == (1, "Source")


def test_executions_are_paged_newest_first_and_new_ones_shift_nothing(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()))
    ids = [rig.first_execution(name), *(rig.start(name) for _ in range(4))][::-1]
    first = rig.cp.list_pipeline_executions(pipelineName=name, maxResults=2)
    rig.start(name)
    second = rig.cp.list_pipeline_executions(pipelineName=name, maxResults=2, nextToken=first["nextToken"])
    third = rig.cp.list_pipeline_executions(pipelineName=name, maxResults=2, nextToken=second["nextToken"])
    pages = (first, second, third)
    shown = [each["pipelineExecutionId"] for page in pages for each in page["pipelineExecutionSummaries"]]
    assert shown == ids
    assert "nextToken" not in third
    with refused("InvalidNextTokenException"):
        rig.cp.list_action_executions(pipelineName=name, nextToken=first["nextToken"])
    with refused("InvalidNextTokenException"):
        rig.cp.list_pipeline_executions(pipelineName=name, nextToken="%%%")


def test_a_success_is_told_as_events(rig: Rig, retried: tuple[str, str, str]) -> None:
    name, _, second = retried
    assert rig.events(second, "Pipeline") == ["STARTED", "SUCCEEDED"]
    assert rig.events(second, "Stage") == ["STARTED", "SUCCEEDED"] * 2
    assert rig.events(second, "Action") == ["STARTED", "SUCCEEDED"] * 2
    told = [each for each in rig.notices if each.detail["execution-id"] == second]
    assert {each.source for each in told} == {"aws.codepipeline"}
    assert {each.resources for each in told} == {(f"arn:aws:codepipeline:us-east-1:123456789012:{name}",)}
    started = told[0].detail
    assert started["execution-trigger"]["trigger-type"] == "StartPipelineExecution"
    assert (started["pipeline"], started["version"], started["pipeline-execution-attempt"]) == (name, 1.0, 1.0)
    ended = told[-3]
    assert ended.detail_type == "CodePipeline Action Execution State Change"
    assert ended.detail["execution-result"]["external-execution-id"].startswith("d-")
    assert ended.detail["type"] == {"owner": "AWS", "category": "Deploy", "provider": "CodeDeploy", "version": "1"}


def test_an_actions_events_tell_what_it_reads_and_writes(rig: Rig, retried: tuple[str, str, str]) -> None:
    name, _, second = retried
    told = [each.detail for each in rig.notices if each.detail["execution-id"] == second and "action" in each.detail]
    read, read_ended, deploy_started, _ = told
    bundle = read_ended["output-artifacts"]
    assert [each["name"] for each in bundle] == ["Bundle"]
    assert bundle[0]["s3location"]["bucket"] == "pipeline-artifacts"
    assert (read["input-artifacts"], read["output-artifacts"]) == ([], [])
    assert (deploy_started["state"], deploy_started["input-artifacts"]) == ("STARTED", bundle)
    assert (deploy_started["stage"], deploy_started["action"]) == ("Deploy", "Deploy")
    assert (deploy_started["pipeline"], deploy_started["region"]) == (name, "us-east-1")
    ids = {each["actionExecutionId"] for each in rig.actions(name, second)}
    assert {each["action-execution-id"] for each in told} == ids


def test_a_stop_is_told_with_its_comment(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()))
    execution_id = rig.first_execution(name)
    rig.token(name)
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True, reason="enough")
    rig.ends(name, execution_id)
    assert rig.events(execution_id, "Pipeline") == ["STARTED", "STOPPING", "STOPPED"]
    assert rig.events(execution_id, "Stage")[-2:] == ["STOPPING", "STOPPED"]
    assert rig.events(execution_id, "Action")[-1] == "ABANDONED"
    comments = [
        each.detail.get("stop-execution-comments")
        for each in rig.notices
        if each.detail["execution-id"] == execution_id and each.detail_type.startswith("CodePipeline Pipeline")
    ]
    assert comments == [None, "enough", "enough"]


def test_an_update_is_told_as_a_cancellation(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("held-told"), deploy("ok", "After", runOrder=2)))
    execution_id = rig.first_execution(name)
    deployment = rig.deployment("held-told")
    rig.cp.update_pipeline(pipeline=rig.cp.get_pipeline(name=name)["pipeline"])
    rig.codedeploy.finish(deployment)
    assert rig.ends(name, execution_id) == "Cancelled"
    assert rig.events(execution_id, "Pipeline")[-1] == "CANCELED"
    assert rig.events(execution_id, "Stage")[-1] == "CANCELED"


def test_a_retry_is_told_with_its_attempt(rig: Rig, retried: tuple[str, str, str]) -> None:
    _, first, _ = retried
    assert rig.events(first, "Pipeline") == ["STARTED", "FAILED", "RESUMED", "SUCCEEDED"]
    assert rig.events(first, "Stage") == ["STARTED", "SUCCEEDED", "STARTED", "FAILED", "RESUMED", "SUCCEEDED"]
    attempts = [
        each.detail["pipeline-execution-attempt"]
        for each in rig.notices
        if each.detail["execution-id"] == first and each.detail_type.startswith("CodePipeline Stage")
    ]
    assert attempts == [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]


def test_a_rejection_is_told_with_its_code(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()))
    execution_id = rig.first_execution(name)
    rig.answer(name, rig.token(name), "Rejected")
    rig.ends(name, execution_id)
    failed = [
        each.detail
        for each in rig.notices
        if each.detail["execution-id"] == execution_id and each.detail["state"] == "FAILED" and "action" in each.detail
    ]
    assert [each["execution-result"]["error-code"] for each in failed] == ["JobFailed"]


def test_a_superseded_execution_is_told(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()))
    rig.token(name)
    second = rig.start(name)
    rig.until(lambda: rig.stage(name, "Approve")["inboundExecutions"])
    rig.start(name)
    rig.ends(name, second)
    assert rig.events(second, "Pipeline") == ["STARTED", "SUPERSEDED"]


# Time moves for the whole sandbox: this comes last.


def test_the_history_lasts_twelve_months(rig: Rig) -> None:
    name = rig.create()
    first = rig.first_execution(name)
    assert rig.ends(name, first) == "Succeeded"
    rig.sandbox.world.clock.advance(timedelta(days=300))
    second = rig.start(name)
    assert rig.ends(name, second) == "Succeeded"
    rig.sandbox.world.clock.advance(timedelta(days=70))
    listed = rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
    assert [each["pipelineExecutionId"] for each in listed] == [second]
    attempts = rig.cp.list_action_executions(pipelineName=name)["actionExecutionDetails"]
    assert {each["pipelineExecutionId"] for each in attempts} == {second}
