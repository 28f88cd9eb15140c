"""What is no request of AWS's, and what moto cannot answer: refused in the protocol that was spoken, never in HTML."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import botocore.exceptions
import pytest
from moto.sqs.responses import SQSResponse
from moto.sts.responses import TokenResponse
from signals_bench import client

from deliverkit.sandbox.server import Sandbox

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260105/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def raw(sandbox: Sandbox, head: str, body: bytes = b"", method: str = "POST /") -> tuple[int, str, bytes]:
    """Status, kind and body of the answer to a request that no client would make."""
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as connection:
        length = "" if "Transfer-Encoding" in head else f"Content-Length: {len(body)}\r\n"
        connection.sendall(f"{method} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}{length}\r\n".encode() + body)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.getheader("Content-Type") or "", answer.read()


LIST = "X-Amz-Target: CodeDeploy_20141006.ListApplications\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.mark.parametrize(
    ("head", "body", "status", "code"),
    [
        (LIST, b"{}", 403, "MissingAuthenticationTokenException"),
        (f"{LIST}Authorization: AWS4-HMAC-SHA256\r\n", b"{}", 400, "IncompleteSignatureException"),
        (f"{LIST}Authorization: {SIGNED.format('codedeploy')[:60]}\r\n", b"{}", 400, "IncompleteSignatureException"),
        (f"{LIST}Authorization: Bearer abc\r\n", b"{}", 400, "IncompleteSignatureException"),
        (
            f"{LIST}Authorization: AWS4-HMAC-SHA256 Credential=////, SignedHeaders=host, Signature=0\r\n",
            b"{}",
            400,
            "IncompleteSignatureException",
        ),
        (FORM, b"Action=GetCallerIdentity&Version=2011-06-15", 403, "MissingAuthenticationToken"),
        (f"{FORM}Authorization: x\r\n", b"Action=GetCallerIdentity", 400, "IncompleteSignature"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=////\r\n", b"", 400, "AuthorizationHeaderMalformed"),
        ("Authorization: Basic eDp5\r\n", b"", 400, "InvalidArgument"),
        (
            f"Authorization: {SIGNED.format('frobnicate')}\r\n{LIST[:14]}X.Y\r\n",
            b"{}",
            400,
            "UnknownOperationException",
        ),
        (f"Authorization: {SIGNED.format('frobnicate')}\r\n", b"", 400, "UnknownOperationException"),
        (f"Authorization: {SIGNED.format('dynamodb')}\r\n", b"{}", 400, "UnknownOperationException"),
        (f"Authorization: {SIGNED.format('sqs')}\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n", b"{", 400, "Serializ"),
        (
            f"Authorization: {SIGNED.format('codedeploy')}\r\n{LIST}Transfer-Encoding: chunked\r\n",
            b"zz\r\n",
            400,
            "Malf",
        ),
        ("Transfer-Encoding: chunked\r\n", b"zz\r\n", 400, "IncompleteBody"),
        ("", b"", 405, "MethodNotAllowed"),
    ],
)
def test_what_is_no_request_of_aws_is_refused_in_its_own_protocol(
    sandbox: Sandbox, head: str, body: bytes, status: int, code: str
) -> None:
    told, kind, answer = raw(sandbox, head, body)
    assert told == status, answer
    assert code.encode() in answer
    assert kind == "text/xml" if b"<?xml" in answer else json.loads(answer)["message"]


def test_what_nobody_needs_to_sign_stays_unsigned(sandbox: Sandbox) -> None:
    s3 = client(sandbox, "s3")
    s3.create_bucket(Bucket="open")
    s3.put_object(Bucket="open", Key="page", Body=b"hello", ACL="public-read")
    presigned = s3.generate_presigned_url("get_object", Params={"Bucket": "open", "Key": "page"})
    assert raw(sandbox, "", method="GET /open/page")[::2] == (200, b"hello")
    assert raw(sandbox, "", method=f"GET {presigned.removeprefix(sandbox.endpoint)}")[::2] == (200, b"hello")
    form = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=me&WebIdentityToken=x"
    assert raw(sandbox, FORM, form + b"&RoleArn=arn:aws:iam::123456789012:role/r")[0] == 200


def test_a_body_in_chunks_is_read_and_limited(sandbox: Sandbox) -> None:
    head = f"Authorization: {SIGNED.format('codedeploy')}\r\n{LIST}Transfer-Encoding: chunked\r\n"
    head = head.replace("ListApplications", "CreateApplication")
    name = b'{"applicationName": "in-chunks"}'
    assert raw(sandbox, head, b"%x\r\n%s\r\n0\r\n\r\n" % (len(name), name))[0] == 200
    assert client(sandbox, "codedeploy").get_application(applicationName="in-chunks")
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    assert raw(sandbox, head, chunk * 17 + b"0\r\n\r\n")[0] == 413


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("codecommit", "list_repositories_for_approval_rule_template", {"approvalRuleTemplateName": "two-eyes"}),
        ("ec2", "describe_mac_hosts", {}),
        ("iam", "list_service_specific_credentials", {}),
        ("batch", "list_consumable_resources", {}),
        ("codeguru-reviewer", "list_code_reviews", {"Type": "PullRequest"}),
    ],
)
def test_what_moto_does_not_know_is_said_once_and_plainly(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, service: str, operation: str, params: Any
) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="the sandbox does not know") as caught:
        getattr(client(sandbox, service), operation)(**params)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["RetryAttempts"] == 0
    assert answer["Error"]["Code"] in {"UnknownOperationException", "InvalidAction", "NotImplemented"}
    assert not [each for each in caplog.records if each.exc_info]


def test_what_fails_in_moto_is_told_in_the_services_own_protocol(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("moto stumbled")

    monkeypatch.setattr(TokenResponse, "get_caller_identity", fail)
    monkeypatch.setattr(SQSResponse, "list_queues", fail)
    for service, operation in (("sts", "get_caller_identity"), ("sqs", "list_queues")):
        with pytest.raises(botocore.exceptions.ClientError, match=f"failed in {service} .*; see its log") as caught:
            getattr(client(sandbox, service), operation)()
        assert caught.value.response["Error"]["Code"] == "InternalFailure"


def test_bad_input_to_a_rest_service_of_moto_is_the_callers_fault(sandbox: Sandbox) -> None:
    signed, path = (
        f"Authorization: {SIGNED.format('lambda')}\r\nContent-Type: application/json\r\n",
        "/2015-03-31/functions",
    )
    assert b"SerializationException" in raw(sandbox, signed, b"{", f"POST {path}")[2]
    assert b"'FunctionName'" in raw(sandbox, signed, b"{}", f"POST {path}")[2]
    assert raw(sandbox, signed, b"{}", "POST /no/such/path")[0] == 400
    client(sandbox, "s3").create_bucket(Bucket="malformed")
    status, _, answer = raw(sandbox, f"Authorization: {SIGNED.format('s3')}\r\n", b"<a>", "POST /malformed?delete")
    assert (status, b"MalformedXML" in answer) == (400, True)


@pytest.mark.parametrize(
    ("service", "head", "body"),
    [
        ("sqs", "X-Amz-Target: AmazonSQS.CreateQueue\r\n", b"{}"),
        ("sqs", "X-Amz-Target: AmazonSQS.CreateQueue\r\n", b'{"QueueName": 5}'),
        ("sqs", "X-Amz-Target: AmazonSQS.CreateQueue\r\n", b"[]"),
        ("dynamodb", "X-Amz-Target: DynamoDB_20120810.CreateTable\r\n", b"{}"),
        ("ec2", FORM, b"Action=CreateSubnet&Version=2016-11-15"),
        ("cloudformation", FORM, b"Action=CreateStack&Version=2010-05-15"),
        ("ec2", FORM, b"Action=RunInstances&Version=2016-11-15&MaxCount=x&MinCount=1"),
        ("sns", FORM, b"Action=MakeCoffee&Version=2010-03-31"),
        ("sns", FORM, b"Version=2010-03-31"),
    ],
)
def test_bad_input_to_moto_is_the_callers_fault(sandbox: Sandbox, service: str, head: str, body: bytes) -> None:
    status, _, answer = raw(sandbox, f"Authorization: {SIGNED.format(service)}\r\n{head}", body)
    assert 400 <= status < 500, answer
