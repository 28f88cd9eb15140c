"""Triggers of deployment groups (user guide, monitoring-sns-event-notifications)."""

from __future__ import annotations

from collections.abc import Sequence

from deliverkit.sandbox.codedeploy.state import Json
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context

TRIGGER_LIMIT = 10
READY_EVENTS = frozenset({"DeploymentReady", "InstanceReady"})
EVENTS = READY_EVENTS | {
    "DeploymentStart",
    "DeploymentSuccess",
    "DeploymentFailure",
    "DeploymentStop",
    "DeploymentRollback",
    "InstanceStart",
    "InstanceSuccess",
    "InstanceFailure",
}


def check_triggers(triggers: Sequence[Json], *, is_blue_green: bool, context: Context) -> None:
    """Refuse incomplete triggers, unknown events, topics that do not exist, and more than ten triggers.

    Raises:
        ApiError: `InvalidTriggerConfigException`, `TriggerTargetsLimitExceededException`.
    """
    if len(triggers) > TRIGGER_LIMIT:
        raise ApiError("TriggerTargetsLimitExceededException", f"The maximum number of triggers is {TRIGGER_LIMIT}.")
    names = [trigger.get("triggerName") for trigger in triggers]
    if len(set(names)) < len(names):
        raise _invalid("Two triggers have the same name.")
    for trigger in triggers:
        _check_trigger(trigger, is_blue_green, context)


def _check_trigger(trigger: Json, is_blue_green: bool, context: Context) -> None:
    name, events = trigger.get("triggerName"), set(trigger.get("triggerEvents") or ())
    if not name or not events:
        raise _invalid("A trigger needs a name and events.")
    if not events <= EVENTS:
        raise _invalid(f"The trigger {name} has unknown events: {', '.join(sorted(events - EVENTS))}.")
    if events & READY_EVENTS and not is_blue_green:
        raise _invalid(f"The trigger {name} has events of blue/green deployments.")
    arn = str(trigger.get("triggerTargetArn") or "")
    if not arn.startswith("arn:aws:sns:") or arn.count(":") != 5 or not _topic_exists(arn, context):
        raise _invalid(f"The trigger {name} needs an existing SNS topic, not {arn!r}.")


def _topic_exists(arn: str, context: Context) -> bool:
    _, _, _, region, account, _ = arn.split(":")
    if not (region and account):
        return False
    sns = context.world.moto.client("sns", account, region)
    pages = sns.get_paginator("list_topics").paginate()
    return any(topic["TopicArn"] == arn for page in pages for topic in page["Topics"])


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidTriggerConfigException", message)
