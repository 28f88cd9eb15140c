"""Deployments over HTTP with boto3, on real agents."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from agent_bench import appspec, hook
from codedeploy_calls import wait_for
from codedeploy_fleet import Fleet, s3
from codedeploy_traffic import Balanced, tagged
from codepipeline_fixtures import ROLE, refused


def test_three_instances_succeed_and_the_group_remembers_it(fleet: Fleet) -> None:
    group = fleet.group(3)
    fleet.end(fleet.deploy(group, "exit 0"))
    deployment = fleet.deploy(group, "exit 0", description="marker")
    info = fleet.end(deployment)
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
    with refused("DeploymentLimitExceededException", f"already has an active Deployment '{deployment}'"):
        fleet.deploy(group, "exit 0")
    fleet.api.stop_deployment(deploymentId=deployment, autoRollbackEnabled=asked)
    info = fleet.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    assert info["deploymentOverview"]["Succeeded"] == 0
    assert ("rollbackDeploymentId" in info.get("rollbackInfo", {})) == rolls_back


def test_a_group_without_instances_and_an_impossible_minimum_fail_at_once(fleet: Fleet) -> None:
    assert fleet.end(fleet.deploy(fleet.group(0), "exit 0"))["errorInformation"]["code"] == "NO_INSTANCES"
    fleet.api.create_deployment_config(
        deploymentConfigName="all", minimumHealthyHosts={"type": "HOST_COUNT", "value": 1}
    )
    info = fleet.end(fleet.deploy(fleet.group(1), "exit 0", deploymentConfigName="all"))
    assert info["errorInformation"]["code"] == "HEALTH_CONSTRAINTS_INVALID"
    assert info["deploymentOverview"]["Skipped"] == 1


# --- options ---------------------------------------------------------------------------------------

STOPPING = hook("ApplicationStop", "location: run.sh")


@pytest.mark.parametrize("ignores", [False, True])
def test_a_failing_application_stop_counts_unless_it_is_ignored(fleet: Fleet, ignores: bool) -> None:
    group = fleet.group(1)
    # The first deployment has no predecessor whose script could run.
    assert fleet.end(fleet.deploy(group, "exit 4", appspec=STOPPING))["status"] == "Succeeded"
    deployment = fleet.deploy(group, "exit 0", appspec=STOPPING, ignoreApplicationStopFailures=ignores)
    info = fleet.end(deployment)
    assert (info["status"], info["ignoreApplicationStopFailures"]) == ("Succeeded" if ignores else "Failed", ignores)
    events = fleet.events(deployment, fleet.targets(deployment)[0])
    assert (events["ApplicationStop"]["status"], events["ApplicationStop"]["diagnostics"]["errorCode"]) == (
        "Failed",
        "ScriptFailed",
    )
    assert events["ValidateService"]["status"] == ("Succeeded" if ignores else "Skipped")


FILES = appspec("files:\n  - {source: page, destination: /srv}\n")


@pytest.mark.parametrize(
    ("behavior", "status", "page"),
    [
        (None, "Failed", "mine"),
        ("DISALLOW", "Failed", "mine"),
        ("OVERWRITE", "Succeeded", "new"),
        ("RETAIN", "Succeeded", "mine"),
    ],
)
def test_files_that_exist_are_treated_as_asked(fleet: Fleet, behavior: str | None, status: str, page: str) -> None:
    group = fleet.group(1)
    first = fleet.deploy(group, "exit 0")
    fleet.end(first)
    instance = fleet.targets(first)[0]
    root = instance_root(fleet, instance)
    (root / "srv").mkdir(parents=True, exist_ok=True)
    (root / "srv" / "page").write_text("mine")
    more = {"fileExistsBehavior": behavior} if behavior else {}
    revision = fleet.revision(f"{group}.zip", {"appspec.yml": FILES, "page": "new"})
    info = fleet.end(fleet.redeploy(group, revision, **more))
    assert (info["status"], info["fileExistsBehavior"]) == (status, behavior or "DISALLOW")
    assert (root / "srv" / "page").read_text() == page


def test_only_outdated_instances_are_deployed_to_when_asked(fleet: Fleet) -> None:
    group = fleet.group(1)
    old = fleet.end(fleet.deploy(group, "exit 0"))
    fresh = fleet.launch(1, serves=group)
    deployment = fleet.redeploy(group, old["revision"], updateOutdatedInstancesOnly=True)
    info = fleet.end(deployment)
    assert (info["status"], info["updateOutdatedInstancesOnly"]) == ("Succeeded", True)
    assert fleet.targets(deployment) == fresh
    newer = fleet.deploy(group, "exit 0", updateOutdatedInstancesOnly=True)
    fleet.end(newer)
    assert len(fleet.targets(newer)) == 2


def test_an_instance_that_failed_since_is_outdated_whatever_it_ran(fleet: Fleet) -> None:
    group = fleet.group(1)
    good = fleet.end(fleet.deploy(group, "exit 0"))
    fleet.end(fleet.deploy(group, "exit 1"))
    again = fleet.end(fleet.redeploy(group, good["revision"], updateOutdatedInstancesOnly=True))
    assert (again["status"], again["deploymentOverview"]["Succeeded"]) == ("Succeeded", 1)
    nobody = fleet.end(fleet.redeploy(group, good["revision"], updateOutdatedInstancesOnly=True))
    assert nobody["errorInformation"]["code"] == "NO_INSTANCES"


def test_a_request_s_own_configuration_rollback_and_alarms_replace_the_group_s(fleet: Fleet) -> None:
    fleet.alarm("override", "ALARM")
    rollback = {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}
    alarms = {"enabled": True, "alarms": [{"name": "override"}]}
    group = fleet.group(1, autoRollbackConfiguration=rollback, alarmConfiguration=alarms)
    without = {"enabled": False, "alarms": []}
    good = fleet.deploy(
        group,
        "exit 0",
        overrideAlarmConfiguration=without,
        deploymentConfigName="CodeDeployDefault.AllAtOnce",
    )
    info = fleet.end(good)
    assert (info["status"], info["deploymentConfigName"]) == ("Succeeded", "CodeDeployDefault.AllAtOnce")
    assert (info["overrideAlarmConfiguration"], info["autoRollbackConfiguration"]) == (without, rollback)
    bad = fleet.end(
        fleet.deploy(group, "exit 1", overrideAlarmConfiguration=without, autoRollbackConfiguration={"enabled": False})
    )
    assert (bad["status"], "rollbackInfo" in bad) == ("Failed", False)
    assert fleet.end(fleet.deploy(group, "exit 0"))["status"] == "Stopped"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"description": "d" * 257}, "DescriptionTooLongException"),
        ({"fileExistsBehavior": "BURN"}, "InvalidFileExistsBehaviorException"),
        ({"deploymentConfigName": "Unknown"}, "DeploymentConfigDoesNotExistException"),
        ({"deploymentConfigName": "a b"}, "InvalidDeploymentConfigNameException"),
        ({"deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce"}, "InvalidDeploymentConfigNameException"),
        ({"autoRollbackConfiguration": {"enabled": True}}, "InvalidAutoRollbackConfigException"),
        ({"overrideAlarmConfiguration": {"enabled": True}}, "InvalidAlarmConfigException"),
        ({"targetInstances": {"autoScalingGroups": ["g"]}}, "InvalidTargetInstancesException"),
        ({"revision": {}}, "RevisionRequiredException"),
        ({"deploymentGroupName": "ghost"}, "DeploymentGroupDoesNotExistException"),
        ({"applicationName": "ghost"}, "ApplicationDoesNotExistException"),
    ],
)
def test_deployments_that_cannot_be_are_refused_and_leave_no_trace(fleet: Fleet, options: Any, code: str) -> None:
    group = fleet.group(0)
    revision = {"revisionType": "S3", "s3Location": {"bucket": "b", "key": group, "bundleType": "zip"}}
    request = {"applicationName": "shop", "deploymentGroupName": group, "revision": revision}
    with refused(code):
        fleet.api.create_deployment(**{**request, **options})
    assert fleet.api.list_deployments(applicationName="shop", deploymentGroupName=group)["deployments"] == []
    with refused("RevisionDoesNotExistException"):
        fleet.api.get_application_revision(applicationName="shop", revision=revision)
    described = fleet.redeploy(group, revision, description="d" * 256)
    assert len(fleet.end(described)["description"]) == 256


# --- what a deployment leaves behind ---------------------------------------------------------------


def test_a_success_moves_the_group_and_a_failure_only_its_last_attempt(fleet: Fleet) -> None:
    group = fleet.group(1)
    first = fleet.end(fleet.deploy(group, "exit 0"))
    second = fleet.end(fleet.deploy(group, "exit 0"))
    assert "previousRevision" not in first
    assert second["previousRevision"] == first["revision"]
    failed = fleet.end(fleet.deploy(group, "exit 1"))
    assert failed["previousRevision"] == second["revision"]
    shown = fleet.shown(group)
    assert shown["targetRevision"] == second["revision"]
    assert shown["lastSuccessfulDeployment"]["deploymentId"] == second["deploymentId"]
    last = shown["lastAttemptedDeployment"]
    assert (last["deploymentId"], last["status"], last["endTime"]) == (
        failed["deploymentId"],
        "Failed",
        failed["completeTime"],
    )


def test_a_deployment_registers_its_revision_and_counts_its_use(fleet: Fleet) -> None:
    group = fleet.group(1)
    deployment = fleet.end(fleet.deploy(group, "exit 0"))
    known = fleet.api.get_application_revision(applicationName="shop", revision=deployment["revision"])["revisionInfo"]
    registered = f"Application revision registered by Deployment ID: {deployment['deploymentId']}"
    assert (known["description"], known["deploymentGroups"]) == (registered, [group])
    fleet.rig.sandbox.world.clock.advance(timedelta(minutes=1))
    fleet.end(fleet.redeploy(group, deployment["revision"]))
    again = fleet.api.get_application_revision(applicationName="shop", revision=deployment["revision"])["revisionInfo"]
    assert again["firstUsedTime"] == known["firstUsedTime"] == known["lastUsedTime"]
    assert again["lastUsedTime"] - again["firstUsedTime"] >= timedelta(minutes=1)
    included = fleet.api.list_application_revisions(applicationName="shop", deployed="include")["revisions"]
    assert deployment["revision"] in included


def test_what_happens_is_told_as_event_bridge_tells_it(fleet: Fleet) -> None:
    group = fleet.group(2)
    deployment = fleet.end(fleet.deploy(group, "exit 1"))["deploymentId"]
    told = [each for each in list(fleet.rig.notices) if each.detail.get("deploymentId") == deployment]
    kinds = [(each.detail_type.split()[1], each.detail["state"]) for each in told]
    assert kinds == [
        ("Deployment", "START"),
        ("Instance", "START"),
        ("Instance", "FAILURE"),
        ("Deployment", "FAILURE"),
    ]
    instance = told[1]
    failed = fleet.targets(deployment, "Failed")[0]
    assert instance.source == "aws.codedeploy"
    assert instance.resources == (
        f"arn:aws:ec2:us-east-1:123456789012:instance/{failed}",
        "arn:aws:codedeploy:us-east-1:123456789012:application:shop",
        f"arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:shop/{group}",
    )
    assert instance.detail == {
        "region": "us-east-1",
        "application": "shop",
        "deploymentGroup": group,
        "deploymentId": deployment,
        "instanceGroupId": fleet.shown(group)["deploymentGroupId"],
        "state": "START",
        "instanceId": failed,
    }


@pytest.mark.parametrize(
    ("operation", "code"),
    [("DeleteApplication", "APPLICATION_MISSING"), ("DeleteDeploymentGroup", "DEPLOYMENT_GROUP_MISSING")],
)
def test_what_is_deleted_before_the_start_is_missed(fleet: Fleet, operation: str, code: str) -> None:
    world = fleet.rig.sandbox.world
    scope = world.context("123456789012", "us-east-1", ROLE)
    names = {"applicationName": f"short-lived-{code.lower()}", "deploymentGroupName": "prod"}
    revision = {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k", "bundleType": "zip"}}
    # Under the lock nothing starts in between.
    with world.lock:
        for made, more in (
            ("CreateApplication", {}),
            ("CreateDeploymentGroup", {"serviceRoleArn": ROLE}),
        ):
            world.call("codedeploy", made, {**names, **more}, scope)
        deployment = world.call("codedeploy", "CreateDeployment", {**names, "revision": revision}, scope)
        world.call("codedeploy", operation, names, scope)
    info = fleet.end(str(deployment["deploymentId"]))
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", code)


def test_a_configuration_of_a_live_deployment_is_in_use(fleet: Fleet, tmp_path: Path) -> None:
    fleet.api.create_deployment_config(
        deploymentConfigName="busy", minimumHealthyHosts={"type": "HOST_COUNT", "value": 0}
    )
    deployment = fleet.deploy(
        fleet.group(1), f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done", deploymentConfigName="busy"
    )
    with refused("DeploymentConfigInUseException", "busy"):
        fleet.api.delete_deployment_config(deploymentConfigName="busy")
    (tmp_path / "go").touch()
    assert fleet.end(deployment)["status"] == "Succeeded"
    fleet.api.delete_deployment_config(deploymentConfigName="busy")


def instance_root(fleet: Fleet, instance: str) -> Path:
    """Where an instance sees its own file system."""
    return fleet.rig.sandbox.state_dir / "instances" / instance / "root"


# --- restarts --------------------------------------------------------------------------------------


def test_a_restart_runs_every_event_with_the_last_good_revision(fleet: Fleet) -> None:
    group = fleet.group(1)
    good = fleet.end(fleet.deploy(group, "exit 0"))
    fleet.end(fleet.deploy(group, "exit 1"))
    # The agents have a copy: the bundle may be gone meanwhile.
    place = good["revision"]["s3Location"]
    fleet.rig.s3.delete_object(Bucket=place["bucket"], Key=place["key"], VersionId=place["version"])
    again = fleet.api.create_deployment(applicationName="shop", deploymentGroupName=group, deploymentMode="RESTART")
    info = fleet.end(again["deploymentId"])
    assert (info["status"], info["deploymentMode"], info["revision"]) == ("Succeeded", "RESTART", good["revision"])
    assert "deploymentMode" not in good
    (target,) = fleet.targets(again["deploymentId"])
    assert {each["status"] for each in fleet.events(again["deploymentId"], target).values()} == {"Succeeded"}
    # One of a chain: it is what the next restart starts from.
    assert fleet.shown(group)["lastSuccessfulDeployment"]["deploymentId"] == again["deploymentId"]


@pytest.fixture(scope="module")
def agent(fleet: Fleet) -> Balanced:
    return Balanced(fleet)


def of_one_mute(fleet: Fleet, agent: Balanced) -> tuple[str, str]:
    """A group of one instance that has no agent, with one successful deployment."""
    tag = fleet.name()
    (instance,) = fleet.launch(1, serves=tag, **{"deliverkit:agent": "none"})
    group = agent.group(ec2TagFilters=tagged(tag, key="serves"))
    first = fleet.deploy(group, "exit 0")
    wait_for(lambda: fleet.get(first)["status"] == "InProgress")
    agent.by_hand(instance, up_to="ValidateService")
    assert fleet.end(first)["status"] == "Succeeded"
    return group, instance


def test_both_sides_of_a_rollback_name_the_other_while_it_runs(fleet: Fleet, agent: Balanced) -> None:
    group, instance = of_one_mute(fleet, agent)
    stopped = fleet.deploy(group, "exit 0")
    wait_for(lambda: fleet.get(stopped)["status"] == "InProgress")
    fleet.api.stop_deployment(deploymentId=stopped, autoRollbackEnabled=True)
    told = fleet.end(stopped)["rollbackInfo"]
    back = told["rollbackDeploymentId"]
    assert told["rollbackMessage"] == (
        f"Deployment {stopped} terminated. Automatic rollback is triggered with a DeploymentId {back}."
    )
    message = f"Deployment {back} is triggered to roll back deployment {stopped}."
    wanted = {"rollbackTriggeringDeploymentId": stopped, "rollbackMessage": message}
    assert fleet.get(back)["rollbackInfo"] == wanted
    wait_for(lambda: fleet.get(back)["status"] == "InProgress")
    agent.by_hand(instance, up_to="ValidateService")
    assert fleet.end(back)["rollbackInfo"] == wanted


def test_agents_are_told_whose_copy_a_restart_starts_from(fleet: Fleet, agent: Balanced) -> None:
    group, instance = of_one_mute(fleet, agent)
    first = fleet.shown(group)["lastSuccessfulDeployment"]["deploymentId"]
    again = fleet.api.create_deployment(applicationName="shop", deploymentGroupName=group, deploymentMode="RESTART")
    wait_for(lambda: fleet.get(again["deploymentId"])["status"] == "InProgress")
    told = agent.told(instance)
    assert (told["DeploymentId"], told["ReuseArchiveFromDeploymentId"]) == (again["deploymentId"], first)
    agent.by_hand(instance, up_to="ValidateService")
    assert fleet.end(again["deploymentId"])["status"] == "Succeeded"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"deploymentMode": "BOUNCE"}, "InvalidInputException"),
        ({"deploymentMode": "RESTART", "revision": s3("key")}, "InvalidRevisionException"),
        (
            {"deploymentMode": "RESTART", "updateOutdatedInstancesOnly": True},
            "InvalidUpdateOutdatedInstancesOnlyValueException",
        ),
        ({"deploymentMode": "RESTART"}, "RevisionDoesNotExistException"),
    ],
)
def test_restarts_that_cannot_be_are_refused(fleet: Fleet, more: Any, code: str) -> None:
    group = fleet.group(0)
    with refused(code):
        fleet.api.create_deployment(applicationName="shop", deploymentGroupName=group, **more)


def test_more_than_a_thousand_instances_are_too_many(fleet: Fleet) -> None:
    group = fleet.group(0)
    crowd = fleet.launch(1001, serves=group, **{"deliverkit:agent": "none"})
    error = fleet.end(fleet.deploy(group, "exit 0"))["errorInformation"]
    fleet.ec2.terminate_instances(InstanceIds=crowd)
    assert error["code"] == "OVER_MAX_INSTANCES"
