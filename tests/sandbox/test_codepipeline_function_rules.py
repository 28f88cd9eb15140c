"""Rule LambdaInvoke: real functions that let executions pass, or do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from codepipeline_conditions import condition, rule, rule_state, status_of
from codepipeline_fixtures import Rig, deploy, running_rig, source, stage
from functions_bench import function

ASKED = """
import boto3, json, urllib.request

def handler(event, context):
    job = event["CodePipeline.job"]
    asked = json.loads(job["data"]["actionConfiguration"]["configuration"]["UserParameters"])
    pipelines = boto3.client("codepipeline")
    if asked.get("reads"):
        (artifact,) = job["data"]["inputArtifacts"]
        keys = job["data"]["artifactCredentials"]
        place = artifact["location"]["s3Location"]
        body = boto3.client(
            "s3", aws_access_key_id=keys["accessKeyId"], aws_secret_access_key=keys["secretAccessKey"],
            aws_session_token=keys["sessionToken"],
        ).get_object(Bucket=place["bucketName"], Key=place["objectKey"])["Body"].read()
        assert body == b"PK bundle", body
        assert keys["expirationTime"] > 0
    if asked.get("again") and "continuationToken" not in job["data"]:
        return pipelines.put_job_success_result(jobId=job["id"], continuationToken="once more")
    if asked["wanted"] == "yes":
        details = {"summary": "looks fine", "externalExecutionId": "check-1"}
        pipelines.put_job_success_result(jobId=job["id"], executionDetails=details)
    elif asked["wanted"] == "no":
        pipelines.put_job_failure_result(jobId=job["id"], failureDetails={"type": "JobFailed", "message": "too risky"})
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as made:
        made.put()
        function(made, "judge", ASKED)
        yield made


def judged(rig: Rig, *, name: str = "judge", reads: bool = False, **asked: object) -> tuple[str, str]:
    """A pipeline whose deployment a function lets begin, and its first execution."""
    parameters = json.dumps({**asked, "reads": reads})
    ruled = rule("LambdaInvoke", "Judge", configuration={"FunctionName": name, "UserParameters": parameters})
    if reads:
        ruled["inputArtifacts"] = [{"name": "Bundle"}]
    made = rig.create(
        stage("Source", source(namespace="Read")), stage("Deploy", deploy(), beforeEntry=condition("FAIL", ruled))
    )
    return made, rig.first_execution(made)


def test_a_function_lets_an_execution_pass(rig: Rig) -> None:
    name, execution_id = judged(rig, wanted="yes")
    assert rig.ends(name, execution_id) == "Succeeded"
    shown = rule_state(rig, name, "Deploy")
    assert shown["latestExecution"]["summary"] == "looks fine"
    assert shown["latestExecution"]["externalExecutionId"] == "check-1"
    assert shown["entityUrl"].endswith("functions/judge")


def test_a_function_refuses(rig: Rig) -> None:
    name, execution_id = judged(rig, wanted="no")
    assert rig.ends(name, execution_id) == "Failed"
    assert status_of(rig, name, "Deploy") == "Failed"
    failure = rule_state(rig, name, "Deploy")["latestExecution"]["errorDetails"]
    assert failure == {"code": "JobFailed", "message": "too risky"}


def test_a_function_reads_the_rules_input_artifact(rig: Rig) -> None:
    name, execution_id = judged(rig, wanted="yes", reads=True)
    assert rig.ends(name, execution_id) == "Succeeded"


def test_a_function_is_invoked_again_with_its_token(rig: Rig) -> None:
    name, execution_id = judged(rig, wanted="no", again=True)
    assert rig.ends(name, execution_id) == "Failed"
    assert rule_state(rig, name, "Deploy")["latestExecution"]["errorDetails"]["message"] == "too risky"


def test_a_missing_function_is_a_configuration_error(rig: Rig) -> None:
    name, execution_id = judged(rig, name="nobody", wanted="yes")
    assert rig.ends(name, execution_id) == "Failed"
    assert status_of(rig, name, "Deploy") == "Errored"


# Time moves for the whole sandbox: this comes last.


def test_a_function_that_says_nothing_times_out(rig: Rig) -> None:
    name, execution_id = judged(rig, wanted="nothing")
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    rig.sandbox.world.clock.advance(timedelta(minutes=21))
    assert rig.ends(name, execution_id) == "Failed"
    assert "timed out" in rule_state(rig, name, "Deploy")["latestExecution"]["errorDetails"]["message"]
