"""Which EC2 instances belong to a deployment group (CodeDeploy API reference, EC2TagSet and DeploymentGroupInfo)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deliverkit.domain.carriage import Target

_RUNNING = {"Name": "instance-state-name", "Values": ["running"]}


def members(ec2: Any, group: Mapping[str, Any], region: str) -> tuple[Target, ...]:
    """The running instances of a group, in the order of their ids.

    Args:
        ec2: A botocore EC2 client of the group's region.
        group: `deploymentGroupInfo` as GetDeploymentGroup answers it.
        region: The region's name.
    """
    found: dict[str, Target] = {}
    for queries in _alternatives(group):
        matches = [_matching(ec2, query, region) for query in queries]
        common = set(matches[0]).intersection(*matches[1:])
        found.update({instance: matches[0][instance] for instance in common})
    return tuple(found[instance] for instance in sorted(found))


def _alternatives(group: Mapping[str, Any]) -> Iterable[Sequence[Sequence[Mapping[str, Any]]]]:
    """Conjunctions of disjunctions of EC2 filters; an instance that satisfies one conjunction is a member."""
    if group.get("ec2TagFilters"):
        yield [[_filter(each) for each in group["ec2TagFilters"]]]
    tag_sets = group.get("ec2TagSet", {}).get("ec2TagSetList")
    if tag_sets:
        yield [[_filter(each) for each in tag_set] for tag_set in tag_sets]
    names = [each["name"] for each in group.get("autoScalingGroups", [])]
    if names:
        yield [[{"Name": "tag:aws:autoscaling:groupName", "Values": names}]]


def _filter(tag: Mapping[str, str]) -> Mapping[str, Any]:
    match tag.get("Type", "KEY_AND_VALUE"):
        case "KEY_ONLY":
            return {"Name": "tag-key", "Values": [tag["Key"]]}
        case "VALUE_ONLY":
            return {"Name": "tag-value", "Values": [tag["Value"]]}
        case _:
            return {"Name": f"tag:{tag['Key']}", "Values": [tag.get("Value", "")]}


def _matching(ec2: Any, alternatives: Sequence[Mapping[str, Any]], region: str) -> dict[str, Target]:
    found: dict[str, Target] = {}
    for each in alternatives:
        for page in ec2.get_paginator("describe_instances").paginate(Filters=[each, _RUNNING]):
            for reservation in page["Reservations"]:
                for instance in reservation["Instances"]:
                    target = Target(instance["InstanceId"], region, instance.get("PrivateIpAddress", ""))
                    found[target.target_id] = target
    return found
