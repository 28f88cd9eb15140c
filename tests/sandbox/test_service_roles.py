"""A pipeline's role, when policies are enforced: what it lacks fails the action, as on AWS."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from codedeploy_fleet import Fleet
from codepipeline_fixtures import Rig, approval, deploy, refused, stage, whole_rig

TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "codepipeline.amazonaws.com"}, "Action": "*"}]}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as running:
        Fleet(running)
        running.put()
        # From here on everybody but root needs policies, so the rig's clients become root's.
        for name in ("cp", "s3"):
            service = {"cp": "codepipeline", "s3": "s3"}[name]
            setattr(running, name, root(running, service))
        enforce(running)
        yield running


def root(rig: Rig, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=rig.sandbox.endpoint,
        region_name="us-east-1",
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )


def enforce(rig: Rig) -> None:
    body = json.dumps({"is_enforced": True}).encode()
    with urllib.request.urlopen(f"{rig.sandbox.endpoint}/_sandbox/access", body, timeout=10) as answer:
        assert answer.status == 200


def role(rig: Rig, name: str, *actions: str, trust: Any = TRUST) -> str:
    iam = root(rig, "iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if actions:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    return str(arn)


def failure(rig: Rig, arn: str) -> tuple[str, str]:
    """Code and message with which the pipeline's deployment fails."""
    name = rig.create(stage("Deploy", deploy("somewhere")), roleArn=arn)
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    error = rig.action(name, "Deploy", "Deploy")["latestExecution"]["errorDetails"]
    return error["code"], error["message"]


def test_a_role_without_permission_fails_the_action(rig: Rig) -> None:
    code, message = failure(rig, role(rig, "weak"))
    assert code == "PermissionError"
    assert "assumed-role/weak/codepipeline is not authorized to perform: codedeploy:CreateDeployment" in message
    assert message.endswith("because no identity-based policy allows the codedeploy:CreateDeployment action")


def test_a_role_that_does_not_trust_codepipeline_or_does_not_exist_cannot_be_assumed(rig: Rig) -> None:
    other = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "*"}]}
    for arn in (role(rig, "distrustful", "*", trust=other), "arn:aws:iam::123456789012:role/nowhere"):
        text = f"CodePipeline is not authorized to perform AssumeRole on role {arn}"
        with refused("InvalidStructureException", text):
            rig.create(stage("Deploy", deploy("somewhere")), roleArn=arn)


def test_a_role_that_is_lost_later_fails_the_action(rig: Rig) -> None:
    name = rig.create(stage("Ask", approval()), stage("Deploy", deploy("somewhere")), roleArn=role(rig, "brief"))
    token = rig.token(name, "Ask")
    root(rig, "iam").delete_role(RoleName="brief")
    rig.answer(name, token, stage="Ask")
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    error = rig.action(name, "Deploy", "Deploy")["latestExecution"]["errorDetails"]
    assert error["code"] == "PermissionError"
    assert "not authorized to perform AssumeRole" in error["message"]


def test_a_role_with_permission_gets_as_far_as_codedeploy(rig: Rig) -> None:
    code, message = failure(rig, role(rig, "strong", "codedeploy:*"))
    assert (code, "somewhere" in message) == ("ConfigurationError", True)
