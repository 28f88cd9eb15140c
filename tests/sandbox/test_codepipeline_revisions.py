"""PutActionRevision: announced revisions start a pipeline once; the targets of deploy actions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from codepipeline_fixtures import Rig, approval, deploy, refused, source, stage, whole_rig
from codepipeline_hosts import checked_by, make_hosts
from codepipeline_workers import action, declare

UNKNOWN = "11111111-2222-3333-4444-555555555555"


def announce(rig: Rig, pipeline: str, revision: str, **more: Any) -> Any:
    told = {"revisionId": revision, "revisionChangeId": "c1", "created": datetime(2026, 1, 5, tzinfo=UTC)}
    request = {"pipelineName": pipeline, "stageName": "Source", "actionName": "Read", **more}
    return rig.cp.put_action_revision(**request, actionRevision=told)


def test_a_new_revision_starts_the_pipeline_and_is_its_trigger(rig: Rig) -> None:
    name = rig.create()
    rig.ends(name, rig.first_execution(name))
    answer = announce(rig, name, "r1")
    assert answer["newRevision"] is True
    newest = rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]
    assert newest["pipelineExecutionId"] == answer["pipelineExecutionId"]
    assert newest["trigger"]["triggerType"] == "PutActionRevision"
    assert rig.ends(name, answer["pipelineExecutionId"]) == "Succeeded"


def test_an_announced_revision_is_not_new_any_more(rig: Rig) -> None:
    name = rig.create()
    first = announce(rig, name, "r1")
    again = announce(rig, name, "r1")
    assert (again["newRevision"], again["pipelineExecutionId"]) == (False, first["pipelineExecutionId"])
    assert announce(rig, name, "r2")["newRevision"] is True
    assert len(rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]) == 3


def test_a_revision_that_was_read_is_not_new(rig: Rig) -> None:
    version = rig.put()
    name = rig.create()
    execution_id = rig.first_execution(name)
    rig.ends(name, execution_id)
    answer = announce(rig, name, version)
    assert (answer["newRevision"], answer["pipelineExecutionId"]) == (False, execution_id)


def test_a_source_that_polls_does_not_start_again_for_what_was_announced(rig: Rig) -> None:
    key = "announced.zip"
    version = rig.put(key=key)
    polling = source(polls=True, configuration={"S3ObjectKey": key})
    name = rig.create(stage("Source", polling), stage("Deploy", deploy()))
    rig.until(lambda: rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])
    rig.ends(name, rig.first_execution(name))
    assert announce(rig, name, version)["newRevision"] is False
    with rig.sandbox.world.lock:  # nobody looks between the upload and the announcement
        second = rig.sandbox.world.moto.client("s3", "123456789012", "us-east-1").put_object(
            Bucket="releases", Key=key, Body=b"PK second"
        )["VersionId"]
        answer = rig.sandbox.world.call(
            "codepipeline",
            "PutActionRevision",
            {
                "pipelineName": name,
                "stageName": "Source",
                "actionName": "Read",
                "actionRevision": {"revisionId": second, "revisionChangeId": "c", "created": 1767571200},
            },
            rig.sandbox.world.context("123456789012", "us-east-1", "arn:aws:iam::123456789012:root"),
        )
    assert rig.ends(name, answer["pipelineExecutionId"]) == "Succeeded"
    third = rig.put(b"PK third", key)
    rig.until(lambda: rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][2:])
    started = rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
    triggers = [each["trigger"]["triggerType"] for each in started]
    assert triggers == ["PollForSourceChanges", "PutActionRevision", "PollForSourceChanges"]
    rig.ends(name, started[0]["pipelineExecutionId"])
    read = rig.execution(name, started[0]["pipelineExecutionId"])["artifactRevisions"][0]
    assert read["revisionId"] == third


def test_the_place_must_be_a_source_action(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()))
    with refused("PipelineNotFoundException"):
        announce(rig, "nobody", "r")
    with refused("StageNotFoundException"):
        announce(rig, name, "r", stageName="Nowhere")
    with refused("ActionNotFoundException"):
        announce(rig, name, "r", actionName="Nobody")
    with refused("ValidationException", "source"):
        announce(rig, name, "r", stageName="Approve", actionName="Ask")


def test_at_the_limit_of_executions_an_announcement_is_refused_and_can_be_repeated(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), executionMode="QUEUED")
    for _ in range(49):
        rig.start(name)
    with refused("ConcurrentPipelineExecutionsLimitExceededException"):
        announce(rig, name, "r1")
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=rig.first_execution(name), abandon=True)
    rig.ends(name, rig.first_execution(name))
    assert announce(rig, name, "r1")["newRevision"] is True


def test_a_custom_source_is_told_by_its_worker(rig: Rig) -> None:
    worker = declare(rig, category="Source")
    fetch = stage("Source", action(worker, "Read", inputArtifacts=[], outputArtifacts=[{"name": "Bundle"}]))
    name = rig.create(fetch, stage("Deploy", approval()))
    revision = {"revision": "r9", "changeIdentifier": "c9"}
    worker.succeed(worker.claim(), currentRevision=revision)
    rig.token(name, "Deploy")
    assert announce(rig, name, "r9")["newRevision"] is False
    assert announce(rig, name, "r10")["newRevision"] is True


# --- targets --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        make_hosts(rig, 2, deploymentConfigName="CodeDeployDefault.AllAtOnce")
        yield rig


def targets(rig: Rig, run: str, **more: Any) -> Any:
    return rig.cp.list_deploy_action_execution_targets(actionExecutionId=run, **more)


def deployed(rig: Rig, check: str) -> tuple[str, str, str]:
    """A pipeline that deployed, its status, and the action execution."""
    rig.put(checked_by(check))
    name = rig.create(stage("Deploy", deploy("ok")))
    execution_id = rig.first_execution(name)
    status = rig.ends(name, execution_id)
    return name, status, str(rig.actions(name, execution_id)[-1]["actionExecutionId"])


def test_the_targets_of_a_deployment_are_told_with_their_events(whole: Rig) -> None:
    name, status, run = deployed(whole, "exit 0")
    assert status == "Succeeded"
    found = targets(whole, run, pipelineName=name)["targets"]
    assert len({each["targetId"] for each in found}) == 2
    for each in found:
        assert (each["targetType"], each["status"]) == ("InstanceTarget", "Succeeded")
        assert each["startTime"] <= each["endTime"]
        hook = next(event for event in each["events"] if event["name"] == "AfterInstall")
        assert hook["status"] == "Succeeded"
    assert targets(whole, run)["targets"] == found, "the pipeline need not be named"
    pages = list(
        whole.cp.get_paginator("list_deploy_action_execution_targets").paginate(
            actionExecutionId=run, PaginationConfig={"PageSize": 1}
        )
    )
    assert [page["targets"][0] for page in pages] == found


def test_targets_are_filtered_by_status_and_tell_why_they_failed(whole: Rig) -> None:
    _, status, run = deployed(whole, "exit 3")
    assert status == "Failed"
    found = targets(whole, run)["targets"]
    failed = targets(whole, run, filters=[{"name": "TARGET_STATUS", "values": ["Failed"]}])["targets"]
    assert failed == [each for each in found if each["status"] == "Failed"] != []
    hook = next(event for event in failed[0]["events"] if event["name"] == "AfterInstall")
    assert "exit code 3" in hook["context"]["message"]
    assert targets(whole, run, filters=[{"name": "TARGET_STATUS", "values": ["Ready"]}])["targets"] == []


def test_an_action_that_deploys_nothing_has_no_targets_and_an_unknown_one_is_refused(whole: Rig) -> None:
    name, _, _ = deployed(whole, "exit 0")
    read = whole.actions(name, whole.first_execution(name))[0]["actionExecutionId"]
    assert targets(whole, read)["targets"] == []
    with refused("ActionExecutionNotFoundException"):
        targets(whole, UNKNOWN)
    with refused("PipelineNotFoundException"):
        targets(whole, read, pipelineName="nobody")
    with refused("ActionExecutionNotFoundException"):
        targets(whole, read, pipelineName=whole.create(stage("Approve", approval())))
