"""Applications: create, get, list, rename, delete (CodeDeploy API reference)."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codedeploy.configs import PLATFORMS
from deliverkit.sandbox.codedeploy.hooks import remove_hooks
from deliverkit.sandbox.codedeploy.state import Application
from deliverkit.sandbox.codedeploy.validation import (
    check_batch,
    find_application,
    one_of,
    page,
    required_name,
    store_of,
    tag_map,
)
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service

APPLICATION_LIMIT = 1000
"""Per account and region (CodeDeploy user guide, limits)."""


def application_arn(context: Context, name: str) -> str:
    """ARN of an application."""
    return f"arn:aws:codedeploy:{context.region}:{context.account}:application:{name}"


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("CreateApplication")(create_application)
    service.operation("GetApplication")(get_application)
    service.operation("BatchGetApplications")(batch_get_applications)
    service.operation("ListApplications")(list_applications)
    service.operation("UpdateApplication")(update_application)
    service.operation("DeleteApplication")(delete_application)


def create_application(params: Params, context: Context) -> dict[str, Any]:
    """CreateApplication."""
    store = store_of(context)
    name = required_name(params, "applicationName", "Application")
    _refuse_taken(name, context)
    platform = params.get("computePlatform", "Server")
    one_of(platform, PLATFORMS, "InvalidComputePlatformException", "The compute platform")
    if len(store.applications) >= APPLICATION_LIMIT:
        raise ApiError(
            "ApplicationLimitExceededException", f"The maximum number of applications is {APPLICATION_LIMIT}."
        )
    tags = tag_map(params.get("tags"))
    application = Application(name, chance.uuid4(), platform, context.now)
    store.applications[name] = application
    if tags:
        store.tags[application_arn(context, name)] = tags
    return {"applicationId": application.application_id}


def _refuse_taken(name: str, context: Context) -> None:
    if name in store_of(context).applications:
        raise ApiError("ApplicationAlreadyExistsException", f"Application already exists: {name}")


def get_application(params: Params, context: Context) -> dict[str, Any]:
    """GetApplication."""
    return {"application": _info(find_application(params, context))}


def _info(application: Application) -> dict[str, Any]:
    return {
        "applicationId": application.application_id,
        "applicationName": application.name,
        "createTime": application.created_at,
        "linkedToGitHub": False,
        "computePlatform": application.compute_platform,
    }


def batch_get_applications(params: Params, context: Context) -> dict[str, Any]:
    """BatchGetApplications."""
    names = params.get("applicationNames")
    if not names:
        raise ApiError("ApplicationNameRequiredException", "The applicationNames are required but were not specified.")
    check_batch(names, 100)
    return {"applicationsInfo": [_info(find_application({"applicationName": name}, context)) for name in names]}


def list_applications(params: Params, context: Context) -> dict[str, Any]:
    """ListApplications."""
    return page(list(store_of(context).applications), params, "applications")


def update_application(params: Params, context: Context) -> None:
    """UpdateApplication: rename."""
    application = find_application(params, context)
    if "newApplicationName" not in params:
        return
    name = required_name(params, "newApplicationName", "Application")
    if name == application.name:
        return
    _refuse_taken(name, context)
    store = store_of(context)
    groups = {group.arn: group for group in application.groups.values()}
    moved = {application_arn(context, application.name): application_arn(context, name)}
    del store.applications[application.name]
    store.applications[name] = application
    application.name = name
    for arn, group in groups.items():
        group.application = name
        moved[arn] = group.arn
    for old, new in moved.items():
        if old in store.tags:
            store.tags[new] = store.tags.pop(old)
    for deployment in store.deployments.values():
        if deployment.group in application.groups.values():
            deployment.application = name


def delete_application(params: Params, context: Context) -> None:
    """DeleteApplication; an unknown name is no error."""
    store = store_of(context)
    name = required_name(params, "applicationName", "Application")
    application = store.applications.pop(name, None)
    if application is not None:
        store.tags.pop(application_arn(context, name), None)
        for group in application.groups.values():
            store.tags.pop(group.arn, None)
            # Hooks that stay behind are not told here (user guide, integrations-aws-auto-scaling).
            remove_hooks(context.world, group, list(group.scaling))
