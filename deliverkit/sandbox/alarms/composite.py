"""Composite alarms: their states follow those of other alarms, and a suppressor may hold their actions back.

Source: CloudWatch User Guide, "Composite alarms" and "Suppressing composite alarm actions".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from deliverkit.sandbox.alarms.book import Suppression, book_of
from deliverkit.sandbox.alarms.changes import act, change
from deliverkit.sandbox.alarms.composite_rule import alarms_in, holds, parse
from deliverkit.sandbox.alarms.evaluation import State
from deliverkit.sandbox.alarms.messages import stamp
from deliverkit.sandbox.alarms.moto_alarms import AlarmView, alarms_of
from deliverkit.sandbox.kernel.world import World

LONGEST_CHAIN = 16
"""Composite alarms on composite alarms that settle in one look; a circle goes on with the next look."""


def look(world: World, account: str, region: str) -> None:
    """Bring the composite alarms of an account and region up to date, and carry out what is not held back."""
    composites = [view for view in alarms_of(account, region) if view.is_composite]
    for _ in range(LONGEST_CHAIN if composites else 0):
        changes = [_evaluate(world, view) for view in composites]
        if not any(changes):
            break
    for view in composites:
        _release(world, view)


def states_of(account: str, region: str) -> dict[str, State]:
    """The state of every alarm, by name and by ARN."""
    return {key: view.state for view in alarms_of(account, region) for key in (view.name, view.arn)}


def _evaluate(world: World, view: AlarmView) -> bool:
    """Put an alarm into the state that its rule gives; False when it is there."""
    states = states_of(view.account, view.region)
    rule = parse(view.inner.rule)
    state = State.ALARM if holds(rule, states) else State.OK
    if state is view.state:
        return False
    named = alarms_in(rule)
    children = [each for each in alarms_of(view.account, view.region) if each.name in named or each.arn in named]
    change(world, view, state, *_reason(view, state, children))
    return True


def _reason(view: AlarmView, state: State, children: list[AlarmView]) -> tuple[str, str]:
    """Reason and data as in the user guide's sample event ("Alarm events and EventBridge")."""
    if view.is_new or not children:
        word = "created" if view.is_new else "updated"
        return f"{view.arn} was {word} and its alarm rule evaluates to {state}", _reason_data(children)
    last = max(children, key=lambda child: child.changed_at)
    moment = f"{last.changed_at:%A %d %B, %Y %H:%M:%S UTC}"
    return f"{last.arn} transitioned to {last.state} at {moment}", _reason_data([last])


def _reason_data(children: list[AlarmView]) -> str:
    told = [
        {"arn": child.arn, "state": {"value": child.state.value, "timestamp": stamp(child.changed_at)}}
        for child in children
    ]
    return json.dumps({"triggeringAlarms": told}, separators=(",", ":"))


def _release(world: World, view: AlarmView) -> None:
    suppression = book_of(world, view.account, view.region).suppressions.setdefault(view.name, Suppression())
    now = world.clock.now()
    suppression.by = _held_back(suppression, view, states_of(view.account, view.region), now)
    if suppression.by is None and suppression.acted is not view.state:
        suppression.acted = view.state
        act(world, view, suppression.previous)


def _held_back(suppression: Suppression, view: AlarmView, states: Mapping[str, State], now: datetime) -> str | None:
    if not suppression.suppressor:
        return None
    is_suppressing = states.get(suppression.suppressor) is State.ALARM
    if suppression.was_suppressing and not is_suppressing:
        suppression.released_at = now
    suppression.was_suppressing = is_suppressing
    if is_suppressing:
        return "Alarm"
    if suppression.released_at is not None and now < suppression.released_at + suppression.extension:
        return "ExtensionPeriod"
    is_waiting = suppression.changed_at is not None and now < suppression.changed_at + suppression.wait
    return "WaitPeriod" if is_waiting and suppression.acted is not view.state else None
