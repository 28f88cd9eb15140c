"""EC2's tags of one resource, of some by a wildcard, and of all."""

from __future__ import annotations

from typing import Any

import pytest
from codedeploy_fleet import Fleet


def tags(fleet: Fleet, *filters: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    found = fleet.ec2.describe_tags(Filters=filters)["Tags"]
    return {(each["ResourceId"], each["ResourceType"], each["Key"], each["Value"]) for each in found}


@pytest.mark.parametrize("ends", ["", "*"])
def test_the_tags_of_one_instance_are_told_and_no_others(fleet: Fleet, ends: str) -> None:
    one, other = (fleet.launch(1, name=name, **{"deliverkit:agent": "none"})[0] for name in ("one", "other"))
    fleet.ec2.create_tags(Resources=[one], Tags=[{"Key": "place", "Value": "garage"}])
    own = {"Name": "resource-id", "Values": [one[:19] + ends]}
    of_one = {(one, "instance", key, value) for key, value in (
        ("name", "one"), ("place", "garage"), ("deliverkit:agent", "none"))}  # fmt: skip
    assert tags(fleet, own) == of_one
    assert tags(fleet, own, {"Name": "key", "Values": ["place"]}) == {(one, "instance", "place", "garage")}
    assert {each[0] for each in tags(fleet, {"Name": "resource-id", "Values": [one, other]})} == {one, other}
    fleet.ec2.delete_tags(Resources=[one], Tags=[{"Key": "place"}])
    assert tags(fleet, own) == {each for each in of_one if each[2] != "place"}


def test_a_resource_that_nobody_tagged_has_no_tags(fleet: Fleet) -> None:
    assert tags(fleet, {"Name": "resource-id", "Values": ["i-0123456789abcdef0"]}) == set()
