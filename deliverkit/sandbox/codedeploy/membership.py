"""Which hosts belong to a deployment group (API reference: EC2TagFilter, EC2TagSet, TagFilter, OnPremisesTagSet)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deliverkit.sandbox.codedeploy import auto_scaling
from deliverkit.sandbox.codedeploy.state import Group, OnPremisesInstance, Store
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_base import Machine

GONE = frozenset({"terminated", "shutting-down"})
EC2_FORMS = ("ec2TagFilters", "ec2TagSet", "ec2TagSetList")
ON_PREMISES_FORMS = ("onPremisesInstanceTagFilters", "onPremisesTagSet", "onPremisesTagSetList")


@dataclass(frozen=True, slots=True)
class Host:
    """Something that an agent runs on.

    Attributes:
        name: `i-...`, or the name of an on-premises instance.
        arn: ARN of the target.
        identifier: What its agent calls itself.
        can_run: False for an instance that is stopped.
        zone: Availability Zone; empty on premises.
        is_ec2: False on premises.
    """

    name: str
    arn: str
    identifier: str
    can_run: bool
    zone: str
    is_ec2: bool


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


def matches(tags: Mapping[str, str], settings: Mapping[str, Any], forms: tuple[str, str, str] = EC2_FORMS) -> bool:
    """True for tags that a group's settings select: any filter of the plain form, or one of each group of a set."""
    plain, sets, groups_of_set = forms
    filters: Sequence[Mapping[str, str]] = settings.get(plain) or ()
    if any(matches_filter(tags, one) for one in filters):
        return True
    groups = (settings.get(sets) or {}).get(groups_of_set) or ()
    return bool(groups) and all(any(matches_filter(tags, one) for one in group) for group in groups)


def members(world: World, group: Group, settings: Mapping[str, Any]) -> list[Host]:
    """The hosts that settings select; stopped ones too, terminated ones not (user guide, instances-health)."""
    return [*_ec2_members(world, group, settings), *_on_premises_members(world, group, settings)]


def _ec2_members(world: World, group: Group, settings: Mapping[str, Any]) -> Iterator[Host]:
    scaled = auto_scaling.instances_of(world, group, settings.get("autoScalingGroups") or ())
    for machine in world.moto.machines(group.account, group.region):
        is_selected = machine.instance_id in scaled or matches(machine.tags, settings)
        if is_selected and machine.state not in GONE:
            yield ec2_host(machine)


def ec2_host(machine: Machine) -> Host:
    """An EC2 instance; its agent calls itself by the instance's ARN."""
    arn = f"arn:aws:ec2:{machine.region}:{machine.account}:instance/{machine.instance_id}"
    return Host(machine.instance_id, arn, arn, machine.state in {"running", "pending"}, machine.zone, is_ec2=True)


def _on_premises_members(world: World, group: Group, settings: Mapping[str, Any]) -> Iterator[Host]:
    for host in world.store(Store, group.account, group.region).hosts.values():
        if host.deregistered_at is None and matches(host.tags, settings, ON_PREMISES_FORMS):
            yield on_premises_host(host)


def on_premises_host(host: OnPremisesInstance) -> Host:
    """A registered host; its agent calls itself by the ARN of its IAM user or session."""
    return Host(host.name, host.arn, host.iam_arn, can_run=True, zone="", is_ec2=False)
