"""What the sandbox keeps of alarms beside moto: their history, and how composite alarms hold their actions back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from deliverkit.sandbox.alarms.evaluation import State
from deliverkit.sandbox.kernel.world import World

RETENTION = timedelta(days=30)
"""How long an alarm's history is kept (CloudWatch User Guide)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an alarm's history.

    Attributes:
        alarm: The alarm's name.
        kind: `MetricAlarm` or `CompositeAlarm`.
        at: When.
        item: `ConfigurationUpdate`, `StateUpdate` or `Action`.
        summary: For a person.
        data: JSON.
    """

    alarm: str
    kind: str
    at: datetime
    item: str
    summary: str
    data: str


@dataclass
class Suppression:
    """How a composite alarm holds its actions back.

    Attributes:
        suppressor: Name or ARN of the alarm that suppresses; empty for none.
        wait: How long it waits for the suppressor to go off.
        extension: How long it waits after the suppressor went back.
        acted: The state whose actions were carried out last.
        changed_at: When the alarm changed its state.
        was_suppressing: Whether the suppressor was in ALARM at the last look.
        released_at: When the suppressor left ALARM.
        by: What holds the actions back now: `Alarm`, `WaitPeriod`, `ExtensionPeriod`, or None.
    """

    suppressor: str = ""
    wait: timedelta = timedelta(0)
    extension: timedelta = timedelta(0)
    acted: State = State.INSUFFICIENT_DATA
    changed_at: datetime | None = None
    was_suppressing: bool = False
    released_at: datetime | None = None
    by: str | None = None
    previous: State = State.INSUFFICIENT_DATA


@dataclass
class AlarmBook:
    """The books of one account and region."""

    history: list[Entry] = field(default_factory=list)
    suppressions: dict[str, Suppression] = field(default_factory=dict)


def book_of(world: World, account: str, region: str) -> AlarmBook:
    """The books of an account and region."""
    return world.store(AlarmBook, account, region)


def note(world: World, view: Any, item: str, summary: str, data: Mapping[str, Any]) -> None:
    """Write into an alarm's history, and forget what is too old."""
    now = world.clock.now()
    book = book_of(world, view.account, view.region)
    kind = "CompositeAlarm" if view.is_composite else "MetricAlarm"
    book.history.append(Entry(view.name, kind, now, item, summary, json.dumps({"version": "1.0", **data})))
    while book.history and book.history[0].at < now - RETENTION:
        book.history.pop(0)
