"""What CodeDeploy asks of Auto Scaling (user guide, integrations-aws-auto-scaling)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import botocore.exceptions

from deliverkit.sandbox.codedeploy.state import Group
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_scaling import HELD

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
LAUNCH_HOOK = "CodeDeploy-managed-automatic-launch-deployment-hook"
HEARTBEAT_SECONDS = 600
"""Undocumented; CodeDeploy renews the heartbeat every five minutes."""
_COPIED = (
    "LaunchConfigurationName",
    "LaunchTemplate",
    "MixedInstancesPolicy",
    "MinSize",
    "MaxSize",
    "DefaultCooldown",
    "HealthCheckType",
    "HealthCheckGracePeriod",
    "VPCZoneIdentifier",
    "TerminationPolicies",
)
"""What a copied group has of its source. Load balancers are left out: the copy gets traffic at the reroute only."""
_TAG_MEMBERS = ("Key", "Value", "PropagateAtLaunch")

Refused = botocore.exceptions.ClientError
"""What the changing functions here raise when Auto Scaling refuses."""


def client(world: World, group: Group) -> Any:
    """Auto Scaling in the deployment group's account and region."""
    return world.moto.client("autoscaling", group.account, group.region)


def described(world: World, group: Group, names: Iterable[str]) -> list[dict[str, Any]]:
    """The Auto Scaling groups of these names that exist."""
    wanted = list(names)
    if not wanted:
        return []
    answer = client(world, group).describe_auto_scaling_groups(AutoScalingGroupNames=wanted)
    return list(answer["AutoScalingGroups"])


def instances_of(world: World, group: Group, names: Iterable[str]) -> set[str]:
    """Ids of the instances in Auto Scaling groups; those on their way out are none of them any more."""
    return {
        str(instance["InstanceId"])
        for one in described(world, group, names)
        for instance in one["Instances"]
        if not str(instance["LifecycleState"]).startswith("Terminat")
    }


def held(world: World, group: Group, names: Iterable[str]) -> set[str]:
    """Ids of the instances that wait for the hook on their way out."""
    return {
        str(instance["InstanceId"])
        for one in described(world, group, names)
        for instance in one["Instances"]
        if instance["LifecycleState"] == HELD
    }


def end_held(world: World, group: Group, instance_id: str) -> None:
    """End an instance that waited; the group's capacity was lowered before."""
    client(world, group).terminate_instance_in_auto_scaling_group(
        InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
    )


def healthy_count(source: dict[str, Any]) -> int:
    """How many instances of a described group are healthy and in service."""
    return sum(
        one["HealthStatus"].lower() == "healthy" and one["LifecycleState"] == "InService" for one in source["Instances"]
    )


def copy(world: World, group: Group, source_name: str, name: str) -> None:
    """Create the replacement of an Auto Scaling group, as large as its source has healthy instances.

    Raises:
        Refused: If Auto Scaling refuses.
        LookupError: If there is no such source.
    """
    found = described(world, group, [source_name])
    if not found:
        raise LookupError(f"The Auto Scaling group {source_name} does not exist.")
    source = found[0]
    request: dict[str, Any] = {key: source[key] for key in _COPIED if source.get(key)}
    if "VPCZoneIdentifier" not in request:
        request["AvailabilityZones"] = source["AvailabilityZones"]
    if "LaunchTemplate" in request:
        template = request["LaunchTemplate"]
        request["LaunchTemplate"] = {key: template[key] for key in ("LaunchTemplateId", "Version") if key in template}
    tags = [{key: tag[key] for key in _TAG_MEMBERS} for tag in source.get("Tags") or ()]
    client(world, group).create_auto_scaling_group(
        AutoScalingGroupName=name,
        DesiredCapacity=max(healthy_count(source), int(source["MinSize"])),
        Tags=[{**tag, "ResourceId": name, "ResourceType": "auto-scaling-group"} for tag in tags],
        **{"MinSize": 0, "MaxSize": 0, **request},
    )


def delete(world: World, group: Group, name: str) -> None:
    """Delete an Auto Scaling group with its instances.

    Raises:
        Refused: If Auto Scaling refuses.
    """
    client(world, group).delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)


def install_hook(world: World, group: Group, name: str, kind: str, transition: str) -> str:
    """Install one of CodeDeploy's lifecycle hooks.

    Returns:
        The hook's name.

    Raises:
        Refused: If Auto Scaling refuses.
    """
    hook = f"{kind}-{group.name}-{chance.uuid4()}"
    client(world, group).put_lifecycle_hook(
        LifecycleHookName=hook,
        AutoScalingGroupName=name,
        LifecycleTransition=transition,
        HeartbeatTimeout=HEARTBEAT_SECONDS,
        DefaultResult="ABANDON" if transition == LAUNCHING else "CONTINUE",
    )
    return hook


def remove_hook(world: World, group: Group, name: str, hook: str) -> bool:
    """Remove a lifecycle hook; False when Auto Scaling would not."""
    try:
        client(world, group).delete_lifecycle_hook(AutoScalingGroupName=name, LifecycleHookName=hook)
    except Refused:
        return False
    return True
