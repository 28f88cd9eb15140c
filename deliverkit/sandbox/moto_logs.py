"""What Logs Insights reads of moto's CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One log event.

    Attributes:
        account: The log group's account.
        group: Name of the log group.
        stream: Name of the log stream.
        number: Tells the events of a stream apart.
        at: Its own time, in milliseconds since the epoch.
        ingested_at: When it came in, in the same.
        message: All of it.
    """

    account: str
    group: str
    stream: str
    number: int
    at: int
    ingested_at: int
    message: str


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group as queries need it.

    Attributes:
        name: Its name.
        created_at: Milliseconds since the epoch.
        retention_days: How long events are kept; None for ever.
    """

    name: str
    created_at: int
    retention_days: int | None


def find_group(account: str, region: str, name: str) -> LogGroup | None:
    """A log group; None when there is none."""
    from moto.core.utils import unix_time_millis  # noqa: PLC0415

    found = _backend(account, region).groups.get(name)
    if found is None:
        return None
    days = found.retention_in_days
    return LogGroup(name, int(unix_time_millis(found.creation_time)), int(days) if days else None)


def events_of(account: str, region: str, group: str, start: int, end: int) -> Iterator[LogEvent]:
    """The events of a log group whose own times lie in a range of milliseconds, both ends included."""
    for stream in list(_backend(account, region).groups[group].streams.values()):
        for event in list(stream.events):
            if start <= event.timestamp <= end:
                yield LogEvent(
                    account,
                    group,
                    str(stream.log_stream_name),
                    int(event.event_id),
                    int(event.timestamp),
                    int(event.ingestion_time),
                    str(event.message),
                )


def _backend(account: str, region: str) -> Any:
    from moto.backends import get_backend  # noqa: PLC0415

    return get_backend("logs")[account][region]
