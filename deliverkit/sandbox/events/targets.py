"""Hands an event over to a target: a topic, a queue, a function, a pipeline, a log group, another bus.

Source: EventBridge User Guide, "Event bus targets", and "Using dead-letter queues". What is not built here is refused
as a delivery that fails for good: it is logged and goes to the target's dead-letter queue.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import botocore.exceptions

from deliverkit.sandbox import functions
from deliverkit.sandbox.events import post
from deliverkit.sandbox.events.inputs import target_input
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One event for one target.

    Attributes:
        account: The rule's account.
        region: The rule's region.
        rule_arn: The rule.
        target: As PutTargets has it.
        event: The event.
    """

    account: str
    region: str
    rule_arn: str
    target: Mapping[str, Any]
    event: Mapping[str, Any]

    @property
    def arn(self) -> str:
        """The target's ARN."""
        return str(self.target["Arn"])

    @property
    def text(self) -> str:
        """What the target receives."""
        return target_input(self.target, self.event, self.rule_arn)


def send(world: World, parcel: Parcel) -> None:
    """Hand one event over; what fails goes to the target's dead-letter queue, or is logged.

    Retries are not built: a target of the sandbox that refuses an event would refuse it again.
    """
    kind = parcel.arn.split(":")[2]
    try:
        _HANDOVERS.get(kind, _refuse)(world, parcel)
    except ApiError as error:
        _bury(world, parcel, error.code, error.message)
    except botocore.exceptions.ClientError as error:
        _bury(world, parcel, str(error.response["Error"]["Code"]), str(error))


def _refuse(_world: World, parcel: Parcel) -> None:
    raise ApiError("SDK_CLIENT_ERROR", f"the sandbox delivers no events to {parcel.arn}")


def _to_topic(world: World, parcel: Parcel) -> None:
    on_failure = partial(_bury, world, parcel)
    post.send(world, post.Letter(parcel.account, parcel.arn, parcel.text, on_failure=on_failure))


def _to_queue(world: World, parcel: Parcel) -> None:
    group = parcel.target.get("SqsParameters", {}).get("MessageGroupId")
    _queue(world, parcel.arn, parcel.text, **({"MessageGroupId": group} if group else {}))


def _queue(world: World, arn: str, body: str, **more: Any) -> None:
    _, _, _, region, account, name = arn.split(":")
    sqs = world.moto.client("sqs", account, region)
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], MessageBody=body, **more)


def _to_function(world: World, parcel: Parcel) -> None:
    functions.invoke(world, parcel.account, parcel.region, parcel.arn, json.loads(parcel.text))


def _to_pipeline(world: World, parcel: Parcel) -> None:
    """Start a pipeline; an input that names source revisions and variables is followed (CodePipeline user guide)."""
    _, _, _, region, account, name = parcel.arn.split(":")
    params: dict[str, Any] = {"name": name}
    if "Input" in parcel.target or "InputTransformer" in parcel.target:
        given = json.loads(parcel.text)
        if isinstance(given, dict):
            params |= {key: given[key] for key in ("sourceRevisions", "variables") if key in given}
    world.call("codepipeline", "StartPipelineExecution", params, world.context(account, region, parcel.rule_arn))


def _to_log_group(world: World, parcel: Parcel) -> None:
    _, _, _, region, account, _, name = parcel.arn.split(":")[:7]
    logs = world.moto.client("logs", account, region)
    stream = chance.uuid4()  # undocumented; EventBridge makes up names of its own
    logs.create_log_stream(logGroupName=name, logStreamName=stream)
    line = {"timestamp": round(world.clock.now().timestamp() * 1000), "message": parcel.text}
    logs.put_log_events(logGroupName=name, logStreamName=stream, logEvents=[line])


def _to_bus(world: World, parcel: Parcel) -> None:
    from deliverkit.sandbox.events.delivery import route  # noqa: PLC0415  (a bus leads back to where events come from)

    _, _, _, region, account, name = parcel.arn.split(":")
    rule_bus = ["default", *parcel.rule_arn.partition(":rule/")[2].split("/")[:-1]][-1]
    bus = name.removeprefix("event-bus/")
    if (account, region, bus) == (parcel.account, parcel.region, rule_bus):
        raise ApiError("SDK_CLIENT_ERROR", "a rule can not send an event to the bus that it came from")
    world.timers.soon(partial(route, world, account, region, bus, parcel.event))


_HANDOVERS: Mapping[str, Callable[[World, Parcel], None]] = {
    "sns": _to_topic,
    "sqs": _to_queue,
    "lambda": _to_function,
    "codepipeline": _to_pipeline,
    "logs": _to_log_group,
    "events": _to_bus,
}


def _bury(world: World, parcel: Parcel, code: str, message: str = "") -> None:
    log.warning("rule %s could not reach %s: %s %s", parcel.rule_arn, parcel.arn, code, message)
    queue = parcel.target.get("DeadLetterConfig", {}).get("Arn")
    if not queue:
        return
    told = {"RULE_ARN": parcel.rule_arn, "TARGET_ARN": parcel.arn, "ERROR_CODE": code, "ERROR_MESSAGE": message or code}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in told.items()}
    try:
        _queue(world, queue, json.dumps(parcel.event), MessageAttributes=attributes)
    except botocore.exceptions.ClientError as error:
        log.warning("the dead-letter queue %s takes nothing: %s", queue, error)
