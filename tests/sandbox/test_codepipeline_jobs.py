"""Jobs of custom actions: polling, claims, data, results, continuation, time limits."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from codepipeline_fixtures import STORE_BUCKET, Rig, deploy, refused, running_rig, stage
from codepipeline_workers import Worker, action, declare, property_of

UNKNOWN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        rig.put(b"PK source")
        yield rig


@pytest.fixture
def worker(rig: Rig) -> Worker:
    return declare(rig)


def building(rig: Rig, worker: Worker, **more: Any) -> str:
    return rig.create(stage("Build", action(worker, **more)))


def test_a_worker_builds_with_the_jobs_own_credentials_and_continues_once(rig: Rig, worker: Worker) -> None:
    consume = deploy(inputArtifacts=[{"name": "Built"}])
    name = rig.create(stage("Build", action(worker, namespace="build")), stage("Deploy", consume))
    job = worker.claim()
    data, storage = job["data"], worker.storage(job)
    given = data["inputArtifacts"][0]["location"]["s3Location"]
    assert storage.get_object(Bucket=given["bucketName"], Key=given["objectKey"])["Body"].read() == b"PK source"
    worker.succeed(
        job,
        continuationToken="half",
        executionDetails={"summary": "compiling", "externalExecutionId": "42", "percentComplete": 50},
    )
    state = rig.action(name, "Build", "Build")["latestExecution"]
    shown = (state["status"], state["summary"], state["percentComplete"], state["externalExecutionId"])
    assert shown == ("InProgress", "compiling", 50, "42")
    following = worker.claim()
    assert following["id"] != job["id"]
    assert following["data"]["continuationToken"] == "half"
    assert following["data"]["outputArtifacts"] == data["outputArtifacts"]
    assert following["data"]["pipelineContext"] == data["pipelineContext"]
    wanted = following["data"]["outputArtifacts"][0]["location"]["s3Location"]
    worker.storage(following).put_object(Bucket=wanted["bucketName"], Key=wanted["objectKey"], Body=b"PK built")
    worker.succeed(following, outputVariables={"Commit": "abc"})
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    build = next(each for each in rig.actions(name, execution_id) if each["actionName"] == "Build")
    assert build["output"]["outputVariables"] == {"Commit": "abc"}
    assert build["output"]["outputArtifacts"][0]["s3location"] == {
        "bucket": wanted["bucketName"],
        "key": wanted["objectKey"],
    }


def test_a_job_says_where_it_comes_from_and_where_its_artifacts_lie(rig: Rig) -> None:
    worker = declare(rig, property_of("Project"))
    name = building(rig, worker, configuration={"Project": "shop"})
    job = worker.poll()
    data, execution_id = job["data"], rig.first_execution(name)
    assert job["accountId"] == "123456789012"
    assert data["actionTypeId"] == worker.kind
    assert data["actionConfiguration"] == {"configuration": {"Project": "shop"}}
    context = data["pipelineContext"]
    assert (context["pipelineName"], context["stage"], context["action"]["name"]) == (name, {"name": "Build"}, "Build")
    assert context["pipelineExecutionId"] == execution_id
    assert context["pipelineArn"].endswith(f":{name}")
    run = next(each for each in rig.actions(name, execution_id) if each["actionName"] == "Build")
    assert context["action"]["actionExecutionId"] == run["actionExecutionId"]
    place = data["outputArtifacts"][0]["location"]
    assert (place["type"], place["s3Location"]["bucketName"]) == ("S3", STORE_BUCKET)
    folder, artifact, random = place["s3Location"]["objectKey"].split("/")
    assert (folder, artifact, len(random)) == (name[:20], "Built", 7)
    assert "encryptionKey" not in data
    details = rig.cp.get_job_details(jobId=job["id"])["jobDetails"]
    assert details == {name: value for name, value in job.items() if name != "nonce"}


def test_the_declared_key_of_the_store_is_handed_on(rig: Rig, worker: Worker) -> None:
    key = {"id": "arn:aws:kms:us-east-1:123456789012:key/k", "type": "KMS"}
    store = {"type": "S3", "location": STORE_BUCKET, "encryptionKey": key}
    rig.create(stage("Build", action(worker)), artifactStore=store)
    assert worker.poll()["data"]["encryptionKey"] == key


def test_a_job_without_artifacts_has_no_credentials(rig: Rig, worker: Worker) -> None:
    building(rig, worker, inputArtifacts=[], outputArtifacts=[])
    assert "artifactCredentials" not in worker.poll()["data"]


def test_of_many_workers_one_gets_the_job(rig: Rig, worker: Worker) -> None:
    building(rig, worker)
    job = worker.poll()
    assert worker.poll()["nonce"] == job["nonce"], "it is shown until somebody has it"

    def acknowledge(_: int) -> str:
        try:
            return str(rig.cp.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"])
        except ClientError as error:
            return str(error.response["Error"]["Code"])

    with ThreadPoolExecutor(8) as pool:
        told = sorted(pool.map(acknowledge, range(8)))
    assert told == ["InProgress"] + ["InvalidNonceException"] * 7
    assert rig.cp.poll_for_jobs(actionTypeId=worker.kind)["jobs"] == []


def test_a_wrong_nonce_and_an_unknown_job_are_refused(rig: Rig, worker: Worker) -> None:
    building(rig, worker)
    job = worker.poll()
    with refused("InvalidNonceException"):
        rig.cp.acknowledge_job(jobId=job["id"], nonce="0")
    with refused("JobNotFoundException"):
        rig.cp.acknowledge_job(jobId=UNKNOWN, nonce=job["nonce"])
    with refused("JobNotFoundException"):
        rig.cp.get_job_details(jobId=UNKNOWN)
    with refused("JobNotFoundException"):
        worker.succeed({"id": UNKNOWN})
    with refused("JobNotFoundException"):
        worker.fail({"id": UNKNOWN})
    with refused("JobNotFoundException"):
        rig.client("codepipeline", "eu-west-1").get_job_details(jobId=job["id"])
    with refused("ValidationException"):
        rig.cp.get_job_details(jobId="nonsense")


def test_a_batch_has_as_many_jobs_as_asked_for(rig: Rig, worker: Worker) -> None:
    rig.create(stage("Build", *[action(worker, f"B{number}", outputArtifacts=[]) for number in range(3)]))
    rig.until(lambda: len(rig.cp.poll_for_jobs(actionTypeId=worker.kind, maxBatchSize=10)["jobs"]) == 3)
    assert len(rig.cp.poll_for_jobs(actionTypeId=worker.kind, maxBatchSize=2)["jobs"]) == 2


def test_jobs_are_asked_for_by_the_value_of_the_queryable_property(rig: Rig) -> None:
    worker = declare(rig, property_of("Project", queryable=True))
    for project in ("shop", "blog"):
        building(rig, worker, configuration={"Project": project})
    job = worker.poll(queryParam={"Project": "blog"})
    assert job["data"]["actionConfiguration"]["configuration"] == {"Project": "blog"}
    assert rig.cp.poll_for_jobs(actionTypeId=worker.kind, queryParam={"Project": "other"})["jobs"] == []
    with refused("ValidationException", "Project"):
        rig.cp.poll_for_jobs(actionTypeId=worker.kind)
    with refused("ValidationException"):
        rig.cp.poll_for_jobs(actionTypeId=worker.kind, queryParam={"Other": "blog"})


def test_a_query_without_a_queryable_property_is_refused(rig: Rig, worker: Worker) -> None:
    with refused("ValidationException", "queryParam"):
        rig.cp.poll_for_jobs(actionTypeId=worker.kind, queryParam={"Project": "x"})


def test_only_custom_types_that_exist_can_be_polled(rig: Rig) -> None:
    with refused("ActionTypeNotFoundException"):
        rig.cp.poll_for_jobs(
            actionTypeId={"category": "Build", "owner": "Custom", "provider": "Nobody", "version": "1"}
        )
    with refused("ValidationException", "Custom"):
        rig.cp.poll_for_jobs(actionTypeId={"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"})


@pytest.mark.parametrize("code", ["JobFailed", "ConfigurationError", "PermissionError", "SystemUnavailable"])
def test_a_failure_fails_the_action_with_its_type(rig: Rig, worker: Worker, code: str) -> None:
    name = building(rig, worker)
    worker.fail(worker.claim(), code, "no disk", externalExecutionId="run-7")
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    latest = rig.action(name, "Build", "Build")["latestExecution"]
    assert latest["errorDetails"] == {"code": code, "message": "no disk"}
    assert latest["externalExecutionId"] == "run-7"


def test_the_same_result_again_is_fine_and_another_is_refused(rig: Rig, worker: Worker) -> None:
    building(rig, worker)
    job = worker.claim()
    worker.succeed(job, executionDetails={"summary": "done"})
    worker.succeed(job, executionDetails={"summary": "done"})
    with refused("InvalidJobStateException"):
        worker.succeed(job, executionDetails={"summary": "other"})
    with refused("InvalidJobStateException"):
        worker.fail(job)


def test_the_same_failure_again_is_fine_and_another_is_refused(rig: Rig, worker: Worker) -> None:
    building(rig, worker)
    job = worker.claim()
    worker.fail(job)
    worker.fail(job)
    with refused("InvalidJobStateException"):
        worker.fail(job, message="another")
    with refused("InvalidJobStateException"):
        worker.succeed(job)


def test_a_repeated_continuation_makes_one_job(rig: Rig, worker: Worker) -> None:
    building(rig, worker)
    job = worker.claim()
    worker.succeed(job, continuationToken="next")
    worker.succeed(job, continuationToken="next")
    assert len(rig.cp.poll_for_jobs(actionTypeId=worker.kind, maxBatchSize=10)["jobs"]) == 1


def test_an_unclaimed_job_has_no_result(rig: Rig, worker: Worker) -> None:
    building(rig, worker)
    job = worker.poll()
    with refused("InvalidJobStateException", "acknowledged"):
        worker.succeed(job)
    with refused("InvalidJobStateException", "acknowledged"):
        worker.fail(job)


def test_refused_reports_leave_the_job_open(rig: Rig, worker: Worker) -> None:
    name = building(rig, worker)
    job = worker.claim()
    with refused("ValidationException"):
        worker.succeed(job, continuationToken="next", outputVariables={"A": "b"})
    with refused("OutputVariablesSizeExceededException"):
        worker.succeed(job, outputVariables={f"K{number}": "x" * 4096 for number in range(31)})
    worker.succeed(job, outputVariables={"A": "x" * 4096})
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"


def test_a_result_after_an_abandon_is_taken_and_changes_nothing(rig: Rig, worker: Worker) -> None:
    name = building(rig, worker)
    job, execution_id = worker.claim(), rig.first_execution(name)
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True)
    assert rig.ends(name, execution_id) == "Stopped"
    worker.succeed(job, continuationToken="next", executionDetails={"summary": "late"})
    assert rig.cp.poll_for_jobs(actionTypeId=worker.kind)["jobs"] == []
    assert "summary" not in rig.action(name, "Build", "Build")["latestExecution"]
    assert rig.status(name, execution_id) == "Stopped"


def test_an_abandoned_actions_job_is_shown_to_nobody(rig: Rig, worker: Worker) -> None:
    name = building(rig, worker)
    worker.poll()
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=rig.first_execution(name), abandon=True)
    assert rig.cp.poll_for_jobs(actionTypeId=worker.kind)["jobs"] == []


def test_a_missing_output_fails_the_consumer(rig: Rig, worker: Worker) -> None:
    consumer = declare(rig)
    second = action(consumer, "Test", inputArtifacts=[{"name": "Built"}], outputArtifacts=[])
    name = rig.create(stage("Build", action(worker)), stage("Test", second))
    worker.succeed(worker.claim())
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    assert rig.action(name, "Build", "Build")["latestExecution"]["status"] == "Succeeded"
    assert rig.action(name, "Test", "Test")["latestExecution"]["errorDetails"]["code"] == "ConfigurationError"


def test_a_custom_source_reports_its_revision(rig: Rig) -> None:
    templates = {"revisionUrlTemplate": "https://code/{Config:Project}"}
    worker = declare(rig, property_of("Project"), category="Source", settings=templates)
    name = rig.create(
        stage("Source", action(worker, "Fetch", inputArtifacts=[], configuration={"Project": "shop"})),
        stage("Deploy", deploy(inputArtifacts=[{"name": "Built"}])),
    )
    job = worker.claim()
    place = job["data"]["outputArtifacts"][0]["location"]["s3Location"]
    worker.storage(job).put_object(Bucket=place["bucketName"], Key=place["objectKey"], Body=b"PK")
    worker.succeed(
        job, currentRevision={"revision": "r17", "changeIdentifier": "c17", "revisionSummary": "fix the door"}
    )
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    read = rig.execution(name, execution_id)["artifactRevisions"][0]
    assert (read["name"], read["revisionId"], read["revisionSummary"]) == ("Built", "r17", "fix the door")
    assert (read["revisionChangeIdentifier"], read["revisionUrl"]) == ("c17", "https://code/shop")
    state = rig.action(name, "Source", "Fetch")
    assert (state["currentRevision"]["revisionChangeId"], state["revisionUrl"]) == ("c17", "https://code/shop")


def test_the_revision_of_a_build_is_no_source_revision(rig: Rig, worker: Worker) -> None:
    name = building(rig, worker)
    worker.succeed(worker.claim(), currentRevision={"revision": "b17", "changeIdentifier": "c17"})
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    assert [each["name"] for each in rig.execution(name, execution_id)["artifactRevisions"]] == ["Bundle"]
    assert rig.action(name, "Build", "Build")["currentRevision"]["revisionId"] == "b17"


def test_a_retry_makes_a_new_job(rig: Rig, worker: Worker) -> None:
    name = building(rig, worker)
    job, execution_id = worker.claim(), rig.first_execution(name)
    worker.fail(job)
    rig.ends(name, execution_id)
    rig.cp.retry_stage_execution(
        pipelineName=name, stageName="Build", pipelineExecutionId=execution_id, retryMode="FAILED_ACTIONS"
    )
    again = worker.claim()
    assert again["id"] != job["id"]
    first, second = (each["data"]["pipelineContext"]["action"]["actionExecutionId"] for each in (job, again))
    assert first != second
    assert again["data"]["outputArtifacts"] != job["data"]["outputArtifacts"]
    worker.succeed(again)
    assert rig.ends(name, execution_id) == "Succeeded"


# Time moves for the whole sandbox: these come last, on pipelines of their own.


def test_credentials_are_renewed_when_they_are_old(rig: Rig, worker: Worker) -> None:
    building(rig, worker)
    job = worker.claim()
    rig.sandbox.world.clock.advance(timedelta(minutes=15))
    details = rig.cp.get_job_details(jobId=job["id"])["jobDetails"]
    assert details["data"]["artifactCredentials"] != job["data"]["artifactCredentials"]
    given = details["data"]["inputArtifacts"][0]["location"]["s3Location"]
    body = worker.storage(details).get_object(Bucket=given["bucketName"], Key=given["objectKey"])["Body"]
    assert body.read() == b"PK source"


def test_a_custom_action_has_a_day_however_often_it_continues(rig: Rig, worker: Worker) -> None:
    name = building(rig, worker)
    job, execution_id = worker.claim(), rig.first_execution(name)
    rig.sandbox.world.clock.advance(timedelta(hours=23))
    worker.succeed(job, continuationToken="still")
    following = worker.claim()
    assert rig.status(name, execution_id) == "InProgress"
    rig.sandbox.world.clock.advance(timedelta(hours=1))
    assert rig.ends(name, execution_id) == "Failed"
    assert "timed out" in rig.action(name, "Build", "Build")["latestExecution"]["errorDetails"]["message"]
    with refused("InvalidJobStateException", "has already terminated"):
        worker.succeed(following)
    worker.succeed(job, continuationToken="still")
