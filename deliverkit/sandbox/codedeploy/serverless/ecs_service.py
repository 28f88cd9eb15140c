"""Services and task sets of ECS, as a deployment uses them (ECS API reference, CreateTaskSet and its like).

There are no containers: a task set's tasks run as soon as there is one (`moto_services`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.exceptions

from deliverkit.sandbox.codedeploy.serverless.rollout import RoutingError
from deliverkit.sandbox.codedeploy.serverless.state import EcsShift, TaskSet
from deliverkit.sandbox.codedeploy.state import Group
from deliverkit.sandbox.kernel.world import World

UPDATE = "ECS_UPDATE_ERROR"


def describe(world: World, group: Group, cluster: str, service: str) -> Mapping[str, Any] | None:
    """A service that lives; None without one."""
    try:
        found = _client(world, group).describe_services(cluster=cluster, services=[service])["services"]
    except botocore.exceptions.ClientError:
        return None
    living: list[Mapping[str, Any]] = [each for each in found if each["status"] == "ACTIVE"]
    return living[0] if living else None


def primary(world: World, group: Group, shift: EcsShift, pair: tuple[str, ...]) -> TaskSet:
    """The task set that serves.

    Raises:
        RoutingError: If somebody has deleted it.
    """
    service = describe(world, group, shift.cluster, shift.service) or {}
    found = next((each for each in service.get("taskSets", ()) if each["status"] == "PRIMARY"), None)
    if found is None:
        raise RoutingError("INVALID_ECS_SERVICE", f"The ECS service {shift.service} has no primary task set.")
    balancers = [each["targetGroupArn"] for each in found.get("loadBalancers") or () if each.get("targetGroupArn")]
    used = next((arn for arn in balancers if arn in pair), "")
    return _record(found, "Blue", "PRIMARY", used, service)


def create_green(world: World, group: Group, shift: EcsShift, target_group: str, deployment_id: str) -> TaskSet:
    """Make the replacement, after the remains of deployments that were stopped without a rollback.

    Raises:
        RoutingError: If ECS refuses, for one because there is no such task definition.
    """
    service = describe(world, group, shift.cluster, shift.service) or {}
    for each in service.get("taskSets", ()):
        if each["status"] != "PRIMARY":
            delete(world, group, shift, each["taskSetArn"])
    asked = {**_asked(shift.specification, service, target_group), "externalId": deployment_id}
    return _record(_create(world, group, shift, asked), "Green", "ACTIVE", target_group, service)


def make_primary(world: World, group: Group, shift: EcsShift, arn: str) -> None:
    """Make a task set the service's own.

    Raises:
        RoutingError: If ECS refuses.
    """
    _try(
        _client(world, group).update_service_primary_task_set,
        cluster=shift.cluster,
        service=shift.service,
        primaryTaskSet=arn,
    )


def delete(world: World, group: Group, shift: EcsShift, arn: str) -> None:
    """End a task set with its tasks.

    Raises:
        RoutingError: If ECS refuses.
    """
    _try(_client(world, group).delete_task_set, cluster=shift.cluster, service=shift.service, taskSet=arn, force=True)


def _create(world: World, group: Group, shift: EcsShift, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    create = _client(world, group).create_task_set
    made: Mapping[str, Any] = _try(create, cluster=shift.cluster, service=shift.service, **asked)["taskSet"]
    return made


def _asked(specification: Mapping[str, Any], service: Mapping[str, Any], target_group: str) -> dict[str, Any]:
    balancer = specification["LoadBalancerInfo"]
    asked: dict[str, Any] = {
        "taskDefinition": specification["TaskDefinition"],
        "loadBalancers": [
            {
                "targetGroupArn": target_group,
                "containerName": balancer["ContainerName"],
                "containerPort": balancer["ContainerPort"],
            }
        ],
    }
    network = _lowered(specification.get("NetworkConfiguration")) or service.get("networkConfiguration")
    optional = {
        "networkConfiguration": network,
        "platformVersion": specification.get("PlatformVersion"),
        "capacityProviderStrategy": _lowered(specification.get("CapacityProviderStrategy")),
    }
    asked.update({name: value for name, value in optional.items() if value})
    if "capacityProviderStrategy" not in asked:
        asked["launchType"] = service.get("launchType") or "EC2"
    return asked


def _lowered(value: Any) -> Any:
    """The appspec's names as ECS's API has them: the first letter in lower case."""
    if isinstance(value, dict):
        return {f"{name[0].lower()}{name[1:]}": _lowered(each) for name, each in value.items()}
    return [_lowered(each) for each in value] if isinstance(value, list) else value


def _record(
    found: Mapping[str, Any], label: str, status: str, target_group: str, service: Mapping[str, Any]
) -> TaskSet:
    desired = int(service.get("desiredCount", 0))
    return TaskSet(
        identifier=found["id"],
        arn=found["taskSetArn"],
        label=label,
        status=status,
        target_group=target_group,
        desired=desired,
        running=desired,
        created_at=found.get("createdAt"),
        weight=100.0 if status == "PRIMARY" else 0.0,
    )


def _try(operation: Any, **asked: Any) -> Any:
    try:
        return operation(**asked)
    except (botocore.exceptions.ClientError, botocore.exceptions.ParamValidationError) as error:
        raise RoutingError(UPDATE, f"ECS refused: {error}") from error


def _client(world: World, group: Group) -> Any:
    return world.moto.client("ecs", group.account, group.region)
