"""Deployments to Lambda over HTTP: an alias really shifts, on the virtual clock."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from codedeploy_calls import wait_for
from codepipeline_fixtures import ROLE, SOURCE_BUCKET, refused, whole_rig
from functions_bench import invoke, publish
from hypothesis import given
from hypothesis import strategies as st
from lambda_deployments import STYLE, Serverless, appspec

from deliverkit.sandbox.codedeploy.serverless.routing import steps

ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"
LINEAR = "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"
EVENTS = ["BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"]
EVERY_EVENT = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
ROLLBACK = {"enabled": True, "events": EVERY_EVENT}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serverless]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield Serverless(rig)


# --- shifting -------------------------------------------------------------------------------------


def test_all_at_once_moves_the_alias(shop: Serverless) -> None:
    name = shop.function()
    deployment = shop.deploy(shop.group(ALL_AT_ONCE), appspec(name))
    info = shop.end(deployment)
    assert (info["status"], info["computePlatform"], info["creator"]) == ("Succeeded", "Lambda", "user")
    assert (info["deploymentStyle"], info["deploymentOverview"]["Succeeded"]) == (STYLE, 1)
    assert shop.alias(name) == ("2", {})
    assert invoke(shop.rig, f"{name}:live")[0] == "two"
    target = shop.target(deployment)
    assert [each["lifecycleEventName"] for each in target["lifecycleEvents"]] == EVENTS
    assert {each["diagnostics"]["errorCode"] for each in target["lifecycleEvents"]} == {"Success"}
    assert (target["status"], target["targetId"]) == ("Succeeded", name)
    assert target["targetArn"].endswith(f":function:{name}")
    assert target["lambdaFunctionInfo"] == {
        "functionName": name,
        "functionAlias": "live",
        "currentVersion": "1",
        "targetVersion": "2",
        "targetVersionWeight": 100.0,
    }
    (batch,) = shop.api.batch_get_deployment_targets(deploymentId=deployment, targetIds=[name])["deploymentTargets"]
    assert batch["lambdaTarget"] == target
    with refused("DeploymentTargetListSizeExceededException"):
        shop.api.batch_get_deployment_targets(deploymentId=deployment, targetIds=[name, name])


def test_a_canary_waits_between_its_two_shifts(shop: Serverless) -> None:
    name = shop.function()
    deployment = shop.deploy(shop.group(), appspec(name))
    shop.shifting(deployment, 10)
    assert shop.alias(name) == ("1", {"2": 0.1})
    assert shop.events(deployment)["AllowTraffic"] == "InProgress"
    shop.advance(minutes=4, seconds=50)
    assert (shop.weight(deployment), shop.get(deployment)["status"]) == (10, "InProgress")
    shop.advance(seconds=11)
    assert shop.end(deployment)["status"] == "Succeeded"
    assert shop.alias(name) == ("2", {})


def test_a_linear_shift_takes_ten_steps_in_nine_minutes(shop: Serverless) -> None:
    name = shop.function()
    deployment = shop.deploy(shop.group(LINEAR), appspec(name))
    for percent in range(10, 100, 10):
        shop.shifting(deployment, percent)
        assert shop.alias(name) == ("1", {"2": percent / 100})
        shop.advance(minutes=1)
    assert shop.end(deployment)["status"] == "Succeeded"
    assert shop.alias(name) == ("2", {})


def test_a_custom_configuration_is_carried_out(shop: Serverless) -> None:
    routing = {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 40, "linearInterval": 7}}
    shop.api.create_deployment_config(
        deploymentConfigName="forty", computePlatform="Lambda", trafficRoutingConfig=routing
    )
    told = shop.api.get_deployment_config(deploymentConfigName="forty")["deploymentConfigInfo"]
    assert (told["trafficRoutingConfig"], told["computePlatform"]) == (routing, "Lambda")
    name = shop.function()
    deployment = shop.deploy(shop.group(), appspec(name), deploymentConfigName="forty")
    for percent in (40, 80):
        shop.shifting(deployment, percent)
        shop.advance(minutes=7)
    assert shop.end(deployment)["deploymentConfigName"] == "forty"
    assert shop.alias(name) == ("2", {})


@given(st.integers(1, 99), st.integers(1, 60))
def test_every_linear_shift_rises_evenly_to_the_whole(percent: int, minutes: int) -> None:
    timing = {"linearPercentage": percent, "linearInterval": minutes}
    plan = steps({"type": "TimeBasedLinear", "timeBasedLinear": timing})
    assert plan[-1].percent == 100
    assert plan[0].at == timedelta(0)
    for before, after in itertools.pairwise(plan):
        assert after.at - before.at == timedelta(minutes=minutes)
        assert 0 < after.percent - before.percent <= percent


# --- ends -----------------------------------------------------------------------------------------


def test_a_stop_without_rollback_leaves_two_versions_and_blocks_the_next_deployment(shop: Serverless) -> None:
    name, group = shop.function(), shop.group(autoRollbackConfiguration=ROLLBACK)
    deployment = shop.deploy(group, appspec(name))
    shop.shifting(deployment, 10)
    shop.api.stop_deployment(deploymentId=deployment, autoRollbackEnabled=False)
    info = shop.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    assert shop.alias(name) == ("1", {"2": 0.1})
    shop.advance(minutes=10)
    assert shop.alias(name) == ("1", {"2": 0.1})
    off = {"enabled": False}
    blocked = shop.end(shop.deploy(group, appspec(name), autoRollbackConfiguration=off))
    assert (blocked["status"], blocked["errorInformation"]["code"]) == ("Failed", "INVALID_LAMBDA_CONFIGURATION")
    assert "two versions" in blocked["errorInformation"]["message"]
    shop.functions.update_alias(FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    again = shop.deploy(group, appspec(name), deploymentConfigName=ALL_AT_ONCE)
    assert shop.end(again)["status"] == "Succeeded"


def test_a_stop_with_rollback_takes_the_alias_back(shop: Serverless) -> None:
    name, group = shop.function(), shop.group()
    deployment = shop.deploy(group, appspec(name))
    shop.shifting(deployment, 10)
    shop.api.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
    rollback = shop.end(deployment)["rollbackInfo"]["rollbackDeploymentId"]
    info = shop.end(rollback)
    assert (info["status"], info["creator"]) == ("Succeeded", "codeDeployRollback")
    assert info["rollbackInfo"]["rollbackTriggeringDeploymentId"] == deployment
    assert shop.alias(name) == ("1", {})
    assert shop.events(rollback) == dict.fromkeys(EVENTS, "Succeeded")


def test_an_alarm_stops_the_shift_and_rolls_it_back(shop: Serverless) -> None:
    cloudwatch = shop.rig.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        MetricName="errors",
        Namespace="shop",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="test")
    alarms = {"enabled": True, "alarms": [{"name": "errors"}]}
    name, group = shop.function(), shop.group(alarmConfiguration=alarms, autoRollbackConfiguration=ROLLBACK)
    deployment = shop.deploy(group, appspec(name))
    shop.shifting(deployment, 10)
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    info = shop.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert info["errorInformation"]["message"].endswith("have been stopped. Activated alarms: <errors>")
    rollback = shop.end(info["rollbackInfo"]["rollbackDeploymentId"])
    assert (rollback["status"], rollback["deploymentConfigName"]) == ("Succeeded", ALL_AT_ONCE)
    assert shop.alias(name) == ("1", {})


def test_a_version_that_raises_is_taken_back_by_the_alarm_on_its_errors(shop: Serverless) -> None:
    cloudwatch, name = shop.rig.client("cloudwatch"), shop.function()
    bad = publish(shop.rig, name, "def handler(event, context):\n    raise RuntimeError('bad')\n")
    cloudwatch.put_metric_alarm(
        AlarmName="raises",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": name}, {"Name": "Resource", "Value": f"{name}:live"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    alarms = {"enabled": True, "alarms": [{"name": "raises"}]}
    group = shop.group(alarmConfiguration=alarms, autoRollbackConfiguration=ROLLBACK)
    routing = {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 90, "canaryInterval": 1}}
    shop.api.create_deployment_config(
        deploymentConfigName="nearly-all", computePlatform="Lambda", trafficRoutingConfig=routing
    )
    shop.advance(seconds=60 - shop.rig.sandbox.world.clock.now().second)  # to the beginning of a minute
    deployment = shop.deploy(group, appspec(name, target=bad), deploymentConfigName="nearly-all")
    shop.shifting(deployment, 90)
    answers = [invoke(shop.rig, f"{name}:live")[1] for _ in range(8)]
    assert any("FunctionError" in each for each in answers)
    shop.advance(seconds=61)  # the minute ends, and then the second shift is due
    info = shop.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    rollback = shop.end(info["rollbackInfo"]["rollbackDeploymentId"])
    assert rollback["status"] == "Succeeded"
    assert shop.alias(name) == ("1", {})
    assert {invoke(shop.rig, f"{name}:live")[0] for _ in range(3)} == {"one"}


def test_a_shift_that_outlives_its_function_fails(shop: Serverless) -> None:
    name = shop.function()
    deployment = shop.deploy(shop.group(), appspec(name))
    shop.shifting(deployment, 10)
    shop.functions.delete_alias(FunctionName=name, Name="live")
    shop.advance(minutes=5)
    info = shop.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "INVALID_LAMBDA_FUNCTION")
    assert shop.events(deployment) == dict(zip(EVENTS, ("Succeeded", "Failed", "Skipped"), strict=True))


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"Name": "nobody"}, "INVALID_LAMBDA_FUNCTION", "nobody does not exist"),
        ({"Alias": "dead"}, "INVALID_LAMBDA_CONFIGURATION", "no alias dead"),
        ({"TargetVersion": "9"}, "INVALID_LAMBDA_CONFIGURATION", "no version 9"),
        ({"TargetVersion": "1"}, "INVALID_LAMBDA_CONFIGURATION", "both 1"),
        ({"CurrentVersion": "2", "TargetVersion": "1"}, "INVALID_LAMBDA_CONFIGURATION", "version 1, not 2"),
        ({"TargetVersion": "$LATEST"}, "INVALID_REVISION", "positive integer"),
        ({"Alias": None}, "INVALID_REVISION", "need alias"),
    ],
)
def test_what_does_not_fit_the_function_fails_and_touches_nothing(
    shop: Serverless, changes: dict[str, Any], code: str, text: str
) -> None:
    name = shop.function()
    group = shop.group(autoRollbackConfiguration=ROLLBACK)
    info = shop.end(shop.deploy(group, appspec(name, **changes)))
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", code)
    assert text in info["errorInformation"]["message"]
    rollback = info["rollbackInfo"].get("rollbackDeploymentId")
    # Without a readable appspec nothing says what would have to go back.
    assert (rollback is None) == (code == "INVALID_REVISION")
    assert rollback is None or shop.end(rollback)["status"] == "Succeeded"
    assert shop.alias(name) == ("1", {})


# --- revisions ------------------------------------------------------------------------------------


def test_an_appspec_lies_in_s3_too(shop: Serverless) -> None:
    name = shop.function()
    text = (
        "version: 0.0\nResources:\n  - f:\n      Type: AWS::Lambda::Function\n      Properties:\n"
        f"        Name: {name}\n        Alias: live\n        CurrentVersion: 1\n        TargetVersion: '2'\n"
    )
    shop.rig.put(text.encode(), key="lambda/appspec.yaml")
    location = {"bucket": SOURCE_BUCKET, "key": "lambda/appspec.yaml", "bundleType": "YAML"}
    group = shop.group(ALL_AT_ONCE)
    assert shop.end(shop.deploy(group, {"revisionType": "S3", "s3Location": location}))["status"] == "Succeeded"
    missing = {"revisionType": "S3", "s3Location": {**location, "key": "nothing"}}
    assert shop.end(shop.deploy(group, missing))["errorInformation"]["code"] == "REVISION_MISSING"
    with refused("InvalidRevisionException"):
        shop.deploy(group, {"revisionType": "S3", "s3Location": {**location, "bundleType": "zip"}})


def test_the_content_is_told_by_the_revision_and_not_by_the_deployment(shop: Serverless) -> None:
    name, group = shop.function(), shop.group(ALL_AT_ONCE)
    revision = appspec(name)
    content = revision["appSpecContent"]["content"]
    digest = hashlib.sha256(content.encode()).hexdigest()
    deployment = shop.deploy(group, revision)
    by_hash = {"revisionType": "AppSpecContent", "appSpecContent": {"sha256": digest}}
    assert shop.end(deployment)["revision"] == by_hash
    answer = shop.api.get_application_revision(applicationName="shop", revision=by_hash)
    assert answer["revision"]["appSpecContent"] == {"content": content, "sha256": digest}
    assert answer["revisionInfo"]["deploymentGroups"] == [group]
    # The hash alone names it again; the alias is on version 2 by now.
    assert shop.end(shop.deploy(group, by_hash))["errorInformation"]["code"] == "INVALID_LAMBDA_CONFIGURATION"
    with refused("RevisionDoesNotExistException"):
        shop.deploy(group, {"revisionType": "AppSpecContent", "appSpecContent": {"sha256": "0" * 64}})
    with refused("InvalidRevisionException", "sha256"):
        shop.deploy(
            group, {"revisionType": "AppSpecContent", "appSpecContent": {"content": content, "sha256": "0" * 64}}
        )


def test_the_old_form_of_revisions_is_taken(shop: Serverless) -> None:
    revision = {"revisionType": "String", "string": appspec(shop.function())["appSpecContent"]}
    assert shop.end(shop.deploy(shop.group(ALL_AT_ONCE), revision))["status"] == "Succeeded"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("]", "neither YAML nor JSON"),
        ("[]", "must be a mapping"),
        (json.dumps({"version": 1}), "version 0.0"),
        (json.dumps({"version": 0.0, "Resources": []}), "exactly one resource"),
        (json.dumps({"version": 0.0, "Resources": [{"s": {"Type": "AWS::ECS::Service"}}]}), "AWS::Lambda::Function"),
    ],
)
def test_a_malformed_appspec_fails_the_deployment(shop: Serverless, content: str, text: str) -> None:
    revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}
    info = shop.end(shop.deploy(shop.group(), revision))
    assert info["errorInformation"]["code"] == "INVALID_REVISION"
    assert text in info["errorInformation"]["message"]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"deploymentStyle": {**STYLE, "deploymentType": "IN_PLACE"}}, "InvalidDeploymentStyle"),
        ({"deploymentStyle": {**STYLE, "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}}, "InvalidDeploymentStyle"),
        ({"ec2TagFilters": [{"Key": "a", "Type": "KEY_ONLY"}]}, "InvalidEC2Tag"),
        ({"autoScalingGroups": ["web"]}, "InvalidAutoScalingGroup"),
        ({"ecsServices": [{"serviceName": "s", "clusterName": "c"}]}, "InvalidECSService"),
        ({"loadBalancerInfo": {"targetGroupInfoList": [{"name": "web"}]}}, "InvalidLoadBalancerInfo"),
        (
            {"blueGreenDeploymentConfiguration": {"deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"}}},
            "InvalidBlueGreenDeploymentConfiguration",
        ),
        ({"deploymentConfigName": "CodeDeployDefault.AllAtOnce"}, "InvalidDeploymentConfigName"),
        ({"deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce"}, "InvalidDeploymentConfigName"),
    ],
)
def test_a_group_refuses_settings_of_other_platforms(shop: Serverless, settings: dict[str, Any], code: str) -> None:
    with refused(f"{code}Exception"):
        shop.group(**settings)


def test_a_group_needs_its_style(shop: Serverless) -> None:
    with refused("InvalidDeploymentStyleException"):
        shop.api.create_deployment_group(applicationName="shop", deploymentGroupName="plain", serviceRoleArn=ROLE)


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ({"updateOutdatedInstancesOnly": True}, "InvalidUpdateOutdatedInstancesOnlyValue"),
        ({"ignoreApplicationStopFailures": True}, "InvalidIgnoreApplicationStopFailuresValue"),
        ({"targetInstances": {"autoScalingGroups": ["web"]}}, "InvalidTargetInstances"),
        ({"deploymentMode": "RESTART"}, "InvalidComputePlatform"),
        ({"deploymentConfigName": "CodeDeployDefault.OneAtATime"}, "InvalidDeploymentConfigName"),
    ],
)
def test_a_deployment_refuses_options_of_instances(shop: Serverless, option: dict[str, Any], code: str) -> None:
    with refused(f"{code}Exception"):
        shop.deploy(shop.group(), appspec(shop.function()), **option)


def linear(percent: int, minutes: int) -> dict[str, Any]:
    return {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": percent, "linearInterval": minutes}}


@pytest.mark.parametrize(
    "routing",
    [
        {"type": "TimeBasedCanary"},
        {"type": "Sometimes"},
        {"type": "AllAtOnce", **{k: v for k, v in linear(10, 1).items() if k != "type"}},
        linear(0, 1),
        linear(100, 1),
        linear(10, 0),
        linear(10, 321),
        {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 2881}},
    ],
)
def test_a_configuration_that_cannot_be_carried_out_is_refused(shop: Serverless, routing: dict[str, Any]) -> None:
    with refused("InvalidTrafficRoutingConfigurationException"):
        shop.api.create_deployment_config(
            deploymentConfigName="odd", computePlatform="Lambda", trafficRoutingConfig=routing
        )


def test_one_live_deployment_per_group(shop: Serverless) -> None:
    group = shop.group()
    deployment = shop.deploy(group, appspec(shop.function()))
    with refused("DeploymentLimitExceededException", deployment):
        shop.deploy(group, appspec(shop.function()))
    shop.api.stop_deployment(deploymentId=deployment)
    assert shop.end(deployment)["status"] == "Stopped"


def test_a_group_tells_its_platform_and_its_default_configuration(shop: Serverless) -> None:
    shop.api.create_deployment_group(
        applicationName="shop", deploymentGroupName="default", serviceRoleArn=ROLE, deploymentStyle=STYLE
    )
    info = shop.api.get_deployment_group(applicationName="shop", deploymentGroupName="default")["deploymentGroupInfo"]
    assert (info["computePlatform"], info["deploymentConfigName"]) == ("Lambda", ALL_AT_ONCE)
    wait_for(lambda: shop.end(shop.deploy("default", appspec(shop.function())))["status"] == "Succeeded")
