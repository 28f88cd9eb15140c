"""What an ECS deployment group must satisfy (API reference, CreateDeploymentGroup; user guide, limits)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.exceptions

from deliverkit.sandbox.codedeploy.serverless import ecs_service
from deliverkit.sandbox.codedeploy.state import Group, Store
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params
from deliverkit.sandbox.moto_services import CONTROLLER

LONGEST_READY_MINUTES = 120 * 60
LONGEST_TERMINATION_MINUTES = 2880
_SERVICE = "InvalidECSServiceException"
_PAIR = "InvalidTargetGroupPairException"
_BALANCERS = "InvalidLoadBalancerInfoException"
_BLUE_GREEN = "InvalidBlueGreenDeploymentConfigurationException"


def check_ecs(settings: Params, context: Context, group: Group | None) -> None:
    """Refuse a group without a service that CodeDeploy may deploy, a pair of target groups and blue/green options.

    Args:
        settings: As they would be.
        context: Who asks.
        group: The group that is updated; None for a new one.

    Raises:
        ApiError: `InvalidECSService-`, `ECSServiceMappingLimitExceeded-`, `InvalidLoadBalancerInfo-`,
            `InvalidTargetGroupPair-` or `InvalidBlueGreenDeploymentConfigurationException`.
    """
    _check_service(settings.get("ecsServices") or [], context, group)
    _check_pair(settings.get("loadBalancerInfo") or {}, context)
    _check_options(settings.get("blueGreenDeploymentConfiguration") or {})


def _check_service(services: list[Mapping[str, str]], context: Context, group: Group | None) -> None:
    if len(services) > 1:
        raise ApiError("ECSServiceMappingLimitExceededException", "A deployment group has one Amazon ECS service.")
    names = [(each.get("clusterName"), each.get("serviceName")) for each in services]
    if not names or not all(names[0]):
        raise ApiError(_SERVICE, "A deployment group for ECS needs one service with its cluster.")
    cluster, name = str(names[0][0]), str(names[0][1])
    asking = Group("", "", "", context.account, context.region, {})
    service = ecs_service.describe(context.world, asking, cluster, name)
    if service is None:
        raise ApiError(_SERVICE, f"There is no active Amazon ECS service {name} in the cluster {cluster}.")
    if service["deploymentController"]["type"] != CONTROLLER:
        message = "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller."
        raise ApiError(_SERVICE, message)
    if any(services[0] in (other.settings.get("ecsServices") or ()) for other in _others(context, group)):
        message = f"The Amazon ECS service {name} is associated with another deployment group."
        raise ApiError("ECSServiceMappingLimitExceededException", message)


def _others(context: Context, group: Group | None) -> list[Group]:
    applications = context.world.store(Store, context.account, context.region).applications.values()
    return [each for application in applications for each in application.groups.values() if each is not group]


def _check_pair(info: Mapping[str, Any], context: Context) -> None:
    pairs = info.get("targetGroupPairInfoList") or []
    if info.get("elbInfoList") or info.get("targetGroupInfoList") or len(pairs) != 1:
        raise ApiError(_BALANCERS, "A deployment group for ECS needs one target group pair and no other balancer.")
    groups = [each.get("name") for each in pairs[0].get("targetGroups") or ()]
    if len(set(groups)) != 2 or not all(groups):
        raise ApiError(_PAIR, "A target group pair needs two target groups.")
    if len((pairs[0].get("prodTrafficRoute") or {}).get("listenerArns") or ()) != 1:
        raise ApiError(_PAIR, "prodTrafficRoute needs exactly one listener.")
    if len((pairs[0].get("testTrafficRoute") or {}).get("listenerArns") or ()) > 1:
        raise ApiError(_PAIR, "testTrafficRoute takes one listener.")
    client = context.world.moto.client("elbv2", context.account, context.region)
    try:
        client.describe_target_groups(Names=groups)
    except botocore.exceptions.ClientError as error:
        raise ApiError(_PAIR, f"A target group of the pair does not exist: {error}") from error


def _check_options(options: Mapping[str, Any]) -> None:
    """That both options are needed, and the third one is not for ECS, is read from the guide's ECS pages."""
    ready, blue = options.get("deploymentReadyOption"), options.get("terminateBlueInstancesOnDeploymentSuccess")
    if not ready or not blue:
        needed = "deploymentReadyOption and terminateBlueInstancesOnDeploymentSuccess"
        raise ApiError(_BLUE_GREEN, f"A deployment group for ECS needs {needed}.")
    if options.get("greenFleetProvisioningOption"):
        raise ApiError(_BLUE_GREEN, "greenFleetProvisioningOption is for instances.")
    wait = ready.get("waitTimeInMinutes") or 0
    if ready.get("actionOnTimeout") not in {"CONTINUE_DEPLOYMENT", "STOP_DEPLOYMENT"}:
        raise ApiError(_BLUE_GREEN, "actionOnTimeout must be CONTINUE_DEPLOYMENT or STOP_DEPLOYMENT.")
    if wait and ready["actionOnTimeout"] != "STOP_DEPLOYMENT":
        raise ApiError(_BLUE_GREEN, "A wait time is for STOP_DEPLOYMENT only.")
    # KEEP_ALIVE is for instances: ECS refuses it (observed), and the guide's ECS pages know only a time.
    if blue.get("action") != "TERMINATE":
        raise ApiError(_BLUE_GREEN, "The action for the blue task set must be TERMINATE.")
    _check_minutes(wait, LONGEST_READY_MINUTES)
    _check_minutes(blue.get("terminationWaitTimeInMinutes") or 0, LONGEST_TERMINATION_MINUTES)


def _check_minutes(minutes: int, longest: int) -> None:
    if not 0 <= minutes <= longest:
        raise ApiError(_BLUE_GREEN, f"A wait of {minutes} minutes is not between 0 and {longest}.")
