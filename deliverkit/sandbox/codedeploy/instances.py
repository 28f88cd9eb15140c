"""The deprecated operations over instances of a deployment: the same state as its targets."""

from __future__ import annotations

import re
from typing import Any

from deliverkit.sandbox.codedeploy.state import Deployment, Target
from deliverkit.sandbox.codedeploy.targets import event_answer, identifiers, started
from deliverkit.sandbox.codedeploy.validation import check_batch, find_deployment, page
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service

BATCH_LIMIT = 25
_NAME = re.compile(r"[A-Za-z0-9+=,.@_:/-]{1,256}")


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("ListDeploymentInstances")(list_deployment_instances)
    service.operation("GetDeploymentInstance")(get_deployment_instance)
    service.operation("BatchGetDeploymentInstances")(batch_get_deployment_instances)


def list_deployment_instances(params: Params, context: Context) -> dict[str, Any]:
    """ListDeploymentInstances."""
    deployment = _of_hosts(started(params, context))
    found = identifiers(deployment, params.get("instanceStatusFilter"), params.get("instanceTypeFilter"))
    return page(found, params, "instancesList")


def _of_hosts(deployment: Deployment) -> Deployment:
    """These operations know the server platform and Lambda (API reference, BatchGetDeploymentInstances)."""
    if deployment.platform == "ECS":
        raise ApiError("InvalidComputePlatformException", "Deployments to ECS have no instances; ask for targets.")
    return deployment


def get_deployment_instance(params: Params, context: Context) -> dict[str, Any]:
    """GetDeploymentInstance."""
    deployment = _of_hosts(find_deployment(params, context))
    identifier = params.get("instanceId")
    if not identifier:
        raise ApiError("InstanceIdRequiredException", "The instanceId is required but was not specified.")
    target = _find(deployment, _checked(identifier))
    if target is None:
        raise ApiError("InstanceDoesNotExistException", f"{identifier} is not in {deployment.deployment_id}")
    return {"instanceSummary": _summary(deployment, target)}


def _checked(identifier: str) -> str:
    if not _NAME.fullmatch(identifier):
        raise ApiError("InvalidInstanceNameException", f"The instance id {identifier!r} is not valid.")
    return identifier


def _find(deployment: Deployment, identifier: str) -> Target | None:
    """By id or by ARN."""
    by_arn = (target for target in deployment.targets.values() if target.arn == identifier)
    return deployment.targets.get(identifier) or next(by_arn, None)


def batch_get_deployment_instances(params: Params, context: Context) -> dict[str, Any]:
    """BatchGetDeploymentInstances; unknown instances are told in `errorMessage`."""
    deployment = _of_hosts(find_deployment(params, context))
    identifiers = params.get("instanceIds")
    if not identifiers:
        raise ApiError("InstanceIdRequiredException", "The instanceIds are required but were not specified.")
    check_batch(identifiers, BATCH_LIMIT)
    found = {identifier: _find(deployment, _checked(identifier)) for identifier in identifiers}
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
        "instanceType": target.label,
        "lifecycleEvents": [event_answer(event) for event in target.events],
    }
