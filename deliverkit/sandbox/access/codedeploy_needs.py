"""Resources of CodeDeploy's actions (Service Authorization Reference, "AWS CodeDeploy")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.access.request import Request
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

_APPLICATION = frozenset(
    {
        "CreateApplication",
        "DeleteApplication",
        "GetApplication",
        "UpdateApplication",
        "GetApplicationRevision",
        "BatchGetApplicationRevisions",
        "RegisterApplicationRevision",
        "ListApplicationRevisions",
        "ListDeploymentGroups",
    }
)
_GROUP = frozenset(
    {
        "CreateDeployment",
        "CreateDeploymentGroup",
        "DeleteDeploymentGroup",
        "GetDeploymentGroup",
        "UpdateDeploymentGroup",
        "ListDeployments",
    }
)
_DEPLOYMENT = frozenset(
    {
        "GetDeployment",
        "StopDeployment",
        "ContinueDeployment",
        "GetDeploymentTarget",
        "BatchGetDeploymentTargets",
        "ListDeploymentTargets",
        "ListDeploymentInstances",
        "GetDeploymentInstance",
        "BatchGetDeploymentInstances",
    }
)
"""Actions on a deployment, whose resource is the deployment's group. For those that the reference gives no resource
type the group is what an `Allow` on `*` covers anyway; a policy that names groups can be narrower here than on AWS."""


def codedeploy_resources(world: World, request: Request) -> list[str]:
    """ARNs that the request is about; `*` for an action without a resource."""
    operation, params = request.operation, request.params
    base = f"arn:aws:codedeploy:{request.region}:{request.account}"
    if operation in _DEPLOYMENT:
        return [_group_of(world, request, str(params.get("deploymentId", "")), base)]
    if operation == "BatchGetDeployments":
        return [_group_of(world, request, str(each), base) for each in params.get("deploymentIds", [])] or ["*"]
    return [f"{base}:{name}" for name in _named(operation, params)] or [str(params.get("ResourceArn", "*"))]


def _named(operation: str, params: Mapping[str, Any]) -> list[str]:
    """The ends of the ARNs that a request's own members name."""
    application = str(params.get("applicationName") or params.get("currentApplicationName") or "*")
    group = str(params.get("deploymentGroupName") or params.get("currentDeploymentGroupName") or "*")
    if operation in _APPLICATION:
        return [f"application:{application}"]
    if operation in _GROUP:
        return [f"deploymentgroup:{application}/{group}"]
    if operation == "BatchGetApplications":
        return [f"application:{name}" for name in params.get("applicationNames", [])]
    if operation == "BatchGetDeploymentGroups":
        return [f"deploymentgroup:{application}/{name}" for name in params.get("deploymentGroupNames", [])]
    if operation.endswith("DeploymentConfig"):
        return [f"deploymentconfig:{params.get('deploymentConfigName', '*')}"]
    return []


def _group_of(world: World, request: Request, deployment: str, base: str) -> str:
    context = world.context(request.account, request.region, f"arn:aws:iam::{request.account}:root")
    try:
        answer = world.call("codedeploy", "GetDeployment", {"deploymentId": deployment}, context)
    except ApiError:
        return "*"  # there is none; who may ask at all will be told so
    info = answer["deploymentInfo"]
    return f"{base}:deploymentgroup:{info['applicationName']}/{info['deploymentGroupName']}"
