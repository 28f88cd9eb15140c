"""What CodeDeploy remembers can be written down at any moment: stores, open commands and timers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codedeploy_calls import wait_for
from codedeploy_fleet import Fleet
from codedeploy_traffic import BLUE_GREEN, IN_PLACE, Balanced, tagged, targets
from written_down import written_down

from deliverkit.sandbox.codedeploy.command_service import _Kept
from deliverkit.sandbox.codedeploy.state import Store


def test_a_deployment_under_way_can_be_written_down_with_its_commands_and_timers(fleet: Fleet, tmp_path: Path) -> None:
    fleet.alarm("calm")
    alarms = {"enabled": True, "alarms": [{"name": "calm"}]}
    group = fleet.group(2, alarmConfiguration=alarms)
    deployment = fleet.deploy(group, f"touch {tmp_path}/on; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    wait_for((tmp_path / "on").exists)
    kept_store, kept_commands, kept_queue = written_down(fleet.rig.sandbox.world, Store, _Kept)
    (running,) = kept_commands.commands._open.values()
    # One graph: the command's completion moves the very deployment that the store holds.
    assert running.completed.func.__self__.deployment is kept_store.deployments[deployment]
    moved = {id(each) for timer in kept_queue for each in deployments_in(timer.action)}
    assert id(kept_store.deployments[deployment]) in moved
    (tmp_path / "go").touch()
    assert fleet.end(deployment)["status"] == "Succeeded"


def test_waits_for_traffic_for_people_and_for_zones_are_remembered(fleet: Fleet) -> None:
    balanced, tag = Balanced(fleet), "remembered"
    blue, green = balanced.launch(1, fleet=tag), balanced.launch(1, fleet=f"{tag}-green")
    behind = balanced.target_group(*blue, delay=3000)
    draining = fleet.redeploy(
        balanced.group(ec2TagFilters=tagged(tag), deploymentStyle=IN_PLACE, **targets(behind)), balanced.revision()
    )
    wait_for(lambda: balanced.behind(behind) == set())
    options = {"deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 30}}
    group = balanced.group(
        ec2TagFilters=tagged(tag),
        deploymentStyle=BLUE_GREEN,
        blueGreenDeploymentConfiguration=options,
        **targets(balanced.target_group()),
    )
    wanted = {"tagFilters": tagged(f"{tag}-green")}
    ready = fleet.redeploy(group, balanced.revision(), targetInstances=wanted)
    wait_for(lambda: fleet.get(ready)["status"] == "Ready")
    zonal = {"monitorDurationInSeconds": 600}
    fleet.api.create_deployment_config(
        deploymentConfigName=tag, minimumHealthyHosts={"type": "HOST_COUNT", "value": 0}, zonalConfig=zonal
    )
    zones = balanced.group(ec2TagFilters=tagged(f"{tag}-zones"), deploymentConfigName=tag)
    for zone in ("us-east-1a", "us-east-1b"):
        balanced.launch_in(zone, 1, fleet=f"{tag}-zones")
    monitored = fleet.redeploy(zones, balanced.revision())
    wait_for(lambda: len(fleet.targets(monitored, "Succeeded")) == 1)
    store, queue = written_down(fleet.rig.sandbox.world, Store)
    assert store.deployments[draining].targets[blue[0]].event("BlockTraffic").status == "InProgress"
    assert (store.deployments[ready].status, store.deployments[ready].targets[green[0]].status) == ("Ready", "Ready")
    found = store.deployments[monitored].zones
    assert found is not None
    assert found.is_monitoring
    # Each of the three waits moves the very deployment of the store.
    moved = {id(each) for timer in queue for each in deployments_in(timer.action)}
    assert {id(store.deployments[each]) for each in (draining, ready, monitored)} <= moved
    for deployment in (draining, ready, monitored):
        fleet.api.stop_deployment(deploymentId=deployment)


def deployments_in(action: Any) -> list[Any]:
    """The deployments that a timer's action holds, whether it is a bound method or a partial of one."""
    function = getattr(action, "func", action)
    owners = [getattr(function, "__self__", None), *getattr(action, "args", ())]
    return [each.deployment for each in owners if hasattr(each, "deployment")]
