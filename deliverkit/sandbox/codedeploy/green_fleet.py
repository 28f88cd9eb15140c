"""The green fleet of a blue/green deployment: where it comes from, and how it takes the blue one's place."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codedeploy import auto_scaling
from deliverkit.sandbox.codedeploy.hooks import install_hooks, remove_hooks
from deliverkit.sandbox.codedeploy.membership import GONE, Host, ec2_host
from deliverkit.sandbox.codedeploy.state import Deployment, Group, Json, Store
from deliverkit.sandbox.kernel.world import World

COPY = "COPY_AUTO_SCALING_GROUP"
_SELECTION = ("ec2TagFilters", "ec2TagSet", "autoScalingGroups")


class NotProvidedError(Exception):
    """The green fleet cannot be made."""


def selection_of(instances: Json | None) -> dict[str, Any]:
    """`targetInstances` of a request in the form of a group's settings."""
    told = instances or {}
    found = {
        "ec2TagFilters": told.get("tagFilters"),
        "ec2TagSet": told.get("ec2TagSet"),
        "autoScalingGroups": told.get("autoScalingGroups"),
    }
    return {name: value for name, value in found.items() if value}


def provide(world: World, deployment: Deployment) -> dict[str, Any]:
    """Select the green fleet, copying the group's Auto Scaling group when the group says so.

    Returns:
        The selection, in the form of a group's settings.

    Raises:
        NotProvidedError: If the Auto Scaling group cannot be copied.
    """
    group = deployment.group
    options = deployment.blue_green.options if deployment.blue_green else {}
    if (options.get("greenFleetProvisioningOption") or {}).get("action") != COPY:
        return selection_of(deployment.options.get("targetInstances"))
    sources = group.settings.get("autoScalingGroups") or []
    if len(sources) != 1:
        raise NotProvidedError("Exactly one Auto Scaling group can be copied.")
    name = f"CodeDeploy_{group.name}_{deployment.deployment_id}"
    try:
        auto_scaling.copy(world, group, sources[0], name)
    except (auto_scaling.Refused, LookupError) as error:
        raise NotProvidedError(str(error)) from error
    return {"autoScalingGroups": [name]}


def take_over(world: World, group: Group, green: Json) -> tuple[str, ...]:
    """Make the green fleet the group's own.

    That a group selects its instances by the green fleet's tags afterwards is inferred: KEEP_ALIVE drops the blue ones
    from the group (API reference, BlueInstanceTerminationOption).

    Returns:
        The Auto Scaling groups that the group had before.
    """
    former = tuple(group.settings.get("autoScalingGroups") or ())
    remove_hooks(world, group, [name for name in former if name not in (green.get("autoScalingGroups") or ())])
    for name in _SELECTION:
        group.settings.pop(name, None)
    group.settings.update(green)
    install_hooks(world, group)
    return former


def terminate(world: World, group: Group, former: tuple[str, ...], blue: list[str]) -> None:
    """End the blue fleet: an Auto Scaling group would replace instances that are only terminated."""
    current = group.settings.get("autoScalingGroups") or ()
    for one in auto_scaling.described(world, group, [name for name in former if name not in current]):
        auto_scaling.delete(world, group, one["AutoScalingGroupName"])
    alive = [
        machine.instance_id
        for machine in world.moto.machines(group.account, group.region)
        if machine.instance_id in blue and machine.state not in GONE
    ]
    if alive:
        world.moto.client("ec2", group.account, group.region).terminate_instances(InstanceIds=alive)


def fleets_before(world: World, rollback: Deployment) -> tuple[list[Host], list[Host]]:
    """The blue and the green hosts, as far as they exist, of the deployment that is rolled back."""
    group = rollback.group
    store = world.store(Store, group.account, group.region)
    before = store.deployments[rollback.rollback["rollbackTriggeringDeploymentId"]].targets
    fleets: dict[str | None, list[Host]] = {"Blue": [], "Green": []}
    for machine in world.moto.machines(group.account, group.region):
        if machine.instance_id in before and machine.state not in GONE:
            fleets[before[machine.instance_id].label].append(ec2_host(machine))
    return fleets["Blue"], fleets["Green"]
