"""The front: who is asked, what a strange request is told, and that nothing is ever answered in HTML."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import botocore.exceptions
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deliverkit.sandbox import server
from deliverkit.sandbox.server import Sandbox

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260105/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def send(sandbox: Sandbox, target: str, body: bytes, service: str = "codepipeline", **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
    signed = {"X-Amz-Target": target, "Authorization": SIGNED.format(service), **headers}
    connection.request("POST", "/", body, signed)
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "application/x-amz-json-1.1"
    assert answer.getheader("x-amzn-RequestId")
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found


def client(sandbox: Sandbox, service: str, region: str = "us-east-1") -> Any:
    return boto3.client(
        service,
        endpoint_url=sandbox.endpoint,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=botocore.client.Config(parameter_validation=False),
    )


@pytest.mark.parametrize("service", ["codepipeline", "codedeploy"])
def test_an_operation_that_nobody_knows_is_a_modelled_400(sandbox: Sandbox, service: str) -> None:
    status, answer = send(sandbox, "Whatever_20260101.MakeCoffee", b"{}", service)
    assert status == 400
    assert answer["__type"] == "UnknownOperationException"
    assert "MakeCoffee" in answer["message"]


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"\xff\xfe", b'"text"', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(sandbox: Sandbox, body: bytes) -> None:
    status, answer = send(sandbox, "CodePipeline_20150709.GetPipeline", body)
    assert status == 400
    assert answer["__type"] in {"SerializationException", "ValidationException"}


@pytest.mark.parametrize("operation", ["GetPipeline", "CreatePipeline"])
def test_a_body_that_is_too_large_is_refused_unread(sandbox: Sandbox, operation: str) -> None:
    status, answer = send(sandbox, f"CodePipeline_20150709.{operation}", b"", **{"Content-Length": "99999999999"})
    assert status == 413
    assert answer["__type"] == "RequestEntityTooLargeException"


def test_a_wrong_type_is_told_with_its_place(sandbox: Sandbox) -> None:
    status, answer = send(sandbox, "CodePipeline_20150709.GetPipeline", b'{"name": 5}')
    assert (status, answer["__type"]) == (400, "SerializationException")
    assert "'name'" in answer["message"]


def test_every_violated_constraint_is_told_at_once(sandbox: Sandbox) -> None:
    body = json.dumps({"name": "a b", "version": 0}).encode()
    _, answer = send(sandbox, "CodePipeline_20150709.GetPipeline", body)
    assert answer["__type"] == "ValidationException"
    assert answer["message"].startswith("2 validation errors detected: ")
    assert (
        "Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression"
        in answer["message"]
    )
    assert (
        "at 'version' failed to satisfy constraint: Member must have value greater than or equal to 1"
        in answer["message"]
    )


def test_members_that_the_model_does_not_know_are_ignored(sandbox: Sandbox) -> None:
    status, answer = send(sandbox, "CodePipeline_20150709.ListPipelines", b'{"moon": "full"}')
    assert (status, answer["pipelines"]) == (200, [])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    operation=st.sampled_from(
        ["CreatePipeline", "StartPipelineExecution", "PutApprovalResult", "ListActionExecutions"]
    ),
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["pipeline", "name", "stages", "actions", "result", "filter"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    ),
)
def test_no_request_is_ever_an_internal_failure(sandbox: Sandbox, operation: str, body: Any) -> None:
    status, answer = send(sandbox, f"CodePipeline_20150709.{operation}", json.dumps(body).encode())
    assert status < 500, answer


def test_regions_and_accounts_are_kept_apart(sandbox: Sandbox) -> None:
    client(sandbox, "codedeploy", "us-east-1").create_application(applicationName="here")
    assert client(sandbox, "codedeploy", "us-east-1").list_applications()["applications"] == ["here"]
    assert client(sandbox, "codedeploy", "eu-west-1").list_applications()["applications"] == []


def test_moto_answers_for_everything_else(sandbox: Sandbox) -> None:
    assert client(sandbox, "sts").get_caller_identity()["Account"] == "123456789012"
    client(sandbox, "s3").create_bucket(Bucket="bucket")
    assert [each["Name"] for each in client(sandbox, "s3").list_buckets()["Buckets"]] == ["bucket"]


def test_its_own_address_tells_its_state_and_nothing_else(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
    connection.request("GET", "/_sandbox/status")
    assert json.loads(connection.getresponse().read())["endpoint"] == sandbox.endpoint
    connection.request("GET", "/_sandbox/secrets")
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["__type"]) == (404, "UnknownOperationException")
    connection.close()


def test_it_listens_on_the_loopback_only(sandbox: Sandbox) -> None:
    assert sandbox._server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("said", [b"", b"POST / HTTP/1.1\r\nHost:", b"PUT /b HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"])
def test_a_connection_that_says_no_more_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.2)
    running = Sandbox(tmp_path)
    running.start()
    try:
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
            connection.sendall(said)
            while connection.recv(4096):
                pass
        assert send(running, "CodePipeline_20150709.ListPipelines", b"{}")[0] == 200
    finally:
        running.stop()
