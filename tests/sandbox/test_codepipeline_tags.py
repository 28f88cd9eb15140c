"""Tags of pipelines, custom action types and webhooks."""

from __future__ import annotations

import pytest
from codepipeline_fixtures import Rig, refused
from codepipeline_workers import declare

ACCOUNT = "arn:aws:codepipeline:us-east-1:123456789012"


@pytest.fixture(params=["pipeline", "webhook", "type"])
def arn(request: pytest.FixtureRequest, rig: Rig) -> str:
    """Something that can have tags."""
    name = rig.create()
    if request.param == "pipeline":
        return f"{ACCOUNT}:{name}"
    if request.param == "type":
        return f"{ACCOUNT}:actiontype:Custom/Build/{declare(rig).kind['provider']}/1"
    hook = {
        "name": f"hook-{name}",
        "targetPipeline": name,
        "targetAction": "Read",
        "filters": [],
        "authentication": "UNAUTHENTICATED",
        "authenticationConfiguration": {},
    }
    return str(rig.cp.put_webhook(webhook=hook)["webhook"]["arn"])


def tags(rig: Rig, arn: str) -> dict[str, str]:
    return {each["key"]: each["value"] for each in rig.cp.list_tags_for_resource(resourceArn=arn)["tags"]}


def tag(rig: Rig, arn: str, **pairs: str) -> None:
    rig.cp.tag_resource(resourceArn=arn, tags=[{"key": key, "value": value} for key, value in pairs.items()])


def test_tags_are_added_overwritten_and_removed(rig: Rig, arn: str) -> None:
    tag(rig, arn, team="shop", stage="test")
    tag(rig, arn, stage="prod", Team="case matters")
    assert tags(rig, arn) == {"team": "shop", "stage": "prod", "Team": "case matters"}
    rig.cp.untag_resource(resourceArn=arn, tagKeys=["team", "never"])
    assert tags(rig, arn) == {"stage": "prod", "Team": "case matters"}


def test_fifty_tags_are_all(rig: Rig, arn: str) -> None:
    tag(rig, arn, **{f"k{number:02}": "" for number in range(50)})
    with refused("TooManyTagsException", "50"):
        tag(rig, arn, another="")
    tag(rig, arn, k00="overwritten")
    assert len(tags(rig, arn)) == 50


def test_the_prefix_of_aws_is_refused(rig: Rig, arn: str) -> None:
    for key in ("aws:mine", "AWS:mine"):
        with refused("InvalidTagsException", key):
            rig.cp.tag_resource(resourceArn=arn, tags=[{"key": key, "value": ""}])
        with refused("InvalidTagsException", key):
            rig.cp.untag_resource(resourceArn=arn, tagKeys=[key])
    assert tags(rig, arn) == {}


def test_many_tags_come_in_pages(rig: Rig, arn: str) -> None:
    tag(rig, arn, **{f"k{number}": "" for number in range(5)})
    first = rig.cp.list_tags_for_resource(resourceArn=arn, maxResults=2)
    assert len(first["tags"]) == 2
    pages = list(
        rig.cp.get_paginator("list_tags_for_resource").paginate(resourceArn=arn, PaginationConfig={"PageSize": 2})
    )
    assert [len(page["tags"]) for page in pages] == [2, 2, 1]
    assert {each["key"] for page in pages for each in page["tags"]} == {f"k{number}" for number in range(5)}
    with refused("InvalidNextTokenException"):
        rig.cp.list_tags_for_resource(resourceArn=arn, nextToken="nonsense")
    other = f"{ACCOUNT}:{rig.create()}"
    with refused("InvalidNextTokenException"):
        rig.cp.list_tags_for_resource(resourceArn=other, nextToken=first["nextToken"])


@pytest.mark.parametrize(
    "missing",
    [
        f"{ACCOUNT}:nobody",
        f"{ACCOUNT}:webhook:nobody",
        f"{ACCOUNT}:actiontype:Custom/Build/Nobody/1",
        f"{ACCOUNT}:actiontype:AWS/Source/S3/1",
    ],
)
def test_what_is_not_there_has_no_tags(rig: Rig, missing: str) -> None:
    with refused("ResourceNotFoundException"):
        tags(rig, missing)
    with refused("ResourceNotFoundException"):
        tag(rig, missing, team="x")
    with refused("ResourceNotFoundException"):
        rig.cp.untag_resource(resourceArn=missing, tagKeys=["x"])


def test_things_of_another_account_or_region_are_not_there(rig: Rig, arn: str) -> None:
    with refused("ResourceNotFoundException"):
        tags(rig, arn.replace("123456789012", "210987654321"))
    with refused("ResourceNotFoundException"):
        tags(rig, arn.replace("us-east-1", "eu-west-1"))


@pytest.mark.parametrize("part", ["shop/Stage", "shop/Stage/Action", "webhook:a:b", "actiontype:Custom", "thing:x"])
def test_other_arns_are_invalid(rig: Rig, part: str) -> None:
    with refused("InvalidArnException"):
        tags(rig, f"{ACCOUNT}:{part}")
    with refused("ValidationException"):
        tags(rig, "arn:aws:s3:::bucket")


def test_a_deleted_type_has_no_tags(rig: Rig) -> None:
    kind = declare(rig).kind
    arn = f"{ACCOUNT}:actionType:Custom/Build/{kind['provider']}/1"
    tag(rig, arn, team="shop")
    rig.cp.delete_custom_action_type(category="Build", provider=kind["provider"], version="1")
    with refused("ResourceNotFoundException"):
        tags(rig, arn)
