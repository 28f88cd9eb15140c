"""Which instances belong to a deployment group (CodeDeploy API reference, EC2TagFilter and EC2TagSet)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_base import Machine

_GONE = frozenset({"terminated", "shutting-down"})


def members(world: World, account: str, region: str, settings: Mapping[str, Any]) -> list[Machine]:
    """The instances that the group's tags name, stopped ones included: they are members and count as failed."""
    return [m for m in world.moto.machines(account, region) if m.state not in _GONE and _is_member(m.tags, settings)]


def _is_member(tags: Mapping[str, str], settings: Mapping[str, Any]) -> bool:
    filters = settings.get("ec2TagFilters") or []
    if any(_matches(tags, each) for each in filters):
        return True
    groups: Sequence[Sequence[Mapping[str, str]]] = settings.get("ec2TagSet", {}).get("ec2TagSetList", [])
    return bool(groups) and all(any(_matches(tags, each) for each in group) for group in groups)


def _matches(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    key, value = wanted.get("Key", ""), wanted.get("Value", "")
    match wanted.get("Type", "KEY_AND_VALUE"):
        case "KEY_ONLY":
            return key in tags
        case "VALUE_ONLY":
            return value in tags.values()
        case _:
            return tags.get(key) == value
