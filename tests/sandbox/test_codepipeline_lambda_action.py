"""The Lambda action: functions that really run are handed jobs, report them, and are invoked again to go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from codepipeline_fixtures import Rig, approval, refused, stage, whole_rig
from codepipeline_workers import provide
from functions_bench import function

EVENTS = "events"
KEEPS = """
import boto3, json
def keep(event):
    job = event["CodePipeline.job"]
    boto3.client("s3").put_object(Bucket="events", Key=job["id"], Body=json.dumps(event).encode())
    return job
"""
SILENT = f"{KEEPS}\ndef handler(event, context):\n    keep(event)\n    return 'nothing said'\n"
BUILDS = f"""{KEEPS}
def handler(event, context):
    job = keep(event)
    keys = job["data"]["artifactCredentials"]
    s3 = boto3.client(
        "s3",
        aws_access_key_id=keys["accessKeyId"],
        aws_secret_access_key=keys["secretAccessKey"],
        aws_session_token=keys["sessionToken"],
    )
    given = job["data"]["inputArtifacts"][0]["location"]["s3Location"]
    wanted = job["data"]["outputArtifacts"][0]["location"]["s3Location"]
    body = s3.get_object(Bucket=given["bucketName"], Key=given["objectKey"])["Body"].read()
    s3.put_object(Bucket=wanted["bucketName"], Key=wanted["objectKey"], Body=body + b" built")
    boto3.client("codepipeline").put_job_success_result(jobId=job["id"], outputVariables={{"Size": str(len(body))}})
"""
CONTINUES = f"""{KEEPS}
def handler(event, context):
    job = keep(event)
    token = job["data"].get("continuationToken", "")
    if len(token) < 2:
        more = {{"continuationToken": token + "x", "executionDetails": {{"summary": "so far " + token}}}}
    else:
        more = {{"executionDetails": {{"summary": "done", "externalExecutionId": "run-1"}}}}
    boto3.client("codepipeline").put_job_success_result(jobId=job["id"], **more)
"""
FAILS = f"""{KEEPS}
def handler(event, context):
    job = keep(event)
    given = job["data"]["actionConfiguration"]["configuration"]
    told = {{"type": "PermissionError", "message": given["UserParameters"]}}
    boto3.client("codepipeline").put_job_failure_result(jobId=job["id"], failureDetails=told)
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        rig.put(b"PK source")
        rig.s3.create_bucket(Bucket=EVENTS)
        for name, code in {"silent": SILENT, "builds": BUILDS, "continues": CONTINUES, "fails": FAILS}.items():
            function(rig, name, code)
        yield rig


def call(name: str, parameters: str = "", **more: Any) -> dict[str, Any]:
    configuration = {"FunctionName": name, **({"UserParameters": parameters} if parameters else {})}
    return {
        "name": "Call",
        "actionTypeId": {"category": "Invoke", "owner": "AWS", "provider": "Lambda", "version": "1"},
        "configuration": configuration,
        **more,
    }


def calling(rig: Rig, name: str, parameters: str = "", **more: Any) -> str:
    return rig.create(stage("Call", call(name, parameters, **more)))


def kept(rig: Rig) -> list[str]:
    return [each["Key"] for each in rig.s3.list_objects_v2(Bucket=EVENTS).get("Contents", [])]


def event(rig: Rig, known: list[str]) -> Any:
    """The job of the newest event that a function was given, once there is one that is not known."""
    job_id = rig.until(lambda: [each for each in kept(rig) if each not in known])[0]
    return json.loads(rig.s3.get_object(Bucket=EVENTS, Key=job_id)["Body"].read())["CodePipeline.job"]


def latest(rig: Rig, name: str) -> Any:
    return rig.action(name, "Call", "Call")["latestExecution"]


def test_a_function_works_on_the_artifacts_with_its_jobs_credentials(rig: Rig) -> None:
    shape: dict[str, Any] = {"inputArtifacts": [{"name": "Bundle"}], "outputArtifacts": [{"name": "Built"}]}
    name = calling(rig, "builds", namespace="built", **shape)
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    output = rig.actions(name, execution_id)[-1]["output"]
    assert output["outputVariables"] == {"Size": "9"}
    place = output["outputArtifacts"][0]["s3location"]
    assert rig.s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read() == b"PK source built"


def test_the_event_tells_the_job_and_not_the_pipeline(rig: Rig) -> None:
    known = kept(rig)
    name = calling(rig, "silent", "hello", inputArtifacts=[{"name": "Bundle"}], outputArtifacts=[{"name": "Built"}])
    job = event(rig, known)
    assert job["accountId"] == "123456789012"
    data = job["data"]
    assert set(data) == {"actionConfiguration", "inputArtifacts", "outputArtifacts", "artifactCredentials"}
    assert data["actionConfiguration"] == {"configuration": {"FunctionName": "silent", "UserParameters": "hello"}}
    now = rig.sandbox.world.clock.now().timestamp() * 1000
    assert 0 < data["artifactCredentials"]["expirationTime"] - now <= 15 * 60 * 1000
    given, wanted = data["inputArtifacts"][0], data["outputArtifacts"][0]
    assert (given["name"], wanted["name"], wanted["revision"]) == ("Bundle", "Built", None)
    assert given["location"]["type"] == "S3"
    details = rig.cp.get_job_details(jobId=job["id"])["jobDetails"]["data"]
    assert details["pipelineContext"]["pipelineName"] == name
    assert latest(rig, name)["status"] == "InProgress", "what a function returns says nothing"
    rig.cp.put_job_success_result(jobId=job["id"])
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"


def test_a_job_without_artifacts_has_no_credentials(rig: Rig) -> None:
    known = kept(rig)
    name = calling(rig, "silent")
    job = event(rig, known)
    assert "artifactCredentials" not in job["data"]
    rig.cp.put_job_success_result(jobId=job["id"])
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"


def test_a_function_goes_on_with_its_token(rig: Rig) -> None:
    known = kept(rig)
    name = calling(rig, "continues")
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    assert len(set(kept(rig)) - set(known)) == 3
    # What the function says of itself is shown nowhere.
    shown = latest(rig, name)
    assert "summary" not in shown
    assert shown["externalExecutionId"] == shown["externalExecutionUrl"].rpartition("%252F")[2] != "run-1"
    assert len([each for each in rig.actions(name, execution_id) if each["actionName"] == "Call"]) == 1


def test_a_function_tells_why_it_failed(rig: Rig) -> None:
    name = calling(rig, "fails", "not allowed")
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    assert latest(rig, name)["errorDetails"] == {"code": "PermissionError", "message": "not allowed"}


def test_a_function_that_is_not_there_is_an_error_of_the_configuration(rig: Rig) -> None:
    name = calling(rig, "nobody")
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    error = latest(rig, name)["errorDetails"]
    assert error["code"] == "ConfigurationError"
    assert "nobody" in error["message"]


def test_results_are_taken_once(rig: Rig) -> None:
    known = kept(rig)
    name = calling(rig, "silent")
    job = event(rig, known)["id"]
    with refused("ValidationException", "A job can not contain both a continuation token and output variables."):
        rig.cp.put_job_success_result(jobId=job, continuationToken="x", outputVariables={"A": "b"})
    with refused("InvalidNonceException"):
        rig.cp.acknowledge_job(jobId=job, nonce="1")
    rig.cp.put_job_success_result(jobId=job, outputVariables={"A": "b"})
    rig.cp.put_job_success_result(jobId=job, outputVariables={"A": "b"})
    with refused("InvalidJobStateException", f"The status of job with id {job} is already set to the desired value."):
        rig.cp.put_job_success_result(jobId=job, outputVariables={"A": "c"})
    with refused("InvalidJobStateException", f"Job with id {job} has already terminated"):
        rig.cp.put_job_failure_result(jobId=job, failureDetails={"type": "JobFailed", "message": "no"})
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"


def test_an_abandoned_function_may_still_report(rig: Rig) -> None:
    known = kept(rig)
    name = calling(rig, "silent")
    job, execution_id = event(rig, known)["id"], rig.first_execution(name)
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True)
    assert rig.ends(name, execution_id) == "Stopped"
    known = kept(rig)
    rig.cp.put_job_success_result(jobId=job, continuationToken="go on")
    assert kept(rig) == known
    assert rig.status(name, execution_id) == "Stopped"


def test_variables_of_a_function_reach_a_later_action(rig: Rig) -> None:
    known = kept(rig)
    link = approval(configuration={"CustomData": "#{told.Version}"})
    name = rig.create(stage("Call", call("silent", namespace="told")), stage("Approve", link))
    rig.cp.put_job_success_result(jobId=event(rig, known)["id"], outputVariables={"Version": "1.2.3"})
    rig.answer(name, rig.token(name))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    asked = rig.actions(name, execution_id)[-1]["input"]["resolvedConfiguration"]
    assert asked["CustomData"] == "1.2.3"


def test_a_partners_function_does_the_jobs_of_its_action_type(rig: Rig) -> None:
    configuration = {
        "lambdaExecutorConfiguration": {"lambdaFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:continues"}
    }
    kind = provide(rig, "Partner", executor={"type": "Lambda", "configuration": configuration})
    name = rig.create(stage("Call", {"name": "Call", "actionTypeId": kind}))
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"
    assert latest(rig, name)["summary"] == "done"


# Time moves for the whole sandbox: these come last, on pipelines of their own.


def test_a_function_that_says_nothing_has_twenty_minutes(rig: Rig) -> None:
    known = kept(rig)
    name = calling(rig, "silent")
    job, execution_id = event(rig, known)["id"], rig.first_execution(name)
    rig.sandbox.world.clock.advance(timedelta(minutes=19))
    assert rig.status(name, execution_id) == "InProgress"
    rig.sandbox.world.clock.advance(timedelta(minutes=1))
    assert rig.ends(name, execution_id) == "Failed"
    assert "timed out" in latest(rig, name)["errorDetails"]["message"]
    with refused("InvalidJobStateException", "has already terminated"):
        rig.cp.put_job_success_result(jobId=job)


def test_each_report_gives_another_twenty_minutes(rig: Rig) -> None:
    known = kept(rig)
    name = calling(rig, "silent")
    execution_id = rig.first_execution(name)
    for number in range(3):
        job = event(rig, known)["id"]
        known = kept(rig)
        rig.sandbox.world.clock.advance(timedelta(minutes=19))
        rig.cp.put_job_success_result(jobId=job, continuationToken=str(number))
        rig.sandbox.world.clock.advance(timedelta(seconds=2))
    assert rig.status(name, execution_id) == "InProgress"
    job = event(rig, known)["id"]
    started = latest(rig, name)["lastStatusChange"]
    assert rig.sandbox.world.clock.now() - started < timedelta(minutes=20)
    rig.cp.put_job_success_result(jobId=job)
    assert rig.ends(name, execution_id) == "Succeeded"
