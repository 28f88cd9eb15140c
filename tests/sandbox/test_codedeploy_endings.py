"""How deployments end: by limits of time, alarms, stops and rollbacks; over HTTP, on real agents, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from codedeploy_calls import wait_for
from codedeploy_fleet import Fleet
from codepipeline_fixtures import ROLE, refused

from deliverkit.sandbox.kernel.errors import ApiError

ALL_AT_ONCE = "CodeDeployDefault.AllAtOnce"
NEEDS_A_START = (
    "ListDeploymentTargets",
    "GetDeploymentTarget",
    "BatchGetDeploymentTargets",
    "ListDeploymentInstances",
    "SkipWaitTimeForInstanceTermination",
)
SKIPPED = {"lifecycleEventName", "status", "endTime"}
EVERY_EVENT = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]


class Gate:
    """A script that says it runs and ends when the test lets it."""

    def __init__(self, directory: Path) -> None:
        self.started, self._go = directory / "started", directory / "go"
        self.script = f"touch {self.started}; while [ ! -e {self._go} ]; do sleep 0.02; done"

    def wait(self) -> None:
        wait_for(self.started.exists)

    def open(self) -> None:
        self._go.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path)
    yield made
    made.open()


def advance(fleet: Fleet, **by: float) -> None:
    fleet.rig.sandbox.world.clock.advance(timedelta(**by))


def alarms(*names: str, **more: Any) -> dict[str, Any]:
    return {"enabled": True, "alarms": [{"name": name} for name in names], **more}


def one_behind_the_other(fleet: Fleet, gate: Gate) -> tuple[str, str]:
    """A deployment that keeps an agent busy, and one that the same agent does not take.

    An agent does one thing after the other: while it works for one group, it takes nothing for another.
    """
    holding = fleet.group(1)
    filters = [{"Key": "serves", "Value": holding, "Type": "KEY_AND_VALUE"}]
    busy = fleet.deploy(holding, gate.script)
    gate.wait()
    late = fleet.deploy(fleet.group(0, ec2TagFilters=filters), "exit 0")
    wait_for(lambda: fleet.get(late)["status"] == "InProgress")
    return busy, late


# --- limits of time -------------------------------------------------------------------------------


def test_an_event_that_no_agent_takes_for_five_minutes_fails_its_instance(fleet: Fleet, gate: Gate) -> None:
    busy, late = one_behind_the_other(fleet, gate)
    advance(fleet, seconds=290)
    assert fleet.get(late)["status"] == "InProgress"
    advance(fleet, seconds=11)
    info = fleet.end(late)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HEALTH_CONSTRAINTS")
    events = fleet.events(late, fleet.targets(late)[0])
    first = events.pop("ApplicationStop")
    assert (first["status"], first["diagnostics"]["errorCode"]) == ("Failed", "UnknownError")
    assert "agent was not able to receive" in first["diagnostics"]["message"]
    assert {each["status"] for each in events.values()} == {"Skipped"}
    gate.open()
    assert fleet.end(busy)["status"] == "Succeeded"


def test_an_event_that_outlives_an_hour_fails_its_instance(fleet: Fleet, gate: Gate) -> None:
    deployment = fleet.deploy(fleet.group(1), gate.script)
    gate.wait()
    target = fleet.targets(deployment)[0]
    advance(fleet, seconds=3590)
    assert fleet.events(deployment, target)["AfterInstall"]["status"] == "InProgress"
    advance(fleet, seconds=11)
    assert fleet.end(deployment)["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"
    event = fleet.events(deployment, target)["AfterInstall"]
    assert (event["status"], event["diagnostics"]["errorCode"]) == ("Failed", "UnknownError")
    assert event["endTime"] - event["startTime"] >= timedelta(seconds=3600)
    # What the agent reports afterwards changes nothing any more.
    gate.open()
    assert fleet.end(fleet.deploy(fleet.group(1), "exit 0"))["status"] == "Succeeded"
    assert fleet.events(deployment, target)["AfterInstall"] == event


def test_a_deployment_in_place_ends_after_twelve_hours(fleet: Fleet, gate: Gate, tmp_path: Path) -> None:
    fleet.api.create_deployment_config(
        deploymentConfigName="careful", minimumHealthyHosts={"type": "HOST_COUNT", "value": 2}
    )
    group = fleet.group(4, deploymentConfigName="careful")
    deployment = fleet.deploy(group, f"mktemp {tmp_path}/ran.XXXXXX; {gate.script}")
    # The scripts themselves are waited for: an event that no agent took yet would fail for that.
    wait_for(lambda: len(list(tmp_path.glob("ran.*"))) == 2)
    # The two that run fail after an hour, and the next two begin.
    advance(fleet, hours=11, minutes=30)
    wait_for(lambda: len(list(tmp_path.glob("ran.*"))) == 4)
    assert fleet.get(deployment)["deploymentOverview"]["Failed"] == 2
    advance(fleet, minutes=31)
    info = fleet.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "TIMEOUT")
    assert "12 hours" in info["errorInformation"]["message"]
    assert info["deploymentOverview"]["Failed"] == 4


def test_a_deployment_that_ended_in_time_is_not_timed_out_later(fleet: Fleet) -> None:
    done = fleet.end(fleet.deploy(fleet.group(1), "exit 0"))
    advance(fleet, hours=13)
    assert fleet.end(fleet.deploy(fleet.group(1), "exit 0"))["status"] == "Succeeded"
    assert fleet.get(done["deploymentId"]) == done


# --- alarms ---------------------------------------------------------------------------------------


def test_an_alarm_that_fires_stops_the_deployment_and_rolls_it_back(fleet: Fleet, gate: Gate) -> None:
    fleet.alarm("errors")
    rollback = {"enabled": True, "events": ["DEPLOYMENT_STOP_ON_ALARM"]}
    group = fleet.group(2, alarmConfiguration=alarms("errors"), autoRollbackConfiguration=rollback)
    good = fleet.end(fleet.deploy(group, "exit 0"))
    deployment = fleet.deploy(group, gate.script)
    gate.wait()
    fleet.alarm("errors", "ALARM")
    advance(fleet, seconds=2)
    # The script that runs is let end, and nothing comes after it.
    assert fleet.get(deployment)["status"] == "InProgress"
    gate.open()
    info = fleet.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert "errors" in info["errorInformation"]["message"]
    (begun,) = fleet.targets(deployment, "Failed")
    assert fleet.events(deployment, begun)["AfterInstall"]["status"] == "Succeeded"
    assert fleet.events(deployment, begun)["ApplicationStart"]["status"] == "Skipped"
    assert len(fleet.targets(deployment, "Skipped")) == 1
    # The alarm still fires: it must not stop its own remedy.
    back = fleet.end(info["rollbackInfo"]["rollbackDeploymentId"])
    assert (back["status"], back["revision"]) == ("Succeeded", good["revision"])


def test_an_alarm_that_fires_already_lets_nothing_begin(fleet: Fleet) -> None:
    fleet.alarm("loud", "ALARM")
    group = fleet.group(1, alarmConfiguration=alarms("loud"))
    deployment = fleet.deploy(group, "exit 0")
    info = fleet.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert (info["deploymentOverview"]["Skipped"], "rollbackInfo" in info) == (1, False)
    events = fleet.events(deployment, fleet.targets(deployment)[0])
    assert not any("startTime" in each for each in events.values())


@pytest.mark.parametrize(
    ("configuration", "status"),
    [
        (alarms("unheard-of"), "Stopped"),
        (alarms("unheard-of", ignorePollAlarmFailure=True), "Succeeded"),
        ({**alarms("unheard-of"), "enabled": False}, "Succeeded"),
    ],
)
def test_alarms_that_cannot_be_read_stop_too_unless_told_otherwise(
    fleet: Fleet, configuration: Any, status: str
) -> None:
    info = fleet.end(fleet.deploy(fleet.group(1, alarmConfiguration=configuration), "exit 0"))
    assert info["status"] == status


# --- stops ----------------------------------------------------------------------------------------


def test_a_stop_is_pending_while_an_event_runs_and_succeeds_afterwards(fleet: Fleet, gate: Gate) -> None:
    deployment = fleet.deploy(fleet.group(2), gate.script)
    gate.wait()
    answer = fleet.api.stop_deployment(deploymentId=deployment)
    assert answer["status"] == "Pending"
    assert answer["statusMessage"].startswith("No more commands will be scheduled")
    assert fleet.api.stop_deployment(deploymentId=deployment)["status"] == "Pending"
    gate.open()
    info = fleet.end(deployment)
    assert (info["status"], info["errorInformation"]["code"], "rollbackInfo" in info) == (
        "Stopped",
        "MANUAL_STOP",
        False,
    )
    assert (info["deploymentOverview"]["Failed"], info["deploymentOverview"]["Skipped"]) == (1, 1)
    assert fleet.api.stop_deployment(deploymentId=deployment)["status"] == "Succeeded"


def test_what_ended_otherwise_cannot_be_stopped_or_continued(fleet: Fleet, gate: Gate) -> None:
    group = fleet.group(1)
    done = fleet.end(fleet.deploy(group, "exit 0"))["deploymentId"]
    with refused("DeploymentAlreadyCompletedException"):
        fleet.api.stop_deployment(deploymentId=done)
    for operation in (fleet.api.continue_deployment, fleet.api.skip_wait_time_for_instance_termination):
        with refused("DeploymentAlreadyCompletedException"):
            operation(deploymentId=done)
    live = fleet.deploy(group, gate.script)
    gate.wait()
    with refused("UnsupportedActionForDeploymentTypeException"):
        fleet.api.continue_deployment(deploymentId=live, deploymentWaitType="TERMINATION_WAIT")
    with refused("InvalidDeploymentWaitTypeException"):
        fleet.api.continue_deployment(deploymentId=live, deploymentWaitType="LUNCH")
    with refused("DeploymentDoesNotExistException"):
        fleet.api.stop_deployment(deploymentId="d-AAAAAAAAA")
    with refused("InvalidDeploymentIdException"):
        fleet.api.stop_deployment(deploymentId="AAAAAAAAA")
    gate.open()
    fleet.end(live)


def test_a_deployment_stopped_before_its_start_never_begins(fleet: Fleet) -> None:
    group = fleet.group(1)
    world = fleet.rig.sandbox.world
    scope = world.context("123456789012", "us-east-1", ROLE)
    revision = {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k", "bundleType": "zip"}}
    request = {"applicationName": "shop", "deploymentGroupName": group, "revision": revision}
    # Under the lock nothing starts in between.
    with world.lock:
        names = {"deploymentId": world.call("codedeploy", "CreateDeployment", request, scope)["deploymentId"]}
        for operation in NEEDS_A_START:
            with pytest.raises(ApiError) as raised:
                world.call("codedeploy", operation, {**names, "targetId": "i-1", "targetIds": ["i-1"]}, scope)
            assert raised.value.code == "DeploymentNotStartedException"
        assert world.call("codedeploy", "StopDeployment", names, scope)["status"] == "Succeeded"
    info = fleet.get(names["deploymentId"])
    assert (info["status"], "startTime" in info, "deploymentOverview" in info) == ("Stopped", False, False)
    assert fleet.targets(names["deploymentId"]) == []
    assert fleet.end(fleet.deploy(group, "exit 0"))["status"] == "Succeeded"


def test_a_stop_takes_back_what_no_agent_took(fleet: Fleet, gate: Gate) -> None:
    busy, late = one_behind_the_other(fleet, gate)
    assert fleet.api.stop_deployment(deploymentId=late)["status"] == "Succeeded"
    assert fleet.get(late)["status"] == "Stopped"
    (target,) = fleet.targets(late, "Skipped")
    assert all(set(each) == SKIPPED for each in fleet.events(late, target).values())
    gate.open()
    assert fleet.end(busy)["status"] == "Succeeded"


@pytest.mark.parametrize(("is_stopped", "last"), [(True, "Failed"), (False, "Succeeded")])
def test_a_lost_deployment_lets_its_instances_end_unless_it_is_stopped(
    fleet: Fleet, gate: Gate, tmp_path: Path, is_stopped: bool, last: str
) -> None:
    name = f"two-{is_stopped}"
    minimum = {"type": "HOST_COUNT", "value": 2}
    fleet.api.create_deployment_config(deploymentConfigName=name, minimumHealthyHosts=minimum)
    group = fleet.group(4, deploymentConfigName=name)
    deployment = fleet.deploy(group, f"mkdir {tmp_path}/first || exit 1", gate.script)
    wait_for(lambda: fleet.get(deployment).get("deploymentOverview", {}).get("Failed") == 3)
    (running,) = fleet.targets(deployment, "InProgress")
    if is_stopped:
        fleet.api.stop_deployment(deploymentId=deployment)
    gate.open()
    info = fleet.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == (
        ("Stopped", "MANUAL_STOP") if is_stopped else ("Failed", "HEALTH_CONSTRAINTS")
    )
    assert fleet.target(deployment, running)["status"] == last


# --- rollbacks ------------------------------------------------------------------------------------


def test_the_first_deployment_has_nothing_to_roll_back_to(fleet: Fleet) -> None:
    group = fleet.group(1, autoRollbackConfiguration={"enabled": True, "events": EVERY_EVENT})
    info = fleet.end(fleet.deploy(group, "exit 1"))
    assert set(info["rollbackInfo"]) == {"rollbackMessage"}
    assert "no previous successful revision" in info["rollbackInfo"]["rollbackMessage"]
    assert len(fleet.api.list_deployments(applicationName="shop", deploymentGroupName=group)["deployments"]) == 1


@pytest.mark.parametrize(
    ("events", "rolls_back"),
    [(["DEPLOYMENT_FAILURE"], True), (["DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"], False)],
)
def test_only_the_events_that_are_configured_roll_back(fleet: Fleet, events: list[str], rolls_back: bool) -> None:
    group = fleet.group(1, autoRollbackConfiguration={"enabled": True, "events": events})
    fleet.end(fleet.deploy(group, "exit 0"))
    info = fleet.end(fleet.deploy(group, "exit 1"))
    assert ("rollbackDeploymentId" in info.get("rollbackInfo", {})) == rolls_back


def test_a_rollback_that_fails_is_not_rolled_back(fleet: Fleet, tmp_path: Path) -> None:
    group = fleet.group(1, autoRollbackConfiguration={"enabled": True, "events": EVERY_EVENT})
    good = fleet.end(fleet.deploy(group, f"test ! -e {tmp_path}/broken"))
    bad = fleet.end(fleet.deploy(group, f"touch {tmp_path}/broken; exit 1"))
    rollback = fleet.end(bad["rollbackInfo"]["rollbackDeploymentId"])
    assert (rollback["status"], rollback["creator"]) == ("Failed", "codeDeployRollback")
    assert "rollbackDeploymentId" not in rollback["rollbackInfo"]
    assert rollback["rollbackInfo"]["rollbackTriggeringDeploymentId"] == bad["deploymentId"]
    assert "failed" in fleet.get(bad["deploymentId"])["rollbackInfo"]["rollbackMessage"]
    listed = fleet.api.list_deployments(applicationName="shop", deploymentGroupName=group)["deployments"]
    assert listed == [rollback["deploymentId"], bad["deploymentId"], good["deploymentId"]]
    shown = fleet.shown(group)
    assert shown["lastSuccessfulDeployment"]["deploymentId"] == good["deploymentId"]
    assert shown["lastAttemptedDeployment"]["deploymentId"] == rollback["deploymentId"]


def test_a_rollback_treats_files_and_stops_as_the_deployment_that_it_repeats(fleet: Fleet) -> None:
    group = fleet.group(1, autoRollbackConfiguration={"enabled": True, "events": EVERY_EVENT})
    fleet.end(fleet.deploy(group, "exit 0", fileExistsBehavior="OVERWRITE", ignoreApplicationStopFailures=True))
    bad = fleet.end(fleet.deploy(group, "exit 1", fileExistsBehavior="RETAIN", deploymentConfigName=ALL_AT_ONCE))
    rollback = fleet.end(bad["rollbackInfo"]["rollbackDeploymentId"])
    assert (rollback["fileExistsBehavior"], rollback["ignoreApplicationStopFailures"]) == ("OVERWRITE", True)
    assert (rollback["deploymentConfigName"], rollback["status"]) == (ALL_AT_ONCE, "Succeeded")
    assert "succeeded" in fleet.get(bad["deploymentId"])["rollbackInfo"]["rollbackMessage"]
    assert fleet.shown(group)["lastSuccessfulDeployment"]["deploymentId"] == rollback["deploymentId"]


def test_a_stop_with_rollback_redeploys_only_once_the_group_is_free(fleet: Fleet, gate: Gate) -> None:
    group = fleet.group(1)
    good = fleet.end(fleet.deploy(group, "exit 0"))
    deployment = fleet.deploy(group, gate.script)
    gate.wait()
    # Nothing is configured: the request alone decides.
    fleet.api.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
    assert "rollbackInfo" not in fleet.get(deployment)
    gate.open()
    rollback = fleet.end(fleet.end(deployment)["rollbackInfo"]["rollbackDeploymentId"])
    assert (rollback["status"], rollback["revision"]) == ("Succeeded", good["revision"])
