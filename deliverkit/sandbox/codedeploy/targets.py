"""Targets of a deployment, under their present names and under the deprecated ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deliverkit.sandbox.codedeploy import checks
from deliverkit.sandbox.codedeploy.checks import refusal
from deliverkit.sandbox.codedeploy.pages import page
from deliverkit.sandbox.codedeploy.state import Deployment, LifecycleEvent, Target
from deliverkit.sandbox.kernel.operations import Answer, Context, Params

STATUSES = frozenset({"Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Unknown", "Ready"})


def list_deployment_targets(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, ListDeploymentTargets."""
    found = _started(params, context)
    filters = params.get("targetFilters", {})
    if not set(filters) <= {"TargetStatus", "ServerInstanceLabel"}:
        raise refusal("InvalidTargetFilterName", "A target filter is not known.")
    if filters.get("ServerInstanceLabel"):
        raise refusal("InvalidDeploymentInstanceType", "An in-place deployment has neither blue nor green instances.")
    return page(params, "targetIds", _with_status(found, filters.get("TargetStatus", [])))


def get_deployment_target(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, GetDeploymentTarget."""
    found = _started(params, context)
    return {"deploymentTarget": _shown(found, _target(found, params.get("targetId", "")))}


def batch_get_deployment_targets(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, BatchGetDeploymentTargets."""
    found = _started(params, context)
    ids = params.get("targetIds", [])
    if len(ids) > checks.BATCH_LIMITS["targetIds"]:
        raise refusal("DeploymentTargetListSizeExceeded", "The maximum number of targets in one request is 25.")
    if not ids:
        raise refusal("DeploymentTargetIdRequired", "A deployment target ID was not provided.")
    return {"deploymentTargets": [_shown(found, _target(found, each)) for each in ids]}


def list_deployment_instances(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, ListDeploymentInstances (deprecated)."""
    found = _started(params, context)
    if params.get("instanceTypeFilter"):
        raise refusal("InvalidDeploymentInstanceType", "An in-place deployment has neither blue nor green instances.")
    return page(params, "instancesList", _with_status(found, params.get("instanceStatusFilter", [])))


def get_deployment_instance(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, GetDeploymentInstance (deprecated)."""
    found = _started(params, context)
    return {"instanceSummary": _summary(found, _instance(found, params.get("instanceId", "")))}


def batch_get_deployment_instances(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, BatchGetDeploymentInstances (deprecated); unknown ones are told in `errorMessage`."""
    found = _started(params, context)
    ids = checks.batch(params, "instanceIds", missing="InstanceIdRequired")
    unknown = [each for each in ids if each not in found.targets]
    message = f"Instances not found in the deployment: {', '.join(unknown)}" if unknown else ""
    known = [_summary(found, found.targets[each]) for each in ids if each in found.targets]
    return {"instancesSummary": known, "errorMessage": message}


def _started(params: Params, context: Context) -> Deployment:
    found = checks.deployment(params, context)
    if found.started_at is None:
        raise refusal("DeploymentNotStarted", f"The deployment {found.deployment_id} has not started.")
    return found


def _with_status(found: Deployment, statuses: Iterable[str]) -> list[str]:
    wanted = set(statuses)
    if not wanted <= STATUSES:
        raise refusal("InvalidInstanceStatus", "An instance status is not known.")
    return [target.instance_id for target in found.targets.values() if not wanted or target.status in wanted]


def _target(found: Deployment, target_id: str) -> Target:
    if not target_id:
        raise refusal("DeploymentTargetIdRequired", "A deployment target ID was not provided.")
    if target_id not in found.targets:
        raise refusal("DeploymentTargetDoesNotExist", f"The target {target_id} is not in {found.deployment_id}.")
    return found.targets[target_id]


def _instance(found: Deployment, instance_id: str) -> Target:
    if not instance_id:
        raise refusal("InstanceIdRequired", "The instance ID was not specified.")
    if instance_id not in found.targets:
        raise refusal("InstanceDoesNotExist", f"The instance {instance_id} is not in {found.deployment_id}.")
    return found.targets[instance_id]


def _shown(found: Deployment, target: Target) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "deploymentId": found.deployment_id,
        "targetId": target.instance_id,
        "targetArn": target.arn,
        "status": target.status,
        "lifecycleEvents": [_event(event) for event in target.events],
    }
    if target.updated_at is not None:
        shown["lastUpdatedAt"] = target.updated_at
    return {"deploymentTargetType": "InstanceTarget", "instanceTarget": shown}


def _summary(found: Deployment, target: Target) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "deploymentId": found.deployment_id,
        "instanceId": target.arn,
        "status": target.status,
        "lifecycleEvents": [_event(event) for event in target.events],
    }
    if target.updated_at is not None:
        shown["lastUpdatedAt"] = target.updated_at
    return shown


def _event(event: LifecycleEvent) -> dict[str, Any]:
    shown = {
        "lifecycleEventName": event.name,
        "status": event.status,
        "startTime": event.started_at,
        "endTime": event.ended_at,
        "diagnostics": event.diagnostics,
    }
    return {name: value for name, value in shown.items() if value is not None}
