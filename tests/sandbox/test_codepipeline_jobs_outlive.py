"""Jobs, action types and webhooks outlive the sandbox's process, stopped or killed."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sandbox_processes import client, kill, stop
from signals_bench import until

from deliverkit.sandbox import launcher
from deliverkit.sandbox.launcher import RunningSandbox

KIND = {"category": "Build", "owner": "Custom", "provider": "Builder", "version": "1"}
COUNTS = {"minimumCount": 0, "maximumCount": 5}


def prepare(running: RunningSandbox) -> str:
    """A pipeline whose execution waits for a worker, and a webhook; the path of its URL."""
    s3, pipelines = client(running, "s3"), client(running, "codepipeline")
    s3.create_bucket(Bucket="releases")
    s3.put_bucket_versioning(Bucket="releases", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="releases", Key="app.zip", Body=b"PK")
    pipelines.create_custom_action_type(
        **{part: KIND[part] for part in ("category", "provider", "version")},
        inputArtifactDetails=COUNTS,
        outputArtifactDetails=COUNTS,
        configurationProperties=[{"name": "Password", "required": True, "key": False, "secret": True}],
    )
    read = {
        "name": "Read",
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        "configuration": {"S3Bucket": "releases", "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"},
        "outputArtifacts": [{"name": "Bundle"}],
    }
    build = {
        "name": "Build",
        "actionTypeId": KIND,
        "configuration": {"Password": "s3cret"},
        "inputArtifacts": [{"name": "Bundle"}],
        "outputArtifacts": [{"name": "Built"}],
    }
    pipelines.create_pipeline(
        pipeline={
            "name": "delivery",
            "roleArn": "arn:aws:iam::123456789012:role/delivery",
            "artifactStore": {"type": "S3", "location": "releases"},
            "stages": [{"name": "Source", "actions": [read]}, {"name": "Build", "actions": [build]}],
        }
    )
    hook = {
        "name": "hook",
        "targetPipeline": "delivery",
        "targetAction": "Read",
        "filters": [{"jsonPath": "$.go"}],
        "authentication": "IP",
        "authenticationConfiguration": {"AllowedIPRange": "127.0.0.0/8"},
    }
    url = str(pipelines.put_webhook(webhook=hook)["webhook"]["url"])
    return url.removeprefix(running.endpoint)


def poll(running: RunningSandbox) -> Any:
    return until(lambda: client(running, "codepipeline").poll_for_jobs(actionTypeId=KIND)["jobs"])[0]


def status(running: RunningSandbox) -> str:
    found = client(running, "codepipeline").list_pipeline_executions(pipelineName="delivery")
    return str(found["pipelineExecutionSummaries"][-1]["status"])


@pytest.mark.parametrize("end", [stop, kill])
def test_a_worker_goes_on_with_the_job_that_it_had(state_dir: Path, end: Callable[[RunningSandbox], None]) -> None:
    before = launcher.start(state_dir)
    path = prepare(before)
    job = poll(before)
    client(before, "codepipeline").acknowledge_job(jobId=job["id"], nonce=job["nonce"])
    end(before)

    after = launcher.start(state_dir)
    pipelines = client(after, "codepipeline")
    details = pipelines.get_job_details(jobId=job["id"])["jobDetails"]
    # The token of a session is the one thing that cannot be made a second time; nobody asks for it.
    for shown in (details, job):
        del shown["data"]["artifactCredentials"]["sessionToken"]
    assert details == {name: value for name, value in job.items() if name != "nonce"}
    pipelines.put_job_success_result(jobId=job["id"], continuationToken="more")
    following = poll(after)
    assert following["data"]["actionConfiguration"]["configuration"] == {"Password": "s3cret"}
    pipelines.acknowledge_job(jobId=following["id"], nonce=following["nonce"])
    pipelines.put_job_success_result(jobId=following["id"])
    until(lambda: status(after) == "Succeeded")

    assert pipelines.list_webhooks()["webhooks"][0]["url"] == after.endpoint + path
    with urllib.request.urlopen(urllib.request.Request(after.endpoint + path, b'{"go": 1}', method="POST")):
        pass
    assert poll(after)["id"] not in {job["id"], following["id"]}
    end(after)

    again = launcher.start(state_dir)
    found = client(again, "codepipeline").list_pipeline_executions(pipelineName="delivery")
    assert [each["trigger"]["triggerType"] for each in found["pipelineExecutionSummaries"]] == [
        "Webhook",
        "CreatePipeline",
    ]
