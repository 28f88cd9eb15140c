"""What functions print, in CloudWatch Logs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_functions import Function

LONGEST_LINE = 262_118
MOST_EVENTS = 10_000


def stream_of(world: World, function: Function, request_id: str) -> str:
    """The log stream of an invocation: day, version and, as every environment here serves once, the request's id."""
    return f"{world.clock.now():%Y/%m/%d}/[{function.version}]{request_id.replace('-', '')}"


def keep(world: World, function: Function, stream: str, printed: bytes) -> None:
    """Put the lines of an invocation into the function's log group, which is made at the first one."""
    client: Any = world.moto.client("logs", function.account, function.region)
    lines = [line[:LONGEST_LINE] for line in printed.decode("utf-8", "replace").splitlines() if line.strip()]
    exists = client.exceptions.ResourceAlreadyExistsException
    with suppress(exists):
        client.create_log_group(logGroupName=function.log_group)
    with suppress(exists):  # of an event that is delivered again
        client.create_log_stream(logGroupName=function.log_group, logStreamName=stream)
    now = int(world.clock.now().timestamp() * 1000)
    events = [{"timestamp": now, "message": line} for line in lines[-MOST_EVENTS:]]
    client.put_log_events(logGroupName=function.log_group, logStreamName=stream, logEvents=events)
