"""What the settings of a deployment group must satisfy, wherever they are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codedeploy.configs import server_minimum
from deliverkit.sandbox.codedeploy.state import Store
from deliverkit.sandbox.codedeploy.validation import one_of
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Params

ROLLBACK_EVENTS = frozenset({"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"})
_FILTER_TYPES = frozenset({"KEY_ONLY", "VALUE_ONLY", "KEY_AND_VALUE"})
ALARM_LIMIT = 10
TAG_FILTER_LIMIT = 10
TAG_GROUP_LIMIT = 3
_UNDONE = {
    "loadBalancerInfo": "InvalidLoadBalancerInfoException",
    "blueGreenDeploymentConfiguration": "InvalidBlueGreenDeploymentConfigurationException",
    "autoScalingGroups": "InvalidAutoScalingGroupException",
    "triggerConfigurations": "InvalidTriggerConfigException",
    "onPremisesInstanceTagFilters": "InvalidTagException",
    "onPremisesTagSet": "InvalidTagException",
    "ecsServices": "InvalidECSServiceException",
}


def check_settings(params: Params, store: Store) -> None:
    """Refuse settings that CodeDeploy refuses at CreateDeploymentGroup and UpdateDeploymentGroup.

    Raises:
        ApiError: One of the exceptions that both operations declare.
    """
    if "deploymentConfigName" in params:
        server_minimum(store, params["deploymentConfigName"])
    if "serviceRoleArn" in params and not str(params["serviceRoleArn"]).startswith("arn:aws:iam::"):
        raise ApiError("InvalidRoleException", f"The service role {params['serviceRoleArn']!r} is not a role ARN.")
    check_tags(params)
    check_rollback(params.get("autoRollbackConfiguration"))
    check_alarms(params.get("alarmConfiguration"))
    _refuse_undone(params)
    _check_style(params)
    one_of(
        params.get("outdatedInstancesStrategy"), ("UPDATE", "IGNORE"), "InvalidInputException", "The outdated strategy"
    )


def check_tags(params: Params) -> None:
    """Old and new form exclude each other; three groups at most; filters are complete."""
    groups = (params.get("ec2TagSet") or {}).get("ec2TagSetList") or ()
    if params.get("ec2TagFilters") and groups:
        raise ApiError("InvalidEC2TagCombinationException", "ec2TagFilters and ec2TagSet cannot be used together.")
    if len(groups) > TAG_GROUP_LIMIT:
        raise ApiError("TagSetListLimitExceededException", f"ec2TagSet has more than {TAG_GROUP_LIMIT} groups.")
    for filters in (params.get("ec2TagFilters") or (), *groups):
        if len(filters) > TAG_FILTER_LIMIT:
            raise ApiError("InvalidEC2TagException", f"More than {TAG_FILTER_LIMIT} tag filters in one group.")
        for tag_filter in filters:
            _check_filter(tag_filter)


def _check_filter(tag_filter: Mapping[str, str]) -> None:
    kind, key = tag_filter.get("Type"), tag_filter.get("Key")
    has_enough = key or (kind in {None, "VALUE_ONLY"} and tag_filter.get("Value"))
    if not has_enough or kind not in {None, *_FILTER_TYPES}:
        raise ApiError("InvalidEC2TagException", f"The tag filter {dict(tag_filter)} is not valid.")


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


def _refuse_undone(params: Params) -> None:
    """Refuse what the sandbox would only store: a group that AWS treats differently must not pass here."""
    for member, code in _UNDONE.items():
        given = params.get(member)
        if given and (not isinstance(given, Mapping) or any(given.values())):
            raise ApiError(code, f"The sandbox does not do {member} yet; leave it out.")


def _check_style(params: Params) -> None:
    style = params.get("deploymentStyle")
    if style is None:
        return
    kind, option = style.get("deploymentType"), style.get("deploymentOption")
    is_known = kind in {"IN_PLACE", "BLUE_GREEN"} and option in {"WITH_TRAFFIC_CONTROL", "WITHOUT_TRAFFIC_CONTROL"}
    if not is_known:
        raise ApiError("InvalidDeploymentStyleException", "deploymentStyle needs a known type and a known option.")
    if kind == "BLUE_GREEN":
        raise ApiError("InvalidDeploymentStyleException", "The sandbox does not do blue/green deployments yet.")
    if option == "WITH_TRAFFIC_CONTROL":
        raise ApiError(
            "InvalidLoadBalancerInfoException",
            "The sandbox does not take instances out of load balancers yet: use WITHOUT_TRAFFIC_CONTROL.",
        )
