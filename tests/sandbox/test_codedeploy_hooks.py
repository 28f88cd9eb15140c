"""Hook functions of Lambda deployments: really invoked, and their report or their silence decides; over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from codedeploy_calls import wait_for
from codedeploy_fleet import GOOD
from codepipeline_fixtures import ROLE, refused, whole_rig
from lambda_deployments import Serverless, appspec

ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"
ROLLBACK = {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}
UNKNOWN = "d-AAAAAAAAA"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serverless]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield Serverless(rig)


def test_hooks_run_before_and_after_the_shift(shop: Serverless) -> None:
    name, before, after = shop.function(), shop.hook("Succeeded"), shop.hook("Succeeded")
    hooks = {"BeforeAllowTraffic": before, "AfterAllowTraffic": after}
    deployment = shop.deploy(shop.group(ALL_AT_ONCE), appspec(name, hooks=hooks))
    assert shop.end(deployment)["status"] == "Succeeded"
    first, second = shop.told(before), shop.told(after)
    assert set(first) == {"DeploymentId", "LifecycleEventHookExecutionId"}
    assert first["DeploymentId"] == second["DeploymentId"] == deployment
    assert first["LifecycleEventHookExecutionId"] != second["LifecycleEventHookExecutionId"]
    assert shop.alias(name) == ("2", {})


def test_a_hook_that_fails_before_the_shift_keeps_the_alias(shop: Serverless) -> None:
    name = shop.function()
    deployment = shop.deploy(shop.group(), appspec(name, hooks={"BeforeAllowTraffic": shop.hook("Failed")}))
    info = shop.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HOOK_EXECUTION_FAILURE")
    assert shop.events(deployment) == {
        "BeforeAllowTraffic": "Failed",
        "AllowTraffic": "Skipped",
        "AfterAllowTraffic": "Skipped",
    }
    assert shop.alias(name) == ("1", {})


def test_a_hook_that_fails_after_the_shift_takes_the_alias_back(shop: Serverless) -> None:
    name, group = shop.function(), shop.group(ALL_AT_ONCE, autoRollbackConfiguration=ROLLBACK)
    deployment = shop.deploy(group, appspec(name, hooks={"AfterAllowTraffic": shop.hook("Failed")}))
    info = shop.end(deployment)
    assert shop.events(deployment)["AllowTraffic"] == "Succeeded"
    assert shop.end(info["rollbackInfo"]["rollbackDeploymentId"])["status"] == "Succeeded"
    assert shop.alias(name) == ("1", {})


def test_a_hook_that_says_nothing_fails_after_an_hour(shop: Serverless) -> None:
    hook = shop.hook("")
    deployment = shop.deploy(shop.group(), appspec(shop.function(), hooks={"BeforeAllowTraffic": hook}))
    wait_for(lambda: shop.told(hook) is not None)
    shop.advance(minutes=59)
    assert shop.get(deployment)["status"] == "InProgress"
    shop.advance(minutes=1, seconds=5)
    info = shop.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HOOK_EXECUTION_FAILURE")
    assert "one hour" in info["errorInformation"]["message"]


def test_a_hook_that_does_not_exist_fails_at_once(shop: Serverless) -> None:
    deployment = shop.deploy(shop.group(), appspec(shop.function(), hooks={"BeforeAllowTraffic": "nobody"}))
    info = shop.end(deployment)
    assert info["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE"
    assert "Function not found" in info["errorInformation"]["message"]


def test_an_event_that_is_no_hook_is_refused(shop: Serverless) -> None:
    info = shop.end(shop.deploy(shop.group(), appspec(shop.function(), hooks={"AllowTraffic": "any"})))
    assert info["errorInformation"]["code"] == "INVALID_REVISION"


def test_reports_are_checked(shop: Serverless) -> None:
    hook = shop.hook("")
    deployment = shop.deploy(shop.group(ALL_AT_ONCE), appspec(shop.function(), hooks={"BeforeAllowTraffic": hook}))
    wait_for(lambda: shop.told(hook) is not None)
    execution = shop.told(hook)["LifecycleEventHookExecutionId"]
    report = shop.api.put_lifecycle_event_hook_execution_status
    with refused("DeploymentIdRequiredException"):
        report(lifecycleEventHookExecutionId=execution, status="Succeeded")
    with refused("InvalidDeploymentIdException"):
        report(deploymentId="x", lifecycleEventHookExecutionId=execution, status="Succeeded")
    with refused("DeploymentDoesNotExistException"):
        report(deploymentId=UNKNOWN, lifecycleEventHookExecutionId=execution, status="Succeeded")
    for status in ("InProgress", "Skipped"):
        with refused("InvalidLifecycleEventHookExecutionStatusException"):
            report(deploymentId=deployment, lifecycleEventHookExecutionId=execution, status=status)
    with refused("InvalidLifecycleEventHookExecutionIdException"):
        report(deploymentId=deployment, lifecycleEventHookExecutionId="other", status="Succeeded")
    answer = report(deploymentId=deployment, lifecycleEventHookExecutionId=execution, status="Succeeded")
    assert answer["lifecycleEventHookExecutionId"] == execution
    with refused("LifecycleEventAlreadyCompletedException"):
        report(deploymentId=deployment, lifecycleEventHookExecutionId=execution, status="Failed")
    assert shop.end(deployment)["status"] == "Succeeded"


def test_a_stop_does_not_wait_for_a_hook(shop: Serverless) -> None:
    hook = shop.hook("")
    deployment = shop.deploy(shop.group(), appspec(shop.function(), hooks={"BeforeAllowTraffic": hook}))
    wait_for(lambda: shop.told(hook) is not None)
    shop.api.stop_deployment(deploymentId=deployment)
    assert shop.end(deployment)["status"] == "Stopped"
    with refused("LifecycleEventAlreadyCompletedException"):
        shop.api.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment,
            lifecycleEventHookExecutionId=shop.told(hook)["LifecycleEventHookExecutionId"],
            status="Succeeded",
        )


def test_a_deployment_to_servers_has_no_hook_functions(shop: Serverless) -> None:
    shop.api.create_application(applicationName="servers")
    shop.api.create_deployment_group(applicationName="servers", deploymentGroupName="all", serviceRoleArn=ROLE)
    location = {"bucket": "b", "key": GOOD[:3], "bundleType": "zip"}
    deployment = shop.api.create_deployment(
        applicationName="servers", deploymentGroupName="all", revision={"revisionType": "S3", "s3Location": location}
    )["deploymentId"]
    with refused("UnsupportedActionForDeploymentTypeException"):
        shop.api.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment, lifecycleEventHookExecutionId="any", status="Succeeded"
        )
