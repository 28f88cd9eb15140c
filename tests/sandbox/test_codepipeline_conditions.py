"""Conditions of stages: what lets an execution in and out, and what happens when they are not met."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from codepipeline_conditions import alarm_rule, check, condition, rule_state, state_of, status_of, window
from codepipeline_fixtures import Rig, approval, deploy, refused, running_rig, source, stage

from deliverkit.sandbox.codepipeline import starts

NOT_OVERRIDABLE = "ConditionNotOverridableException"
NOT_LATEST = "NotLatestPipelineExecutionException"
NEVER_SOON = "0 0 0 29 2 ?"


@pytest.fixture
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as made:
        made.put()
        yield made


def override(rig: Rig, name: str, stage: str, execution_id: str, kind: str = "BEFORE_ENTRY") -> None:
    rig.cp.override_stage_condition(
        pipelineName=name, stageName=stage, pipelineExecutionId=execution_id, conditionType=kind
    )


def stage_status(rig: Rig, name: str, stage: str) -> Any:
    return rig.stage(name, stage).get("latestExecution", {}).get("status")


# --- before entry ---------------------------------------------------------------------------------


def test_a_met_entry_condition_lets_the_execution_in(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", check("yes"))))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    state = state_of(rig, name, "Deploy")
    assert state["latestExecution"] == {"status": "Succeeded"}
    (inner,) = state["conditionStates"]
    assert inner["latestExecution"]["status"] == "Succeeded"
    (ruled,) = inner["ruleStates"]
    assert (ruled["ruleName"], ruled["latestExecution"]["status"]) == ("Rule", "Succeeded")


def test_a_condition_that_was_never_evaluated_shows_its_rules_alone(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), stage("Deploy", deploy(), onSuccess=condition("FAIL", check("a"))))
    assert state_of(rig, name, "Deploy", "onSuccess") == {"conditionStates": [{"ruleStates": [{"ruleName": "Rule"}]}]}


def test_an_entry_condition_that_is_not_met_fails_the_stage_before_any_action(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", check("yes"), check("no", name="Other"))))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Failed"
    assert stage_status(rig, name, "Deploy") == "Failed"
    state = state_of(rig, name, "Deploy")
    assert state["latestExecution"] == {"status": "Failed", "summary": "Rules failed: Other"}
    statuses = [each["latestExecution"]["status"] for each in state["conditionStates"][0]["ruleStates"]]
    assert statuses == ["Succeeded", "Failed"]
    assert [each["stageName"] for each in rig.actions(name, execution_id)] == ["Source"]
    assert rig.events(execution_id, "Stage") == ["STARTED", "SUCCEEDED", "FAILED"]


def test_a_condition_without_a_result_fails_the_stage(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition(None, check("no"))))
    assert rig.ends(name, rig.first_execution(name)) == "Failed"


def test_skip_goes_on_behind_the_stage(rig: Rig) -> None:
    name = rig.create(
        stage("Load", deploy("bad"), beforeEntry=condition("SKIP", check("no"))), stage("Deploy", deploy())
    )
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    assert stage_status(rig, name, "Load") == "Skipped"
    assert [each["stageName"] for each in rig.actions(name, execution_id)] == ["Source", "Deploy"]
    with refused(NOT_OVERRIDABLE):
        override(rig, name, "Load", execution_id)
    targets = rig.cp.list_pipeline_executions(pipelineName=name, filter={"succeededInStage": {"stageName": "Load"}})
    assert targets["pipelineExecutionSummaries"] == []


def test_the_skipped_last_stage_ends_the_execution(rig: Rig) -> None:
    name = rig.create(stage("Load", deploy("bad"), beforeEntry=condition("SKIP", check("no"))))
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"


def test_a_rule_reads_variables(rig: Rig) -> None:
    name = rig.create(
        stage("Source", source(namespace="Read")),
        stage(
            "Deploy",
            deploy(),
            beforeEntry=condition(
                "FAIL",
                check("#{variables.Track}", "stable"),
                check("#{codepipeline.PipelineExecutionId}/#{Read.VersionId}", "^[0-9a-f-]{36}/.+", "MATCHES", "Both"),
            ),
        ),
        variables=[{"name": "Track", "defaultValue": "stable"}],
    )
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    found = rig.cp.list_rule_executions(pipelineName=name)["ruleExecutionDetails"]
    by_name = {each["ruleName"]: each["input"] for each in found}
    assert by_name["Rule"]["configuration"]["Variable"] == "#{variables.Track}"
    assert by_name["Rule"]["resolvedConfiguration"]["Variable"] == "stable"
    assert by_name["Both"]["resolvedConfiguration"]["Variable"].startswith(execution_id)
    unstable = rig.start(name, variables=[{"name": "Track", "value": "nightly"}])
    assert rig.ends(name, unstable) == "Failed"


def test_a_variable_without_a_value_makes_the_condition_errored(rig: Rig) -> None:
    name = rig.create(
        stage("Source", source(namespace="Read")),
        stage("Deploy", deploy(), beforeEntry=condition("FAIL", check("#{Read.Nothing}"))),
    )
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    assert status_of(rig, name, "Deploy") == "Errored"
    failure = rule_state(rig, name, "Deploy")["latestExecution"]["errorDetails"]
    assert failure["code"] == "ConfigurationError"
    assert "Read.Nothing" in failure["message"]


# --- on success -----------------------------------------------------------------------------------


def test_a_success_condition_that_is_not_met_fails_the_stage_after_its_actions(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), onSuccess=condition("FAIL", check("no"))), stage("Later", deploy()))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Failed"
    assert rig.action(name, "Deploy", "Deploy")["latestExecution"]["status"] == "Succeeded"
    assert stage_status(rig, name, "Deploy") == "Failed"
    assert stage_status(rig, name, "Later") is None
    with refused("StageNotRetryableException", "no failed actions"):
        rig.cp.retry_stage_execution(
            pipelineName=name, stageName="Deploy", pipelineExecutionId=execution_id, retryMode="ALL_ACTIONS"
        )


def test_a_success_condition_rolls_the_stage_back(rig: Rig) -> None:
    rig.client("cloudwatch").put_metric_alarm(
        AlarmName="errors", MetricName="Errors", Namespace="Shop", Period=60, EvaluationPeriods=1, Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
    )  # fmt: skip
    name = rig.create(stage("Deploy", deploy(), onSuccess=condition("ROLLBACK", alarm_rule("errors"))))
    first = rig.first_execution(name)
    assert rig.ends(name, first) == "Succeeded"
    rig.client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    second = rig.start(name)
    assert rig.ends(name, second) == "Failed"
    rolled = rig.until(lambda: rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])[0]
    assert rolled["executionType"] == "ROLLBACK"
    assert rolled["trigger"]["triggerType"] == "AutomatedRollback"
    assert second in rolled["trigger"]["triggerDetail"]
    assert rolled["rollbackMetadata"]["rollbackTargetPipelineExecutionId"] == first
    assert rig.ends(name, rolled["pipelineExecutionId"]) == "Succeeded"
    with refused(NOT_LATEST):
        override(rig, name, "Deploy", second, "ON_SUCCESS")


# --- on failure -----------------------------------------------------------------------------------


def test_a_failure_condition_that_is_not_met_rolls_back(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("turns"), onFailure=condition("ROLLBACK", check("no"))))
    first = rig.first_execution(name)
    assert rig.ends(name, first) == "Succeeded"
    rig.codedeploy.fails_once.add("turns")
    second = rig.start(name)
    assert rig.ends(name, second) == "Failed"
    newest = rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]
    assert newest["rollbackMetadata"]["rollbackTargetPipelineExecutionId"] == first


def test_a_failure_condition_that_is_met_leaves_the_failure(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("turns"), onFailure=condition("ROLLBACK", check("yes"))))
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"
    rig.codedeploy.fails_once.add("turns")
    second = rig.start(name)
    assert rig.ends(name, second) == "Failed"
    newest = rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]
    assert newest["pipelineExecutionId"] == second
    assert status_of(rig, name, "Deploy", "onFailure") == "Succeeded"


def test_the_one_automatic_retry_comes_before_the_failure_condition(rig: Rig) -> None:
    failure = {"result": "RETRY", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}}
    name = rig.create(stage("Deploy", deploy("bad"), onFailure={**failure, **condition("FAIL", check("no"))}))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Failed"
    assert len([each for each in rig.actions(name, execution_id) if each["stageName"] == "Deploy"]) == 2
    assert len(rig.cp.list_rule_executions(pipelineName=name)["ruleExecutionDetails"]) == 1
    assert rig.stage(name, "Deploy")["retryStageMetadata"] == {
        "autoStageRetryAttempt": 1,
        "latestRetryTrigger": "AutomatedStageRetry",
    }


def test_a_failure_condition_retries_once(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("bad"), onFailure=condition("RETRY", check("no"))))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Failed"
    assert len([each for each in rig.actions(name, execution_id) if each["stageName"] == "Deploy"]) == 2
    assert len(rig.cp.list_rule_executions(pipelineName=name)["ruleExecutionDetails"]) == 2


# --- override -------------------------------------------------------------------------------------


def test_an_override_lets_a_failed_execution_in(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", check("no"))))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Failed"
    override(rig, name, "Deploy", execution_id)
    assert rig.ends(name, execution_id) == "Succeeded"
    assert status_of(rig, name, "Deploy") == "Overridden"
    assert rig.events(execution_id, "Pipeline") == ["STARTED", "FAILED", "RESUMED", "SUCCEEDED"]
    with refused(NOT_OVERRIDABLE):
        override(rig, name, "Deploy", execution_id)


def test_an_override_ends_the_waiting_for_a_window(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", window(NEVER_SOON))))
    execution_id = rig.first_execution(name)
    rig.until(lambda: rule_state(rig, name, "Deploy").get("latestExecution", {}).get("summary"))
    assert "opens at" in rule_state(rig, name, "Deploy")["latestExecution"]["summary"]
    override(rig, name, "Deploy", execution_id)
    assert rig.ends(name, execution_id) == "Succeeded"
    assert rule_state(rig, name, "Deploy")["latestExecution"]["status"] == "Abandoned"


def test_an_override_lets_a_failed_execution_out(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), onSuccess=condition("FAIL", check("no"))), stage("Later", deploy()))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Failed"
    override(rig, name, "Deploy", execution_id, "ON_SUCCESS")
    assert rig.ends(name, execution_id) == "Succeeded"
    assert len([each for each in rig.actions(name, execution_id) if each["stageName"] == "Deploy"]) == 1


def test_what_cannot_be_overridden(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", check("no"))))
    first = rig.first_execution(name)
    assert rig.ends(name, first) == "Failed"
    with refused("PipelineNotFoundException"):
        override(rig, "nothing", "Deploy", first)
    with refused("StageNotFoundException"):
        override(rig, name, "Nowhere", first)
    with refused(NOT_LATEST):
        override(rig, name, "Deploy", str(uuid.UUID(int=0)))
    with refused(NOT_OVERRIDABLE):
        override(rig, name, "Deploy", first, "ON_SUCCESS")
    with refused("ValidationException", "BEFORE_ENTRY"):
        override(rig, name, "Deploy", first, "ON_FAILURE")
    second = rig.start(name)
    assert rig.ends(name, second) == "Failed"
    with refused(NOT_LATEST):
        override(rig, name, "Deploy", first)
    declared = rig.cp.get_pipeline(name=name)["pipeline"]
    rig.cp.update_pipeline(pipeline=declared)
    with refused(NOT_OVERRIDABLE):
        override(rig, name, "Deploy", second)


# --- waiting, stopping, updating ------------------------------------------------------------------


def test_an_execution_waiting_for_its_entry_condition_keeps_the_stage(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", window(NEVER_SOON))))
    first = rig.first_execution(name)
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    second = rig.start(name)
    rig.until(lambda: rig.stage(name, "Deploy").get("inboundExecution"))
    assert rig.stage(name, "Deploy")["inboundExecution"]["pipelineExecutionId"] == second
    assert rig.stage(name, "Deploy")["latestExecution"] == {"pipelineExecutionId": first, "status": "InProgress"}
    override(rig, name, "Deploy", first)
    assert rig.ends(name, first) == "Succeeded"
    rig.until(lambda: rig.stage(name, "Deploy")["latestExecution"]["pipelineExecutionId"] == second)
    assert status_of(rig, name, "Deploy") == "InProgress"


def test_an_abandoned_execution_abandons_its_condition(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", window(NEVER_SOON))))
    execution_id = rig.first_execution(name)
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True)
    assert rig.ends(name, execution_id) == "Stopped"
    assert status_of(rig, name, "Deploy") == "Abandoned"
    assert stage_status(rig, name, "Deploy") == "Stopped"
    rig.cp.retry_stage_execution(
        pipelineName=name, stageName="Deploy", pipelineExecutionId=execution_id, retryMode="FAILED_ACTIONS"
    )
    assert status_of(rig, name, "Deploy") == "InProgress"
    assert rig.actions(name, execution_id)[-1]["stageName"] == "Source"


def test_stop_and_wait_lets_the_rules_end_and_no_action_start(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", window("0 0 * * * ?"))))
    execution_id = rig.first_execution(name)
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id)
    assert rig.status(name, execution_id) == "Stopping"
    with refused("ConflictException"):
        override(rig, name, "Deploy", execution_id)
    rig.sandbox.world.clock.advance(timedelta(hours=1))
    assert rig.ends(name, execution_id) == "Stopped"
    assert status_of(rig, name, "Deploy") == "Succeeded"
    assert [each["stageName"] for each in rig.actions(name, execution_id)] == ["Source"]


def test_a_stage_stopped_before_its_success_condition_is_met_has_not_succeeded(rig: Rig) -> None:
    name = rig.create(
        stage("Deploy", deploy(), onSuccess=condition("FAIL", window(NEVER_SOON))), stage("Later", deploy())
    )
    execution_id = rig.first_execution(name)
    rig.until(lambda: status_of(rig, name, "Deploy", "onSuccess") == "InProgress")
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True)
    assert rig.ends(name, execution_id) == "Stopped"
    assert stage_status(rig, name, "Deploy") == "Stopped"
    rig.cp.retry_stage_execution(
        pipelineName=name, stageName="Deploy", pipelineExecutionId=execution_id, retryMode="FAILED_ACTIONS"
    )
    assert status_of(rig, name, "Deploy", "onSuccess") == "InProgress"
    override(rig, name, "Deploy", execution_id, "ON_SUCCESS")
    assert rig.ends(name, execution_id) == "Succeeded"
    assert [each["stageName"] for each in rig.actions(name, execution_id)] == ["Source", "Deploy", "Later"]


def test_a_full_pipeline_takes_nobody_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = condition("FAIL", check("#{variables.Gate}", "open"))
    name = rig.create(
        stage("Deploy", deploy("bad"), beforeEntry=entry),
        executionMode="QUEUED",
        variables=[{"name": "Gate", "defaultValue": "shut"}],
    )
    first = rig.first_execution(name)
    assert rig.ends(name, first) == "Failed"
    monkeypatch.setattr(starts, "MAX_ACTIVE", 0)
    with refused("ConcurrentPipelineExecutionsLimitExceededException"):
        override(rig, name, "Deploy", first)
    with refused("ConcurrentPipelineExecutionsLimitExceededException"):
        rig.start(name)
    monkeypatch.undo()
    override(rig, name, "Deploy", first)
    assert rig.ends(name, first) == "Failed"
    monkeypatch.setattr(starts, "MAX_ACTIVE", 0)
    with refused("ConcurrentPipelineExecutionsLimitExceededException"):
        rig.cp.retry_stage_execution(
            pipelineName=name, stageName="Deploy", pipelineExecutionId=first, retryMode="FAILED_ACTIONS"
        )


def test_an_update_cancels_who_waits_for_a_condition(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", window(NEVER_SOON))))
    execution_id = rig.first_execution(name)
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    rig.cp.update_pipeline(pipeline=rig.cp.get_pipeline(name=name)["pipeline"])
    assert rig.ends(name, execution_id) == "Cancelled"
    assert status_of(rig, name, "Deploy") == "Cancelled"


def test_a_rollback_asks_no_condition(rig: Rig) -> None:
    name = rig.create(
        stage("Deploy", deploy(), beforeEntry=condition("FAIL", check("#{variables.Open}"))),
        variables=[{"name": "Open", "defaultValue": "yes"}],
    )
    first = rig.first_execution(name)
    assert rig.ends(name, first) == "Succeeded"
    rolled = rig.cp.rollback_stage(pipelineName=name, stageName="Deploy", targetPipelineExecutionId=first)
    assert rig.ends(name, rolled["pipelineExecutionId"]) == "Succeeded"
    assert len(rig.cp.list_rule_executions(pipelineName=name)["ruleExecutionDetails"]) == 1
