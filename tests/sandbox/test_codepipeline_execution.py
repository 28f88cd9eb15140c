"""A pipeline from its start to its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_fixtures import KEY, SOURCE_BUCKET, STORE_BUCKET, Rig, approval, deploy, running_rig, source, stage


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield rig


def test_creation_starts_one_execution_that_deploys_the_newest_object(rig: Rig) -> None:
    version = rig.put(b"PK one")
    name = rig.create()
    first = rig.first_execution(name)
    assert rig.ends(name, first) == "Succeeded"
    execution = rig.execution(name, first)
    assert execution["trigger"]["triggerType"] == "CreatePipeline"
    assert execution["trigger"]["triggerDetail"].startswith("arn:aws:")
    assert execution["artifactRevisions"][0]["revisionId"] == version
    assert execution["pipelineVersion"] == 1


def test_the_deployment_gets_the_source_objects_bytes_from_the_artifact_store(rig: Rig) -> None:
    rig.put(b"PK exactly these")
    name = rig.create(stage("Deploy", deploy("ok")))
    execution_id = rig.first_execution(name)
    rig.ends(name, execution_id)
    attempt = rig.actions(name, execution_id)[-1]
    deployed = rig.codedeploy.deployments[attempt["output"]["executionResult"]["externalExecutionId"]]
    location = deployed["revision"]["s3Location"]
    prefix, artifact, random = location["key"].split("/")
    assert (location["bucket"], prefix, artifact) == (STORE_BUCKET, name[:20], "Bundle")
    assert len(random) == len("1234567.zip")
    assert location["bundleType"] == "zip"
    stored = rig.s3.get_object(Bucket=STORE_BUCKET, Key=location["key"])
    assert stored["Body"].read() == b"PK exactly these"
    assert stored["ServerSideEncryption"] == "aws:kms"
    assert stored["ETag"].strip('"') == location["eTag"]


def test_a_start_names_the_exact_version(rig: Rig) -> None:
    wanted = rig.put(b"PK wanted")
    rig.put(b"PK newer")
    name = rig.create()
    execution_id = rig.start(
        name,
        sourceRevisions=[{"actionName": "Read", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": wanted}],
    )
    assert rig.ends(name, execution_id) == "Succeeded"
    assert rig.execution(name, execution_id)["artifactRevisions"][0]["revisionId"] == wanted
    summary = rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]
    assert summary["sourceRevisions"][0]["revisionId"] == wanted
    assert summary["trigger"]["triggerType"] == "StartPipelineExecution"


def test_a_pipeline_of_all_three_kinds_runs_to_its_end(rig: Rig) -> None:
    rig.put()
    name = rig.create(stage("Approve", approval()), stage("Deploy", deploy()))
    first = rig.first_execution(name)
    rig.answer(name, rig.token(name))
    assert rig.ends(name, first) == "Succeeded"
    order = [each["actionName"] for each in rig.actions(name, first)]
    assert order == ["Read", "Ask", "Deploy"]
