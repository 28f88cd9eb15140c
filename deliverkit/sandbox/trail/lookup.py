"""LookupEvents (CloudTrail API reference): the newest event first, by one attribute and a time range."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.trail.store import RETENTION, Record, Trail

MOST_RESULTS = 50


def _flag(record: Record) -> str:
    return "true" if record.event["readOnly"] else "false"


_ATTRIBUTES: Mapping[str, Callable[[Record], Collection[str]]] = {
    "EventId": lambda record: [record.id],
    "EventName": lambda record: [str(record.event["eventName"])],
    "ReadOnly": lambda record: [_flag(record)],
    "Username": lambda record: [record.user_name],
    "EventSource": lambda record: [str(record.event["eventSource"])],
    "AccessKeyId": lambda record: [record.access_key],
    "ResourceType": lambda record: [kind for kind, _ in record.resources],
    "ResourceName": lambda record: [name for _, name in record.resources],
}


def lookup_events(world: World, params: Mapping[str, Any], account: str, region: str) -> dict[str, Any]:
    """One page of events.

    Raises:
        ApiError: `InvalidLookupAttributesException`, `InvalidTimeRangeException`, `InvalidMaxResultsException`,
            `InvalidNextTokenException`.
    """
    size = int(params.get("MaxResults") or MOST_RESULTS)
    if not 1 <= size <= MOST_RESULTS:
        raise ApiError("InvalidMaxResultsException", f"MaxResults must be between 1 and {MOST_RESULTS}.")
    wanted = _attribute(params.get("LookupAttributes") or [])
    start, end = (_moment(params.get(name)) for name in ("StartTime", "EndTime"))
    if start is not None and end is not None and start > end:
        raise ApiError("InvalidTimeRangeException", "The start time must be before the end time.")
    with world.lock:
        oldest = world.clock.now() - RETENTION
        found = [
            record
            for record in reversed(world.store(Trail, account, region).records)
            if wanted(record)
            and record.at >= oldest
            and (start is None or record.at >= start)
            and (end is None or record.at <= end)
        ]
    # Insight events do not exist here.
    found = [] if params.get("EventCategory") else found
    begin = _begin(found, params.get("NextToken"))
    shown = found[begin : begin + size]
    answer: dict[str, Any] = {"Events": [_told(record) for record in shown]}
    if begin + size < len(found):
        answer["NextToken"] = shown[-1].id
    return answer


def _attribute(attributes: list[Mapping[str, str]]) -> Callable[[Record], bool]:
    if not attributes:
        return lambda _: True
    if len(attributes) > 1 or attributes[0].get("AttributeKey") not in _ATTRIBUTES:
        raise ApiError("InvalidLookupAttributesException", "One attribute that CloudTrail knows can be looked up.")
    read, value = _ATTRIBUTES[attributes[0]["AttributeKey"]], attributes[0].get("AttributeValue", "")
    return lambda record: value in read(record)


def _begin(found: list[Record], token: str | None) -> int:
    if not token:
        return 0
    for index, record in enumerate(found):
        if record.id == token:
            return index + 1
    raise ApiError("InvalidNextTokenException", "The next token is not valid.")


def _told(record: Record) -> dict[str, Any]:
    return {
        "EventId": record.id,
        "EventName": record.event["eventName"],
        "ReadOnly": _flag(record),
        "AccessKeyId": record.access_key,
        "EventTime": record.at.timestamp(),
        "EventSource": record.event["eventSource"],
        "Username": record.user_name,
        "Resources": [{"ResourceType": kind, "ResourceName": name} for kind, name in record.resources],
        "CloudTrailEvent": json.dumps(record.event),
    }


def _moment(given: Any) -> datetime | None:
    if given is None:
        return None
    import botocore.utils  # noqa: PLC0415

    try:
        moment: datetime = botocore.utils.parse_timestamp(given)
    except (ValueError, OverflowError) as error:
        raise ApiError("InvalidTimeRangeException", f"{given} is not a time.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
