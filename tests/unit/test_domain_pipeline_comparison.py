"""Where pipelines differ from their declarations: what is lost in lists, what AWS fills in, what nobody can see."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from deliverkit.domain.pipeline_comparison import MASK, compared, completed


def pipeline() -> dict[str, Any]:
    read = {
        "name": "Read",
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "CodeStarSourceConnection", "version": "1"},
        "outputArtifacts": [{"name": "Code"}, {"name": "Notes"}],
    }
    make = {
        "name": "Make",
        "actionTypeId": {"category": "Compute", "owner": "AWS", "provider": "Commands", "version": "1"},
        "configuration": {"Token": "old", "Goal": "all"},
        "commands": ["make", "make check"],
        "inputArtifacts": [{"name": "Code"}, {"name": "Notes"}],
    }
    push = [{"tags": {"includes": ["v*", "r*"]}}, {"branches": {"includes": ["main"]}}]
    return {
        "name": "shop",
        "roleArn": "arn:aws:iam::123456789012:role/delivery",
        "artifactStore": {"type": "S3", "location": "here"},
        "pipelineType": "V2",
        "executionMode": "SUPERSEDED",
        "stages": [{"name": "Source", "actions": [read]}, {"name": "Build", "actions": [make]}],
        "variables": [{"name": "A", "defaultValue": "1"}, {"name": "B", "defaultValue": "1"}],
        "triggers": [
            {
                "providerType": "CodeStarSourceConnection",
                "gitConfiguration": {"sourceActionName": "Read", "push": push},
            }
        ],
    }


def found(live: dict[str, Any], declared: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each.kind, each.path) for each in compared(live, declared).changes]


@pytest.mark.parametrize(
    ("member", "path"),
    [
        ("variables", "variables.A"),
        ("outputs", "stages.Source.Read.outputArtifacts.Code"),
        ("commands", "stages.Build.Make.commands[make]"),
        ("tags", "triggers.Read.gitConfiguration.push[0].tags.includes[v*]"),
        ("stages", "stages.Source"),
    ],
)
def test_what_a_list_loses_is_removed(member: str, path: str) -> None:
    live, declared = pipeline(), pipeline()
    lists = {
        "variables": declared["variables"],
        "outputs": declared["stages"][0]["actions"][0]["outputArtifacts"],
        "commands": declared["stages"][1]["actions"][0]["commands"],
        "tags": declared["triggers"][0]["gitConfiguration"]["push"][0]["tags"]["includes"],
        "stages": declared["stages"],
    }
    lists[member].pop(0)
    assert found(live, declared) == [("removed", path)]
    assert found(declared, live) == [("added", path)]


def test_a_push_filter_that_goes_is_removed() -> None:
    live, declared = pipeline(), pipeline()
    declared["triggers"][0]["gitConfiguration"]["push"].pop()
    assert found(live, declared) == [("removed", "triggers.Read.gitConfiguration.push[1]")]


def test_a_command_of_many_lines_is_told_in_one() -> None:
    live, declared = pipeline(), pipeline()
    declared["stages"][1]["actions"][0]["commands"].append("if true; then\n  make all\nfi\n" + "# why\n" * 99)
    ((kind, path),) = found(live, declared)
    assert kind == "added"
    assert path.startswith("stages.Build.Make.commands[if true; then make all fi # why")
    assert len(path) < 100


def test_order_counts_where_it_says_something() -> None:
    live, declared = pipeline(), pipeline()
    declared["variables"].reverse()
    declared["stages"][0]["actions"][0]["outputArtifacts"].reverse()
    assert found(live, declared) == []
    make = declared["stages"][1]["actions"][0]
    make["inputArtifacts"].reverse()
    make["commands"].reverse()
    assert found(live, declared) == [
        ("changed", "stages.Build.Make.commands"),
        ("changed", "stages.Build.Make.order of inputArtifacts"),
    ]


def test_what_is_empty_or_filled_in_by_codepipeline_is_no_difference() -> None:
    live, declared = pipeline(), pipeline()
    live["version"] = 7
    live["stages"][0]["blockers"] = []
    live["stages"][0]["actions"][0] |= {"runOrder": 1, "inputArtifacts": [], "configuration": {}}
    live["triggers"][0]["gitConfiguration"]["pullRequest"] = []
    live["triggers"][0]["gitConfiguration"]["push"][0]["branches"] = {"includes": [], "excludes": []}
    assert found(live, declared) == []


def test_an_action_that_names_no_region_acts_in_the_pipelines_own() -> None:
    live, declared = pipeline(), pipeline()
    live["stages"][0]["actions"][0]["region"] = "eu-west-1"
    assert compared(live, declared, region="eu-west-1").changes == ()
    assert [each.kind for each in compared(live, declared, region="us-east-1").changes] == ["removed"]


def test_role_and_store_are_grave_when_they_change() -> None:
    live, declared = pipeline(), pipeline()
    declared["roleArn"] = "arn:aws:iam::123456789012:role/other"
    declared["artifactStore"]["location"] = "there"
    declared["stages"][1]["actions"][0]["roleArn"] = "arn:aws:iam::123456789012:role/third"
    declared["stages"][1]["actions"][0]["configuration"]["Goal"] = "fast"
    changes = compared(live, declared).changes
    assert [each.path for each in changes if each.is_grave] == ["roleArn", "artifactStore.location"]


@pytest.mark.parametrize(
    ("live_type", "said", "kept"),
    [
        ({"pipelineType": "V2", "executionMode": "QUEUED"}, {}, {"pipelineType": "V2", "executionMode": "QUEUED"}),
        (
            {"pipelineType": "V2", "executionMode": "QUEUED"},
            {"executionMode": "PARALLEL"},
            {"pipelineType": "V2", "executionMode": "PARALLEL"},
        ),
        ({"pipelineType": "V2", "executionMode": "QUEUED"}, {"pipelineType": "V1"}, {"pipelineType": "V1"}),
        ({"pipelineType": "V1", "executionMode": "SUPERSEDED"}, {}, {"executionMode": "SUPERSEDED"}),
    ],
)
def test_type_and_mode_stay_where_nothing_is_said(
    live_type: dict[str, str], said: dict[str, str], kept: dict[str, str]
) -> None:
    plain = {key: value for key, value in pipeline().items() if key not in ("pipelineType", "executionMode")}
    assert completed({**plain, **said}, {**plain, **live_type}) == {**plain, **kept}


def test_that_a_v1_pipeline_becomes_v2_is_told() -> None:
    live, declared = pipeline(), pipeline()
    for each in (live, declared):
        del each["variables"], each["triggers"], each["pipelineType"]
        each["stages"][1]["actions"][0]["actionTypeId"]["category"] = "Test"
    live["pipelineType"] = "V1"
    assert found(live, declared) == []
    declared["stages"][0]["onSuccess"] = {"conditions": [{"result": "FAIL"}]}
    assert found(live, declared) == [("changed", "pipelineType"), ("added", "stages.Source.onSuccess")]


def test_a_secret_is_neither_the_same_nor_another() -> None:
    live, declared = pipeline(), pipeline()
    live["stages"][1]["actions"][0]["configuration"]["Token"] = MASK
    seen = compared(live, declared)
    assert (seen.changes, seen.secrets) == ((), ("stages.Build.Make.configuration.Token",))
    declared["stages"][1]["actions"][0]["configuration"]["Token"] = MASK
    assert compared(live, declared).secrets == ()
    same = deepcopy(declared)
    del same["stages"][1]["actions"][0]["configuration"]["Token"]
    assert found(live, same) == [("removed", "stages.Build.Make.configuration.Token")]
