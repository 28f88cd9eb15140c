"""What follows when an alarm changes its state: history, an event, and its actions."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from deliverkit.sandbox import functions
from deliverkit.sandbox.alarms.book import book_of, note
from deliverkit.sandbox.alarms.evaluation import State
from deliverkit.sandbox.alarms.messages import event_detail, region_title, state_told, topic_message
from deliverkit.sandbox.alarms.moto_alarms import AlarmView, alarms_of
from deliverkit.sandbox.events.post import Letter, send
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import Notice, World

log = logging.getLogger(__name__)


def change(world: World, view: AlarmView, state: State, reason: str, data: str = "") -> None:
    """Put an alarm into a state; a metric alarm's actions follow, a composite alarm decides about its own."""
    was, before, now = view.state, state_told(view), world.clock.now()
    view.set_state(state, reason, data, now)
    if state is was:
        return
    states = {"oldState": _remembered(before), "newState": _remembered(state_told(view))}
    note(world, view, "StateUpdate", f"Alarm updated from {was} to {state}", states)
    detail = event_detail(view, before)
    world.publish(
        Notice("aws.cloudwatch", "CloudWatch Alarm State Change", view.account, view.region, (view.arn,), detail)
    )
    if view.is_composite:
        suppression = book_of(world, view.account, view.region).suppressions[view.name]
        suppression.changed_at, suppression.previous = now, was
    else:
        act(world, view, was)


def act(world: World, view: AlarmView, was: State) -> None:
    """Carry out an alarm's actions for its present state."""
    message = topic_message(view, was, world.clock.now())
    for arn in view.actions(view.state):
        service = arn.split(":")[2] if arn.count(":") >= 3 else ""
        if service == "sns":
            _tell_topic(world, view, arn, message)
        elif service == "lambda":
            _invoke(world, view, arn, was)
        else:
            failed(world, view, arn, "the sandbox has no such alarm action")


def _tell_topic(world: World, view: AlarmView, arn: str, message: dict[str, Any]) -> None:
    subject = f'{view.state.value}: "{view.name}" in {region_title(view.region)}'
    outcome = partial(note_outcome, world, view.account, view.region, view.name, arn)
    send(world, Letter(view.account, arn, json.dumps(message), subject, on_failure=outcome, on_success=outcome))


def _invoke(world: World, view: AlarmView, arn: str, was: State) -> None:
    alarm = {
        "alarmName": view.name,
        "state": state_told(view),
        "previousState": {"value": was.value},
        "configuration": event_detail(view, {})["configuration"],
    }
    event = {
        "source": "aws.cloudwatch",
        "alarmArn": view.arn,
        "accountId": view.account,
        "time": state_told(view)["timestamp"],
        "region": view.region,
        "alarmData": alarm,
    }
    try:
        functions.invoke(world, view.account, view.region, arn, event)
    except ApiError as error:
        failed(world, view, arn, error.message)
    else:
        _succeeded(world, view, arn)


def _succeeded(world: World, view: AlarmView, arn: str) -> None:
    data = {"actionState": "Succeeded", "notificationResource": arn, "stateUpdateTimestamp": _millis(world)}
    note(world, view, "Action", f"Successfully executed action {arn}", data)


def failed(world: World, view: AlarmView, arn: str, error: str) -> None:
    """Write down that an action failed; the alarm itself goes on."""
    log.info("alarm %s could not carry out %s: %s", view.name, arn, error)
    data = {"actionState": "Failed", "notificationResource": arn, "error": error}
    note(world, view, "Action", f'Failed to execute action {arn}. Received error: "{error}"', data)


def note_outcome(world: World, account: str, region: str, name: str, arn: str, error: str = "") -> None:
    """Write down how an action went that took its time, if the alarm still exists."""
    for view in alarms_of(account, region):
        if view.name == name and error:
            failed(world, view, arn, error)
        elif view.name == name:
            _succeeded(world, view, arn)


def _millis(world: World) -> int:
    return round(world.clock.now().timestamp() * 1000)


def _remembered(told: Mapping[str, Any]) -> dict[str, Any]:
    """A state as the history has it."""
    state = {"stateValue": told["value"], "stateReason": told["reason"]}
    return {**state, "stateReasonData": json.loads(told["reasonData"])} if told.get("reasonData") else state
