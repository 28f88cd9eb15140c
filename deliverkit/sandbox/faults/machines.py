"""Hosts that break: an instance that loses its power, a disk that is full, a hook that hangs."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

from deliverkit.sandbox.agent import troubles
from deliverkit.sandbox.agent.hooks import SCRIPTABLE
from deliverkit.sandbox.faults.fault import Fault
from deliverkit.sandbox.faults.kind import Change, Kind, note
from deliverkit.sandbox.faults.settings import PLACE, TIME, Setting, SettingType
from deliverkit.sandbox.instances.conditions import Conditions, Key
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_base import Machine

_WHICH = (
    Setting("instance", SettingType.TEXT, "Instance id, or `TAG=VALUE`; wildcards allowed.", "*"),
    Setting("number", SettingType.NUMBER, "How many of them, chosen by chance.", 1),
    *PLACE,
    *TIME,
)


def _chosen(world: World, fault: Fault) -> list[Key]:
    """The running instances that the fault befalls; the same at its end as at its beginning."""
    if "instances" not in fault.memory:
        means = _matcher(str(fault.values["instance"]))
        fitting = [each for each in world.moto.machines() if each.state == "running" and means(each)]
        near = [each for each in fitting if fault.is_at(each.account, each.region)]
        keys = [(m.account, m.region, m.instance_id) for m in near if fault.may_befall(m.instance_id)]
        fault.memory["instances"] = fault.random.sample(keys, min(fault.values["number"], len(keys)))
    found: list[Key] = fault.memory["instances"]
    return found


def _matcher(pattern: str) -> Callable[[Machine], bool]:
    tag, is_tag, value = pattern.partition("=")
    if is_tag:
        return lambda machine: fnmatchcase(machine.tags.get(tag, ""), value) and tag in machine.tags
    return lambda machine: fnmatchcase(machine.instance_id, pattern)


def _befall(change: Callable[[World, Fault, Key], None]) -> Change:
    def begin(world: World, fault: Fault) -> None:
        for key in _chosen(world, fault):
            change(world, fault, key)
            note(world, fault, key[2], key[0], key[1])

    return begin


def _mend(change: Callable[[World, Fault, Key], None]) -> Change:
    def end(world: World, fault: Fault) -> None:
        for key in fault.memory.get("instances", ()):
            change(world, fault, key)

    return end


def _conditions(world: World) -> Conditions:
    return world.store(Conditions, "", "")


def _crash(world: World, _fault: Fault, key: Key) -> None:
    _conditions(world).crashed.add(key)


def _boot(world: World, _fault: Fault, key: Key) -> None:
    _conditions(world).crashed.discard(key)


def _fill(world: World, _fault: Fault, key: Key) -> None:
    troubles.begin(_root(world, key), troubles.FULL_DISK)


def _clean(world: World, _fault: Fault, key: Key) -> None:
    troubles.end(_root(world, key), troubles.FULL_DISK)


def _hang(world: World, fault: Fault, key: Key) -> None:
    for event in _events(fault):
        troubles.begin(_root(world, key), troubles.hanging(event))


def _release(world: World, fault: Fault, key: Key) -> None:
    for event in _events(fault):
        troubles.end(_root(world, key), troubles.hanging(event))


def _events(fault: Fault) -> list[str]:
    return [event for event in SCRIPTABLE if fnmatchcase(event, fault.values["event"])]


def _root(world: World, key: Key) -> Path:
    return world.state_dir / "instances" / key[2] / "root"


KILLED_INSTANCE = Kind(
    "killed-instance",
    "Instances lose their power: agent and processes die at once, and EC2 still says running. They boot again at the"
    " end of the fault.",
    _WHICH,
    begin=_befall(_crash),
    end=_mend(_boot),
)
FULL_DISK = Kind(
    "full-disk",
    "Instances have no space left: no bundle can be downloaded or installed. Hooks can still write.",
    _WHICH,
    begin=_befall(_fill),
    end=_mend(_clean),
)
HANGING_HOOK = Kind(
    "hanging-hook",
    "Hooks hang before their first line until the fault ends or their timeout, which is real time, passes.",
    (
        Setting("event", SettingType.TEXT, "Lifecycle event, such as `ApplicationStart`; wildcards allowed.", "*"),
        *_WHICH,
    ),
    begin=_befall(_hang),
    end=_mend(_release),
)
