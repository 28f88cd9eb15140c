"""An approval that was answered and is still shown open: CodePipeline's reads may be older than its writes."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from deliverkit.adapters.aws.codepipeline import CodePipeline
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.domain.pipeline import ActionReport
from deliverkit.errors import UnreachableError
from deliverkit.sandbox.server import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path / "state")
    running.start()
    yield running
    running.stop()


def ask(sandbox: Sandbox, path: str, body: Any) -> None:
    with urllib.request.urlopen(f"{sandbox.endpoint}/_sandbox/{path}", json.dumps(body).encode(), timeout=10) as answer:
        assert answer.status == 200


def client(sandbox: Sandbox, service: str) -> Any:
    keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
    return boto3.client(service, endpoint_url=sandbox.endpoint, region_name="us-east-1", **keys)


def a_pipeline_that_waits(sandbox: Sandbox) -> ActionReport:
    s3, codepipeline = client(sandbox, "s3"), client(sandbox, "codepipeline")
    s3.create_bucket(Bucket="bucket")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="bucket", Key="key", Body=b"PK")
    read = {
        "name": "Read",
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        "configuration": {"S3Bucket": "bucket", "S3ObjectKey": "key", "PollForSourceChanges": "false"},
        "outputArtifacts": [{"name": "Bundle"}],
    }
    judge = {
        "name": "Judge",
        "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
    }
    stages = [{"name": "Source", "actions": [read]}, {"name": "Gate", "actions": [judge]}]
    role = "arn:aws:iam::123456789012:role/delivery"
    store = {"type": "S3", "location": "bucket"}
    codepipeline.create_pipeline(pipeline={"name": "p", "roleArn": role, "artifactStore": store, "stages": stages})
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        state = codepipeline.get_pipeline_state(name="p")["stageStates"][1]["actionStates"][0]
        if "token" in state.get("latestExecution", {}):
            return ActionReport("Gate", "Judge", "InProgress", "", "", state["latestExecution"]["token"])
    raise AssertionError("it does not wait")


def test_an_answer_that_is_not_shown_yet_is_asked_for_again(sandbox: Sandbox) -> None:
    report = a_pipeline_that_waits(sandbox)
    adapter = CodePipeline(
        Aws(
            Account(
                region="us-east-1",
                endpoint_url=sandbox.endpoint,
                access_key_id="sandbox",
                secret_access_key="sandbox",
            )
        ),
        "us-east-1",
    )
    sandbox.world.clock.set_speed(0)
    ask(sandbox, "faults", {"faults": [{"kind": "stale-reads", "service": "codepipeline", "lag": 30}]})
    client(sandbox, "codepipeline").get_pipeline_state(name="p")
    adapter.answer("p", report, is_approved=True, reason="first")
    with pytest.raises(UnreachableError, match="still shown open"):
        adapter.answer("p", report, is_approved=True, reason="again")
    sandbox.world.clock.set_speed(1)
    ask(sandbox, "clock", {"advance_seconds": 31})
    adapter.answer("p", report, is_approved=True, reason="again")
