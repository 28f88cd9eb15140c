"""Tells SNS topics what happens to deployments and instances (user guide, monitoring-sns-event-notifications).

Messages about deployments are as they were seen from 2016 to 2022, which is what their consumers are written for: an
overview and errors as JSON within a string, statuses in capitals, times in words. The guide shows them otherwise: as
objects, with statuses as in the API and times in epoch seconds. No message about an instance was found: they are as the
guide shows them.

Messages wait in the state until the messenger publishes them: a topic may have subscribers over HTTP, which take time.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import botocore.exceptions

from deliverkit.sandbox.codedeploy.state import Deployment, Event, Group, Json, Target
from deliverkit.sandbox.kernel.world import World

log = logging.getLogger(__name__)
_ENDS = {"Succeeded": "Success", "Failed": "Failure", "Stopped": "Stop", "Ready": "Ready"}
_COUNTED = ("Succeeded", "Failed", "Skipped", "InProgress", "Pending")
LONGEST_SUBJECT = 100
"""Characters of a subject (SNS API reference, Publish)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message on its way to a topic."""

    account: str
    region: str
    topic: str
    subject: str
    body: str


@dataclass
class Outbox:
    """Messages of one world that no topic has yet."""

    waiting: list[Message] = field(default_factory=list)


def deployment_changed(world: World, deployment: Deployment) -> None:
    """Tell the topics of triggers for the deployment's present status.

    It starts when it is created; a rollback is told of once more when it is in progress.
    """
    events = {"Created": "Start", **_ENDS}
    if deployment.is_rollback:
        events["InProgress"] = "Rollback"
    event = events.get(deployment.status)
    if event is not None:
        _tell(world, deployment, f"Deployment{event}", deployment.status, _about_deployment(deployment))


def instance_changed(world: World, deployment: Deployment, target: Target) -> None:
    """Tell the topics of triggers for an instance's present status."""
    event = {"InProgress": "Start", **_ENDS}.get(target.status)
    if event is not None:
        _tell(world, deployment, f"Instance{event}", target.status, _about_instance(deployment, target))


def announce_new(world: World, group: Group, known: Iterable[Json]) -> None:
    """Send the test message of every trigger that a group did not have before."""
    names = {(one["triggerName"], one["triggerTargetArn"]) for one in known}
    for trigger in group.settings.get("triggerConfigurations") or ():
        if (trigger["triggerName"], trigger["triggerTargetArn"]) not in names:
            body = {
                "region": group.region,
                "accountId": group.account,
                "eventTriggerName": trigger["triggerName"],
                "applicationName": group.application,
                "deploymentGroupName": group.name,
            }
            # The text of AWS's test message is not documented.
            _send(world, trigger, f"AWS CodeDeploy trigger {trigger['triggerName']} was set up", body)


def _tell(world: World, deployment: Deployment, event: str, status: str, body: dict[str, Any]) -> None:
    region, identifier = deployment.group.region, deployment.deployment_id
    subject = f"{_in_capitals(status)}: AWS CodeDeploy {identifier} in {region} to {deployment.application}"
    for trigger in deployment.group.settings.get("triggerConfigurations") or ():
        if event in trigger["triggerEvents"]:
            told = {**body, "eventTriggerName": trigger["triggerName"]}
            _send(world, trigger, subject, told)


def _send(world: World, trigger: Json, subject: str, body: dict[str, Any]) -> None:
    topic = str(trigger["triggerTargetArn"])
    _, _, _, region, account, _ = topic.split(":")
    message = Message(account, region, topic, subject[:LONGEST_SUBJECT], json.dumps(body))
    world.store(Outbox, "", "").waiting.append(message)


def _about_deployment(deployment: Deployment) -> dict[str, Any]:
    told: dict[str, Any] = {
        "region": deployment.group.region,
        "accountId": deployment.group.account,
        "applicationName": deployment.application,
        "deploymentId": deployment.deployment_id,
        "deploymentGroupName": deployment.group_name,
        "createTime": _in_words(deployment.created_at),
        "completeTime": _in_words(deployment.ended_at),
        "status": _in_capitals(deployment.status),
    }
    if deployment.status in _ENDS:
        statuses = [target.status for target in deployment.targets.values()]
        told["deploymentOverview"] = _text({status: statuses.count(status) for status in _COUNTED})
    if deployment.error:
        told["errorInformation"] = _text({f"Error{key.capitalize()}": each for key, each in deployment.error.items()})
    if deployment.rollback or deployment.status in {"Failed", "Stopped"}:
        told["rollbackInformation"] = _text(
            {f"{key[0].upper()}{key[1:]}": each for key, each in deployment.rollback.items()}
        )
    return told


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _in_capitals(status: str) -> str:
    """`IN_PROGRESS` for InProgress; STOPPED and READY are inferred, the others were seen."""
    return "IN_PROGRESS" if status == "InProgress" else status.upper()


def _in_words(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%a %b %d %H:%M:%S UTC %Y}"


def _about_instance(deployment: Deployment, target: Target) -> dict[str, Any]:
    return {
        "region": deployment.group.region,
        "accountId": deployment.group.account,
        "deploymentId": deployment.deployment_id,
        "instanceId": target.arn,
        "lastUpdatedAt": _moment(target.updated_at),
        "instanceStatus": target.status,
        "lifecycleEvents": [_about_event(event) for event in target.events],
    }


def _about_event(event: Event) -> dict[str, str]:
    told = {
        "LifecycleEvent": event.name,
        "LifecycleEventStatus": event.status,
        "StartTime": _moment(event.started_at),
        "EndTime": _moment(event.ended_at),
    }
    return {name: value for name, value in told.items() if value is not None}


def _moment(moment: datetime | None) -> str | None:
    """Epoch seconds with milliseconds, as text."""
    return None if moment is None else f"{moment.timestamp():.3f}"


def deliver(world: World) -> None:
    """Publish what waits; not to be called under the world's lock, because a subscriber may be slow."""
    while True:
        with world.lock:
            waiting = world.store(Outbox, "", "").waiting
            if not waiting:
                return
            message = waiting.pop(0)
        _publish(world, message)


def _publish(world: World, message: Message) -> None:
    sns = world.moto.client("sns", message.account, message.region)
    try:
        sns.publish(TopicArn=message.topic, Subject=message.subject, Message=message.body)
    except botocore.exceptions.ClientError as error:
        # A topic that is gone is no reason for a deployment to fail; AWS says nothing either.
        log.info("%s did not take a message: %s", message.topic, error)
