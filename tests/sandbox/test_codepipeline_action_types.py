"""The catalogue of action types, and the types that providers declare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_fixtures import Rig, refused, running_rig
from codepipeline_workers import declare, provide, provided

from deliverkit.sandbox.codepipeline.providers import PROVIDERS

EMPTY_REGION = "sa-east-1"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield rig


def test_what_runs_here_is_listed_with_its_configuration(rig: Rig) -> None:
    found = rig.cp.list_action_types(actionOwnerFilter="AWS")["actionTypes"]
    s3 = next(each for each in found if (each["id"]["category"], each["id"]["provider"]) == ("Source", "S3"))
    properties = {each["name"]: each["required"] for each in s3["actionConfigurationProperties"]}
    assert properties["S3Bucket"] is True
    assert properties["PollForSourceChanges"] is False
    assert s3["outputArtifactDetails"] == {"minimumCount": 1, "maximumCount": 1}
    assert all(each["id"]["owner"] == "AWS" for each in found)


def test_every_action_that_a_pipeline_may_have_is_listed_and_nothing_else(rig: Rig) -> None:
    listed = rig.client("codepipeline", EMPTY_REGION).list_action_types()["actionTypes"]
    declared = [kind.as_json() for kind in PROVIDERS]
    assert sorted(map(str, declared)) == sorted(str(each["id"]) for each in listed)


def test_the_owner_filter_and_the_region_filter_narrow_the_list(rig: Rig) -> None:
    worker = declare(rig)
    own = rig.cp.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    assert worker.kind in [each["id"] for each in own]
    assert {each["id"]["owner"] for each in own} == {"Custom"}
    elsewhere = rig.cp.list_action_types(actionOwnerFilter="Custom", regionFilter=EMPTY_REGION)["actionTypes"]
    assert elsewhere == []
    other = rig.client("codepipeline", EMPTY_REGION)
    assert own == other.list_action_types(actionOwnerFilter="Custom", regionFilter="us-east-1")["actionTypes"]


def test_a_long_list_comes_in_pages(rig: Rig) -> None:
    before = sum(1 for each in rig.cp.get_paginator("list_action_types").paginate() for _ in each["actionTypes"])
    assert before >= len(PROVIDERS)
    for _ in range(49):
        declare(rig)
    for number in range(60):
        provide(rig, f"Partner-{number}")
    pages = list(rig.cp.get_paginator("list_action_types").paginate())
    assert len(pages) == 2
    names = [tuple(each["id"].values()) for page in pages for each in page["actionTypes"]]
    assert len(names) == len(set(names)) == before + 109
    with refused("InvalidNextTokenException"):
        rig.cp.list_action_types(nextToken="nonsense")


def test_a_provided_type_is_given_back_as_declared(rig: Rig) -> None:
    declaration = provided("Given", description="for you", urls={"configurationUrl": "https://partner.example"})
    rig.cp.update_action_type(actionType=declaration)
    identity = declaration["id"]
    assert rig.cp.get_action_type(**identity)["actionType"] == declaration
    changed = {**declaration, "description": "new"}
    rig.cp.update_action_type(actionType=changed)
    assert rig.cp.get_action_type(**identity)["actionType"] == changed


def test_a_provided_type_is_listed_with_its_properties(rig: Rig) -> None:
    entry = {"name": "Token", "optional": False, "key": True, "noEcho": True, "description": "the key"}
    declaration = provided("Listed", properties=[entry], urls={"configurationUrl": "https://partner.example"})
    rig.cp.update_action_type(actionType=declaration)
    pages = rig.cp.get_paginator("list_action_types").paginate(actionOwnerFilter="ThirdParty")
    listed = [each for page in pages for each in page["actionTypes"] if each["id"] == declaration["id"]]
    assert listed[0]["settings"] == {"thirdPartyConfigurationUrl": "https://partner.example"}
    assert listed[0]["actionConfigurationProperties"] == [
        {
            "name": "Token",
            "required": True,
            "key": True,
            "secret": True,
            "queryable": False,
            "description": "the key",
        }
    ]


def test_types_that_are_not_there_are_not_found(rig: Rig) -> None:
    unknown = {"category": "Test", "owner": "ThirdParty", "provider": "Nobody", "version": "1"}
    with refused("ActionTypeNotFoundException"):
        rig.cp.get_action_type(**unknown)
    with refused("ValidationException"):
        rig.cp.get_action_type(**{**unknown, "owner": "Custom"})
    with refused("ActionTypeNotFoundException"):
        rig.cp.update_action_type(actionType={**provided("X"), "id": {**unknown, "owner": "AWS"}})


def test_a_declaration_that_contradicts_itself_fails(rig: Rig) -> None:
    worker = {"jobWorkerExecutorConfiguration": {"pollingAccounts": ["123456789012"]}}
    wrong: list[dict[str, Any]] = [
        {"executor": {"type": "Lambda", "configuration": worker}},
        {"executor": {"type": "JobWorker", "configuration": worker, "policyStatementsTemplate": "not json"}},
        {"inputArtifactDetails": {"minimumCount": 3, "maximumCount": 2}},
        {"properties": [{"name": "A", "optional": False, "key": False, "noEcho": True, "queryable": True}]},
        {"urls": {"entityUrlTemplate": "https://x/{Config:Nobody}"}},
    ]
    for members in wrong:
        with refused("RequestFailedException"):
            rig.cp.update_action_type(actionType=provided("Wrong", **members))
    aws = {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}
    with refused("RequestFailedException", "another provider"):
        rig.cp.update_action_type(actionType={**provided("X"), "id": aws})
