"""Deployments: create, get, list, stop (CodeDeploy API reference)."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from deliverkit.sandbox.codedeploy.configs import find_config
from deliverkit.sandbox.codedeploy.creation import Wish, create
from deliverkit.sandbox.codedeploy.engine import launch, rollout_of
from deliverkit.sandbox.codedeploy.group_settings import check_alarms, check_rollback
from deliverkit.sandbox.codedeploy.restarts import RESTART, restarted
from deliverkit.sandbox.codedeploy.revisions import checked_location, identity
from deliverkit.sandbox.codedeploy.rollout import NO_MORE_COMMANDS
from deliverkit.sandbox.codedeploy.serverless import revision as inline
from deliverkit.sandbox.codedeploy.serverless.settings import check_request
from deliverkit.sandbox.codedeploy.state import Application, Deployment, Ending, Json
from deliverkit.sandbox.codedeploy.suspension import check_suspension
from deliverkit.sandbox.codedeploy.target_instances import check_target_instances
from deliverkit.sandbox.codedeploy.validation import (
    check_batch,
    check_deployment_id,
    check_description,
    find_application,
    find_deployment,
    find_group,
    one_of,
    page,
    store_of,
)
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service

STATUSES = frozenset({"Created", "Queued", "InProgress", "Baking", "Ready", "Succeeded", "Failed", "Stopped"})
_EXTERNAL_ID = re.compile(r"\S{1,1024}")
_OPTIONS = (
    "deploymentConfigName",
    "description",
    "ignoreApplicationStopFailures",
    "autoRollbackConfiguration",
    "updateOutdatedInstancesOnly",
    "fileExistsBehavior",
    "overrideAlarmConfiguration",
    "targetInstances",
    "ec2DeploymentOptions",
)


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("CreateDeployment")(create_deployment)
    service.operation("GetDeployment")(get_deployment)
    service.operation("BatchGetDeployments")(batch_get_deployments)
    service.operation("ListDeployments")(list_deployments)
    service.operation("StopDeployment")(stop_deployment)


def create_deployment(params: Params, context: Context) -> dict[str, Any]:
    """CreateDeployment."""
    application = find_application(params, context)
    group = find_group(application, params)
    if "deploymentConfigName" in params:
        find_config(store_of(context), params["deploymentConfigName"])
    check_description(params)
    check_rollback(params.get("autoRollbackConfiguration"))
    check_alarms(params.get("overrideAlarmConfiguration"))
    check_suspension(params.get("ec2DeploymentOptions"))
    one_of(
        params.get("fileExistsBehavior"),
        ("DISALLOW", "OVERWRITE", "RETAIN"),
        "InvalidFileExistsBehaviorException",
        "The file exists behavior",
    )
    good = restarted(params, application, group)
    if application.compute_platform != "Server":
        check_request(params, application.compute_platform)
    else:
        check_target_instances(params.get("targetInstances"), group, context)
    revision = _revision(application, params) if good is None else good.revision
    options = {name: params[name] for name in _OPTIONS if name in params}
    wish = Wish(revision, options=options, restarts=good.deployment_id if good else None)
    deployment = create(context.world, application, group, wish)
    launch(context.world, deployment)
    return {"deploymentId": deployment.deployment_id}


def _revision(application: Application, params: Params) -> Json:
    """What is to be deployed; an appspec that is registered may be named by its hash alone."""
    location = checked_location(params.get("revision"), application.compute_platform)
    if not inline.lacks_content(location):
        return location
    known = application.revisions.get(identity(location))
    if known is None or inline.lacks_content(known.location):
        raise ApiError("RevisionDoesNotExistException", "The named revision is not registered with the application.")
    return known.location


def get_deployment(params: Params, context: Context) -> dict[str, Any]:
    """GetDeployment."""
    return {"deploymentInfo": _info(find_deployment(params, context))}


def batch_get_deployments(params: Params, context: Context) -> dict[str, Any]:
    """BatchGetDeployments; unknown ids are left out."""
    identifiers = params.get("deploymentIds")
    if not identifiers:
        raise ApiError("DeploymentIdRequiredException", "The deploymentIds are required but were not specified.")
    check_batch(identifiers, 25)
    for identifier in identifiers:
        check_deployment_id(identifier)
    known = store_of(context).deployments
    return {"deploymentsInfo": [_info(known[identifier]) for identifier in identifiers if identifier in known]}


def _info(deployment: Deployment) -> dict[str, Any]:
    options = deployment.options
    return {
        "applicationName": deployment.application,
        "deploymentGroupName": deployment.group_name,
        "deploymentConfigName": deployment.config_name,
        "deploymentId": deployment.deployment_id,
        "previousRevision": inline.without_content(deployment.previous_revision),
        "revision": inline.without_content(deployment.revision),
        "status": deployment.status,
        "errorInformation": deployment.error,
        "createTime": deployment.created_at,
        "startTime": deployment.started_at,
        "completeTime": deployment.ended_at,
        "deploymentOverview": _overview(deployment),
        "description": options.get("description"),
        "creator": deployment.creator,
        "ignoreApplicationStopFailures": options.get("ignoreApplicationStopFailures", False),
        "autoRollbackConfiguration": options.get("autoRollbackConfiguration"),
        "updateOutdatedInstancesOnly": options.get("updateOutdatedInstancesOnly", False),
        "rollbackInfo": deployment.rollback or None,
        "deploymentStyle": deployment.style,
        "ec2DeploymentOptions": options.get("ec2DeploymentOptions"),
        "targetInstances": options.get("targetInstances"),
        "blueGreenDeploymentConfiguration": deployment.blue_green.options if deployment.blue_green else None,
        "loadBalancerInfo": deployment.balancers or None,
        "relatedDeployments": deployment.related or None,
        "instanceTerminationWaitTimeStarted": bool(deployment.blue_green and deployment.blue_green.termination_began),
        "fileExistsBehavior": options.get("fileExistsBehavior") or "DISALLOW",
        "deploymentMode": RESTART if deployment.restarts else None,
        "deploymentStatusMessages": deployment.messages,
        "computePlatform": deployment.platform,
        "overrideAlarmConfiguration": options.get("overrideAlarmConfiguration"),
    }


def _overview(deployment: Deployment) -> dict[str, int] | None:
    """How many targets stand where; on ECS nothing before the end (observed; Lambda is taken to be alike)."""
    if deployment.started_at is None or (deployment.serverless is not None and deployment.is_live):
        return None
    counts = Counter(target.status for target in deployment.targets.values())
    return {status: counts[status] for status in ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready")}


def list_deployments(params: Params, context: Context) -> dict[str, Any]:
    """ListDeployments, newest first (AWS documents no order)."""
    _check_filters(params, context)
    deployments = list(store_of(context).deployments.values())
    found = [deployment.deployment_id for deployment in reversed(deployments) if _matches(deployment, params)]
    return page(found, params, "deployments")


def _check_filters(params: Params, context: Context) -> None:
    if "applicationName" in params:
        find_group(find_application(params, context), params)
    elif "deploymentGroupName" in params:
        find_application(params, context)
    if "externalId" in params and not _EXTERNAL_ID.fullmatch(params["externalId"]):
        raise ApiError("InvalidExternalIdException", f"The external id {params['externalId']!r} is not valid.")
    for status in params.get("includeOnlyStatuses") or ():
        one_of(status, STATUSES, "InvalidDeploymentStatusException", "The deployment status")
    limits = params.get("createTimeRange") or {}
    if "start" in limits and "end" in limits and limits["start"] > limits["end"]:
        raise ApiError("InvalidTimeRangeException", "The time range ends before it starts.")


def _matches(deployment: Deployment, params: Params) -> bool:
    limits = params.get("createTimeRange") or {}
    wanted = params.get("includeOnlyStatuses")
    # An external id is set by CloudFormation alone, whose deployments the sandbox does not make.
    return (
        not params.get("externalId")
        and params.get("applicationName", deployment.application) == deployment.application
        and params.get("deploymentGroupName", deployment.group_name) == deployment.group_name
        and (not wanted or deployment.status in wanted)
        and not ("start" in limits and deployment.created_at < limits["start"])
        and not ("end" in limits and deployment.created_at > limits["end"])
    )


def stop_deployment(params: Params, context: Context) -> dict[str, Any]:
    """StopDeployment: `Pending` while events still run, `Succeeded` once none does.

    Asking again about a deployment that was stopped on request answers `Succeeded` (user guide,
    deployment-steps-server: later calls).
    """
    deployment = find_deployment(params, context)
    was_asked = deployment.ending is not None and deployment.ending.code == "MANUAL_STOP"
    if not deployment.is_live and not was_asked:
        raise ApiError(
            "DeploymentAlreadyCompletedException", f"The deployment {deployment.deployment_id} is already complete."
        )
    message = f"Deployment {deployment.deployment_id} was stopped by {context.principal_arn}"
    rolls_back = params.get("autoRollbackEnabled")
    rollout_of(context.world, deployment).end(
        Ending("Stopped", "MANUAL_STOP", message, rolls_back, cuts_instances=True)
    )
    return {"status": "Pending" if deployment.is_live else "Succeeded", "statusMessage": NO_MORE_COMMANDS}
