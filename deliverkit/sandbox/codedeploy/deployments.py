"""Deployments: create, read, list, stop."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codedeploy import checks
from deliverkit.sandbox.codedeploy.checks import refusal
from deliverkit.sandbox.codedeploy.configs import config_of
from deliverkit.sandbox.codedeploy.engine import launch, new_id
from deliverkit.sandbox.codedeploy.groups import require_alarm_configuration, require_rollback_configuration
from deliverkit.sandbox.codedeploy.pages import page
from deliverkit.sandbox.codedeploy.revisions import note_use
from deliverkit.sandbox.codedeploy.state import Application, Deployment, Group
from deliverkit.sandbox.kernel.operations import Answer, Context, Params

STATUSES = frozenset({"Created", "Queued", "InProgress", "Baking", "Succeeded", "Failed", "Stopped", "Ready"})


def create_deployment(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, CreateDeployment."""
    owner, group = checks.application(params, context), checks.group(params, context)
    revision = _revision(params, group)
    config = config_of(params.get("deploymentConfigName") or group.settings["deploymentConfigName"], context)
    _require_options(params)
    _require_free(owner, group, context)
    deployment = _make(params, context, owner, group, revision=revision, config=config.name)
    note_use(owner, revision, deployment.deployment_id, context.now)
    launch(deployment, owner, group, rule=config.minimum, context=context)
    return {"deploymentId": deployment.deployment_id}


def get_deployment(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, GetDeployment."""
    return {"deploymentInfo": _shown(checks.deployment(params, context))}


def batch_get_deployments(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, BatchGetDeployments; unknown ids are left out."""
    known = checks.store_of(context).deployments
    ids = checks.batch(params, "deploymentIds", missing="DeploymentIdRequired")
    return {"deploymentsInfo": [_shown(known[each]) for each in ids if each in known]}


def list_deployments(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, ListDeployments; the newest first."""
    names = (params.get("applicationName"), params.get("deploymentGroupName"))
    if names[0]:
        checks.application(params, context)
    if names[1]:
        checks.group(params, context)
    wanted_statuses = set(params.get("includeOnlyStatuses", []))
    if not wanted_statuses <= STATUSES:
        raise refusal("InvalidDeploymentStatus", "A deployment status is not known.")
    times = params.get("createTimeRange", {})
    if times.get("start") and times.get("end") and times["start"] > times["end"]:
        raise refusal("InvalidTimeRange", "The time range ends before it starts.")
    found = [
        each.deployment_id
        for each in reversed(checks.store_of(context).deployments.values())
        if (not names[0] or each.application == names[0])
        and (not names[1] or each.group == names[1])
        and (not wanted_statuses or each.status in wanted_statuses)
        and (not times.get("start") or each.created_at >= times["start"])
        and (not times.get("end") or each.created_at <= times["end"])
        and not params.get("externalId")
    ]
    return page(params, "deployments", found)


def stop_deployment(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, StopDeployment: what runs ends its event, nothing more is scheduled."""
    found = checks.deployment(params, context)
    if not found.is_live:
        raise refusal("DeploymentAlreadyCompleted", f"The deployment {found.deployment_id} has already completed.")
    run = checks.store_of(context).runs[found.deployment_id]
    if run.stop(rolls_back=params.get("autoRollbackEnabled")):
        message = "No more commands will be scheduled for execution in the deployment instances"
        return {"status": "Succeeded", "statusMessage": message}
    return {"status": "Pending", "statusMessage": "Some instances have not ended their lifecycle event yet"}


def continue_deployment(params: Params, context: Context) -> Answer | None:
    """CodeDeploy API reference, ContinueDeployment; an in-place deployment never waits."""
    checks.deployment(params, context)
    raise refusal("UnsupportedActionForDeploymentType", "Only blue/green deployments can be continued.")


def _revision(params: Params, group: Group) -> dict[str, Any]:
    if not params.get("revision") and params.get("updateOutdatedInstancesOnly") and group.target_revision:
        return dict(group.target_revision)
    return checks.s3_revision(params)


def _require_options(params: Params) -> None:
    require_rollback_configuration(params.get("autoRollbackConfiguration", {}))
    require_alarm_configuration(params.get("overrideAlarmConfiguration", {}))
    if params.get("targetInstances"):
        raise refusal("InvalidTargetInstances", "Target instances cannot be given for an in-place deployment.")
    if params.get("fileExistsBehavior", "DISALLOW") not in {"DISALLOW", "OVERWRITE", "RETAIN"}:
        raise refusal("InvalidFileExistsBehavior", "fileExistsBehavior must be DISALLOW, OVERWRITE or RETAIN.")


def _require_free(owner: Application, group: Group, context: Context) -> None:
    for each in checks.store_of(context).deployments.values():
        if each.is_live and (each.application, each.group_id) == (owner.name, group.group_id):
            message = f"The Deployment Group '{group.name}' already has an active Deployment '{each.deployment_id}'"
            raise refusal("DeploymentLimitExceeded", message)


def _make(
    params: Params, context: Context, owner: Application, group: Group, *, revision: dict[str, Any], config: str
) -> Deployment:
    return Deployment(
        deployment_id=new_id(checks.store_of(context)),
        application=owner.name,
        group=group.name,
        group_id=group.group_id,
        config=config,
        revision=revision,
        created_at=context.now,
        description=checks.description(params),
        ignores_stop_failures=bool(params.get("ignoreApplicationStopFailures")),
        only_outdated=bool(params.get("updateOutdatedInstancesOnly")),
        file_exists_behavior=params.get("fileExistsBehavior", "DISALLOW"),
        auto_rollback=params.get("autoRollbackConfiguration", group.settings.get("autoRollbackConfiguration", {})),
        alarms=params.get("overrideAlarmConfiguration", group.settings.get("alarmConfiguration", {})),
        previous_revision=group.target_revision,
        style=group.settings["deploymentStyle"],
    )


def _shown(found: Deployment) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "applicationName": found.application,
        "deploymentGroupName": found.group,
        "deploymentConfigName": found.config,
        "deploymentId": found.deployment_id,
        "previousRevision": found.previous_revision,
        "revision": found.revision,
        "status": found.status,
        "createTime": found.created_at,
        "startTime": found.started_at,
        "completeTime": found.completed_at,
        "deploymentOverview": found.overview(),
        "description": found.description or None,
        "creator": found.creator,
        "ignoreApplicationStopFailures": found.ignores_stop_failures,
        "autoRollbackConfiguration": found.auto_rollback or None,
        "overrideAlarmConfiguration": found.alarms or None,
        "updateOutdatedInstancesOnly": found.only_outdated,
        "rollbackInfo": found.rollback or None,
        "deploymentStyle": found.style or None,
        "instanceTerminationWaitTimeStarted": False,
        "fileExistsBehavior": found.file_exists_behavior,
        "computePlatform": "Server",
    }
    if found.error:
        shown["errorInformation"] = {"code": found.error[0], "message": found.error[1]}
    return {name: value for name, value in shown.items() if value is not None}
