"""A pipeline over the sandbox's own CodeDeploy: real deployments to real instances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_fixtures import Rig, deploy, stage, whole_rig
from codepipeline_hosts import checked_by, make_hosts


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        make_hosts(rig, 1)
        yield rig


def deployment_of(rig: Rig, name: str, execution_id: str) -> Any:
    identity = rig.actions(name, execution_id)[-1]["output"]["executionResult"]["externalExecutionId"]
    return rig.client("codedeploy").get_deployment(deploymentId=identity)["deploymentInfo"]


def test_a_good_bundle_is_deployed_from_the_artifact_store(rig: Rig) -> None:
    rig.put(checked_by("exit 0"))
    name = rig.create(stage("Deploy", deploy("ok")))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    deployment = deployment_of(rig, name, execution_id)
    assert deployment["status"] == "Succeeded"
    assert deployment["deploymentOverview"]["Succeeded"] == 1
    artifact = rig.actions(name, execution_id)[0]["output"]["outputArtifacts"][0]["s3location"]
    assert deployment["revision"]["s3Location"]["key"] == artifact["key"]


def test_a_bundle_whose_hook_fails_fails_the_execution_with_codedeploys_reason(rig: Rig) -> None:
    rig.put(checked_by("exit 3"))
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
    rig.put(checked_by("sleep 1"))
    name = rig.create(stage("Deploy", deploy("ok")))
    execution_id = rig.first_execution(name)
    rig.until(lambda: "externalExecutionId" in rig.action(name, "Deploy", "Deploy").get("latestExecution", {}))
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True)
    assert rig.ends(name, execution_id) == "Stopped"
    assert deployment_of(rig, name, execution_id)["status"] in ("Created", "Queued", "InProgress")
    rig.until(lambda: deployment_of(rig, name, execution_id)["status"] == "Succeeded")
    assert rig.status(name, execution_id) == "Stopped"
