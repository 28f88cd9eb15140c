"""Deployments in place behind load balancers, over HTTP: instances leave, are deployed to, and come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from agent_bench import ALLOWING, BLOCKING, EVENTS, appspec, shell
from codedeploy_calls import wait_for
from codedeploy_traffic import ALL_AT_ONCE, IN_PLACE, Balanced, tagged, targets

BEHIND_BALANCER = [*BLOCKING, *EVENTS, *ALLOWING]


def serving(balanced: Balanced, size: int, delay: int = 0) -> tuple[list[str], str, dict[str, Any]]:
    """Instances, their target group, and the settings of a deployment group over both."""
    fleet = balanced.name("fleet")
    members = balanced.launch(size, fleet=fleet)
    group = balanced.target_group(*members, delay=delay)
    settings = {"ec2TagFilters": tagged(fleet), "deploymentStyle": IN_PLACE, **targets(group)}
    return members, group, settings


def test_an_instance_leaves_its_target_group_and_comes_back(balanced: Balanced) -> None:
    members, behind, settings = serving(balanced, 2, delay=120)
    deployment = balanced.fleet.redeploy(balanced.group(**settings), balanced.revision())
    wait_for(lambda: len(balanced.behind(behind)) == 1)
    (first,) = set(members) - balanced.behind(behind)
    events = balanced.fleet.events(deployment, first)
    assert list(events) == BEHIND_BALANCER
    assert (events["BlockTraffic"]["status"], events["ApplicationStop"]["status"]) == ("InProgress", "Pending")
    # Connections are drained for two minutes before anything is installed.
    balanced.advance(seconds=100)
    assert balanced.fleet.events(deployment, first)["BlockTraffic"]["status"] == "InProgress"
    balanced.advance(seconds=21)
    assert balanced.advance_until(deployment, "Succeeded")["loadBalancerInfo"] == settings["loadBalancerInfo"]
    assert balanced.behind(behind) == set(members)
    events = balanced.fleet.events(deployment, first)
    assert {each["status"] for each in events.values()} == {"Succeeded"}
    block = events["BlockTraffic"]
    assert (block["endTime"] - block["startTime"]).total_seconds() >= 120
    assert block["diagnostics"] == {"errorCode": "Success", "scriptName": "", "message": "Succeeded", "logTail": ""}
    assert balanced.fleet.get(deployment)["deploymentStyle"] == IN_PLACE


def test_classic_load_balancers_and_several_target_groups_are_left_alike(balanced: Balanced) -> None:
    fleet = balanced.name("fleet")
    members = balanced.launch(1, fleet=fleet)
    first, second, classic = balanced.target_group(*members), balanced.target_group(), balanced.classic(*members)
    info = {"targetGroupInfoList": [{"name": first}, {"name": second}], "elbInfoList": [{"name": classic}]}
    group = balanced.group(ec2TagFilters=tagged(fleet), deploymentStyle=IN_PLACE, loadBalancerInfo=info)
    deployment = balanced.fleet.redeploy(group, balanced.revision())
    assert balanced.fleet.end(deployment)["status"] == "Succeeded"
    # AllowTraffic registers with every one of them, BlockTraffic had nothing to do in the second.
    assert balanced.behind(first) == balanced.behind(second) == balanced.behind_classic(classic) == set(members)


def test_an_instance_that_a_balancer_never_calls_healthy_fails_after_an_hour(balanced: Balanced) -> None:
    fleet = balanced.name("fleet")
    (member,) = balanced.fleet.launch(1, fleet=fleet, **{"deliverkit:agent": "none"})
    classic = balanced.classic(member)
    info = {"elbInfoList": [{"name": classic}]}
    group = balanced.group(ec2TagFilters=tagged(fleet), deploymentStyle=IN_PLACE, loadBalancerInfo=info)
    deployment = balanced.fleet.redeploy(group, balanced.revision())
    balanced.by_hand(member, up_to="ValidateService")
    # What does not run is not healthy.
    balanced.ec2.stop_instances(InstanceIds=[member])
    balanced.by_hand(member, up_to="BeforeAllowTraffic")
    wait_for(lambda: balanced.behind_classic(classic) == {member})
    balanced.advance(minutes=59)
    assert balanced.fleet.events(deployment, member)["AllowTraffic"]["status"] == "InProgress"
    balanced.advance(minutes=2)
    assert balanced.fleet.end(deployment)["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"
    events = balanced.fleet.events(deployment, member)
    assert (events["AllowTraffic"]["status"], events["AfterAllowTraffic"]["status"]) == ("Failed", "Skipped")
    assert "within an hour" in events["AllowTraffic"]["diagnostics"]["message"]


def test_what_a_load_balancer_refuses_fails_the_instance_with_its_words(balanced: Balanced) -> None:
    members, behind, settings = serving(balanced, 1, delay=60)
    deployment = balanced.fleet.redeploy(balanced.group(**settings), balanced.revision())
    wait_for(lambda: balanced.behind(behind) == set())
    balanced.elbv2.delete_target_group(TargetGroupArn=balanced.arn_of(behind))
    info = balanced.advance_until(deployment, "Failed")
    assert info["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"
    broken = balanced.fleet.events(deployment, members[0])["BlockTraffic"]
    assert (broken["status"], broken["diagnostics"]["errorCode"]) == ("Failed", "UnknownError")
    assert "TargetGroupNotFound" in broken["diagnostics"]["message"]


def test_a_deployment_without_its_target_group_touches_nothing(balanced: Balanced) -> None:
    fleet = balanced.name("fleet")
    balanced.launch(1, fleet=fleet)
    group = balanced.group(ec2TagFilters=tagged(fleet), deploymentStyle=IN_PLACE, **targets("never-made"))
    info = balanced.fleet.end(balanced.fleet.redeploy(group, balanced.revision()))
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "ELASTIC_LOAD_BALANCING_INVALID")
    assert "never-made" in info["errorInformation"]["message"]
    assert info["deploymentOverview"]["Skipped"] == 0


def test_a_stop_waits_for_no_traffic(balanced: Balanced) -> None:
    members, behind, settings = serving(balanced, 1, delay=3000)
    deployment = balanced.fleet.redeploy(balanced.group(**settings), balanced.revision())
    wait_for(lambda: balanced.behind(behind) == set())
    assert balanced.api.stop_deployment(deploymentId=deployment)["status"] == "Succeeded"
    assert balanced.fleet.get(deployment)["status"] == "Stopped"
    events = balanced.fleet.events(deployment, members[0])
    assert (events["BlockTraffic"]["status"], events["ApplicationStop"]["status"]) == ("Failed", "Skipped")


@pytest.mark.parametrize(("ignores", "status"), [(True, "Succeeded"), (False, "Failed")])
def test_failures_of_the_former_revisions_scripts_can_be_ignored(
    balanced: Balanced, tmp_path: Path, ignores: bool, status: str
) -> None:
    fleet = balanced.fleet
    hooks = "hooks:\n" + "".join(
        f"  {event}:\n    - {{location: run.sh}}\n"
        for event in ("BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop")
    )
    name = balanced.name("real")
    members = fleet.launch(1, fleet=name)
    behind = balanced.target_group(*members)
    group = balanced.group(ec2TagFilters=tagged(name), deploymentStyle=IN_PLACE, **targets(behind))
    bad = fleet.revision(f"{name}-1.zip", {"appspec.yml": appspec(hooks), "run.sh": shell("exit 3")})
    assert fleet.end(fleet.redeploy(group, bad))["status"] == "Succeeded"  # nothing ran before
    good = fleet.revision(f"{name}-2.zip", {"appspec.yml": appspec(), "run.sh": shell("exit 0")})
    info = fleet.end(
        fleet.redeploy(group, good, ignoreApplicationStopFailures=ignores, deploymentConfigName=ALL_AT_ONCE)
    )
    assert info["status"] == status
    events = fleet.events(info["deploymentId"], members[0])
    failed = [event for event, told in events.items() if told["status"] == "Failed"]
    assert failed == (["BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop"] if ignores else failed[:1])
    assert balanced.behind(behind) == set(members)
