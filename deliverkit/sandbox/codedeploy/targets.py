"""Targets of a deployment (CodeDeploy API reference)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from deliverkit.sandbox.codedeploy.serverless.answers import target_answer
from deliverkit.sandbox.codedeploy.state import Deployment, Event, Target
from deliverkit.sandbox.codedeploy.validation import find_deployment, one_of, page
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service

STATUSES = frozenset({"Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Unknown", "Ready"})
BATCH_LIMIT = 25
_IDENTIFIER = re.compile(r"\S{1,1024}")


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("ListDeploymentTargets")(list_deployment_targets)
    service.operation("GetDeploymentTarget")(get_deployment_target)
    service.operation("BatchGetDeploymentTargets")(batch_get_deployment_targets)


def started(params: Params, context: Context) -> Deployment:
    """The deployment that a request names, once it has begun.

    Raises:
        ApiError: `DeploymentNotStartedException`, or as `find_deployment`.
    """
    deployment = find_deployment(params, context)
    if deployment.started_at is None and deployment.is_live:
        raise ApiError("DeploymentNotStartedException", f"The deployment {deployment.deployment_id} has not started.")
    return deployment


def list_deployment_targets(params: Params, context: Context) -> dict[str, Any]:
    """ListDeploymentTargets, filtered by TargetStatus."""
    deployment = started(params, context)
    filters = params.get("targetFilters") or {}
    for name in filters:
        one_of(name, ("TargetStatus", "ServerInstanceLabel"), "InvalidTargetFilterNameException", "The filter")
    found = identifiers(deployment, filters.get("TargetStatus"), filters.get("ServerInstanceLabel"))
    return page(found, params, "targetIds")


def identifiers(deployment: Deployment, statuses: Sequence[str] | None, labels: Sequence[str] | None) -> list[str]:
    """Ids of the targets with one of the statuses and one of the labels.

    Raises:
        ApiError: `InvalidInstanceStatus-`, `InvalidInstanceType-`; `InvalidDeploymentInstanceTypeException` for labels
            in a deployment without blue and green.
    """
    for status in statuses or ():
        one_of(status, STATUSES, "InvalidInstanceStatusException", "The status")
    for label in labels or ():
        one_of(label, ("Blue", "Green"), "InvalidInstanceTypeException", "The instance type")
    if labels and not deployment.is_blue_green:
        raise ApiError("InvalidDeploymentInstanceTypeException", "An in-place deployment has no blue and green.")
    return [
        target.instance_id
        for target in deployment.targets.values()
        if (not statuses or target.status in statuses) and (not labels or target.label in labels)
    ]


def get_deployment_target(params: Params, context: Context) -> dict[str, Any]:
    """GetDeploymentTarget."""
    deployment = started(params, context)
    if not params.get("targetId"):
        raise ApiError("DeploymentTargetIdRequiredException", "The targetId is required but was not specified.")
    return {"deploymentTarget": _target_answer(deployment, _find_target(deployment, params["targetId"]))}


def _find_target(deployment: Deployment, identifier: str) -> Target:
    if not _IDENTIFIER.fullmatch(identifier):
        raise ApiError("InvalidDeploymentTargetIdException", f"The target id {identifier!r} is not valid.")
    target = deployment.targets.get(identifier)
    if target is None:
        raise ApiError(
            "DeploymentTargetDoesNotExistException",
            f"The deployment {deployment.deployment_id} has no target {identifier}",
        )
    return target


def batch_get_deployment_targets(params: Params, context: Context) -> dict[str, Any]:
    """BatchGetDeploymentTargets, at most 25."""
    deployment = started(params, context)
    identifiers = params.get("targetIds")
    if not identifiers:
        raise ApiError("DeploymentTargetIdRequiredException", "The targetIds are required but were not specified.")
    # A deployment to Lambda or ECS has exactly one (API reference, DeploymentTargetListSizeExceededException).
    limit = BATCH_LIMIT if deployment.serverless is None else 1
    if len(identifiers) > limit:
        raise ApiError("DeploymentTargetListSizeExceededException", f"The maximum number of targets is {limit}.")
    found = [_find_target(deployment, identifier) for identifier in identifiers]
    return {"deploymentTargets": [_target_answer(deployment, target) for target in found]}


def _target_answer(deployment: Deployment, target: Target) -> dict[str, Any]:
    told = {
        "deploymentId": deployment.deployment_id,
        "targetId": target.instance_id,
        "targetArn": target.arn,
        "status": target.status,
        "lastUpdatedAt": target.updated_at,
        "lifecycleEvents": [event_answer(event) for event in target.events],
    }
    if deployment.serverless is not None:
        return target_answer(deployment.serverless, told)
    return {"deploymentTargetType": "InstanceTarget", "instanceTarget": {**told, "instanceLabel": target.label}}


def event_answer(event: Event) -> dict[str, Any]:
    """A lifecycle event as every operation tells it."""
    return {
        "lifecycleEventName": event.name,
        "status": event.status,
        "startTime": event.started_at,
        "endTime": event.ended_at,
        "diagnostics": event.diagnostics,
    }
