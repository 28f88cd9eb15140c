"""The rules of conditions, their time limits, their lists and their declarations."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from codepipeline_conditions import alarm_rule, check, condition, rule, rule_state, status_of, window
from codepipeline_fixtures import Rig, approval, deploy, refused, running_rig, source, stage, structure

STAGE = "InvalidStageDeclarationException"
_alarms = itertools.count()


@pytest.fixture
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as made:
        made.put()
        yield made


def guarded(rig: Rig, *rules: dict[str, Any], **members: Any) -> tuple[str, str]:
    """A pipeline whose deployment asks the rules before it begins, and its first execution."""
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", *rules)), **members)
    return name, rig.first_execution(name)


def advance(rig: Rig, **by: float) -> None:
    rig.sandbox.world.clock.advance(timedelta(**by))


# --- VariableCheck --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "operator", "wanted", "is_met"),
    [
        ("main", "EQ", "main", True),
        ("main", "EQ", "mai", False),
        ("main", "NE", "mai", True),
        ("main", "NE", "main", False),
        ("main", "CONTAINS", "ai", True),
        ("main", "CONTAINS", "ia", False),
        ("release/12", "MATCHES", r"release/\d+", True),
        ("a release/12", "MATCHES", r"release/\d+", False),
    ],
)
def test_variable_check_compares(rig: Rig, value: str, operator: str, wanted: str, is_met: bool) -> None:
    name, execution_id = guarded(rig, check(value, wanted, operator))
    assert rig.ends(name, execution_id) == ("Succeeded" if is_met else "Failed")
    assert status_of(rig, name, "Deploy") == ("Succeeded" if is_met else "Failed")


def test_a_pattern_that_cannot_be_read_is_a_configuration_error(rig: Rig) -> None:
    name, execution_id = guarded(rig, check("x", "(", "MATCHES"))
    assert rig.ends(name, execution_id) == "Failed"
    assert status_of(rig, name, "Deploy") == "Errored"
    assert rule_state(rig, name, "Deploy")["latestExecution"]["errorDetails"]["code"] == "ConfigurationError"


# --- DeploymentWindow -----------------------------------------------------------------------------


def test_an_open_window_lets_in_at_once(rig: Rig) -> None:
    name, execution_id = guarded(rig, window("* * * * * ?", TimeZone="Europe/Berlin"))
    assert rig.ends(name, execution_id) == "Succeeded"


def test_a_window_is_open_by_the_clock_of_its_zone(rig: Rig) -> None:
    there = datetime.now(UTC) + timedelta(hours=5, minutes=30)
    name, execution_id = guarded(rig, window(f"* * {there.hour} * * ?", TimeZone="UTC+05:30"))
    assert rig.ends(name, execution_id) == "Succeeded"


def test_a_closed_window_is_waited_for(rig: Rig) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=90)
    name, execution_id = guarded(rig, window(f"* {soon.minute} {soon.hour} * * ?"))
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    advance(rig, minutes=30)
    assert status_of(rig, name, "Deploy") == "InProgress"
    advance(rig, minutes=60)
    assert rig.ends(name, execution_id) == "Succeeded"


def test_a_window_that_never_opens_fails(rig: Rig) -> None:
    name, execution_id = guarded(rig, window("0 0 0 1 1 ? 2020"))
    assert rig.ends(name, execution_id) == "Failed"


def test_a_rule_fails_after_its_time_limit(rig: Rig) -> None:
    never = {**window("0 0 0 29 2 ?"), "timeoutInMinutes": 5}
    name, execution_id = guarded(rig, never)
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    advance(rig, minutes=6)
    assert rig.ends(name, execution_id) == "Failed"
    assert "timed out" in rule_state(rig, name, "Deploy")["latestExecution"]["errorDetails"]["message"]


def test_a_window_lasts_no_longer_than_a_week_by_default(rig: Rig) -> None:
    name, execution_id = guarded(rig, window("0 0 0 29 2 ?"))
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    advance(rig, days=6.9)
    assert status_of(rig, name, "Deploy") == "InProgress"
    advance(rig, days=0.2)
    assert rig.ends(name, execution_id) == "Failed"


# --- CloudWatchAlarm ------------------------------------------------------------------------------


def alarm(rig: Rig, state: str) -> str:
    name = f"alarm-{next(_alarms)}"
    rig.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        MetricName=name,
        Namespace="Shop",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
        TreatMissingData="ignore",
    )
    turn(rig, name, state)
    return name


def turn(rig: Rig, name: str, state: str) -> None:
    rig.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


@pytest.mark.parametrize(
    ("state", "monitored", "is_met"),
    [
        ("OK", {}, True),
        ("ALARM", {}, False),
        ("INSUFFICIENT_DATA", {}, True),
        ("INSUFFICIENT_DATA", {"AlarmStates": "ALARM, INSUFFICIENT_DATA"}, False),
        ("ALARM", {"AlarmStates": "INSUFFICIENT_DATA"}, True),
    ],
)
def test_an_alarm_in_a_monitored_state_fails_the_rule(
    rig: Rig, state: str, monitored: dict[str, str], is_met: bool
) -> None:
    name, execution_id = guarded(rig, alarm_rule(alarm(rig, state), **monitored))
    assert rig.ends(name, execution_id) == ("Succeeded" if is_met else "Failed")


def test_a_quiet_alarm_must_stay_so_for_the_wait_time(rig: Rig) -> None:
    name, execution_id = guarded(rig, alarm_rule(alarm(rig, "OK"), WaitTime="60"))
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    advance(rig, minutes=59)
    assert status_of(rig, name, "Deploy") == "InProgress"
    advance(rig, minutes=2)
    assert rig.ends(name, execution_id) == "Succeeded"


def test_an_alarm_that_goes_off_within_the_wait_time_fails_the_rule_at_once(rig: Rig) -> None:
    watched = alarm(rig, "OK")
    name, execution_id = guarded(rig, alarm_rule(watched, WaitTime="60"))
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    advance(rig, minutes=10)
    turn(rig, watched, "ALARM")
    assert rig.ends(name, execution_id) == "Failed"


def test_a_loud_alarm_may_become_quiet_within_the_wait_time(rig: Rig) -> None:
    watched = alarm(rig, "ALARM")
    name, execution_id = guarded(rig, alarm_rule(watched, WaitTime="20"))
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    turn(rig, watched, "OK")
    assert rig.ends(name, execution_id) == "Succeeded"
    turn(rig, watched, "ALARM")
    second = rig.start(name)
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    advance(rig, minutes=21)
    assert rig.ends(name, second) == "Failed"


def test_a_missing_alarm_is_a_configuration_error(rig: Rig) -> None:
    name, execution_id = guarded(rig, alarm_rule("nobody"))
    assert rig.ends(name, execution_id) == "Failed"
    assert status_of(rig, name, "Deploy") == "Errored"
    assert "nobody" in rule_state(rig, name, "Deploy")["latestExecution"]["errorDetails"]["message"]


# --- lists ----------------------------------------------------------------------------------------


def test_rule_executions_are_listed_newest_first_and_filtered(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("bad"), onFailure=condition("RETRY", check("no"))))
    first = rig.first_execution(name)
    assert rig.ends(name, first) == "Failed"
    second = rig.start(name)
    assert rig.ends(name, second) == "Failed"

    def listed(**wanted: Any) -> list[str]:
        answer = rig.cp.list_rule_executions(pipelineName=name, filter=wanted)
        return [each["pipelineExecutionId"] for each in answer["ruleExecutionDetails"]]

    assert listed() == [second, second, first, first]
    assert listed(pipelineExecutionId=first) == [first, first]
    latest = {"pipelineExecutionId": first, "startTimeRange": "Latest"}
    assert listed(latestInPipelineExecution=latest) == [first]
    assert listed(latestInPipelineExecution={**latest, "startTimeRange": "All"}) == [first, first]
    assert listed(pipelineExecutionId=second, latestInPipelineExecution=latest) == []
    pages = list(
        rig.cp.get_paginator("list_rule_executions").paginate(pipelineName=name, PaginationConfig={"PageSize": 3})
    )
    assert [len(each["ruleExecutionDetails"]) for each in pages] == [3, 1]
    detail = pages[0]["ruleExecutionDetails"][0]
    assert (detail["stageName"], detail["ruleName"], detail["status"]) == ("Deploy", "Rule", "Failed")
    assert detail["input"]["ruleTypeId"]["provider"] == "VariableCheck"
    assert detail["input"]["region"] == "us-east-1"
    assert detail["output"]["executionResult"]["errorDetails"]["code"] == "JobFailed"


def test_what_the_list_of_rule_executions_refuses(rig: Rig) -> None:
    name, _ = guarded(rig, check("yes"))
    nobody = str(uuid.UUID(int=0))
    with refused("PipelineNotFoundException"):
        rig.cp.list_rule_executions(pipelineName="nothing")
    with refused("PipelineExecutionNotFoundException"):
        rig.cp.list_rule_executions(pipelineName=name, filter={"pipelineExecutionId": nobody})
    with refused("InvalidNextTokenException"):
        rig.cp.list_rule_executions(pipelineName=name, nextToken="forged")


def test_rule_types_are_listed_with_their_configuration(rig: Rig) -> None:
    found = {each["id"]["provider"]: each for each in rig.cp.list_rule_types(ruleOwnerFilter="AWS")["ruleTypes"]}
    assert {"CloudWatchAlarm", "DeploymentWindow", "VariableCheck"} <= set(found)
    assert found["VariableCheck"]["id"] == {
        "category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1",
    }  # fmt: skip
    keys = {each["name"]: each["required"] for each in found["DeploymentWindow"]["ruleConfigurationProperties"]}
    assert keys == {"Cron": True, "TimeZone": False}


# --- declarations ---------------------------------------------------------------------------------


def entry(*rules: dict[str, Any], result: str | None = "FAIL") -> dict[str, Any]:
    return stage("Deploy", deploy(), beforeEntry=condition(result, *rules))


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no rules": (stage("Deploy", deploy(), onSuccess={"conditions": [{"result": "FAIL"}]}), "has no rules"),
    "unknown type": (entry(rule("Oracle")), "Provider: 'Oracle'"),
    "missing key": (entry(rule("CloudWatchAlarm")), "missing required configuration 'AlarmName'"),
    "unknown key": (entry(alarm_rule("a", Mood="calm")), "unknown configuration 'Mood'"),
    "unknown state": (entry(alarm_rule("a", AlarmStates="LOUD")), "LOUD"),
    "no number": (entry(alarm_rule("a", WaitTime="soon")), "WaitTime"),
    "unknown operator": (entry(check("a", "b", "GT")), "EQ, NE, CONTAINS, MATCHES"),
    "no cron": (entry(window("every day")), "needs 6"),
    "no zone": (entry(window("* * * * * ?", TimeZone="Mars/Base")), "Mars/Base"),
    "rule twice": (entry(check("a"), check("b")), "'Rule' is not"),
    "artifact": (entry({**check("a"), "inputArtifacts": [{"name": "Bundle"}]}), "more than the maximum count (0)"),
    "unknown namespace": (entry(check("#{Nobody.Name}")), "Nobody.Name"),
    "undeclared variable": (entry(check("#{variables.Name}")), "variables.Name"),
    "own stage's variable": (
        stage("Deploy", deploy(namespace="Own"), beforeEntry=condition("FAIL", check("#{Own.Id}"))),
        "Own.Id",
    ),
    "rollback at entry": (entry(check("a"), result="ROLLBACK"), "ROLLBACK is not supported by beforeEntry"),
    "skip after success": (stage("Deploy", deploy(), onSuccess=condition("SKIP", check("a"))), "onSuccess"),
    "skip after failure": (stage("Deploy", deploy(), onFailure=condition("SKIP", check("a"))), "onFailure"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_condition_that_could_not_be_evaluated_is_refused(rig: Rig, case: str) -> None:
    declared, text = BROKEN[case]
    with refused(STAGE, text):
        rig.cp.create_pipeline(pipeline=structure("bad", declared))


def test_rollback_is_no_result_in_source_stages_and_parallel_pipelines(rig: Rig) -> None:
    rolls_back, ship = condition("ROLLBACK", check("a")), stage("Deploy", deploy())
    with refused(STAGE, "source stage"):
        rig.cp.create_pipeline(pipeline=structure("bad", stage("Source", source(), onSuccess=rolls_back), ship))
    for policy in ({"onSuccess": rolls_back}, {"onFailure": {"result": "ROLLBACK"}}):
        with refused(STAGE, "PARALLEL"):
            rig.cp.create_pipeline(
                pipeline=structure("bad", stage("Deploy", deploy(), **policy), executionMode="PARALLEL")
            )


def test_the_model_limits_rules_and_conditions(rig: Rig) -> None:
    with refused("ValidationException", "less than or equal to 5"):
        rig.cp.create_pipeline(pipeline=structure("bad", entry(*(check("a", name=f"R{n}") for n in range(6)))))
    doubled = {"conditions": condition("FAIL", check("a"))["conditions"] * 2}
    with refused("ValidationException", "less than or equal to 1"):
        rig.cp.create_pipeline(pipeline=structure("bad", stage("Deploy", deploy(), beforeEntry=doubled)))


def test_conditions_make_a_pipeline_v2_and_come_back_normalised(rig: Rig) -> None:
    short = check("yes")
    short["ruleTypeId"] = {"category": "Rule", "provider": "VariableCheck"}
    declared = structure("inferred", stage("Approve", approval(), onSuccess=condition("FAIL", short)))
    del declared["pipelineType"]
    rig.cp.create_pipeline(pipeline=declared)
    found = rig.cp.get_pipeline(name="inferred")["pipeline"]
    assert found["pipelineType"] == "V2"
    (shown,) = found["stages"][1]["onSuccess"]["conditions"][0]["rules"]
    assert shown["ruleTypeId"] == {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"}
    assert shown["inputArtifacts"] == []
    with refused(STAGE, "type V2"):
        rig.cp.create_pipeline(pipeline={**declared, "name": "old", "pipelineType": "V1"})
