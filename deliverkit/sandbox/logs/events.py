"""Log events as Logs Insights sees them: system fields, and those that it discovers in the message.

Source: CloudWatch Logs User Guide, "Supported logs and discovered fields". Discovered are the fields of messages that
are one JSON object, and those of Lambda's own lines; the other kinds of logs that Logs Insights knows are not.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from deliverkit.sandbox.logs.values import Moment, Value
from deliverkit.sandbox.moto_logs import LogEvent

MOST_FIELDS = 200
"""Fields that are taken from one JSON message."""
LAMBDA = "/aws/lambda/"
_LAMBDA_LINE = re.compile(r"(START|END|REPORT) RequestId: (\S+)")
_LAMBDA_NUMBERS = {
    "@duration": (re.compile(r"\tDuration: ([\d.]+) ms"), 1),
    "@billedDuration": (re.compile(r"Billed Duration: ([\d.]+) ms"), 1),
    "@initDuration": (re.compile(r"Init Duration: ([\d.]+) ms"), 1),
    "@memorySize": (re.compile(r"Memory Size: (\d+) MB"), 1_000_000),
    "@maxMemoryUsed": (re.compile(r"Max Memory Used: (\d+) MB"), 1_000_000),
}


def pointer(event: LogEvent) -> str:
    """What `@ptr` holds."""
    return base64.b64encode(json.dumps([event.account, event.group, event.stream, event.number]).encode()).decode()


def system_fields(event: LogEvent) -> dict[str, Value]:
    """The fields that every event has."""
    return {
        "@timestamp": Moment(event.at),
        "@ingestionTime": Moment(event.ingested_at),
        "@message": event.message,
        "@logStream": event.stream,
        "@log": f"{event.account}:{event.group}",
        "@ptr": pointer(event),
    }


def discovered(event: LogEvent) -> Mapping[str, Value]:
    """The fields that its message holds."""
    if event.message.lstrip()[:1] == "{":
        try:
            found = json.loads(event.message, parse_int=str, parse_float=str)
        except (ValueError, RecursionError):
            return {}
        return dict(pair for pair, _ in zip(_flattened("", found), range(MOST_FIELDS), strict=False))
    return _of_lambda(event.message) if event.group.startswith(LAMBDA) else {}


def _flattened(path: str, found: Any) -> Iterator[tuple[str, Value]]:
    """Values by paths such as `request.headers.0`; null is as if it were not there."""
    if isinstance(found, dict):
        for name, value in found.items():
            yield from _flattened(f"{path}.{name}" if path else name, value)
    elif isinstance(found, list):
        for index, value in enumerate(found):
            yield from _flattened(f"{path}.{index}", value)
    elif found is not None:
        yield path, found


def _of_lambda(message: str) -> Mapping[str, Value]:
    line = _LAMBDA_LINE.match(message)
    if line is None:
        return {}
    found: dict[str, Value] = {"@type": line[1], "@requestId": line[2]}
    for name, (pattern, factor) in _LAMBDA_NUMBERS.items():
        match = pattern.search(message)
        if line[1] == "REPORT" and match is not None:
            found[name] = float(match[1]) * factor
    return found


class EventRow:
    """A log event in the course of a query, with the fields that the query made."""

    def __init__(self, event: LogEvent) -> None:
        self.event = event
        self.made: dict[str, Value] = {}
        self._system = system_fields(event)
        self._discovered: Mapping[str, Value] | None = None

    def get(self, name: str) -> Value:
        """The value of a field; None when it has none."""
        if name in self.made:
            return self.made[name]
        if name in self._system:
            return self._system[name]
        if self._discovered is None:
            self._discovered = discovered(self.event)
        return self._discovered.get(name)


class MadeRow:
    """A row that `stats` made."""

    def __init__(self, made: dict[str, Value]) -> None:
        self.made = made

    def get(self, name: str) -> Value:
        """The value of a field; None when it has none."""
        return self.made.get(name)
