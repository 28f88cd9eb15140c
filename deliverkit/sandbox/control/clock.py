"""Reading and setting the virtual clock: `GET clock`, `POST clock`.

A POST takes `speed` (virtual seconds per real second, 0 freezes) or `advance_seconds`. A jump stops at every timer that
falls due on the way, so that what happens in between happens in its order and at its own moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from deliverkit.sandbox.control.endpoints import Endpoint, Handler
from deliverkit.sandbox.kernel.clock import FASTEST
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

LONGEST_JUMP = timedelta(days=366)
MOST_STOPS = 4000
"""A long jump stops less often than at every timer: the alarms alone have one for each second."""
SETTLE_SECONDS = 0.5
"""Real seconds that one stop may take; timers that wait for a process do so on the next stops."""


def clock_endpoints(world: World) -> Mapping[Endpoint, Handler]:
    """What the clock answers to."""
    return {("GET", "clock"): partial(_show, world), ("POST", "clock"): partial(_set, world)}


def _show(world: World, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    clock = world.clock
    return {"now": clock.now().isoformat(), "speed": clock.speed, "is_frozen": clock.speed == 0}


def _set(world: World, params: Mapping[str, Any]) -> Mapping[str, Any]:
    if set(params) not in ({"speed"}, {"advance_seconds"}):
        raise ApiError("ValidationException", "expected either speed or advance_seconds")
    if "speed" in params:
        world.clock.set_speed(_number(params, "speed", FASTEST))
    else:
        _advance(world, timedelta(seconds=_number(params, "advance_seconds", LONGEST_JUMP.total_seconds())))
    return _show(world, {})


def _number(params: Mapping[str, Any], name: str, largest: float) -> float:
    value = params[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= largest:
        raise ApiError("ValidationException", f"{name} must be a number from 0 to {largest:g}, not {value!r}")
    return float(value)


def _advance(world: World, by: timedelta) -> None:
    clock, timers = world.clock, world.timers
    left, shortest = by, by / MOST_STOPS
    while left > timedelta(0):
        due = timers.next_due()
        wanted = left if due is None else max(due - clock.now(), shortest)
        step = min(left, wanted)
        clock.advance(step)
        left -= step
        timers.settle(SETTLE_SECONDS)
