"""Alarms that flap between ALARM and OK, whatever their metrics say."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase
from functools import partial

from deliverkit.sandbox.alarms.moto_alarms import metric_alarms
from deliverkit.sandbox.faults.fault import Fault
from deliverkit.sandbox.faults.kind import Kind, note
from deliverkit.sandbox.faults.settings import PLACE, TIME, Setting, SettingType
from deliverkit.sandbox.kernel.world import World

REASON = "set by a fault of the sandbox"
Alarm = tuple[str, str, str]
"""Account, region and name."""


def _begin(world: World, fault: Fault) -> None:
    fault.memory["before"] = {}
    _flap(world, fault, "ALARM")


def _flap(world: World, fault: Fault, state: str) -> None:
    if not fault.is_begun:
        return
    before: dict[Alarm, str] = fault.memory["before"]
    for each in list(metric_alarms()):
        name = str(each.inner.name)
        if fnmatchcase(name, fault.values["alarm"]) and fault.is_at(each.account, each.region):
            before.setdefault((each.account, each.region, name), each.state.value)
            _set(world, (each.account, each.region, name), state)
            note(world, fault, f"{name} {state}", each.account, each.region)
    other = "OK" if state == "ALARM" else "ALARM"
    world.timers.after(timedelta(seconds=fault.values["every"]), partial(_flap, world, fault, other))


def _end(world: World, fault: Fault) -> None:
    for alarm, state in fault.memory.pop("before", {}).items():
        _set(world, alarm, state)


def _set(world: World, alarm: Alarm, state: str) -> None:
    account, region, name = alarm
    cloudwatch = world.moto.client("cloudwatch", account, region)
    if cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]:
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=REASON)


FLAPPING_ALARM = Kind(
    "flapping-alarm",
    "Alarms go off and calm down in turn; at the end they are as they were before, until they are evaluated again.",
    (
        Setting("alarm", SettingType.TEXT, "Name; wildcards allowed.", "*"),
        Setting("every", SettingType.SECONDS, "From one change to the next, in the sandbox's own time.", 30),
        *PLACE,
        *TIME,
    ),
    begin=_begin,
    end=_end,
)
