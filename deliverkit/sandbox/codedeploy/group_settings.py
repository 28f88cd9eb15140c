"""What the settings of a deployment group must satisfy, wherever they are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deliverkit.sandbox.codedeploy.configs import find_config
from deliverkit.sandbox.codedeploy.state import Store
from deliverkit.sandbox.codedeploy.validation import one_of
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Params

ROLLBACK_EVENTS = frozenset({"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"})
TRIGGER_EVENTS = frozenset(
    [f"Deployment{event}" for event in ("Start", "Success", "Failure", "Stop", "Rollback", "Ready")]
    + [f"Instance{event}" for event in ("Start", "Success", "Failure", "Ready")]
)
_FILTER_TYPES = frozenset({"KEY_ONLY", "VALUE_ONLY", "KEY_AND_VALUE"})
ALARM_LIMIT = 10
TRIGGER_LIMIT = 10
TAG_GROUP_LIMIT = 3


def check_settings(params: Params, store: Store) -> None:
    """Refuse settings that CodeDeploy refuses at CreateDeploymentGroup and UpdateDeploymentGroup.

    Raises:
        ApiError: One of the exceptions that both operations declare.
    """
    if "deploymentConfigName" in params:
        find_config(store, params["deploymentConfigName"])
    if "serviceRoleArn" in params and not str(params["serviceRoleArn"]).startswith("arn:aws:iam::"):
        raise ApiError("InvalidRoleException", f"The service role {params['serviceRoleArn']!r} is not a role ARN.")
    check_tags(params)
    check_rollback(params.get("autoRollbackConfiguration"))
    check_alarms(params.get("alarmConfiguration"))
    _check_triggers(params.get("triggerConfigurations") or ())
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
    for tag_filter in _filters(params.get("ec2TagFilters") or (), groups):
        has_any = tag_filter.get("Key") or tag_filter.get("Value")
        if not has_any or tag_filter.get("Type", "KEY_ONLY") not in _FILTER_TYPES:
            raise ApiError("InvalidEC2TagException", f"The tag filter {dict(tag_filter)} is not valid.")


def _filters(
    filters: Sequence[Mapping[str, str]], groups: Sequence[Sequence[Mapping[str, str]]]
) -> Iterator[Mapping[str, str]]:
    yield from filters
    for group in groups:
        yield from group


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


def _check_triggers(triggers: Sequence[Mapping[str, Any]]) -> None:
    if len(triggers) > TRIGGER_LIMIT:
        raise ApiError("TriggerTargetsLimitExceededException", f"The maximum number of triggers is {TRIGGER_LIMIT}.")
    for trigger in triggers:
        events = set(trigger.get("triggerEvents") or ())
        if not trigger.get("triggerName") or not trigger.get("triggerTargetArn") or not events <= TRIGGER_EVENTS:
            raise ApiError("InvalidTriggerConfigException", "A trigger needs a name, a target ARN and known events.")


def _check_style(params: Params) -> None:
    style = params.get("deploymentStyle")
    if style is None:
        return
    kind, option = style.get("deploymentType"), style.get("deploymentOption")
    is_known = kind in {"IN_PLACE", "BLUE_GREEN"} and option in {"WITH_TRAFFIC_CONTROL", "WITHOUT_TRAFFIC_CONTROL"}
    if not is_known:
        raise ApiError("InvalidDeploymentStyleException", "deploymentStyle needs a known type and a known option.")
    if kind == "BLUE_GREEN":
        raise ApiError("InvalidDeploymentStyleException", "The sandbox does not know blue/green deployments yet.")
    balancer = params.get("loadBalancerInfo") or {}
    if option == "WITH_TRAFFIC_CONTROL" and not any(balancer.values()):
        raise ApiError("InvalidLoadBalancerInfoException", "Traffic control needs a load balancer or target group.")
