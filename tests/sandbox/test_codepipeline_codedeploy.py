"""A pipeline over the sandbox's own CodeDeploy: real deployments to real instances."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_fixtures import Rig, deploy, stage, whole_rig

APPSPEC = """
version: 0.0
os: linux
hooks:
  AfterInstall:
    - location: check.sh
      timeout: 10
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        ec2, codedeploy = rig.client("ec2"), rig.client("codedeploy")
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "serves", "Value": "shop"}]}]
        ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=tags)
        codedeploy.create_application(applicationName="shop", computePlatform="Server")
        codedeploy.create_deployment_group(
            applicationName="shop",
            deploymentGroupName="ok",
            serviceRoleArn="arn:aws:iam::123456789012:role/delivery",
            ec2TagFilters=[{"Key": "serves", "Value": "shop", "Type": "KEY_AND_VALUE"}],
        )
        yield rig


def bundle(check: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("appspec.yml", APPSPEC)
        script = zipfile.ZipInfo("check.sh")
        script.external_attr = 0o755 << 16
        archive.writestr(script, f"#!/bin/sh\n{check}\n")
    return packed.getvalue()


def deployment_of(rig: Rig, name: str, execution_id: str) -> Any:
    identity = rig.actions(name, execution_id)[-1]["output"]["executionResult"]["externalExecutionId"]
    return rig.client("codedeploy").get_deployment(deploymentId=identity)["deploymentInfo"]


def test_a_good_bundle_is_deployed_from_the_artifact_store(rig: Rig) -> None:
    rig.put(bundle("exit 0"))
    name = rig.create(stage("Deploy", deploy("ok")))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    deployment = deployment_of(rig, name, execution_id)
    assert deployment["status"] == "Succeeded"
    assert deployment["deploymentOverview"]["Succeeded"] == 1
    artifact = rig.actions(name, execution_id)[0]["output"]["outputArtifacts"][0]["s3location"]
    assert deployment["revision"]["s3Location"]["key"] == artifact["key"]


def test_a_bundle_whose_hook_fails_fails_the_execution_with_codedeploys_reason(rig: Rig) -> None:
    rig.put(bundle("exit 3"))
    name = rig.create(stage("Deploy", deploy("ok")))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Failed"
    deployment = deployment_of(rig, name, execution_id)
    assert deployment["status"] == "Failed"
    error = rig.action(name, "Deploy", "Deploy")["latestExecution"]["errorDetails"]
    assert error["code"] == "JobFailed"
    assert error["message"].startswith("The overall deployment failed because too many individual instances failed")
    assert error["message"].endswith("(Error code: HEALTH_CONSTRAINTS)")


def test_an_abandoned_action_leaves_the_deployment_to_itself(rig: Rig) -> None:
    rig.put(bundle("sleep 1"))
    name = rig.create(stage("Deploy", deploy("ok")))
    execution_id = rig.first_execution(name)
    rig.until(lambda: "externalExecutionId" in rig.action(name, "Deploy", "Deploy").get("latestExecution", {}))
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True)
    assert rig.ends(name, execution_id) == "Stopped"
    assert deployment_of(rig, name, execution_id)["status"] in ("Created", "Queued", "InProgress")
    rig.until(lambda: deployment_of(rig, name, execution_id)["status"] == "Succeeded")
    assert rig.status(name, execution_id) == "Stopped"
