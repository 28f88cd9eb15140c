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


def further_needs(world: World, request: Request) -> list[tuple[str, str]]:
    """Actions and resources beside the request's own: a deployment reads its configuration and its revision.

    User guide, auth-and-access-control-permissions-reference, and refusals as observed; a revision that is not
    registered yet is registered by its deployment. API reference, CreateDeployment: whoever overrides the group's
    alarms may have to be allowed to change the group.
    """
    if request.service != "codedeploy" or request.operation != "CreateDeployment":
        return []
    params, base = request.params, f"arn:aws:codedeploy:{request.region}:{request.account}"
    (group,) = codedeploy_resources(world, request)
    needs = [("codedeploy:GetDeploymentConfig", f"{base}:deploymentconfig:{_configuration_of(world, request)}")]
    if params.get("revision"):
        named = {"applicationName": params.get("applicationName"), "revision": params["revision"]}
        is_registered = _asked(world, request, "GetApplicationRevision", named) is not None
        action = "GetApplicationRevision" if is_registered else "RegisterApplicationRevision"
        needs.append((f"codedeploy:{action}", f"{base}:application:{params.get('applicationName', '*')}"))
    if params.get("overrideAlarmConfiguration"):
        needs.append(("codedeploy:UpdateDeploymentGroup", group))
    return needs


def _configuration_of(world: World, request: Request) -> str:
    if request.params.get("deploymentConfigName"):
        return str(request.params["deploymentConfigName"])
    named = {name: request.params.get(name) for name in ("applicationName", "deploymentGroupName")}
    found = _asked(world, request, "GetDeploymentGroup", named)
    return str(found["deploymentGroupInfo"]["deploymentConfigName"]) if found else "*"


def _group_of(world: World, request: Request, deployment: str, base: str) -> str:
    answer = _asked(world, request, "GetDeployment", {"deploymentId": deployment})
    if answer is None:
        return "*"  # there is none; who may ask at all will be told so
    info = answer["deploymentInfo"]
    return f"{base}:deploymentgroup:{info['applicationName']}/{info['deploymentGroupName']}"


def _asked(world: World, request: Request, operation: str, params: Mapping[str, Any]) -> Any:
    """What CodeDeploy answers to the account itself; None when it refuses."""
    context = world.context(request.account, request.region, f"arn:aws:iam::{request.account}:root")
    try:
        return world.call("codedeploy", operation, params, context)
    except ApiError:
        return None
