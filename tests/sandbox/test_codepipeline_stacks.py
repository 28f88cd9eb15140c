"""CloudFormation actions: change sets, what cannot be made, other accounts, stack sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_actions import detail, error_of, on, run, zipped
from codepipeline_fixtures import ROLE, Rig, refused, stage, structure, whole_rig

HOME, OTHER = "123456789012", "222222222222"
HERE, THERE = "us-east-1", "eu-west-1"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield rig


def template(queue: str, logical: str = "Queue") -> dict[str, Any]:
    """A template with one queue, named by the parameter `Stage` and what is given."""
    name = {"Fn::Sub": f"{queue}-${{Stage}}"}
    return {
        "Parameters": {"Stage": {"Type": "String", "Default": "all"}},
        "Resources": {logical: {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}},
        "Outputs": {"Url": {"Value": {"Ref": logical}}},
    }


def offer(rig: Rig, **templates: dict[str, Any]) -> None:
    """Make the templates the source's files."""
    rig.put(zipped({f"{name}.json": json.dumps(each) for name, each in templates.items()}))


def stack_action(name: str, mode: str, stack: str, order: int = 1, **more: str) -> dict[str, Any]:
    settings = {"ActionMode": mode, "StackName": stack, **more}
    if mode != "CHANGE_SET_EXECUTE":
        settings["RoleArn"] = ROLE
    return on(name, "Deploy/CloudFormation", settings, runOrder=order, namespace=name)


def prepare(stack: str, file: str = "t", **more: Any) -> dict[str, Any]:
    change = {"ChangeSetName": "release", "TemplatePath": f"Bundle::{file}.json"}
    return stack_action(f"Prepare-{stack}", "CHANGE_SET_REPLACE", stack, **change, **more)


def execute(stack: str, order: int = 2) -> dict[str, Any]:
    return stack_action(f"Execute-{stack}", "CHANGE_SET_EXECUTE", stack, order, ChangeSetName="release")


def queues(rig: Rig, region: str = HERE, account: str = HOME) -> set[str]:
    urls = rig.sandbox.world.moto.client("sqs", account, region).list_queues().get("QueueUrls", [])
    return {url.rpartition("/")[2] for url in urls}


def statuses(rig: Rig, stack: str) -> list[str]:
    found = rig.client("cloudformation").describe_stacks()["Stacks"]
    return [each["StackStatus"] for each in found if each["StackName"] == stack]


# --- change sets ----------------------------------------------------------------------------------


def test_change_sets_of_one_name_belong_to_their_stacks(rig: Rig) -> None:
    offer(rig, staging=template("staging"), production=template("production"))
    both = [prepare("staging", "staging"), prepare("production", "production")]
    name, execution, end = run(rig, stage("Prepare", *both), stage("Staging", execute("staging")))
    assert end == "Succeeded"
    assert statuses(rig, "staging") == ["CREATE_COMPLETE"]
    assert statuses(rig, "production") == ["REVIEW_IN_PROGRESS"], "nobody executed that one"
    assert "staging-all" in queues(rig)
    assert "production-all" not in queues(rig)
    output = detail(rig, name, execution, "Execute-staging")["output"]
    assert output["outputVariables"]["Url"].endswith("/staging-all")


def test_a_change_set_of_a_stack_that_was_never_made_is_replaced(rig: Rig) -> None:
    offer(rig, t=template("first"))
    name, _, end = run(rig, stage("Prepare", prepare("twice")))
    assert end == "Succeeded"
    offer(rig, t=template("second"))
    assert rig.ends(name, rig.start(name)) == "Succeeded"
    assert statuses(rig, "twice") == ["REVIEW_IN_PROGRESS"]
    summaries = rig.client("cloudformation").list_change_sets(StackName="twice")["Summaries"]
    assert [each["ChangeSetName"] for each in summaries if each["StackName"] == "twice"] == ["release"]
    _, _, end = run(rig, stage("Execute", execute("twice")))
    assert end == "Succeeded"
    assert queues(rig) & {"first-all", "second-all"} == {"second-all"}


def test_a_change_set_without_changes_has_nothing_to_execute(rig: Rig) -> None:
    offer(rig, t=template("steady"))
    name, _, end = run(rig, stage("Deploy", prepare("steady"), execute("steady")))
    assert end == "Succeeded"
    again = rig.start(name)
    assert rig.ends(name, again) == "Succeeded"
    assert statuses(rig, "steady") == ["CREATE_COMPLETE"], "an update would be told by the status"


def test_a_change_set_is_executed_once(rig: Rig) -> None:
    offer(rig, t=template("once"))
    name, execution, end = run(
        rig,
        stage(
            "Deploy", prepare("once"), execute("once"), {**execute("once", 3), "name": "Again", "namespace": "Again"}
        ),
    )
    assert end == "Failed"
    code, message = error_of(rig, name, execution, "Again")
    assert code == "ConfigurationError"
    assert "EXECUTE_COMPLETE" in message


def test_a_change_set_that_is_not_there_fails_the_action(rig: Rig) -> None:
    name, execution, end = run(rig, stage("Deploy", execute("nowhere")))
    assert end == "Failed"
    assert error_of(rig, name, execution, "Execute-nowhere") == (
        "ConfigurationError",
        "ChangeSet [release] does not exist",
    )


@pytest.mark.parametrize("mode", ["CREATE_UPDATE", "CHANGE_SET_REPLACE"])
def test_resources_that_nobody_would_make_fail_the_action(rig: Rig, mode: str) -> None:
    declared = template("partly")
    declared["Resources"]["Function"] = {"Type": "AWS::Serverless::Function", "Properties": {}}
    declared["Resources"]["Metadata"] = {"Type": "AWS::CDK::Metadata"}
    offer(rig, t=declared)
    action = stack_action("Make", mode, "partly", TemplatePath="Bundle::t.json", ChangeSetName="release")
    name, execution, end = run(rig, stage("Deploy", action))
    assert end == "Failed"
    code, message = error_of(rig, name, execution, "Make")
    assert code == "ConfigurationError"
    assert message.endswith("resources of type AWS::Serverless::Function")
    assert statuses(rig, "partly") == []


def test_a_role_of_another_account_makes_the_stack_there(rig: Rig) -> None:
    offer(rig, t=template("abroad"))
    role = f"arn:aws:iam::{OTHER}:role/deployer"
    action = stack_action("Make", "CREATE_UPDATE", "abroad", TemplatePath="Bundle::t.json")
    _, _, end = run(rig, stage("Deploy", {**action, "roleArn": role}))
    assert end == "Succeeded"
    assert "abroad-all" in queues(rig, account=OTHER)
    assert "abroad-all" not in queues(rig)


# --- stack sets -----------------------------------------------------------------------------------


def stack_set(name: str, **more: str) -> dict[str, Any]:
    settings = {"StackSetName": name, "TemplatePath": "Bundle::t.json", **more}
    return on("Set", "Deploy/CloudFormationStackSet", settings)


def instances(name: str, accounts: str, regions: str, **more: str) -> dict[str, Any]:
    settings = {"StackSetName": name, "DeploymentTargets": accounts, "Regions": regions, **more}
    return on("Instances", "Deploy/CloudFormationStackInstances", settings, runOrder=2)


def test_a_stack_set_reaches_its_accounts_and_regions_and_follows_the_template(rig: Rig) -> None:
    offer(rig, t=template("fleet"))
    first = stack_set("fleet", DeploymentTargets=HOME, Regions=HERE)
    override = "ParameterKey=Stage,ParameterValue=beta"
    more = instances("fleet", f"{HOME},{OTHER}", THERE, ParameterOverrides=override)
    name, execution, end = run(rig, stage("Deploy", first, more))
    assert end == "Succeeded"
    assert "fleet-all" in queues(rig)
    assert "fleet-beta" in queues(rig, THERE) & queues(rig, THERE, OTHER)
    variables = detail(rig, name, execution, "Set")["output"]["outputVariables"]
    described = rig.client("cloudformation").describe_stack_set(StackSetName="fleet")["StackSet"]
    assert variables["StackSetId"] == described["StackSetId"]
    rig.client("cloudformation").describe_stack_set_operation(
        StackSetName="fleet", OperationId=variables["OperationId"]
    )

    offer(rig, t=template("renewed", "Other"))
    assert rig.ends(name, rig.start(name)) == "Succeeded"
    assert "renewed-all" in queues(rig)
    assert "renewed-beta" in queues(rig, THERE, OTHER)


def test_a_stack_set_without_targets_has_no_instances(rig: Rig) -> None:
    offer(rig, t=template("bare"))
    name, execution, end = run(
        rig, stage("Deploy", stack_set("bare", Parameters="ParameterKey=Stage,ParameterValue=x"))
    )
    assert end == "Succeeded"
    assert set(detail(rig, name, execution, "Set")["output"]["outputVariables"]) == {"StackSetId"}
    assert rig.client("cloudformation").list_stack_instances(StackSetName="bare")["Summaries"] == []


def test_accounts_and_parameters_may_stand_in_files(rig: Rig) -> None:
    accounts, parameters = [OTHER], [{"ParameterKey": "Stage", "ParameterValue": "gamma"}]
    files = {"t.json": template("filed"), "accounts.txt": accounts, "parameters.txt": parameters}
    rig.put(zipped({name: json.dumps(each) for name, each in files.items()}))
    action = stack_set(
        "filed", DeploymentTargets="Bundle::accounts.txt", Regions=HERE, Parameters="Bundle::parameters.txt"
    )
    _, _, end = run(rig, stage("Deploy", action))
    assert end == "Succeeded"
    assert "filed-gamma" in queues(rig, account=OTHER)


def test_failures_beyond_the_tolerance_fail_the_action(rig: Rig) -> None:
    offer(rig, t=template("clash"))
    # A stack that is in the way makes the second account fail.
    there = rig.sandbox.world.moto.client("cloudformation", OTHER, HERE)
    there.create_stack(StackName="StackSet:clash", TemplateBody=json.dumps(template("in-the-way")))
    targets = {"DeploymentTargets": f"{OTHER},{HOME}", "Regions": HERE}
    name, execution, end = run(rig, stage("Deploy", stack_set("clash", **targets)))
    assert end == "Failed"
    code, message = error_of(rig, name, execution, "Set")
    assert code == "JobFailed"
    assert f"{OTHER}/{HERE}" in message
    assert "clash-all" not in queues(rig), "the first failure ended it"
    _, _, end = run(rig, stage("Deploy", stack_set("clash", FailureTolerancePercentage="50", **targets)))
    assert end == "Succeeded"
    assert "clash-all" in queues(rig)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"PermissionModel": "SERVICE_MANAGED"}, "must be SELF_MANAGED"),
        ({"DeploymentTargets": "ou-1111-1example", "Regions": HERE}, "ou-1111-1example is no account"),
        ({"Parameters": "Stage=x"}, "Stage=x is no parameter"),
    ],
)
def test_what_a_stack_set_cannot_do_here_fails(rig: Rig, more: dict[str, str], text: str) -> None:
    offer(rig, t=template("never"))
    name, execution, end = run(rig, stage("Deploy", stack_set("never", **more)))
    assert end == "Failed"
    code, message = error_of(rig, name, execution, "Set")
    assert code == "ConfigurationError"
    assert text in message


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (stack_set("x", Regions=HERE), "belong together"),
        (stack_set("x", FailureTolerancePercentage="101"), "FailureTolerancePercentage must be a number"),
        (stack_set("x", MaxConcurrentPercentage="half"), "MaxConcurrentPercentage must be a number"),
        (on("Instances", "Deploy/CloudFormationStackInstances", {"StackSetName": "x", "Regions": HERE}), "together"),
    ],
)
def test_a_stack_set_declared_wrongly_is_refused(rig: Rig, action: dict[str, Any], text: str) -> None:
    with refused("InvalidActionDeclarationException", text):
        rig.cp.create_pipeline(pipeline=structure(rig.name(), stage("Deploy", action)))
