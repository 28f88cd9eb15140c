"""What a Lambda or ECS deployment group must satisfy (API reference, CreateDeploymentGroup and CreateDeployment)."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codedeploy.serverless.ecs_settings import check_ecs
from deliverkit.sandbox.codedeploy.state import Group
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params

STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
_FOREIGN = {
    "ec2TagFilters": "InvalidEC2TagException",
    "ec2TagSet": "InvalidEC2TagException",
    "onPremisesInstanceTagFilters": "InvalidTagException",
    "onPremisesTagSet": "InvalidTagException",
    "autoScalingGroups": "InvalidAutoScalingGroupException",
}
_FOREIGN_TO_LAMBDA = {
    "ecsServices": "InvalidECSServiceException",
    "loadBalancerInfo": "InvalidLoadBalancerInfoException",
    "blueGreenDeploymentConfiguration": "InvalidBlueGreenDeploymentConfigurationException",
}


def check_group(settings: Params, context: Context, platform: str, group: Group | None) -> None:
    """Refuse a style other than blue/green with traffic control, and settings of other platforms.

    Which exception answers for a setting of another platform is documented for Auto Scaling groups alone.

    Raises:
        ApiError: `InvalidDeploymentStyleException`, or the exception of the setting that is out of place.
    """
    if dict(settings.get("deploymentStyle") or {}) != STYLE:
        raise ApiError(
            "InvalidDeploymentStyleException",
            f"A deployment group for {platform} needs the deployment style BLUE_GREEN, WITH_TRAFFIC_CONTROL.",
        )
    foreign = {**_FOREIGN, **(_FOREIGN_TO_LAMBDA if platform == "Lambda" else {})}
    for member, code in foreign.items():
        given: Any = settings.get(member)
        if any(given.values()) if isinstance(given, dict) else given:
            raise ApiError(code, f"{member} is not for deployment groups of {platform}.")
    if platform == "ECS":
        check_ecs(settings, context, group)


def check_request(params: Params, platform: str) -> None:
    """Refuse what CreateDeployment does not take for these platforms.

    That both switches must be false is documented for Lambda; ECS is taken to be the same.

    Raises:
        ApiError: `InvalidUpdateOutdatedInstancesOnlyValue-`, `InvalidIgnoreApplicationStopFailuresValue-` or
            `InvalidTargetInstancesException`.
    """
    if params.get("updateOutdatedInstancesOnly"):
        code = "InvalidUpdateOutdatedInstancesOnlyValueException"
        raise ApiError(code, f"updateOutdatedInstancesOnly must be false for {platform}.")
    if params.get("ignoreApplicationStopFailures"):
        code = "InvalidIgnoreApplicationStopFailuresValueException"
        raise ApiError(code, f"ignoreApplicationStopFailures must be false for {platform}.")
    if params.get("targetInstances"):
        raise ApiError("InvalidTargetInstancesException", f"targetInstances is not for {platform}.")
