"""`targetInstances` of a request: the green fleet of one deployment (API reference, CreateDeployment)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deliverkit.sandbox.codedeploy import auto_scaling, green_fleet
from deliverkit.sandbox.codedeploy.membership import matches_filter
from deliverkit.sandbox.codedeploy.state import Group, Json
from deliverkit.sandbox.codedeploy.tag_filters import check_filters
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context

CODE = "InvalidTargetInstancesException"


def check_target_instances(instances: Json | None, group: Group, context: Context) -> None:
    """Refuse a green fleet where there can be none, and one that selects nothing.

    Raises:
        ApiError: `InvalidTargetInstancesException`, `InvalidAutoScalingGroupException`.
    """
    told = green_fleet.selection_of(instances)
    configuration = group.settings.get("blueGreenDeploymentConfiguration") or {}
    provisioning = (configuration.get("greenFleetProvisioningOption") or {}).get("action")
    is_blue_green = (group.settings.get("deploymentStyle") or {}).get("deploymentType") == "BLUE_GREEN"
    is_found = is_blue_green and provisioning != green_fleet.COPY
    if not told:
        if is_found:
            raise ApiError(CODE, "A blue/green deployment to existing instances needs targetInstances.")
        return
    if not is_found:
        raise ApiError(CODE, "targetInstances is for blue/green deployments to existing instances only.")
    if "ec2TagFilters" in told and "ec2TagSet" in told:
        raise ApiError(CODE, "tagFilters and ec2TagSet cannot be used together.")
    _check_tags(told, context)
    names = told.get("autoScalingGroups") or ()
    if len(auto_scaling.described(context.world, group, names)) < len(set(names)):
        raise ApiError("InvalidAutoScalingGroupException", "An Auto Scaling group of targetInstances does not exist.")


def _check_tags(told: dict[str, Any], context: Context) -> None:
    """Every filter must find an instance."""
    machines = list(context.world.moto.machines(context.account, context.region))
    for one in check_filters(_filters(told), CODE):
        if not any(matches_filter(machine.tags, one) for machine in machines):
            raise ApiError(CODE, f"No instance carries the tag {dict(one)}.")


def _filters(told: dict[str, Any]) -> Iterator[list[Json]]:
    yield list(told.get("ec2TagFilters") or ())
    for group in (told.get("ec2TagSet") or {}).get("ec2TagSetList") or ():
        yield list(group)
