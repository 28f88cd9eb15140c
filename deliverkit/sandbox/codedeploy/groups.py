"""Deployment groups (CodeDeploy API reference)."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codedeploy import hooks
from deliverkit.sandbox.codedeploy.configs import default_config
from deliverkit.sandbox.codedeploy.group_settings import check_settings
from deliverkit.sandbox.codedeploy.membership import EC2_FORMS, ON_PREMISES_FORMS
from deliverkit.sandbox.codedeploy.state import IN_PLACE, Application, Deployment, Group
from deliverkit.sandbox.codedeploy.triggers import announce_new
from deliverkit.sandbox.codedeploy.validation import (
    check_batch,
    find_application,
    find_group,
    page,
    required_name,
    store_of,
    tag_map,
)
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service

_NAMES = frozenset(
    {"applicationName", "deploymentGroupName", "currentDeploymentGroupName", "newDeploymentGroupName", "tags"}
)
GROUP_LIMIT = 1000
"""Per application (CodeDeploy user guide, limits)."""


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("CreateDeploymentGroup")(create_deployment_group)
    service.operation("GetDeploymentGroup")(get_deployment_group)
    service.operation("BatchGetDeploymentGroups")(batch_get_deployment_groups)
    service.operation("ListDeploymentGroups")(list_deployment_groups)
    service.operation("UpdateDeploymentGroup")(update_deployment_group)
    service.operation("DeleteDeploymentGroup")(delete_deployment_group)


def create_deployment_group(params: Params, context: Context) -> dict[str, Any]:
    """CreateDeploymentGroup."""
    application = find_application(params, context)
    name = required_name(params, "deploymentGroupName", "DeploymentGroup")
    _refuse_taken(application, name)
    if not params.get("serviceRoleArn"):
        raise ApiError("RoleRequiredException", "The serviceRoleArn is required but was not specified.")
    check_settings(params, params, context, application.compute_platform)
    if len(application.groups) >= GROUP_LIMIT:
        raise ApiError("DeploymentGroupLimitExceededException", f"The maximum number of groups is {GROUP_LIMIT}.")
    tags = tag_map(params.get("tags"))
    group = Group(name, chance.uuid4(), application.name, context.account, context.region, _settings(params))
    application.groups[name] = group
    if tags:
        store_of(context).tags[group.arn] = tags
    hooks.install_hooks(context.world, group)
    announce_new(context.world, group, ())
    return {"deploymentGroupId": group.group_id}


def _settings(params: Params) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in _NAMES}


def _refuse_taken(application: Application, name: str) -> None:
    if name in application.groups:
        raise ApiError("DeploymentGroupAlreadyExistsException", f"Deployment Group already exists: {name}")


def get_deployment_group(params: Params, context: Context) -> dict[str, Any]:
    """GetDeploymentGroup."""
    application = find_application(params, context)
    return {"deploymentGroupInfo": _info(application, find_group(application, params))}


def _info(application: Application, group: Group) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "deploymentConfigName": default_config(application.compute_platform),
        "ec2TagFilters": [],
        "onPremisesInstanceTagFilters": [],
        "autoScalingGroups": [],
        "triggerConfigurations": [],
        "deploymentStyle": IN_PLACE,
        "outdatedInstancesStrategy": "UPDATE",
        "terminationHookEnabled": False,
    }
    return {
        **defaults,
        **group.settings,
        "autoScalingGroups": hooks.told(group),
        "applicationName": application.name,
        "deploymentGroupId": group.group_id,
        "deploymentGroupName": group.name,
        "computePlatform": application.compute_platform,
        "targetRevision": group.target_revision,
        "lastSuccessfulDeployment": _last(group.last_successful),
        "lastAttemptedDeployment": _last(group.last_attempted),
    }


def _last(deployment: Deployment | None) -> dict[str, Any] | None:
    if deployment is None:
        return None
    return {
        "deploymentId": deployment.deployment_id,
        "status": deployment.status,
        "endTime": deployment.ended_at,
        "createTime": deployment.created_at,
    }


def batch_get_deployment_groups(params: Params, context: Context) -> dict[str, Any]:
    """BatchGetDeploymentGroups; unknown names are told in `errorMessage`."""
    application = find_application(params, context)
    names = params.get("deploymentGroupNames")
    if not names:
        raise ApiError(
            "DeploymentGroupNameRequiredException", "The deploymentGroupNames are required but were not specified."
        )
    check_batch(names, 100)
    for name in names:
        required_name({"deploymentGroupName": name}, "deploymentGroupName", "DeploymentGroup")
    missing = [name for name in names if name not in application.groups]
    return {
        "deploymentGroupsInfo": [
            _info(application, application.groups[name]) for name in names if name in application.groups
        ],
        "errorMessage": f"No Deployment Group found for name: {', '.join(missing)}" if missing else "",
    }


def list_deployment_groups(params: Params, context: Context) -> dict[str, Any]:
    """ListDeploymentGroups."""
    application = find_application(params, context)
    return {"applicationName": application.name, **page(list(application.groups), params, "deploymentGroups")}


def update_deployment_group(params: Params, context: Context) -> dict[str, Any]:
    """UpdateDeploymentGroup: members given replace the group's, an empty list clears."""
    application = find_application(params, context)
    group = find_group(application, params, "currentDeploymentGroupName")
    settings = {**group.settings, **_settings(params)}
    # The form given takes the place of the other one; an empty one only clears itself.
    for forms in (EC2_FORMS, ON_PREMISES_FORMS):
        for form, other in (forms[:2], forms[1::-1]):
            if params.get(form) and other not in params:
                settings.pop(other, None)
    check_settings(params, settings, context, application.compute_platform)
    if "newDeploymentGroupName" in params:
        _rename(application, group, params, context)
    known = group.settings.get("triggerConfigurations") or ()
    group.settings = settings
    kept = settings.get("autoScalingGroups") or ()
    left = hooks.remove_hooks(context.world, group, [name for name in group.scaling if name not in kept])
    hooks.install_hooks(context.world, group)
    announce_new(context.world, group, known)
    return {"hooksNotCleanedUp": left}


def _rename(application: Application, group: Group, params: Params, context: Context) -> None:
    name = required_name(params, "newDeploymentGroupName", "DeploymentGroup")
    if name == group.name:
        return
    _refuse_taken(application, name)
    old = group.arn
    application.groups[name] = application.groups.pop(group.name)
    group.name = name
    store = store_of(context)
    if old in store.tags:
        store.tags[group.arn] = store.tags.pop(old)
    for deployment in store.deployments.values():
        if deployment.group is group:
            deployment.group_name = name


def delete_deployment_group(params: Params, context: Context) -> dict[str, Any]:
    """DeleteDeploymentGroup; an unknown group is no error."""
    name = required_name(params, "applicationName", "Application")
    group_name = required_name(params, "deploymentGroupName", "DeploymentGroup")
    store = store_of(context)
    application = store.applications.get(name)
    group = application.groups.pop(group_name, None) if application else None
    if group is None:
        return {"hooksNotCleanedUp": []}
    store.tags.pop(group.arn, None)
    return {"hooksNotCleanedUp": hooks.remove_hooks(context.world, group, list(group.scaling))}
