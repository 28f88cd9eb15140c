"""Which EC2 instances belong to a deployment group (API reference, EC2TagFilter and EC2TagSet)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deliverkit.sandbox.moto_base import Machine

GONE = frozenset({"terminated", "shutting-down"})


def matches_filter(tags: Mapping[str, str], tag_filter: Mapping[str, str]) -> bool:
    """True when one tag satisfies the filter; without a Type, what is given must match."""
    key, value = tag_filter.get("Key", ""), tag_filter.get("Value")
    given = "KEY_ONLY" if value is None else "KEY_AND_VALUE" if key else "VALUE_ONLY"
    kind = tag_filter.get("Type") or given
    match kind:
        case "KEY_ONLY":
            return key in tags
        case "VALUE_ONLY":
            return (value or "") in tags.values()
        case _:
            return key in tags and tags[key] == (value or "")


def matches(tags: Mapping[str, str], settings: Mapping[str, Any]) -> bool:
    """True for tags that a group's settings select: any filter of `ec2TagFilters`, or one of each group of a set."""
    filters: Sequence[Mapping[str, str]] = settings.get("ec2TagFilters") or ()
    if any(matches_filter(tags, one) for one in filters):
        return True
    groups = (settings.get("ec2TagSet") or {}).get("ec2TagSetList") or ()
    return bool(groups) and all(any(matches_filter(tags, one) for one in group) for group in groups)


def members(machines: Iterable[Machine], settings: Mapping[str, Any]) -> list[Machine]:
    """The group's instances; stopped ones are members too, terminated ones are not (user guide, instances-health)."""
    return [machine for machine in machines if machine.state not in GONE and matches(machine.tags, settings)]
