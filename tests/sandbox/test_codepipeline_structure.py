"""What makes a pipeline, and how AWS says that something does not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from codepipeline_fixtures import Rig, approval, deploy, refused, source, stage, structure
from hypothesis import assume, given
from hypothesis import strategies as st

from deliverkit.sandbox.codepipeline.definition import parse
from deliverkit.sandbox.codepipeline.structure import check
from deliverkit.sandbox.kernel.errors import ApiError

STRUCTURE, ACTION, STAGE = (
    "InvalidStructureException",
    "InvalidActionDeclarationException",
    "InvalidStageDeclarationException",
)
UNKNOWN = {"category": "Test", "owner": "AWS", "provider": "MoonBase", "version": "1"}
UNAVAILABLE = (
    "ActionType (Category: 'Test', Provider: 'MoonBase', Owner: 'AWS', Version: '1') in action 'Call' "
    "is not available in region 'US_EAST_1'"
)
TRIGGER = {
    "providerType": "CodeStarSourceConnection",
    "gitConfiguration": {"sourceActionName": "Read", "push": [{"branches": {"includes": ["main"]}}]},
}
COMMANDS = {
    "name": "Run",
    "actionTypeId": {"category": "Compute", "owner": "AWS", "provider": "Commands", "version": "1"},
    "commands": ["true"],
    "inputArtifacts": [{"name": "Bundle"}],
}
READ, SHIP = stage("Source", source()), stage("Deploy", deploy())


def made(*stages: dict[str, Any], **members: Any) -> dict[str, Any]:
    declared = structure("bad", *stages, **members)
    return {name: value for name, value in declared.items() if value is not None}


def configured(**configuration: str) -> dict[str, Any]:
    return approval(configuration=configuration)


BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "one stage": (made(READ), STRUCTURE, "has only 1 stage(s). There should be a minimum of 2 stages"),
    "51 stages": (made(READ, *(stage(f"S{n}", approval()) for n in range(50))), STRUCTURE, "maximum is 50"),
    "no action": (made(READ, stage("Empty")), STRUCTURE, "'Empty' has 0 actions"),
    "51 actions": (made(READ, stage("Full", *(approval(f"A{n}") for n in range(51)))), STRUCTURE, "51 actions"),
    "501 actions": (
        made(READ, *(stage(f"S{s}", *(approval(f"A{a}") for a in range(50))) for s in range(10))),
        STRUCTURE,
        "more than 500 actions",
    ),
    "stage twice": (made(READ, stage("X", approval()), stage("X", approval())), STRUCTURE, "Stage names"),
    "action twice": (made(READ, stage("X", approval(), approval())), STRUCTURE, "Action names"),
    "no source": (
        made(stage("Source", approval()), SHIP),
        STRUCTURE,
        "Pipeline should start with a stage that only contains source actions",
    ),
    "source with others": (made(stage("Source", source(), approval()), SHIP), STRUCTURE, "only contains source"),
    "late source": (made(READ, stage("Late", source("Again", "Other"))), STRUCTURE, "only occur in the first stage"),
    "artifact twice": (made(stage("Source", source(), source("Again")), SHIP), STRUCTURE, "'Bundle' is not"),
    "unknown artifact": (
        made(READ, stage("Deploy", deploy(inputArtifacts=[{"name": "Nothing"}]))),
        STRUCTURE,
        "Input artifact 'Nothing' of action 'Deploy'",
    ),
    "no store": (made(READ, SHIP, artifactStore=None), STRUCTURE, "exactly one of"),
    "two stores": (
        made(READ, SHIP, artifactStores={"us-east-1": {"type": "S3", "location": "other"}}),
        STRUCTURE,
        "exactly one of",
    ),
    "no store for a region": (
        made(READ, stage("Deploy", deploy(region="eu-west-1"))),
        STRUCTURE,
        "region 'eu-west-1'",
    ),
    "source elsewhere": (
        made(
            stage("Source", source(region="eu-west-1")),
            SHIP,
            artifactStore=None,
            artifactStores={
                "us-east-1": {"type": "S3", "location": "here"},
                "eu-west-1": {"type": "S3", "location": "there"},
            },
        ),
        ACTION,
        "cannot run in another region",
    ),
    "unknown provider": (
        made(READ, stage("X", {"name": "Call", "actionTypeId": UNKNOWN})),
        ACTION,
        UNAVAILABLE,
    ),
    "missing key": (
        made(READ, stage("Deploy", deploy(configuration={"ApplicationName": "shop"}))),
        ACTION,
        "Action configuration for action 'Deploy' is missing required configuration 'DeploymentGroupName'",
    ),
    "unknown key": (
        made(READ, stage("X", configured(Nonsense="x"))),
        ACTION,
        "Action configuration for action 'Ask' contains unknown configuration 'Nonsense'",
    ),
    "too few inputs": (
        made(READ, stage("Deploy", deploy(inputArtifacts=[]))),
        ACTION,
        "Action Deploy declares 0 input artifacts which is less than the minimum count (1)",
    ),
    "too many inputs": (
        made(READ, stage("X", approval(inputArtifacts=[{"name": "Bundle"}]))),
        ACTION,
        "Action Ask declares 1 input artifacts which is more than the maximum count (0)",
    ),
    "time limit of a deployment": (made(READ, stage("X", deploy(timeoutInMinutes=60))), ACTION, "manual approvals"),
    "topic of another region": (
        made(READ, stage("X", configured(NotificationArn="arn:aws:sns:eu-west-1:123456789012:t"))),
        ACTION,
        "NotificationArn",
    ),
    "no topic": (made(READ, stage("X", configured(NotificationArn="arn:aws:sqs:us-east-1:1:q"))), ACTION, "SNS"),
    "reserved namespace": (made(stage("Source", source(namespace="codepipeline")), SHIP), ACTION, "reserved"),
    "namespace of variables": (
        made(stage("Source", source(namespace="variables")), SHIP, variables=[{"name": "V"}]),
        ACTION,
        "reserved",
    ),
    "namespace twice": (
        made(stage("Source", source(namespace="N"), source("B", "Other", namespace="N")), SHIP),
        STRUCTURE,
        "Namespace names",
    ),
    "namespace of an artifact": (made(stage("Source", source(namespace="Bundle")), SHIP), ACTION, "artifact's name"),
    "unknown namespace": (made(READ, stage("X", configured(CustomData="#{Nobody.Key}"))), ACTION, "'Nobody'"),
    "variable twice": (made(READ, SHIP, variables=[{"name": "V"}, {"name": "V"}]), STRUCTURE, "'V'"),
    "unknown variable": (
        made(READ, stage("X", configured(CustomData="#{variables.W}")), variables=[{"name": "V"}]),
        STRUCTURE,
        "'W', which is not declared",
    ),
    "variable in a source": (
        made(stage("Source", source(configuration={"S3ObjectKey": "#{variables.V}"})), SHIP, variables=[{"name": "V"}]),
        STRUCTURE,
        "Source action 'Read' cannot use",
    ),
    "queued V1": (made(READ, SHIP, pipelineType="V1", executionMode="QUEUED"), STRUCTURE, "type V2"),
    "parallel V1": (made(READ, SHIP, pipelineType="V1", executionMode="PARALLEL"), STRUCTURE, "type V2"),
    "variables V1": (made(READ, SHIP, pipelineType="V1", variables=[{"name": "V"}]), STRUCTURE, "type V2"),
    "failure policy V1": (
        made(READ, stage("Deploy", deploy(), onFailure={"result": "ROLLBACK"}), pipelineType="V1"),
        STAGE,
        "type V2",
    ),
    "skip on failure": (made(READ, stage("X", approval(), onFailure={"result": "SKIP"})), STAGE, "SKIP"),
    "source rollback": (made(stage("Source", source(), onFailure={"result": "ROLLBACK"}), SHIP), STAGE, "source"),
    "trigger of no connection": (
        made(READ, SHIP, triggers=[TRIGGER]),
        STRUCTURE,
        "'Read', which is no CodeStarSourceConnection source action",
    ),
    "two triggers of one source": (made(READ, SHIP, triggers=[TRIGGER, TRIGGER]), STRUCTURE, "more than one trigger"),
    "commands elsewhere": (made(READ, stage("X", approval(commands=["true"]))), ACTION, "commands of action 'Ask'"),
    "output variables elsewhere": (
        made(READ, stage("X", approval(outputVariables=["V"]))),
        ACTION,
        "outputVariables of action 'Ask'",
    ),
    "environment elsewhere": (
        made(READ, stage("X", approval(environmentVariables=[{"name": "V", "value": "v"}]))),
        ACTION,
        "environmentVariables of action 'Ask'",
    ),
    "files elsewhere": (
        made(stage("Source", source(outputArtifacts=[{"name": "Bundle", "files": ["a"]}])), SHIP),
        ACTION,
        "outputArtifacts.files of action 'Read'",
    ),
    "commands V1": (made(READ, stage("Run", COMMANDS), pipelineType="V1"), STRUCTURE, "type V2"),
    "mode without retry": (
        made(
            READ,
            stage("X", approval(), onFailure={"result": "FAIL", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}}),
        ),
        STAGE,
        "RETRY",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_structure_is_refused_as_aws_refuses_it(rig: Rig, case: str) -> None:
    declared, code, text = BROKEN[case]
    with refused(code, text):
        rig.cp.create_pipeline(pipeline=declared)
    with refused("PipelineNotFoundException"):
        rig.cp.get_pipeline(name="bad")


def test_an_update_is_held_to_the_same_rules(rig: Rig) -> None:
    name = rig.create()
    declared, code, text = BROKEN["one stage"]
    with refused(code, text):
        rig.cp.update_pipeline(pipeline={**declared, "name": name})
    assert rig.cp.get_pipeline(name=name)["pipeline"]["version"] == 1


@pytest.mark.parametrize(
    ("break_it", "text"),
    [
        (lambda each: each.update(name="no spaces"), "pipeline.name"),
        (lambda each: each["stages"][0].update(name=""), "pipeline.stages.1.member.name"),
        (lambda each: each["artifactStore"].update(location="ab"), "pipeline.artifactStore.location"),
        (lambda each: each["stages"][1]["actions"][0].update(runOrder=0), "runOrder"),
        (lambda each: each["stages"][1]["actions"][0].update(timeoutInMinutes=4), "timeoutInMinutes"),
        (lambda each: each.update(executionMode="SOMETIMES"), "[QUEUED, SUPERSEDED, PARALLEL]"),
    ],
)
def test_the_models_own_constraints_come_first(rig: Rig, break_it: Callable[[dict[str, Any]], None], text: str) -> None:
    declared = made(stage("Source", source()), stage("Deploy", deploy()))
    break_it(declared)
    unchecked = rig.client("codepipeline", parameter_validation=False)
    with refused("ValidationException", text):
        unchecked.create_pipeline(pipeline=declared)


def test_the_structure_comes_back_normalised(rig: Rig) -> None:
    name = rig.name()
    declared = {
        "name": name,
        "roleArn": "arn:aws:iam::123456789012:role/delivery",
        "artifactStore": {"type": "S3", "location": "pipeline-artifacts"},
        "stages": [stage("Source", source()), stage("Approve", approval())],
        "version": 77,
    }
    shown = rig.cp.create_pipeline(pipeline=declared)["pipeline"]
    assert (shown["version"], shown["executionMode"], shown["pipelineType"]) == (1, "SUPERSEDED", "V1")
    ask = shown["stages"][1]["actions"][0]
    assert (ask["runOrder"], ask["inputArtifacts"], ask["outputArtifacts"]) == (1, [], [])


def test_what_only_v2_has_makes_it_v2(rig: Rig) -> None:
    declared = made(READ, SHIP, executionMode="QUEUED", pipelineType=None)
    declared["name"] = rig.name()
    assert rig.cp.create_pipeline(pipeline=declared)["pipeline"]["pipelineType"] == "V2"


def test_a_commands_action_makes_it_v2(rig: Rig) -> None:
    declared = made(READ, stage("Run", COMMANDS), pipelineType=None)
    declared["name"] = rig.name()
    assert rig.cp.create_pipeline(pipeline=declared)["pipeline"]["pipelineType"] == "V2"


# --- laws -----------------------------------------------------------------------------------------

names = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,8}", fullmatch=True)


@st.composite
def pipelines(draw: st.DrawFn) -> dict[str, Any]:
    """Valid structures: unique names, artifacts from the sources, any run orders."""
    stage_names = draw(st.lists(names, min_size=2, max_size=6, unique_by=str.lower))
    artifacts = [f"Artifact{n}" for n in range(draw(st.integers(1, 3)))]
    sources = [source(f"Read{n}", artifact) for n, artifact in enumerate(artifacts)]
    stages = [stage(stage_names[0], *sources)]
    for name in stage_names[1:]:
        actions = []
        for number in range(draw(st.integers(1, 4))):
            order = draw(st.integers(1, 999))
            one = {"inputArtifacts": [{"name": draw(st.sampled_from(artifacts))}]}
            action = deploy(name=f"A{number}", **one) if draw(st.booleans()) else approval(f"A{number}")
            actions.append({**action, "runOrder": order})
        stages.append(stage(name, *actions))
    return {**structure("law", *stages), "stages": stages}


@given(pipelines())
def test_what_the_rules_allow_is_accepted_and_survives_its_own_normal_form(declared: dict[str, Any]) -> None:
    check(declared, "us-east-1")
    normal = parse(declared, 3).structure
    check(normal, "us-east-1")
    assert parse(normal, 3) == parse(declared, 3)


@given(pipelines())
def test_the_groups_hold_every_action_once_in_ascending_run_order(declared: dict[str, Any]) -> None:
    for each in parse(declared, 1).stages:
        groups = each.groups()
        assert sorted(action.name for group in groups for action in group) == sorted(a.name for a in each.actions)
        assert all(len({action.run_order for action in group}) == 1 for group in groups)
        orders = [group[0].run_order for group in groups]
        assert all(left < right for left, right in itertools.pairwise(orders))


@given(pipelines(), st.data())
def test_taking_away_the_producer_of_a_used_artifact_is_refused(declared: dict[str, Any], data: st.DataObject) -> None:
    used = {
        artifact["name"]
        for each in declared["stages"]
        for action in each["actions"]
        for artifact in action.get("inputArtifacts", [])
    }
    assume(used)
    lost = data.draw(st.sampled_from(sorted(used)))
    first, *others = declared["stages"]
    renamed = [
        {**action, "outputArtifacts": [{"name": "Elsewhere"}]}
        if action["outputArtifacts"] == [{"name": lost}]
        else action
        for action in first["actions"]
    ]
    with pytest.raises(ApiError, match=lost):
        check({**declared, "stages": [{**first, "actions": renamed}, *others]}, "us-east-1")
