"""Deployment groups over Auto Scaling groups, over HTTP: members, hooks, scale-out, outdated instances."""

from __future__ import annotations

from typing import Any

import pytest
from codedeploy_calls import wait_for
from codedeploy_traffic import ALL_AT_ONCE, IN_PLACE, Balanced, targets
from codepipeline_fixtures import ROLE, refused

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"


def hooks(balanced: Balanced, name: str) -> dict[str, str]:
    told = balanced.scaling.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
    return {each["LifecycleTransition"]: each["LifecycleHookName"] for each in told}


def update(balanced: Balanced, group: str, **settings: Any) -> Any:
    return balanced.api.update_deployment_group(applicationName="shop", currentDeploymentGroupName=group, **settings)


def deployments(balanced: Balanced, group: str) -> list[Any]:
    """Of the group, oldest first."""
    listed = balanced.api.list_deployments(applicationName="shop", deploymentGroupName=group)["deployments"]
    return [balanced.fleet.get(each) for each in reversed(listed)]


def deployed(balanced: Balanced, group: str, **more: Any) -> Any:
    info = balanced.fleet.end(
        balanced.fleet.redeploy(group, balanced.revision(f"{group}.zip"), deploymentConfigName=ALL_AT_ONCE, **more)
    )
    assert info["status"] == "Succeeded", info
    return info


# --- hooks ----------------------------------------------------------------------------------------


def test_a_group_puts_its_hook_on_the_auto_scaling_group_and_takes_it_off(balanced: Balanced) -> None:
    first, second = balanced.scaling_group(0), balanced.scaling_group(0)
    group = balanced.group(autoScalingGroups=[first])
    name = hooks(balanced, first)[LAUNCHING]
    assert name.startswith(f"CodeDeploy-managed-automatic-launch-deployment-hook-{group}")
    assert balanced.fleet.shown(group)["autoScalingGroups"] == [{"name": first, "hook": name}]
    # Absent keeps, a list replaces.
    update(balanced, group, outdatedInstancesStrategy="IGNORE")
    assert hooks(balanced, first) == {LAUNCHING: name}
    update(balanced, group, autoScalingGroups=[second], terminationHookEnabled=True)
    assert hooks(balanced, first) == {}
    assert set(hooks(balanced, second)) == {LAUNCHING, TERMINATING}
    shown = balanced.fleet.shown(group)["autoScalingGroups"]
    assert shown == [
        {
            "name": second,
            "hook": hooks(balanced, second)[LAUNCHING],
            "terminationHook": hooks(balanced, second)[TERMINATING],
        }
    ]
    update(balanced, group, terminationHookEnabled=False)
    assert set(hooks(balanced, second)) == {LAUNCHING}
    assert update(balanced, group, autoScalingGroups=[])["hooksNotCleanedUp"] == []
    assert (hooks(balanced, second), balanced.fleet.shown(group)["autoScalingGroups"]) == ({}, [])


def test_a_deleted_group_takes_its_hooks_along(balanced: Balanced) -> None:
    name = balanced.scaling_group(0)
    group = balanced.group(autoScalingGroups=[name])
    answer = balanced.api.delete_deployment_group(applicationName="shop", deploymentGroupName=group)
    assert (answer["hooksNotCleanedUp"], hooks(balanced, name)) == ([], {})


def test_a_deleted_application_takes_the_hooks_of_its_groups_along(balanced: Balanced) -> None:
    name, application = balanced.scaling_group(0), balanced.name("app")
    balanced.api.create_application(applicationName=application)
    balanced.api.create_deployment_group(
        applicationName=application, deploymentGroupName="prod", serviceRoleArn=ROLE, autoScalingGroups=[name]
    )
    assert set(hooks(balanced, name)) == {LAUNCHING}
    balanced.api.delete_application(applicationName=application)
    assert hooks(balanced, name) == {}


# --- members --------------------------------------------------------------------------------------


def test_instances_of_the_auto_scaling_group_are_members(balanced: Balanced) -> None:
    name = balanced.scaling_group(3)
    group = balanced.group(autoScalingGroups=[name])
    info = deployed(balanced, group)
    assert set(balanced.fleet.targets(info["deploymentId"])) == balanced.in_scaling_group(name)
    assert info["creator"] == "user"


def test_a_new_instance_gets_the_last_good_revision_by_a_deployment_of_its_own(balanced: Balanced) -> None:
    name = balanced.scaling_group(1)
    before = balanced.in_scaling_group(name)
    behind = balanced.target_group(*before)
    group = balanced.group(autoScalingGroups=[name], deploymentStyle=IN_PLACE, **targets(behind))
    good = deployed(balanced, group)
    balanced.scale(name, 2)
    (new,) = balanced.in_scaling_group(name) - before
    wait_for(lambda: len(deployments(balanced, group)) == 2)
    launched = balanced.fleet.end(deployments(balanced, group)[1]["deploymentId"])
    assert (launched["creator"], launched["status"]) == ("autoscaling", "Succeeded")
    assert launched["revision"] == good["revision"]
    assert balanced.fleet.targets(launched["deploymentId"]) == [new]
    # The seven events and the three of entering service; it leaves nothing.
    events = list(balanced.fleet.events(launched["deploymentId"], new))
    assert (len(events), events[0], events[-1]) == (10, "ApplicationStop", "AfterAllowTraffic")
    assert balanced.behind(behind) == {new, *before}
    shown = balanced.fleet.shown(group)
    assert shown["lastSuccessfulDeployment"]["deploymentId"] == good["deploymentId"]
    assert shown["lastAttemptedDeployment"]["deploymentId"] == good["deploymentId"]


def test_a_group_that_was_never_deployed_to_leaves_new_instances_alone(balanced: Balanced) -> None:
    name = balanced.scaling_group(1)
    group = balanced.group(autoScalingGroups=[name])
    balanced.scale(name, 2)
    info = deployed(balanced, group)
    assert set(balanced.fleet.targets(info["deploymentId"])) == balanced.in_scaling_group(name)
    assert [each["creator"] for each in deployments(balanced, group)] == ["user"]


def test_a_new_instance_that_fails_rolls_nothing_back_and_holds_nobody_up(balanced: Balanced) -> None:
    name = balanced.scaling_group(1)
    rollback = {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}
    group = balanced.group(autoScalingGroups=[name], autoRollbackConfiguration=rollback)
    good = deployed(balanced, group)
    balanced.fleet.rig.s3.delete_object(
        Bucket="releases", Key=f"{group}.zip", VersionId=good["revision"]["s3Location"]["version"]
    )
    balanced.scale(name, 2)
    wait_for(lambda: len(deployments(balanced, group)) == 2)
    launched = balanced.fleet.end(deployments(balanced, group)[1]["deploymentId"])
    assert (launched["creator"], launched["status"], "rollbackInfo" in launched) == ("autoscaling", "Failed", False)
    assert deployed(balanced, group)["deploymentOverview"]["Succeeded"] == 2
    # The second deployment made it healthy: Auto Scaling keeps it.
    members = balanced.in_scaling_group(name)
    balanced.advance(minutes=2)
    assert deployed(balanced, group)["deploymentOverview"]["Succeeded"] == 2
    assert balanced.in_scaling_group(name) == members


def test_auto_scaling_replaces_an_instance_that_could_not_be_deployed_to(balanced: Balanced) -> None:
    name = balanced.scaling_group(1)
    group = balanced.group(autoScalingGroups=[name])
    good = deployed(balanced, group)
    before = balanced.in_scaling_group(name)
    balanced.fleet.rig.s3.delete_object(
        Bucket="releases", Key=f"{group}.zip", VersionId=good["revision"]["s3Location"]["version"]
    )
    balanced.scale(name, 2)
    (new,) = balanced.in_scaling_group(name) - before
    wait_for(lambda: len(deployments(balanced, group)) == 2)
    balanced.fleet.end(deployments(balanced, group)[1]["deploymentId"])
    balanced.advance(seconds=61)
    wait_for(lambda: len(deployments(balanced, group)) == 3)
    # The other one in its place gets a deployment of its own, and fails as well.
    (other,) = balanced.in_scaling_group(name) - before
    third = balanced.fleet.end(deployments(balanced, group)[2]["deploymentId"])
    assert (third["creator"], third["status"], other != new) == ("autoscaling", "Failed", True)
    assert balanced.fleet.targets(third["deploymentId"]) == [other]


def test_the_agent_of_a_new_instance_has_an_hour_to_answer(balanced: Balanced) -> None:
    name, tag = balanced.scaling_group(0, agent="none"), balanced.name("own")
    balanced.launch(1, fleet=tag)
    filters = [{"Key": "fleet", "Value": tag, "Type": "KEY_AND_VALUE"}]
    group = balanced.group(autoScalingGroups=[name], ec2TagFilters=filters)
    deployed(balanced, group)
    balanced.scale(name, 1)
    wait_for(lambda: len(deployments(balanced, group)) == 2)
    launched = deployments(balanced, group)[1]["deploymentId"]
    wait_for(lambda: balanced.fleet.get(launched)["status"] == "InProgress")
    balanced.advance(minutes=59)
    assert balanced.fleet.rig.sandbox.world.timers.settle(30)
    assert balanced.fleet.get(launched)["status"] == "InProgress"
    balanced.advance(minutes=1)
    assert balanced.fleet.end(launched)["status"] == "Failed"


# --- instances that come or go under way ----------------------------------------------------------


def held(balanced: Balanced, group: str, foreign: str, **more: Any) -> str:
    """A deployment that waits for an instance without an agent."""
    deployment = balanced.fleet.redeploy(
        group, balanced.revision(f"{group}-2.zip"), deploymentConfigName=ALL_AT_ONCE, **more
    )
    # A deployment has no targets before it has started, and says so.
    wait_for(
        lambda: (
            balanced.fleet.get(deployment)["status"] != "Created"
            and foreign in balanced.fleet.targets(deployment, "InProgress")
        )
    )
    return deployment


@pytest.mark.parametrize("strategy", ["UPDATE", "IGNORE"])
def test_instances_launched_meanwhile_are_brought_along_afterwards(balanced: Balanced, strategy: str) -> None:
    name, tag = balanced.scaling_group(1), balanced.name("foreign")
    before = balanced.in_scaling_group(name)
    filters = [{"Key": "fleet", "Value": tag, "Type": "KEY_AND_VALUE"}]
    group = balanced.group(autoScalingGroups=[name], ec2TagFilters=filters, outdatedInstancesStrategy=strategy)
    good = deployed(balanced, group)
    (foreign,) = balanced.fleet.launch(1, fleet=tag, **{"deliverkit:agent": "none"})
    deployment = held(balanced, group, foreign)
    with refused("DeploymentLimitExceededException", deployment):
        balanced.fleet.redeploy(group, good["revision"])
    balanced.scale(name, 2)
    (new,) = balanced.in_scaling_group(name) - before
    wait_for(lambda: any(each["creator"] == "autoscaling" for each in deployments(balanced, group)))
    (launched,) = (each for each in deployments(balanced, group) if each["creator"] == "autoscaling")
    # Meanwhile the last successful revision is the old one.
    assert balanced.fleet.end(launched["deploymentId"])["revision"] == good["revision"]
    balanced.by_hand(foreign, up_to="ValidateService")
    latest = balanced.fleet.end(deployment)
    assert latest["status"] == "Succeeded"
    if strategy == "IGNORE":
        assert "relatedDeployments" not in latest
        return
    (follow,) = latest["relatedDeployments"]["autoUpdateOutdatedInstancesDeploymentIds"]
    update_ = balanced.fleet.end(follow)
    assert (update_["creator"], update_["status"]) == ("CodeDeployAutoUpdate", "Succeeded")
    assert update_["relatedDeployments"] == {"autoUpdateOutdatedInstancesRootDeploymentId": deployment}
    assert (update_["revision"], update_["updateOutdatedInstancesOnly"]) == (latest["revision"], True)
    assert balanced.fleet.targets(follow) == [new]


def test_an_instance_that_is_terminated_under_way_fails_its_target(balanced: Balanced) -> None:
    tag = balanced.name("foreign")
    members = balanced.fleet.launch(2, fleet=tag, **{"deliverkit:agent": "none"})
    filters = [{"Key": "fleet", "Value": tag, "Type": "KEY_AND_VALUE"}]
    group = balanced.group(ec2TagFilters=filters)
    deployment = balanced.fleet.redeploy(group, balanced.revision())
    wait_for(lambda: balanced.fleet.targets(deployment, "InProgress") != [])
    (first,) = balanced.fleet.targets(deployment, "InProgress")
    (second,) = set(members) - {first}
    balanced.by_hand(first, up_to="BeforeInstall")
    # One goes before its turn, with the second next in line: OneAtATime lets only the last one fail.
    balanced.ec2.terminate_instances(InstanceIds=[second])
    balanced.by_hand(first, up_to="ValidateService")
    info = balanced.fleet.end(deployment)
    assert info["status"] == "Succeeded"
    assert balanced.fleet.target(deployment, second)["status"] == "Failed"
    assert set(balanced.fleet.events(deployment, second)["ApplicationStop"]) == {
        "lifecycleEventName",
        "status",
        "endTime",
    }


# --- processes that rest --------------------------------------------------------------------------


def resting(balanced: Balanced, name: str) -> set[str]:
    told = balanced.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
    return {each["ProcessName"] for each in told["SuspendedProcesses"]}


@pytest.mark.parametrize("is_stopped", [False, True])
def test_processes_rest_during_a_deployment_and_are_resumed_at_every_end(balanced: Balanced, is_stopped: bool) -> None:
    name, tag = balanced.scaling_group(1), balanced.name("foreign")
    (foreign,) = balanced.fleet.launch(1, fleet=tag, **{"deliverkit:agent": "none"})
    filters = [{"Key": "fleet", "Value": tag, "Type": "KEY_AND_VALUE"}]
    options = {"autoScalingGroupProcessesToSuspend": ["Terminate", "AZRebalance"]}
    group = balanced.group(autoScalingGroups=[name], ec2TagFilters=filters, ec2DeploymentOptions=options)
    assert balanced.fleet.shown(group)["ec2DeploymentOptions"] == options
    balanced.scaling.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["AZRebalance"])
    deployment = held(balanced, group, foreign)
    assert resting(balanced, name) == {"Terminate", "AZRebalance"}
    assert balanced.fleet.get(deployment)["ec2DeploymentOptions"] == options
    if is_stopped:
        balanced.api.stop_deployment(deploymentId=deployment)
    else:
        balanced.by_hand(foreign, up_to="ValidateService")
    assert balanced.fleet.end(deployment)["status"] == ("Stopped" if is_stopped else "Succeeded")
    # What rested before goes on resting.
    assert resting(balanced, name) == {"AZRebalance"}


def test_only_four_processes_can_be_suspended(balanced: Balanced) -> None:
    code = "InvalidAutoScalingGroupProcessToSuspendException"
    for wrong in ("Launch", "azrebalance"):
        options = {"autoScalingGroupProcessesToSuspend": [wrong]}
        with refused(code, wrong):
            balanced.group(ec2DeploymentOptions=options)
        group = balanced.group()
        with refused(code, wrong):
            balanced.fleet.redeploy(group, balanced.revision(), ec2DeploymentOptions=options)


def test_an_auto_scaling_group_without_room_for_a_hook_is_refused(balanced: Balanced) -> None:
    name = balanced.scaling_group(0)
    for number in range(50):
        balanced.scaling.put_lifecycle_hook(
            AutoScalingGroupName=name, LifecycleHookName=f"hook-{number}", LifecycleTransition=LAUNCHING
        )
    with refused("LifecycleHookLimitExceededException"):
        balanced.group(autoScalingGroups=[name])


# --- termination deployments ----------------------------------------------------------------------


def lifecycle_states(balanced: Balanced, name: str) -> dict[str, str]:
    told = balanced.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return {each["InstanceId"]: each["LifecycleState"] for one in told for each in one["Instances"]}


def running(balanced: Balanced, instance: str) -> bool:
    told = balanced.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return bool(told["State"]["Name"] == "running")


def test_the_application_stops_before_auto_scaling_ends_its_instance(balanced: Balanced) -> None:
    name, behind = balanced.scaling_group(2), balanced.target_group()
    settings = {"deploymentStyle": IN_PLACE, **targets(behind)}
    group = balanced.group(autoScalingGroups=[name], terminationHookEnabled=True, **settings)
    good = deployed(balanced, group)
    before = balanced.in_scaling_group(name)
    assert balanced.behind(behind) == before
    balanced.scale(name, 1)
    wait_for(lambda: len(balanced.in_scaling_group(name)) == 1)
    (gone,) = before - balanced.in_scaling_group(name)
    leaving = deployments(balanced, group)[-1]
    assert (leaving["creator"], leaving["status"], leaving["revision"]) == (
        "autoscalingTermination",
        "Succeeded",
        good["revision"],
    )
    assert balanced.fleet.targets(leaving["deploymentId"]) == [gone]
    events = balanced.fleet.events(leaving["deploymentId"], gone)
    assert list(events) == ["BeforeBlockTraffic", "BlockTraffic", "AfterBlockTraffic", "ApplicationStop"]
    assert not running(balanced, gone)
    assert balanced.behind(behind) == balanced.in_scaling_group(name)
    # It is for one instance: the group remembers its own deployments alone.
    assert balanced.fleet.shown(group)["lastAttemptedDeployment"]["deploymentId"] == good["deploymentId"]


def test_an_instance_waits_for_its_termination_deployment_and_goes_when_that_fails(balanced: Balanced) -> None:
    name = balanced.scaling_group(1, agent="none")
    group = balanced.group(autoScalingGroups=[name], terminationHookEnabled=True)
    (instance,) = balanced.in_scaling_group(name)
    first = balanced.fleet.redeploy(group, balanced.revision())
    wait_for(lambda: balanced.fleet.get(first)["status"] == "InProgress")
    balanced.by_hand(instance, up_to="ValidateService")
    assert balanced.fleet.end(first)["status"] == "Succeeded"
    balanced.scale(name, 0)
    wait_for(lambda: deployments(balanced, group)[-1]["creator"] == "autoscalingTermination")
    assert lifecycle_states(balanced, name) == {instance: "Terminating:Wait"}
    assert running(balanced, instance)
    # On its way out it is no member any more.
    assert balanced.fleet.end(balanced.fleet.redeploy(group, balanced.revision()))["errorInformation"]["code"] == (
        "NO_INSTANCES"
    )
    (leaving,) = (each for each in deployments(balanced, group) if each["creator"] == "autoscalingTermination")
    wait_for(lambda: balanced.fleet.get(leaving["deploymentId"])["status"] == "InProgress")
    # No agent takes the event within five minutes.
    balanced.advance(minutes=5)
    assert balanced.fleet.end(leaving["deploymentId"])["status"] == "Failed"
    wait_for(lambda: not running(balanced, instance))
    assert lifecycle_states(balanced, name) == {}


@pytest.mark.parametrize("is_hooked", [False, True])
def test_without_the_hook_or_a_good_revision_an_instance_goes_at_once(balanced: Balanced, is_hooked: bool) -> None:
    name = balanced.scaling_group(1)
    group = balanced.group(autoScalingGroups=[name], terminationHookEnabled=is_hooked)
    (instance,) = balanced.in_scaling_group(name)
    balanced.scale(name, 0)
    wait_for(lambda: not running(balanced, instance))
    assert deployments(balanced, group) == []
