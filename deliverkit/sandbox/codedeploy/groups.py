"""Deployment groups."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codedeploy import checks
from deliverkit.sandbox.codedeploy.checks import refusal
from deliverkit.sandbox.codedeploy.configs import DEFAULT, config_of
from deliverkit.sandbox.codedeploy.pages import page
from deliverkit.sandbox.codedeploy.state import Application, Group
from deliverkit.sandbox.codedeploy.tags import arn_of, put_tags
from deliverkit.sandbox.kernel.operations import Answer, Context, Params

ROLLBACK_EVENTS = frozenset({"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"})
TAG_FILTERS, TAG_SETS, ALARMS, TRIGGERS = 10, 3, 10, 10
"""Most tag filters in a list, lists in a tag set, alarms and triggers (CodeDeploy User Guide, "CodeDeploy quotas")."""
_KEPT = (
    "deploymentConfigName",
    "ec2TagFilters",
    "ec2TagSet",
    "serviceRoleArn",
    "triggerConfigurations",
    "alarmConfiguration",
    "autoRollbackConfiguration",
    "outdatedInstancesStrategy",
    "deploymentStyle",
)
_STYLE = {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}


def create_deployment_group(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, CreateDeploymentGroup."""
    owner, name = checks.application(params, context), checks.group_name(params)
    if name in owner.groups:
        raise refusal("DeploymentGroupAlreadyExists", f"Deployment group already exists: {name}")
    if not params.get("serviceRoleArn"):
        raise refusal("RoleRequired", "The service role must be specified.")
    settings = _valid_settings({"deploymentConfigName": DEFAULT, "deploymentStyle": _STYLE}, params, context)
    owner.groups[name] = Group(str(uuid.uuid4()), name, settings)
    put_tags(context, arn_of(context, f"deploymentgroup:{owner.name}/{name}"), params.get("tags", []))
    return {"deploymentGroupId": owner.groups[name].group_id}


def update_deployment_group(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, UpdateDeploymentGroup: a list replaces, an empty one clears."""
    owner, name = checks.application(params, context), params.get("currentDeploymentGroupName", "")
    found = checks.group({**params, "deploymentGroupName": name}, context)
    wanted = params.get("newDeploymentGroupName", name)
    if wanted != name and wanted in owner.groups:
        raise refusal("DeploymentGroupAlreadyExists", f"Deployment group already exists: {wanted}")
    found.settings = _valid_settings(found.settings, params, context)
    del owner.groups[name]
    found.name = wanted
    owner.groups[wanted] = found
    return {"hooksNotCleanedUp": []}


def get_deployment_group(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, GetDeploymentGroup."""
    found = checks.group(params, context)
    return {"deploymentGroupInfo": _shown(checks.application(params, context), found, context)}


def batch_get_deployment_groups(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, BatchGetDeploymentGroups; unknown names are told in `errorMessage`."""
    owner = checks.application(params, context)
    names = checks.batch(params, "deploymentGroupNames", missing="DeploymentGroupNameRequired")
    unknown = [name for name in names if name not in owner.groups]
    message = f"No Deployment Group found for name: {', '.join(unknown)}" if unknown else ""
    found = [_shown(owner, owner.groups[name], context) for name in names if name in owner.groups]
    return {"deploymentGroupsInfo": found, "errorMessage": message}


def list_deployment_groups(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, ListDeploymentGroups."""
    owner = checks.application(params, context)
    return {"applicationName": owner.name, **page(params, "deploymentGroups", sorted(owner.groups))}


def delete_deployment_group(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, DeleteDeploymentGroup; a name that does not exist is no error."""
    name, group = checks.application_name(params), checks.group_name(params)
    owner = checks.store_of(context).applications.get(name)
    if owner is not None:
        owner.groups.pop(group, None)
    return {"hooksNotCleanedUp": []}


def require_rollback_configuration(configuration: Mapping[str, Any]) -> None:
    """Refuse an automatic rollback that is enabled for no event, or for one that does not exist."""
    events = set(configuration.get("events", []))
    if not events <= ROLLBACK_EVENTS or (configuration.get("enabled") and not events):
        raise refusal("InvalidAutoRollbackConfig", "Automatic rollback needs at least one known event.")


def require_alarm_configuration(configuration: Mapping[str, Any]) -> None:
    """Refuse alarms without names, named twice, or too many."""
    names = [alarm.get("name", "") for alarm in configuration.get("alarms", [])]
    if len(names) > ALARMS:
        raise refusal("AlarmsLimitExceeded", f"The maximum number of alarms is {ALARMS}.")
    if len(set(names)) != len(names) or not all(names):
        raise refusal("InvalidAlarmConfig", "Every alarm needs a name, and no name may be given twice.")


def _valid_settings(base: Mapping[str, Any], params: Params, context: Context) -> dict[str, Any]:
    settings = {**base, **{name: params[name] for name in _KEPT if name in params}}
    config_of(settings["deploymentConfigName"], context)
    require_rollback_configuration(settings.get("autoRollbackConfiguration", {}))
    require_alarm_configuration(settings.get("alarmConfiguration", {}))
    _require_style(params)
    _require_tags(settings)
    if len(settings.get("triggerConfigurations", [])) > TRIGGERS:
        raise refusal("TriggerTargetsLimitExceeded", f"The maximum number of triggers is {TRIGGERS}.")
    return settings


def _require_style(params: Params) -> None:
    style = params.get("deploymentStyle", _STYLE)
    if dict(style) != _STYLE:
        raise refusal("InvalidDeploymentStyle", "This sandbox deploys in place, without traffic control.")
    for member in ("loadBalancerInfo", "blueGreenDeploymentConfiguration", "autoScalingGroups", "ecsServices"):
        if params.get(member):
            raise refusal("InvalidInput", f"This sandbox does not know {member} yet.")


def _require_tags(settings: Mapping[str, Any]) -> None:
    filters, sets = settings.get("ec2TagFilters", []), settings.get("ec2TagSet", {}).get("ec2TagSetList", [])
    if filters and sets:
        raise refusal("InvalidEC2TagCombination", "Give either ec2TagFilters or ec2TagSet, not both.")
    if len(sets) > TAG_SETS:
        raise refusal("TagSetListLimitExceeded", f"The maximum number of tag groups is {TAG_SETS}.")
    for tags in (filters, *sets):
        if len(tags) > TAG_FILTERS:
            raise refusal("InvalidEC2Tag", f"The maximum number of tags in a list is {TAG_FILTERS}.")
        for tag in tags:
            if tag.get("Type", "KEY_AND_VALUE") not in {"KEY_ONLY", "VALUE_ONLY", "KEY_AND_VALUE"}:
                raise refusal("InvalidEC2Tag", f"{tag.get('Type')} is no type of tag filter.")


def _shown(owner: Application, group: Group, context: Context) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "applicationName": owner.name,
        "deploymentGroupId": group.group_id,
        "deploymentGroupName": group.name,
        "computePlatform": "Server",
        "autoScalingGroups": [],
        "ec2TagFilters": [],
        "onPremisesInstanceTagFilters": [],
        "triggerConfigurations": [],
        **group.settings,
    }
    if group.target_revision:
        shown["targetRevision"] = group.target_revision
    deployments = checks.store_of(context).deployments
    for member, wanted in (
        ("lastSuccessfulDeployment", group.last_successful),
        ("lastAttemptedDeployment", group.last_attempted),
    ):
        found = deployments.get(wanted)
        if found is not None:
            summary = {"status": found.status, "endTime": found.completed_at, "createTime": found.created_at}
            shown[member] = {"deploymentId": wanted, **{k: v for k, v in summary.items() if v is not None}}
    return shown
