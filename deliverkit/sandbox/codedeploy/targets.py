"""Targets of a deployment, and the deprecated instance operations over the same state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deliverkit.sandbox.codedeploy.state import Deployment, Event, Target
from deliverkit.sandbox.codedeploy.validation import check_batch, find_deployment, one_of, page
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service

STATUSES = frozenset({"Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Unknown", "Ready"})
BATCH_LIMIT = 25


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("ListDeploymentTargets")(list_deployment_targets)
    service.operation("GetDeploymentTarget")(get_deployment_target)
    service.operation("BatchGetDeploymentTargets")(batch_get_deployment_targets)
    service.operation("ListDeploymentInstances")(list_deployment_instances)
    service.operation("GetDeploymentInstance")(get_deployment_instance)
    service.operation("BatchGetDeploymentInstances")(batch_get_deployment_instances)


def _started(params: Params, context: Context) -> Deployment:
    deployment = find_deployment(params, context)
    if deployment.started_at is None and deployment.is_live:
        raise ApiError("DeploymentNotStartedException", f"The deployment {deployment.deployment_id} has not started.")
    return deployment


def list_deployment_targets(params: Params, context: Context) -> dict[str, Any]:
    """ListDeploymentTargets, filtered by TargetStatus."""
    deployment = _started(params, context)
    filters = params.get("targetFilters") or {}
    for name in filters:
        one_of(name, ("TargetStatus", "ServerInstanceLabel"), "InvalidTargetFilterNameException", "The filter")
    if "ServerInstanceLabel" in filters:
        raise ApiError("InvalidDeploymentInstanceTypeException", "An in-place deployment has no blue and green.")
    return page(_identifiers(deployment, filters.get("TargetStatus")), params, "targetIds")


def _identifiers(deployment: Deployment, statuses: list[str] | None) -> list[str]:
    for status in statuses or ():
        one_of(status, STATUSES, "InvalidInstanceStatusException", "The status")
    targets = deployment.targets.values()
    return [target.instance_id for target in targets if not statuses or target.status in statuses]


def get_deployment_target(params: Params, context: Context) -> dict[str, Any]:
    """GetDeploymentTarget."""
    deployment = _started(params, context)
    if not params.get("targetId"):
        raise ApiError("DeploymentTargetIdRequiredException", "The targetId is required but was not specified.")
    return {"deploymentTarget": _target_answer(deployment, _find_target(deployment, params["targetId"]))}


def _find_target(deployment: Deployment, identifier: str) -> Target:
    target = deployment.targets.get(identifier)
    if target is None:
        raise ApiError(
            "DeploymentTargetDoesNotExistException",
            f"The deployment {deployment.deployment_id} has no target {identifier}",
        )
    return target


def batch_get_deployment_targets(params: Params, context: Context) -> dict[str, Any]:
    """BatchGetDeploymentTargets, at most 25."""
    deployment = _started(params, context)
    identifiers = params.get("targetIds")
    if not identifiers:
        raise ApiError("DeploymentTargetIdRequiredException", "The targetIds are required but were not specified.")
    if len(identifiers) > BATCH_LIMIT:
        raise ApiError("DeploymentTargetListSizeExceededException", f"The maximum number of targets is {BATCH_LIMIT}.")
    found = [_find_target(deployment, identifier) for identifier in identifiers]
    return {"deploymentTargets": [_target_answer(deployment, target) for target in found]}


def _target_answer(deployment: Deployment, target: Target) -> dict[str, Any]:
    return {
        "deploymentTargetType": "InstanceTarget",
        "instanceTarget": {
            "deploymentId": deployment.deployment_id,
            "targetId": target.instance_id,
            "targetArn": target.arn,
            "status": target.status,
            "lastUpdatedAt": target.updated_at,
            "lifecycleEvents": [_event_answer(event) for event in target.events],
        },
    }


def _event_answer(event: Event) -> dict[str, Any]:
    return {
        "lifecycleEventName": event.name,
        "status": event.status,
        "startTime": event.started_at,
        "endTime": event.ended_at,
        "diagnostics": event.diagnostics,
    }


# --- deprecated: instances ------------------------------------------------------------------------


def list_deployment_instances(params: Params, context: Context) -> dict[str, Any]:
    """ListDeploymentInstances."""
    deployment = _started(params, context)
    for label in params.get("instanceTypeFilter") or ():
        one_of(label, ("Blue", "Green"), "InvalidInstanceTypeException", "The instance type")
    if params.get("instanceTypeFilter"):
        raise ApiError("InvalidDeploymentInstanceTypeException", "An in-place deployment has no blue and green.")
    return page(_identifiers(deployment, params.get("instanceStatusFilter")), params, "instancesList")


def get_deployment_instance(params: Params, context: Context) -> dict[str, Any]:
    """GetDeploymentInstance."""
    deployment = find_deployment(params, context)
    identifier = params.get("instanceId")
    if not identifier:
        raise ApiError("InstanceIdRequiredException", "The instanceId is required but was not specified.")
    target = _by_name(deployment)(identifier)
    if target is None:
        raise ApiError("InstanceDoesNotExistException", f"{identifier} is not in {deployment.deployment_id}")
    return {"instanceSummary": _summary(deployment, target)}


def _by_name(deployment: Deployment) -> Callable[[str], Target | None]:
    return lambda identifier: deployment.targets.get(identifier.rsplit("/", 1)[-1])


def batch_get_deployment_instances(params: Params, context: Context) -> dict[str, Any]:
    """BatchGetDeploymentInstances; unknown instances are told in `errorMessage`."""
    deployment = find_deployment(params, context)
    identifiers = params.get("instanceIds")
    if not identifiers:
        raise ApiError("InstanceIdRequiredException", "The instanceIds are required but were not specified.")
    check_batch(identifiers, BATCH_LIMIT)
    found = {identifier: _by_name(deployment)(identifier) for identifier in identifiers}
    missing = [identifier for identifier, target in found.items() if target is None]
    return {
        "instancesSummary": [_summary(deployment, target) for target in found.values() if target],
        "errorMessage": f"Not in the deployment: {', '.join(missing)}" if missing else "",
    }


def _summary(deployment: Deployment, target: Target) -> dict[str, Any]:
    return {
        "deploymentId": deployment.deployment_id,
        "instanceId": target.arn,
        "status": target.status,
        "lastUpdatedAt": target.updated_at,
        "lifecycleEvents": [_event_answer(event) for event in target.events],
    }
