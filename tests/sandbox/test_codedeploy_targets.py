"""Targets of deployments, the deprecated instance operations, and lists of deployments; over HTTP with boto3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from agent_bench import EVENTS, appspec, shell, wait_for
from codedeploy_fleet import Fleet
from codepipeline_fixtures import refused

UNKNOWN = "d-AAAAAAAAA"


@pytest.fixture(scope="module")
def failed(fleet: Fleet) -> str:
    """One instance failed in AfterInstall, two skipped."""
    return str(fleet.end(fleet.deploy(fleet.group(3), "echo broken >&2", "exit 7"))["deploymentId"])


@pytest.fixture(scope="module")
def succeeded(fleet: Fleet) -> str:
    return str(fleet.end(fleet.deploy(fleet.group(1), "exit 0"))["deploymentId"])


# --- targets --------------------------------------------------------------------------------------


def test_a_successful_target_shows_seven_events_in_order(fleet: Fleet, succeeded: str) -> None:
    identifier = fleet.targets(succeeded)[0]
    target = fleet.target(succeeded, identifier)
    assert [each["lifecycleEventName"] for each in target["lifecycleEvents"]] == EVENTS
    assert (target["targetId"], target["deploymentId"], target["status"]) == (identifier, succeeded, "Succeeded")
    assert target["targetArn"] == f"arn:aws:ec2:us-east-1:123456789012:instance/{identifier}"
    for before, event in zip(target["lifecycleEvents"], target["lifecycleEvents"][1:], strict=False):
        assert before["startTime"] <= before["endTime"] <= event["startTime"]
    for event in target["lifecycleEvents"]:
        assert event["status"] == "Succeeded"
        assert event["diagnostics"] == {
            "errorCode": "Success",
            "scriptName": event["diagnostics"]["scriptName"],
            "message": "Succeeded",
            "logTail": event["diagnostics"]["logTail"],
        }
    info = fleet.get(succeeded)
    assert info["createTime"] <= info["startTime"] <= info["completeTime"]
    assert target["lastUpdatedAt"] <= info["completeTime"]


def test_events_that_were_never_reached_are_skipped_with_an_end_only(fleet: Fleet, failed: str) -> None:
    (identifier,) = fleet.targets(failed, "Failed")
    events = fleet.events(failed, identifier)
    broken = events["AfterInstall"]
    assert (broken["status"], broken["diagnostics"]["errorCode"], broken["diagnostics"]["scriptName"]) == (
        "Failed",
        "ScriptFailed",
        "run.sh",
    )
    assert "broken" in broken["diagnostics"]["logTail"]
    for name in EVENTS[5:]:
        assert set(events[name]) == {"lifecycleEventName", "status", "endTime"}
        assert events[name]["status"] == "Skipped"
    for untouched in fleet.targets(failed, "Skipped"):
        assert {each["status"] for each in fleet.events(failed, untouched).values()} == {"Skipped"}


def test_scripts_leave_their_kind_of_failure_in_the_diagnostics(fleet: Fleet) -> None:
    hooks = "hooks:\n  BeforeInstall:\n    - {location: missing.sh}\n"
    revision = fleet.revision("missing.zip", {"appspec.yml": appspec(hooks), "run.sh": shell("exit 0")})
    deployment = fleet.end(fleet.redeploy(fleet.group(1), revision))["deploymentId"]
    events = fleet.events(deployment, fleet.targets(deployment)[0])
    assert events["BeforeInstall"]["diagnostics"]["errorCode"] == "ScriptMissing"


def test_statuses_of_targets_are_told_while_they_change(fleet: Fleet, tmp_path: Path) -> None:
    group = fleet.group(3)
    fleet.end(fleet.deploy(group, "exit 0"))
    deployment = fleet.deploy(group, f"touch {tmp_path}/on; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    wait_for((tmp_path / "on").exists, "the first script")
    assert [len(fleet.targets(deployment, status)) for status in ("InProgress", "Pending", "Succeeded")] == [1, 2, 0]
    assert len(fleet.targets(deployment, "InProgress", "Pending")) == 3
    assert fleet.get(deployment)["deploymentOverview"] == {
        "Pending": 2,
        "InProgress": 1,
        "Succeeded": 0,
        "Failed": 0,
        "Skipped": 0,
        "Ready": 0,
    }
    (running,) = fleet.targets(deployment, "InProgress")
    events = fleet.events(deployment, running)
    assert (events["AfterInstall"]["status"], events["ApplicationStart"]["status"]) == ("InProgress", "Pending")
    assert "endTime" not in events["AfterInstall"]
    (tmp_path / "go").touch()
    assert fleet.end(deployment)["deploymentOverview"]["Succeeded"] == 3


def test_targets_are_got_one_by_one_and_in_batches(fleet: Fleet, failed: str) -> None:
    identifiers = fleet.targets(failed)
    batch = fleet.api.batch_get_deployment_targets(deploymentId=failed, targetIds=identifiers)["deploymentTargets"]
    assert [each["instanceTarget"] for each in batch] == [fleet.target(failed, each) for each in identifiers]
    assert {each["deploymentTargetType"] for each in batch} == {"InstanceTarget"}
    assert fleet.targets(failed, "Ready", "Unknown", "Succeeded") == []


def test_targets_that_are_not_there_are_refused(fleet: Fleet, failed: str) -> None:
    api = fleet.api
    with refused("DeploymentTargetDoesNotExistException", "i-ghost"):
        api.get_deployment_target(deploymentId=failed, targetId="i-ghost")
    with refused("DeploymentTargetDoesNotExistException", "i-ghost"):
        api.batch_get_deployment_targets(deploymentId=failed, targetIds=["i-ghost"])
    with refused("DeploymentTargetListSizeExceededException", "25"):
        api.batch_get_deployment_targets(deploymentId=failed, targetIds=["i-1"] * 26)
    with refused("DeploymentTargetIdRequiredException"):
        api.batch_get_deployment_targets(deploymentId=failed, targetIds=[])
    with refused("DeploymentTargetIdRequiredException"):
        api.get_deployment_target(deploymentId=failed, targetId="")
    with refused("InvalidDeploymentTargetIdException"):
        api.get_deployment_target(deploymentId=failed, targetId="two words")
    with refused("DeploymentDoesNotExistException"):
        api.get_deployment_target(deploymentId=UNKNOWN, targetId="i-1")


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ({"TargetStatus": ["Bored"]}, "InvalidInstanceStatusException"),
        ({"Colour": ["Blue"]}, "InvalidTargetFilterNameException"),
        ({"ServerInstanceLabel": ["Blue"]}, "InvalidDeploymentInstanceTypeException"),
    ],
)
def test_filters_of_targets_that_mean_nothing_are_refused(fleet: Fleet, failed: str, filters: Any, code: str) -> None:
    with refused(code):
        fleet.api.list_deployment_targets(deploymentId=failed, targetFilters=filters)
    with refused("InvalidNextTokenException"):
        fleet.api.list_deployment_targets(deploymentId=failed, nextToken="x")


# --- deprecated: instances ------------------------------------------------------------------------


def test_the_deprecated_operations_tell_the_same_by_arn(fleet: Fleet, failed: str) -> None:
    api = fleet.api
    identifiers = api.list_deployment_instances(deploymentId=failed)["instancesList"]
    assert identifiers == fleet.targets(failed)
    broken = api.list_deployment_instances(deploymentId=failed, instanceStatusFilter=["Failed"])["instancesList"]
    assert broken == fleet.targets(failed, "Failed")
    summary = api.get_deployment_instance(deploymentId=failed, instanceId=broken[0])["instanceSummary"]
    target = fleet.target(failed, broken[0])
    assert (summary["instanceId"], summary["status"]) == (target["targetArn"], "Failed")
    assert summary["lifecycleEvents"] == target["lifecycleEvents"]
    by_arn = api.get_deployment_instance(deploymentId=failed, instanceId=target["targetArn"])["instanceSummary"]
    assert by_arn == summary
    answer = api.batch_get_deployment_instances(deploymentId=failed, instanceIds=[broken[0], "i-ghost"])
    assert answer["instancesSummary"] == [summary]
    assert "i-ghost" in answer["errorMessage"]
    assert api.batch_get_deployment_instances(deploymentId=failed, instanceIds=broken)["errorMessage"] == ""


def test_the_deprecated_operations_refuse_as_documented(fleet: Fleet, failed: str) -> None:
    api = fleet.api
    with refused("InstanceDoesNotExistException"):
        api.get_deployment_instance(deploymentId=failed, instanceId="i-ghost")
    with refused("InstanceIdRequiredException"):
        api.get_deployment_instance(deploymentId=failed, instanceId="")
    with refused("InvalidInstanceNameException"):
        api.get_deployment_instance(deploymentId=failed, instanceId="two words")
    with refused("InstanceIdRequiredException"):
        api.batch_get_deployment_instances(deploymentId=failed, instanceIds=[])
    with refused("BatchLimitExceededException", "25"):
        api.batch_get_deployment_instances(deploymentId=failed, instanceIds=["i-1"] * 26)
    with refused("InvalidInstanceStatusException"):
        api.list_deployment_instances(deploymentId=failed, instanceStatusFilter=["Bored"])
    with refused("InvalidDeploymentInstanceTypeException"):
        api.list_deployment_instances(deploymentId=failed, instanceTypeFilter=["Blue"])
    with refused("InvalidInstanceTypeException"):
        api.list_deployment_instances(deploymentId=failed, instanceTypeFilter=["Red"])


# --- lists of deployments -------------------------------------------------------------------------


def test_deployments_are_listed_by_group_status_and_time(fleet: Fleet) -> None:
    group = fleet.group(0)
    named = {"applicationName": "shop", "deploymentGroupName": group}
    infos = []
    for _ in range(3):
        infos.append(fleet.end(fleet.deploy(group, "exit 0")))
        fleet.rig.sandbox.world.clock.advance(timedelta(minutes=10))
    oldest, middle, newest = (each["deploymentId"] for each in infos)
    made: list[datetime] = [each["createTime"] for each in infos]
    minute = timedelta(minutes=1)

    def listed(**filters: Any) -> list[str]:
        return list(fleet.api.list_deployments(**named, **filters)["deployments"])

    assert listed() == [newest, middle, oldest]
    assert listed(includeOnlyStatuses=["Failed", "Stopped"]) == [newest, middle, oldest]
    assert listed(includeOnlyStatuses=["Succeeded"]) == []
    assert listed(createTimeRange={"start": made[1] - minute}) == [newest, middle]
    assert listed(createTimeRange={"end": made[1] + minute}) == [middle, oldest]
    assert listed(createTimeRange={"start": made[0] + minute, "end": made[2] - minute}) == [middle]
    assert listed(externalId="stack") == []
    assert {oldest, middle, newest} <= set(fleet.api.list_deployments()["deployments"])


def test_lists_of_deployments_come_in_pages_of_a_hundred(fleet: Fleet) -> None:
    group = fleet.group(0)
    revision = {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k", "bundleType": "zip"}}
    made = [fleet.end(fleet.redeploy(group, revision))["deploymentId"] for _ in range(101)]
    named = {"applicationName": "shop", "deploymentGroupName": group}
    first = fleet.api.list_deployments(**named)
    second = fleet.api.list_deployments(**named, nextToken=first["nextToken"])
    assert first["deployments"] + second["deployments"] == made[::-1]
    assert "nextToken" not in second
    pages = fleet.api.get_paginator("list_deployments").paginate(**named)
    assert len([each for page in pages for each in page["deployments"]]) == 101


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ({"includeOnlyStatuses": ["Bored"]}, "InvalidDeploymentStatusException"),
        (
            {"createTimeRange": {"start": datetime(2026, 2, 1, tzinfo=UTC), "end": datetime(2026, 1, 1, tzinfo=UTC)}},
            "InvalidTimeRangeException",
        ),
        ({"applicationName": "shop"}, "DeploymentGroupNameRequiredException"),
        ({"deploymentGroupName": "g"}, "ApplicationNameRequiredException"),
        ({"applicationName": "shop", "deploymentGroupName": "ghost"}, "DeploymentGroupDoesNotExistException"),
        ({"applicationName": "ghost", "deploymentGroupName": "g"}, "ApplicationDoesNotExistException"),
        ({"nextToken": "nonsense"}, "InvalidNextTokenException"),
        ({"externalId": "two words"}, "InvalidExternalIdException"),
    ],
)
def test_filters_of_deployments_that_mean_nothing_are_refused(fleet: Fleet, filters: Any, code: str) -> None:
    with refused(code):
        fleet.api.list_deployments(**filters)


def test_batches_of_deployments_leave_the_unknown_out(fleet: Fleet, failed: str, succeeded: str) -> None:
    api = fleet.api
    told = api.batch_get_deployments(deploymentIds=[failed, UNKNOWN, succeeded])["deploymentsInfo"]
    assert told == [fleet.get(failed), fleet.get(succeeded)]
    with refused("BatchLimitExceededException", "25"):
        api.batch_get_deployments(deploymentIds=[failed] * 26)
    with refused("DeploymentIdRequiredException"):
        api.batch_get_deployments(deploymentIds=[])
    with refused("InvalidDeploymentIdException"):
        api.batch_get_deployments(deploymentIds=["d-short"])
    with refused("DeploymentIdRequiredException"):
        fleet.get("")
    with refused("DeploymentDoesNotExistException"):
        fleet.get(UNKNOWN)
