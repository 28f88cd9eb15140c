"""What the settings of a deployment group must satisfy, wherever they are given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from deliverkit.sandbox.codedeploy.configs import config_for
from deliverkit.sandbox.codedeploy.serverless import settings as serverless
from deliverkit.sandbox.codedeploy.service_role import require_assumable
from deliverkit.sandbox.codedeploy.style_settings import check_copied, check_style
from deliverkit.sandbox.codedeploy.suspension import check_suspension
from deliverkit.sandbox.codedeploy.tag_filters import check_tags
from deliverkit.sandbox.codedeploy.trigger_settings import check_triggers
from deliverkit.sandbox.codedeploy.validation import find_application, one_of, store_of
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params

ROLLBACK_EVENTS = frozenset({"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"})
_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/\S+")
ALARM_LIMIT = 10
SCALING_LIMIT = 10
"""Auto Scaling groups per deployment group (CodeDeploy user guide, limits)."""
HOOK_LIMIT = 50
"""Lifecycle hooks per Auto Scaling group (Auto Scaling user guide, quotas)."""


def check_settings(params: Params, settings: Params, context: Context, platform: str) -> None:
    """Refuse what CodeDeploy refuses at CreateDeploymentGroup and UpdateDeploymentGroup.

    Args:
        params: The request.
        settings: The group's settings as they would be.
        context: Who asks.
        platform: The application's.

    Raises:
        ApiError: One of the exceptions that both operations declare.
    """
    if "deploymentConfigName" in settings:
        config_for(store_of(context), settings["deploymentConfigName"], platform)
    if "serviceRoleArn" in settings and not _ROLE.fullmatch(str(settings["serviceRoleArn"])):
        raise ApiError("InvalidRoleException", f"The service role {settings['serviceRoleArn']!r} is not a role ARN.")
    if "serviceRoleArn" in params:
        require_assumable(str(params["serviceRoleArn"]), context)
    check_tags(params)
    check_rollback(settings.get("autoRollbackConfiguration"))
    check_alarms(settings.get("alarmConfiguration"))
    if platform != "Server":
        check_triggers(params.get("triggerConfigurations") or (), is_blue_green=True, context=context)
        groups = find_application(params, context).groups
        updated = groups.get(params.get("currentDeploymentGroupName", ""))
        return serverless.check_group(settings, context, platform, updated)
    if settings.get("ecsServices"):
        raise ApiError("InvalidECSServiceException", "ecsServices is for Amazon ECS deployments only.")
    check_suspension(settings.get("ec2DeploymentOptions"))
    check_style(settings)
    check_copied(params, settings)
    if "autoScalingGroups" in params:
        _check_scaling(settings, context)
    is_blue_green = (settings.get("deploymentStyle") or {}).get("deploymentType") == "BLUE_GREEN"
    check_triggers(params.get("triggerConfigurations") or (), is_blue_green=is_blue_green, context=context)
    one_of(
        settings.get("outdatedInstancesStrategy"),
        ("UPDATE", "IGNORE"),
        "InvalidInputException",
        "The outdated strategy",
    )
    return None


def check_rollback(rollback: Mapping[str, Any] | None) -> None:
    """Enabled needs events, and known ones (`InvalidAutoRollbackConfigException`)."""
    events = (rollback or {}).get("events") or []
    is_empty = bool((rollback or {}).get("enabled")) and not events
    if is_empty or not set(events) <= ROLLBACK_EVENTS:
        raise ApiError(
            "InvalidAutoRollbackConfigException", "autoRollbackConfiguration needs one or more known events."
        )


def check_alarms(configuration: Mapping[str, Any] | None) -> None:
    """Ten alarms at most, each name once, 255 characters at most; enabled needs one."""
    alarms = [alarm.get("name") or "" for alarm in (configuration or {}).get("alarms") or ()]
    if len(alarms) > ALARM_LIMIT:
        raise ApiError("AlarmsLimitExceededException", f"The maximum number of alarms is {ALARM_LIMIT}.")
    is_empty = bool((configuration or {}).get("enabled")) and not alarms
    if is_empty or len(set(alarms)) < len(alarms) or any(not 0 < len(name) <= 255 for name in alarms):
        raise ApiError("InvalidAlarmConfigException", "The alarm configuration is not valid.")


def _check_scaling(settings: Params, context: Context) -> None:
    """Ten Auto Scaling groups at most, and such as exist (`InvalidAutoScalingGroupException`)."""
    names = settings.get("autoScalingGroups") or ()
    if len(names) > SCALING_LIMIT:
        raise ApiError("InvalidAutoScalingGroupException", f"More than {SCALING_LIMIT} Auto Scaling groups.")
    if not all(names):
        raise ApiError("InvalidAutoScalingGroupException", "An Auto Scaling group has no name.")
    known = {one["AutoScalingGroupName"] for one in _described(context, names)}
    missing = [name for name in names if name not in known]
    if missing:
        raise ApiError("InvalidAutoScalingGroupException", f"There is no Auto Scaling group {missing[0]}.")
    for name in names:
        if _hook_count(context, name) >= HOOK_LIMIT:
            raise ApiError("LifecycleHookLimitExceededException", f"{name} has no room for another lifecycle hook.")


def _hook_count(context: Context, name: str) -> int:
    """Hooks of others; CodeDeploy's own are replaced."""
    client = context.world.moto.client("autoscaling", context.account, context.region)
    hooks = client.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
    return sum(not one["LifecycleHookName"].startswith("CodeDeploy-managed-") for one in hooks)


def _described(context: Context, names: Sequence[str]) -> list[dict[str, Any]]:
    if not names:
        return []
    client = context.world.moto.client("autoscaling", context.account, context.region)
    return list(client.describe_auto_scaling_groups(AutoScalingGroupNames=list(names))["AutoScalingGroups"])
