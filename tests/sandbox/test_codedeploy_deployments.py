"""Deployments over HTTP with boto3, on real agents."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from agent_bench import hook, shell, zipped
from agent_bench import wait_for as wait_until
from botocore.exceptions import ClientError
from codepipeline_fixtures import ROLE, SOURCE_BUCKET, Rig, whole_rig

ENDED = {"Succeeded", "Failed", "Stopped"}
GOOD = hook("AfterInstall", "location: run.sh")


def wait_for(holds: Callable[[], Any]) -> None:
    wait_until(holds, "the deployment to get there")


class Fleet:
    def __init__(self, rig: Rig) -> None:
        self.rig, self.api, self._names = rig, rig.client("codedeploy"), itertools.count()
        self.api.create_application(applicationName="shop", computePlatform="Server")

    def group(self, size: int, **settings: Any) -> str:
        name = f"group-{next(self._names)}"
        if size:
            tags = [{"ResourceType": "instance", "Tags": [{"Key": "serves", "Value": name}]}]
            ec2 = self.rig.client("ec2")
            ec2.run_instances(ImageId="ami-12c6146b", MinCount=size, MaxCount=size, TagSpecifications=tags)
        filters = [{"Key": "serves", "Value": name, "Type": "KEY_AND_VALUE"}]
        self.api.create_deployment_group(
            applicationName="shop", deploymentGroupName=name, serviceRoleArn=ROLE, ec2TagFilters=filters, **settings
        )
        return name

    def deploy(self, group: str, *script: str, **more: Any) -> str:
        self.rig.put(zipped({"appspec.yml": GOOD, "run.sh": shell(*script)}), key=f"{group}.zip")
        location = {"bucket": SOURCE_BUCKET, "key": f"{group}.zip", "bundleType": "zip"}
        location["version"] = self.rig.s3.head_object(Bucket=SOURCE_BUCKET, Key=f"{group}.zip")["VersionId"]
        revision = {"revisionType": "S3", "s3Location": location}
        return str(
            self.api.create_deployment(applicationName="shop", deploymentGroupName=group, revision=revision, **more)[
                "deploymentId"
            ]
        )

    def get(self, deployment: str) -> Any:
        return self.api.get_deployment(deploymentId=deployment)["deploymentInfo"]

    def end(self, deployment: str) -> Any:
        wait_for(lambda: self.get(deployment)["status"] in ENDED)
        return self.get(deployment)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield Fleet(rig)


def test_three_instances_succeed_in_under_two_seconds(fleet: Fleet) -> None:
    group = fleet.group(3)
    started = time.monotonic()
    deployment = fleet.deploy(group, "exit 0", description="marker")
    info = fleet.end(deployment)
    assert time.monotonic() - started < 2
    assert (info["status"], info["deploymentOverview"]["Succeeded"], info["description"]) == ("Succeeded", 3, "marker")
    shown = fleet.api.get_deployment_group(applicationName="shop", deploymentGroupName=group)["deploymentGroupInfo"]
    assert shown["lastSuccessfulDeployment"]["deploymentId"] == deployment
    assert shown["targetRevision"] == info["revision"]


def test_a_failing_hook_skips_the_rest_and_rolls_back_to_the_last_good_revision(fleet: Fleet) -> None:
    group = fleet.group(2, autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]})
    good = fleet.end(fleet.deploy(group, "exit 0"))
    bad = fleet.end(fleet.deploy(group, "echo broken; exit 3"))
    assert (bad["status"], bad["errorInformation"]["code"]) == ("Failed", "HEALTH_CONSTRAINTS")
    assert (bad["deploymentOverview"]["Failed"], bad["deploymentOverview"]["Skipped"]) == (1, 1)
    failed = fleet.api.list_deployment_targets(
        deploymentId=bad["deploymentId"], targetFilters={"TargetStatus": ["Failed"]}
    )
    target = fleet.api.get_deployment_target(deploymentId=bad["deploymentId"], targetId=failed["targetIds"][0])
    events = {e["lifecycleEventName"]: e for e in target["deploymentTarget"]["instanceTarget"]["lifecycleEvents"]}
    assert events["AfterInstall"]["diagnostics"]["errorCode"] == "ScriptFailed"
    assert "broken" in events["AfterInstall"]["diagnostics"]["logTail"]
    assert events["ApplicationStart"]["status"] == "Skipped"
    rollback = fleet.end(bad["rollbackInfo"]["rollbackDeploymentId"])
    assert (rollback["status"], rollback["creator"]) == ("Succeeded", "codeDeployRollback")
    assert rollback["revision"] == good["revision"]
    assert rollback["rollbackInfo"]["rollbackTriggeringDeploymentId"] == bad["deploymentId"]


@pytest.mark.parametrize(("asked", "rolls_back"), [(True, True), (False, False)])
def test_a_stop_lets_the_event_end_and_the_caller_decides_on_the_rollback(
    fleet: Fleet, asked: bool, rolls_back: bool
) -> None:
    group = fleet.group(2, autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_STOP_ON_REQUEST"]})
    fleet.end(fleet.deploy(group, "exit 0"))
    deployment = fleet.deploy(group, "sleep 0.5")
    wait_for(lambda: fleet.get(deployment)["status"] == "InProgress")
    with pytest.raises(ClientError, match="already has an active Deployment"):
        fleet.deploy(group, "exit 0")
    fleet.api.stop_deployment(deploymentId=deployment, autoRollbackEnabled=asked)
    info = fleet.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    assert info["deploymentOverview"]["Succeeded"] == 0
    assert ("rollbackDeploymentId" in info.get("rollbackInfo", {})) == rolls_back


def test_an_alarm_in_alarm_stops_the_deployment(fleet: Fleet) -> None:
    cloudwatch = fleet.rig.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        MetricName="m",
        Namespace="n",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    group = fleet.group(1, alarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]})
    info = fleet.end(fleet.deploy(group, "exit 0"))
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")


def test_a_group_without_instances_and_an_impossible_minimum_fail_at_once(fleet: Fleet) -> None:
    assert fleet.end(fleet.deploy(fleet.group(0), "exit 0"))["errorInformation"]["code"] == "NO_INSTANCES"
    fleet.api.create_deployment_config(
        deploymentConfigName="all", minimumHealthyHosts={"type": "HOST_COUNT", "value": 1}
    )
    info = fleet.end(fleet.deploy(fleet.group(1), "exit 0", deploymentConfigName="all"))
    assert info["errorInformation"]["code"] == "HEALTH_CONSTRAINTS_INVALID"
    assert info["deploymentOverview"]["Skipped"] == 1


def test_an_event_that_outlives_an_hour_fails_its_instance(fleet: Fleet) -> None:
    deployment = fleet.deploy(fleet.group(1), "sleep 3")
    wait_for(lambda: fleet.api.list_deployment_targets(deploymentId=deployment)["targetIds"])
    target = fleet.api.list_deployment_targets(deploymentId=deployment)["targetIds"][0]

    def hook_runs() -> bool:
        shown = fleet.api.get_deployment_target(deploymentId=deployment, targetId=target)["deploymentTarget"]
        events = {e["lifecycleEventName"]: e["status"] for e in shown["instanceTarget"]["lifecycleEvents"]}
        return events["AfterInstall"] == "InProgress"

    wait_for(hook_runs)
    wait_for(lambda: not (fleet.rig.sandbox.world.clock.advance(timedelta(seconds=3601)) or hook_runs()))
    assert fleet.end(deployment)["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"


def test_lists_filter_and_refuse_bad_tokens(fleet: Fleet) -> None:
    group = fleet.group(1)
    deployment = fleet.deploy(group, "exit 0")
    fleet.end(deployment)
    named = {"applicationName": "shop", "deploymentGroupName": group}
    assert fleet.api.list_deployments(**named, includeOnlyStatuses=["Succeeded"])["deployments"] == [deployment]
    assert fleet.api.list_deployments(**named, includeOnlyStatuses=["Failed"])["deployments"] == []
    with pytest.raises(fleet.api.exceptions.InvalidNextTokenException):
        fleet.api.list_deployments(**named, nextToken="nonsense")
    with pytest.raises(fleet.api.exceptions.DeploymentDoesNotExistException):
        fleet.get("d-ABCDEFGHI")
