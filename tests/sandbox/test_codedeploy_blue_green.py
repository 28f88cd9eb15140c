"""Blue/green deployments of the server platform, over HTTP: fleets, waits, rerouting, termination, rollback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from agent_bench import ALLOWING, BLOCKING, EVENTS
from codedeploy_calls import wait_for
from codedeploy_traffic import ALL_AT_ONCE, BLUE_GREEN, IN_PLACE, Balanced, tagged, targets
from codepipeline_fixtures import refused

GREEN_EVENTS = [*EVENTS, *ALLOWING]
COPY = {"action": "COPY_AUTO_SCALING_GROUP"}
GO_ON = {"actionOnTimeout": "CONTINUE_DEPLOYMENT"}
KEEP = {"action": "KEEP_ALIVE"}
EVERY_EVENT = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]


def ready(minutes: int) -> dict[str, Any]:
    return {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": minutes}


def ends(minutes: int) -> dict[str, Any]:
    return {"action": "TERMINATE", "terminationWaitTimeInMinutes": minutes}


@dataclass
class Pair:
    """A blue fleet behind a target group, and a green one that waits; both found by tags."""

    balanced: Balanced
    blue: list[str]
    green: list[str]
    behind: str
    group: str
    tag: str

    def deploy(self, **more: Any) -> str:
        wanted = {"tagFilters": tagged(self.tag)}
        return self.balanced.fleet.redeploy(self.group, self.balanced.revision(), **{"targetInstances": wanted, **more})

    def get(self, deployment: str) -> Any:
        return self.balanced.fleet.get(deployment)

    def labelled(self, deployment: str, label: str) -> list[str]:
        told = self.balanced.api.list_deployment_targets(
            deploymentId=deployment, targetFilters={"ServerInstanceLabel": [label]}
        )
        return list(told["targetIds"])

    def events(self, deployment: str, instance: str) -> dict[str, Any]:
        return self.balanced.fleet.events(deployment, instance)


def pair(
    balanced: Balanced, size: int = 2, *, delay: int = 0, first: bool = False, green_tags: Any = None, **settings: Any
) -> Pair:
    """Two fleets; `first` lets the blue one have a successful deployment already."""
    blue_tag, green_tag = balanced.name("blue"), balanced.name("green")
    blue = balanced.launch(size, fleet=blue_tag)
    green = (
        balanced.fleet.launch(size, fleet=green_tag, **green_tags)
        if green_tags
        else balanced.launch(size, fleet=green_tag)
    )
    behind = balanced.target_group(*blue, delay=delay)
    options = {
        "deploymentReadyOption": settings.pop("ready", GO_ON),
        "greenFleetProvisioningOption": {"action": "DISCOVER_EXISTING"},
        "terminateBlueInstancesOnDeploymentSuccess": settings.pop("blue", KEEP),
    }
    shared = {"ec2TagFilters": tagged(blue_tag), **targets(behind), **settings}
    if first:
        group = balanced.group(deploymentStyle=IN_PLACE, deploymentConfigName=ALL_AT_ONCE, **shared)
        balanced.advance_until(balanced.fleet.redeploy(group, balanced.revision()), "Succeeded")
        balanced.api.update_deployment_group(
            applicationName="shop",
            currentDeploymentGroupName=group,
            deploymentStyle=BLUE_GREEN,
            blueGreenDeploymentConfiguration=options,
        )
    else:
        group = balanced.group(deploymentStyle=BLUE_GREEN, blueGreenDeploymentConfiguration=options, **shared)
    return Pair(balanced, blue, green, behind, group, green_tag)


# --- the whole way --------------------------------------------------------------------------------


def test_a_discovered_fleet_takes_the_traffic_over(balanced: Balanced) -> None:
    fleets = pair(balanced)
    deployment = fleets.deploy()
    info = balanced.advance_until(deployment, "Succeeded")
    assert info["deploymentStyle"] == BLUE_GREEN
    assert info["targetInstances"] == {"tagFilters": tagged(fleets.tag)}
    assert info["instanceTerminationWaitTimeStarted"] is False
    assert info["deploymentOverview"]["Succeeded"] == 4
    assert fleets.labelled(deployment, "Green") == fleets.green
    assert fleets.labelled(deployment, "Blue") == fleets.blue
    for green in fleets.green:
        assert list(fleets.events(deployment, green)) == GREEN_EVENTS
        assert balanced.fleet.target(deployment, green)["instanceLabel"] == "Green"
    for blue in fleets.blue:
        assert list(fleets.events(deployment, blue)) == BLOCKING
    # Green comes in before blue goes out.
    last_in = max(fleets.events(deployment, each)["AllowTraffic"]["endTime"] for each in fleets.green)
    first_out = min(fleets.events(deployment, each)["BlockTraffic"]["startTime"] for each in fleets.blue)
    assert last_in <= first_out
    assert balanced.behind(fleets.behind) == set(fleets.green)
    # KEEP_ALIVE: the blue instances run on and are no members any more.
    states = balanced.ec2.describe_instances(InstanceIds=fleets.blue)["Reservations"]
    assert {each["State"]["Name"] for one in states for each in one["Instances"]} == {"running"}
    assert balanced.fleet.shown(fleets.group)["ec2TagFilters"] == tagged(fleets.tag)


def test_an_auto_scaling_group_is_copied_and_the_first_one_goes_after_its_wait(balanced: Balanced) -> None:
    source = balanced.scaling_group(2)
    blue = balanced.in_scaling_group(source)
    behind = balanced.target_group(*blue)
    options = {
        "deploymentReadyOption": GO_ON,
        "greenFleetProvisioningOption": COPY,
        "terminateBlueInstancesOnDeploymentSuccess": ends(60),
    }
    group = balanced.group(
        autoScalingGroups=[source],
        deploymentStyle=BLUE_GREEN,
        blueGreenDeploymentConfiguration=options,
        **targets(behind),
    )
    deployment = balanced.fleet.redeploy(group, balanced.revision())
    info = balanced.advance_until(deployment, "Succeeded")
    copied = f"CodeDeploy_{group}_{deployment}"
    green = balanced.in_scaling_group(copied)
    assert (len(green), green & blue, balanced.behind(behind)) == (2, set(), green)
    shown = balanced.fleet.shown(group)["autoScalingGroups"]
    assert [each["name"] for each in shown] == [copied]
    assert info["instanceTerminationWaitTimeStarted"] is True
    assert balanced.in_scaling_group(source) == blue
    balanced.advance(minutes=61)
    wait_for(lambda: balanced.in_scaling_group(source) == set())
    states = balanced.ec2.describe_instances(InstanceIds=sorted(blue))["Reservations"]
    assert {each["State"]["Name"] for one in states for each in one["Instances"]} == {"terminated"}
    # The next deployment copies the copy.
    second = balanced.fleet.redeploy(group, balanced.revision())
    balanced.advance_until(second, "Succeeded")
    assert balanced.behind(behind) == balanced.in_scaling_group(f"CodeDeploy_{group}_{second}")


@pytest.mark.parametrize("operation", ["continue_deployment", "skip_wait_time_for_instance_termination"])
def test_the_wait_for_termination_can_be_cut_short(balanced: Balanced, operation: str) -> None:
    fleets = pair(balanced, 1, blue=ends(2000))
    deployment = fleets.deploy()
    balanced.advance_until(deployment, "Succeeded")
    asked = {"deploymentWaitType": "TERMINATION_WAIT"} if operation == "continue_deployment" else {}
    getattr(balanced.api, operation)(deploymentId=deployment, **asked)
    states = balanced.ec2.describe_instances(InstanceIds=fleets.blue)["Reservations"]
    assert {each["State"]["Name"] for one in states for each in one["Instances"]} == {"terminated"}
    with refused("DeploymentAlreadyCompletedException"):
        getattr(balanced.api, operation)(deploymentId=deployment, **asked)


# --- the wait before rerouting --------------------------------------------------------------------


def test_a_deployment_that_is_ready_waits_to_be_continued(balanced: Balanced) -> None:
    fleets = pair(balanced, ready=ready(30))
    deployment = fleets.deploy()
    wait_for(lambda: fleets.get(deployment)["status"] == "Ready")
    assert fleets.get(deployment)["deploymentOverview"] == {
        "Pending": 2,
        "InProgress": 0,
        "Succeeded": 0,
        "Failed": 0,
        "Skipped": 0,
        "Ready": 2,
    }
    assert balanced.fleet.targets(deployment, "Ready") == fleets.green
    assert balanced.behind(fleets.behind) == set(fleets.blue)
    with refused("InvalidDeploymentStatusException"):
        balanced.api.continue_deployment(deploymentId=deployment, deploymentWaitType="TERMINATION_WAIT")
    balanced.api.continue_deployment(deploymentId=deployment)
    assert balanced.advance_until(deployment, "Succeeded")["deploymentOverview"]["Succeeded"] == 4
    assert balanced.behind(fleets.behind) == set(fleets.green)


def test_a_deployment_that_nobody_continues_is_stopped(balanced: Balanced) -> None:
    fleets = pair(balanced, 1, ready=ready(30), first=True)
    deployment = fleets.deploy(autoRollbackConfiguration={"enabled": True, "events": EVERY_EVENT})
    wait_for(lambda: fleets.get(deployment)["status"] == "Ready")
    balanced.advance(minutes=29)
    assert fleets.get(deployment)["status"] == "Ready"
    balanced.advance(minutes=2)
    info = balanced.fleet.end(deployment)
    assert (info["status"], "rollbackInfo" in info) == ("Stopped", False)
    assert balanced.behind(fleets.behind) == set(fleets.blue)
    assert set(fleets.events(deployment, fleets.blue[0])["BlockTraffic"]) == {"lifecycleEventName", "status", "endTime"}


def test_a_deployment_that_is_ready_can_be_stopped(balanced: Balanced) -> None:
    fleets = pair(balanced, 1, ready=ready(30))
    deployment = fleets.deploy()
    wait_for(lambda: fleets.get(deployment)["status"] == "Ready")
    assert balanced.api.stop_deployment(deploymentId=deployment)["status"] == "Succeeded"
    info = fleets.get(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")


def test_a_deployment_that_is_not_ready_yet_cannot_be_continued(balanced: Balanced) -> None:
    fleets = pair(balanced, 1, green_tags={"deliverkit:agent": "none"})
    deployment = fleets.deploy()
    wait_for(lambda: fleets.get(deployment)["status"] == "InProgress")
    with refused("DeploymentIsNotInReadyStateException"):
        balanced.api.continue_deployment(deploymentId=deployment, deploymentWaitType="READY_WAIT")
    with refused("UnsupportedActionForDeploymentTypeException"):
        balanced.api.skip_wait_time_for_instance_termination(deploymentId=deployment)
    balanced.api.stop_deployment(deploymentId=deployment)
    with refused("DeploymentAlreadyCompletedException"):
        balanced.api.continue_deployment(deploymentId=deployment)


# --- pace and failures ----------------------------------------------------------------------------


@pytest.mark.parametrize(("config", "together"), [("OneAtATime", 1), ("HalfAtATime", 2), ("AllAtOnce", 4)])
def test_the_configuration_paces_the_rerouting(balanced: Balanced, config: str, together: int) -> None:
    fleets = pair(
        balanced, 4, deploymentConfigName=f"CodeDeployDefault.{config}", green_tags={"deliverkit:agent": "none"}
    )
    deployment = fleets.deploy()
    wait_for(lambda: balanced.fleet.get(deployment)["status"] == "InProgress")  # before that it has no targets to tell
    while any(fleets.events(deployment, each)["ValidateService"]["status"] != "Succeeded" for each in fleets.green):
        for each in balanced.fleet.targets(deployment, "InProgress"):
            balanced.by_hand(each, up_to="ValidateService")
    wait_for(lambda: len(balanced.fleet.targets(deployment, "InProgress")) == together)
    assert len(balanced.fleet.targets(deployment, "Ready")) == 4 - together
    for left in range(4 - together, -1, -together):
        rerouted = balanced.fleet.targets(deployment, "InProgress")
        assert (len(rerouted), len(balanced.fleet.targets(deployment, "Ready"))) == (together, left)
        for each in rerouted:
            balanced.by_hand(each, up_to="AfterAllowTraffic")
    assert balanced.advance_until(deployment, "Succeeded")
    assert balanced.behind(fleets.behind) == set(fleets.green)


def test_a_green_fleet_that_fails_leaves_the_traffic_alone(balanced: Balanced) -> None:
    fleets = pair(balanced, 2)
    location = {"bucket": "releases", "key": "nowhere.zip", "bundleType": "zip"}
    wanted = {"tagFilters": tagged(fleets.tag)}
    deployment = balanced.fleet.redeploy(
        fleets.group, {"revisionType": "S3", "s3Location": location}, targetInstances=wanted
    )
    info = balanced.fleet.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HEALTH_CONSTRAINTS")
    assert balanced.behind(fleets.behind) == set(fleets.blue)
    assert info["deploymentOverview"]["Skipped"] == 3
    assert "lastSuccessfulDeployment" not in balanced.fleet.shown(fleets.group)


def test_one_blue_instance_that_stays_fails_the_deployment_and_traffic_goes_back(balanced: Balanced) -> None:
    blue_tag, green_tag = balanced.name("blue"), balanced.name("green")
    (mute,) = balanced.fleet.launch(1, fleet=blue_tag, **{"deliverkit:agent": "none"})
    blue = [mute, *balanced.launch(1, fleet=blue_tag)]
    green = balanced.launch(2, fleet=green_tag)
    behind = balanced.target_group(*blue)
    rollback = {"enabled": True, "events": EVERY_EVENT}
    settings = {"deploymentConfigName": ALL_AT_ONCE, "autoRollbackConfiguration": rollback, **targets(behind)}
    group = balanced.group(ec2TagFilters=tagged(blue_tag), deploymentStyle=IN_PLACE, **settings)
    good = balanced.fleet.redeploy(group, balanced.revision())
    balanced.by_hand(mute, up_to="AfterAllowTraffic")
    revision = balanced.advance_until(good, "Succeeded")["revision"]
    options = {"deploymentReadyOption": GO_ON}
    balanced.api.update_deployment_group(
        applicationName="shop",
        currentDeploymentGroupName=group,
        deploymentStyle=BLUE_GREEN,
        blueGreenDeploymentConfiguration=options,
    )
    wanted = {"tagFilters": tagged(green_tag)}
    deployment = balanced.fleet.redeploy(group, balanced.revision(), targetInstances=wanted)
    wait_for(lambda: balanced.behind(behind) == {mute, *green})
    # Nobody runs the first instance's BeforeBlockTraffic for five minutes.
    info = balanced.advance_until(deployment, "Failed")
    assert info["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"
    assert mute in info["errorInformation"]["message"]
    back = info["rollbackInfo"]["rollbackDeploymentId"]
    balanced.by_hand(mute, up_to="AfterAllowTraffic")
    told = balanced.advance_until(back, "Succeeded", "Failed")
    assert (told["status"], told["creator"], told["deploymentStyle"]) == ("Succeeded", "codeDeployRollback", BLUE_GREEN)
    assert told["revision"] == revision
    for each in blue:
        assert list(balanced.fleet.events(back, each)) == ALLOWING
    for each in green:
        assert list(balanced.fleet.events(back, each)) == BLOCKING
    assert balanced.behind(behind) == set(blue)
    assert balanced.fleet.shown(group)["ec2TagFilters"] == tagged(blue_tag)


def test_a_blue_instance_that_cannot_be_taken_out_of_service_fails_the_deployment(balanced: Balanced) -> None:
    blue_tag, green_tag = balanced.name("blue"), balanced.name("green")
    (blue,), (green,) = balanced.launch(1, fleet=blue_tag), balanced.launch(1, fleet=green_tag)
    behind = balanced.target_group(blue, delay=300)
    settings = {"deploymentStyle": BLUE_GREEN, "blueGreenDeploymentConfiguration": {"deploymentReadyOption": GO_ON}}
    group = balanced.group(ec2TagFilters=tagged(blue_tag), **settings, **targets(behind))
    wanted = {"tagFilters": tagged(green_tag)}
    deployment = balanced.fleet.redeploy(group, balanced.revision(), targetInstances=wanted)
    wait_for(lambda: balanced.behind(behind) == {green})
    balanced.elbv2.delete_target_group(TargetGroupArn=balanced.arn_of(behind))
    balanced.advance(minutes=5)
    error = balanced.fleet.end(deployment)["errorInformation"]
    assert error["code"] == "ELB_INVALID_INSTANCE"
    assert blue in error["message"]


# --- refusals -------------------------------------------------------------------------------------


def test_target_instances_are_for_fleets_that_are_discovered(balanced: Balanced) -> None:
    fleets = pair(balanced, 1)
    code = "InvalidTargetInstancesException"
    for wrong in (
        {},
        {"tagFilters": tagged("nobody")},
        {"tagFilters": tagged(fleets.tag) * 11},
        {"tagFilters": tagged(fleets.tag), "ec2TagSet": {"ec2TagSetList": [tagged(fleets.tag)]}},
    ):
        with refused(code):
            fleets.deploy(targetInstances=wrong)
    with refused("InvalidAutoScalingGroupException"):
        fleets.deploy(targetInstances={"autoScalingGroups": ["nowhere"]})
    in_place = balanced.group(ec2TagFilters=tagged(fleets.tag))
    with refused(code):
        balanced.fleet.redeploy(in_place, balanced.revision(), targetInstances={"tagFilters": tagged(fleets.tag)})


def test_a_group_without_blue_green_options_fails_its_deployments(balanced: Balanced) -> None:
    fleet = balanced.name("fleet")
    members = balanced.launch(1, fleet=fleet)
    group = balanced.group(
        ec2TagFilters=tagged(fleet), deploymentStyle=BLUE_GREEN, **targets(balanced.target_group(*members))
    )
    wanted = {"tagFilters": tagged(fleet)}
    info = balanced.fleet.end(balanced.fleet.redeploy(group, balanced.revision(), targetInstances=wanted))
    assert info["errorInformation"]["code"] == "MISSING_BLUE_GREEN_DEPLOYMENT_CONFIGURATION"


def test_a_blue_green_deployment_that_reached_nothing_has_nothing_to_take_back(balanced: Balanced) -> None:
    fleets = pair(balanced, 1, first=True, autoRollbackConfiguration={"enabled": True, "events": EVERY_EVENT})
    balanced.elbv2.delete_target_group(TargetGroupArn=balanced.arn_of(fleets.behind))
    info = balanced.fleet.end(fleets.deploy())
    assert info["errorInformation"]["code"] == "ELASTIC_LOAD_BALANCING_INVALID"
    assert set(info["rollbackInfo"]) == {"rollbackMessage"}


def test_an_auto_scaling_group_that_is_gone_cannot_be_copied(balanced: Balanced) -> None:
    source, behind = balanced.scaling_group(0), balanced.target_group()
    options = {"greenFleetProvisioningOption": COPY}
    settings = {"deploymentStyle": BLUE_GREEN, "blueGreenDeploymentConfiguration": options, **targets(behind)}
    group = balanced.group(autoScalingGroups=[source], **settings)
    balanced.scaling.delete_auto_scaling_group(AutoScalingGroupName=source)
    info = balanced.fleet.end(balanced.fleet.redeploy(group, balanced.revision()))
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "AUTO_SCALING_CONFIGURATION")
    assert source in info["errorInformation"]["message"]


def test_only_deployments_in_place_restart(balanced: Balanced) -> None:
    group = balanced.group(deploymentStyle=BLUE_GREEN, **targets(balanced.target_group()))
    with refused("InvalidInputException", "in-place"):
        balanced.api.create_deployment(applicationName="shop", deploymentGroupName=group, deploymentMode="RESTART")


def test_copying_names_its_auto_scaling_group_in_every_request(balanced: Balanced) -> None:
    source, behind = balanced.scaling_group(1), balanced.target_group()
    options = {"greenFleetProvisioningOption": COPY}
    settings = {"deploymentStyle": BLUE_GREEN, "blueGreenDeploymentConfiguration": options, **targets(behind)}
    group = balanced.group(autoScalingGroups=[source], **settings)
    named = {"applicationName": "shop", "currentDeploymentGroupName": group}
    with refused("InvalidBlueGreenDeploymentConfigurationException", "Exactly one"):
        balanced.api.update_deployment_group(**named, blueGreenDeploymentConfiguration=options)
    balanced.api.update_deployment_group(**named, blueGreenDeploymentConfiguration=options, autoScalingGroups=[source])
