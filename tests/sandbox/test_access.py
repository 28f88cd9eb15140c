"""IAM enforced: real clients meet AccessDenied where AWS would refuse, and get through where it would not."""

from __future__ import annotations

import io
import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.sandbox.access.conditions import all_hold
from deliverkit.sandbox.access.policy import Decision, decide, trusts
from deliverkit.sandbox.server import Sandbox

ACCOUNT = "123456789012"
APPLICATION = f"arn:aws:codedeploy:us-east-1:{ACCOUNT}:application:shop"
GROUP = f"arn:aws:codedeploy:us-east-1:{ACCOUNT}:deploymentgroup:shop/prod"
_names = itertools.count()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(Path(tmp_path_factory.mktemp("sandbox")))
    running.start()
    root(running, "codedeploy").create_application(applicationName="shop")
    root(running, "s3").create_bucket(Bucket="bucket")
    root(running, "s3").put_object(Bucket="bucket", Key="public/a", Body=b"a")
    root(running, "s3").put_object(Bucket="bucket", Key="secret/b", Body=b"b")
    enforce(running, is_enforced=True)
    yield running
    running.stop()


def enforce(sandbox: Sandbox, *, is_enforced: bool) -> None:
    body = json.dumps({"is_enforced": is_enforced}).encode()
    with urllib.request.urlopen(f"{sandbox.endpoint}/_sandbox/access", body, timeout=10) as answer:
        assert json.loads(answer.read()) == {"is_enforced": is_enforced}


def client(sandbox: Sandbox, service: str, keys: Mapping[str, str], region: str = "us-east-1") -> Any:
    return boto3.client(
        service,
        endpoint_url=sandbox.endpoint,
        region_name=region,
        config=Config(retries={"total_max_attempts": 1}),
        **keys,
    )


def root(sandbox: Sandbox, service: str) -> Any:
    return client(sandbox, service, {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"})


def allow(actions: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def deny(actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {**allow(actions, resource), "Effect": "Deny", **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def user(sandbox: Sandbox, *statements: dict[str, Any], name: str = "") -> dict[str, str]:
    """Access keys of a new user with these statements."""
    iam, name = root(sandbox, "iam"), name or f"user-{next(_names)}"
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def poll(sandbox: Sandbox, keys: Mapping[str, str], target: str, signing_name: str) -> str:
    """The error that a host agent is told when it polls without a name: `ClientException` when it may poll at all."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{target}.PollHostCommand"}
    request = AWSRequest("POST", f"{sandbox.endpoint}/", headers, "{}")
    SigV4Auth(Credentials(*keys.values()), signing_name, "us-east-1").add_auth(request)
    answer = urllib3.request("POST", request.url, headers=dict(request.headers), body="{}")
    return str(answer.json()["__type"])


PLAIN_AGENT = ("CodeDeployCommandService_v20141006", "codedeploy-commands")
SECURE_AGENT = ("CodeDeployCommandService", "codedeploy-commands-secure")


def test_a_host_agent_needs_permission_only_when_it_is_configured_to_ask_for_it(sandbox: Sandbox) -> None:
    keys = user(sandbox, allow("s3:Get*"))
    assert poll(sandbox, keys, *PLAIN_AGENT) == "ClientException"
    assert poll(sandbox, keys, *SECURE_AGENT) == "AccessDeniedException"
    keys = user(sandbox, allow("codedeploy-commands-secure:PollHostCommand"))
    assert poll(sandbox, keys, *SECURE_AGENT) == "ClientException"
    nobody = {"aws_access_key_id": "AKIANOBODY", "aws_secret_access_key": "x"}
    assert poll(sandbox, nobody, *PLAIN_AGENT) == "UnrecognizedClientException"


def create_group(sandbox: Sandbox, keys: Mapping[str, str], role: str = "deploy") -> Any:
    return lambda: client(sandbox, "codedeploy", keys).create_deployment_group(
        applicationName="shop",
        deploymentGroupName=f"group-{next(_names)}",
        serviceRoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}",
    )


def test_without_a_policy_nothing_is_allowed_and_the_text_is_awss(sandbox: Sandbox) -> None:
    keys = user(sandbox, name="nobody")
    revision = {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k", "bundleType": "zip"}}
    code, message = refused(
        client(sandbox, "codedeploy", keys).create_deployment,
        applicationName="shop",
        deploymentGroupName="prod",
        revision=revision,
    )
    assert code == "AccessDeniedException"
    assert message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/nobody is not authorized to perform: codedeploy:CreateDeployment on"
        f" resource: {GROUP} because no identity-based policy allows the codedeploy:CreateDeployment action"
    )
    assert client(sandbox, "sts", keys).get_caller_identity()["Arn"].endswith("user/nobody")


def test_a_deployment_needs_its_configuration_and_its_revision_too(sandbox: Sandbox) -> None:
    codedeploy, name = root(sandbox, "codedeploy"), f"group-{next(_names)}"
    trusted = role(sandbox, {"Service": "codedeploy.amazonaws.com"})
    codedeploy.create_deployment_group(applicationName="shop", deploymentGroupName=name, serviceRoleArn=trusted)
    group, configurations = GROUP.replace("prod", name), APPLICATION.replace("application:shop", "deploymentconfig:")
    place = {"bucket": name, "key": "k", "bundleType": "zip"}
    asked = {
        "applicationName": "shop",
        "deploymentGroupName": name,
        "revision": {"revisionType": "S3", "s3Location": place},
        "overrideAlarmConfiguration": {"enabled": False},
    }
    missing = [
        ("GetDeploymentConfig", f"{configurations}CodeDeployDefault.OneAtATime"),
        ("RegisterApplicationRevision", APPLICATION),
        ("UpdateDeploymentGroup", group),
    ]
    allowed = [allow("codedeploy:CreateDeployment", group)]
    for action, resource in missing:
        keys = user(sandbox, *allowed)
        message = refused(client(sandbox, "codedeploy", keys).create_deployment, **asked)[1]
        assert f"is not authorized to perform: codedeploy:{action} on resource: {resource} because" in message
        allowed.append(allow(f"codedeploy:{action}", resource))
    client(sandbox, "codedeploy", user(sandbox, *allowed)).create_deployment(**asked)
    message = refused(client(sandbox, "codedeploy", user(sandbox, *allowed)).create_deployment, **asked)[1]
    assert f"codedeploy:GetApplicationRevision on resource: {APPLICATION}" in message  # it is registered by now


def test_every_service_refuses_in_its_own_way(sandbox: Sandbox) -> None:
    keys = user(sandbox)
    assert refused(client(sandbox, "codepipeline", keys).list_pipelines)[0] == "AccessDeniedException"
    assert refused(client(sandbox, "s3", keys).list_buckets)[0] == "AccessDenied"
    assert refused(client(sandbox, "iam", keys).list_users)[0] == "AccessDenied"
    code, message = refused(client(sandbox, "ec2", keys).describe_instances)
    assert (code, "ec2:DescribeInstances" in message) == ("UnauthorizedOperation", True)


def test_an_allow_lets_through_exactly_what_it_names(sandbox: Sandbox) -> None:
    keys = user(sandbox, allow("codedeploy:Get*", APPLICATION), allow("CODEDEPLOY:listapplications"))
    codedeploy = client(sandbox, "codedeploy", keys)
    assert codedeploy.get_application(applicationName="shop")["application"]["applicationName"] == "shop"
    assert codedeploy.list_applications()["applications"] == ["shop"]
    assert "application:other" in refused(codedeploy.get_application, applicationName="other")[1]
    assert refused(codedeploy.delete_application, applicationName="shop")[0] == "AccessDeniedException"


def test_an_explicit_deny_wins_and_says_so(sandbox: Sandbox) -> None:
    keys = user(sandbox, allow("*"), deny("codedeploy:ListApplications"))
    message = refused(client(sandbox, "codedeploy", keys).list_applications)[1]
    assert message.endswith("with an explicit deny in an identity-based policy")
    client(sandbox, "codedeploy", keys).get_application(applicationName="shop")


def test_policies_of_groups_and_managed_ones_count(sandbox: Sandbox) -> None:
    iam, name = root(sandbox, "iam"), "member"
    keys = user(sandbox, name=name)
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(GroupName="readers", UserName=name)
    policy = iam.create_policy(PolicyName="read", PolicyDocument=document(allow("codedeploy:List*")))["Policy"]["Arn"]
    refused(client(sandbox, "codedeploy", keys).list_applications)
    iam.attach_group_policy(GroupName="readers", PolicyArn=policy)
    client(sandbox, "codedeploy", keys).list_applications()
    buckets = iam.create_policy(PolicyName="buckets", PolicyDocument=document(allow("s3:ListAllMyBuckets")))["Policy"]
    iam.attach_user_policy(UserName=name, PolicyArn=buckets["Arn"])
    assert client(sandbox, "s3", keys).list_buckets()["Buckets"]


def test_passing_a_role_needs_its_own_permission(sandbox: Sandbox) -> None:
    without = user(sandbox, allow("codedeploy:*"))
    code, message = refused(create_group(sandbox, without))
    assert (code, f"iam:PassRole on resource: arn:aws:iam::{ACCOUNT}:role/deploy" in message) == (
        "AccessDeniedException",
        True,
    )
    trust = {**allow("sts:AssumeRole"), "Principal": {"Service": "codedeploy.amazonaws.com"}}
    del trust["Resource"]
    root(sandbox, "iam").create_role(RoleName="deploy", AssumeRolePolicyDocument=document(trust))
    to_codedeploy = {"StringEquals": {"iam:PassedToService": "codedeploy.amazonaws.com"}}
    role = f"arn:aws:iam::{ACCOUNT}:role/deploy"
    create_group(sandbox, user(sandbox, allow("codedeploy:*"), allow("iam:PassRole", role, Condition=to_codedeploy)))()
    to_another = {"StringEquals": {"iam:PassedToService": "codepipeline.amazonaws.com"}}
    refused(
        create_group(sandbox, user(sandbox, allow("codedeploy:*"), allow("iam:PassRole", role, Condition=to_another)))
    )
    pipeline = {"name": "p", "roleArn": role, "version": 1, "stages": []}
    refusal = refused(
        client(sandbox, "codepipeline", user(sandbox, allow("codepipeline:*"))).create_pipeline, pipeline=pipeline
    )
    assert "iam:PassRole" in refusal[1]


def test_objects_are_resources(sandbox: Sandbox) -> None:
    listing = {"StringLike": {"s3:prefix": "public/*"}}
    keys = user(
        sandbox,
        allow("s3:GetObject", "arn:aws:s3:::bucket/public/*"),
        allow("s3:ListBucket", "arn:aws:s3:::bucket", Condition=listing),
    )
    s3 = client(sandbox, "s3", keys)
    assert s3.get_object(Bucket="bucket", Key="public/a")["Body"].read() == b"a"
    s3.head_object(Bucket="bucket", Key="public/a")
    assert s3.list_objects_v2(Bucket="bucket", Prefix="public/a")["KeyCount"] == 1
    code, message = refused(s3.get_object, Bucket="bucket", Key="secret/b")
    assert (code, '"arn:aws:s3:::bucket/secret/b"' in message) == ("AccessDenied", True)
    assert refused(s3.list_objects_v2, Bucket="bucket")[0] == "AccessDenied"
    assert refused(s3.put_object, Bucket="bucket", Key="public/a", Body=b"x")[0] == "AccessDenied"
    copying = user(sandbox, allow("s3:PutObject"))
    source = {"Bucket": "bucket", "Key": "secret/b"}
    assert (
        "s3:GetObject"
        in refused(client(sandbox, "s3", copying).copy_object, Bucket="bucket", Key="c", CopySource=source)[1]
    )


def test_conditions_on_the_region_and_the_name_of_the_user(sandbox: Sandbox) -> None:
    at_home = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    keys = user(sandbox, allow("codedeploy:*", Condition=at_home))
    client(sandbox, "codedeploy", keys).list_applications()
    refused(client(sandbox, "codedeploy", keys, "eu-west-1").list_applications)
    own = user(sandbox, allow("iam:GetUser", f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"), name="ann")
    assert client(sandbox, "iam", own).get_user(UserName="ann")["User"]["UserName"] == "ann"
    assert refused(client(sandbox, "iam", own).get_user, UserName="nobody-else")[0] == "AccessDenied"


def test_a_key_that_nobody_made_is_refused_and_root_is_not(sandbox: Sandbox) -> None:
    stranger = {"aws_access_key_id": "AKIASTRANGER", "aws_secret_access_key": "x"}
    assert refused(client(sandbox, "codedeploy", stranger).list_applications)[0] == "UnrecognizedClientException"
    assert refused(client(sandbox, "sts", stranger).get_caller_identity)[0] == "InvalidClientTokenId"
    assert refused(client(sandbox, "s3", stranger).list_buckets)[0] == "InvalidAccessKeyId"
    enforce(sandbox, is_enforced=False)
    try:
        client(sandbox, "codedeploy", stranger).list_applications()
    finally:
        enforce(sandbox, is_enforced=True)
    root(sandbox, "codedeploy").list_applications()


# --- roles -----------------------------------------------------------------------------------------


def role(sandbox: Sandbox, principal: Any, *statements: dict[str, Any], condition: Any = None) -> str:
    iam, name = root(sandbox, "iam"), f"role-{next(_names)}"
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    if condition:
        trust["Condition"] = condition
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
    return str(made)


def assume(sandbox: Sandbox, keys: Mapping[str, str], arn: str, **more: Any) -> dict[str, str]:
    given_keys = client(sandbox, "sts", keys).assume_role(RoleArn=arn, RoleSessionName="session", **more)["Credentials"]
    return {
        "aws_access_key_id": given_keys["AccessKeyId"],
        "aws_secret_access_key": given_keys["SecretAccessKey"],
        "aws_session_token": given_keys["SessionToken"],
    }


def test_a_session_has_its_roles_permissions_and_no_others(sandbox: Sandbox) -> None:
    arn = role(sandbox, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, allow("codedeploy:List*"))
    keys = user(sandbox, allow("sts:AssumeRole", arn), allow("codepipeline:*"))
    session = assume(sandbox, keys, arn)
    client(sandbox, "codedeploy", session).list_applications()
    message = refused(client(sandbox, "codepipeline", session).list_pipelines)[1]
    assert message.startswith(f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{arn.rpartition('/')[2]}/session is not")
    narrower = assume(sandbox, keys, arn, Policy=document(allow("codedeploy:GetApplication")))
    assert refused(client(sandbox, "codedeploy", narrower).list_applications)[0] == "AccessDeniedException"


def test_a_role_is_assumed_by_whom_it_trusts(sandbox: Sandbox) -> None:
    trusted = user(sandbox, name="trusted")
    by_name = role(sandbox, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/trusted"}, allow("codedeploy:*"))
    client(sandbox, "codedeploy", assume(sandbox, trusted, by_name)).list_applications()
    other = user(sandbox, allow("sts:AssumeRole"))
    assert refused(assume, sandbox=sandbox, keys=other, arn=by_name)[0] == "AccessDenied"
    by_account = role(sandbox, {"AWS": ACCOUNT}, allow("*"))
    assert refused(assume, sandbox=sandbox, keys=trusted, arn=by_account)[0] == "AccessDenied"
    assume(sandbox, other, by_account)
    nowhere = f"arn:aws:iam::{ACCOUNT}:role/nowhere"
    assert refused(assume, sandbox=sandbox, keys=other, arn=nowhere)[0] == "AccessDenied"
    with_id = role(sandbox, {"AWS": ACCOUNT}, condition={"StringEquals": {"sts:ExternalId": "abc"}})
    assert refused(assume, sandbox=sandbox, keys=other, arn=with_id)[0] == "AccessDenied"
    assume(sandbox, other, with_id, ExternalId="abc")


def test_a_boundary_limits_a_role(sandbox: Sandbox) -> None:
    iam = root(sandbox, "iam")
    arn = role(sandbox, {"AWS": ACCOUNT}, allow("codedeploy:*"))
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=document(allow("codedeploy:Get*")))["Policy"][
        "Arn"
    ]
    iam.put_role_permissions_boundary(RoleName=arn.rpartition("/")[2], PermissionsBoundary=boundary)
    session = assume(sandbox, user(sandbox, allow("sts:AssumeRole")), arn)
    client(sandbox, "codedeploy", session).get_application(applicationName="shop")
    refused(client(sandbox, "codedeploy", session).list_applications)


ARTIFACTS = [
    {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::artifacts/*",
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
    },
    {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::artifacts/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    },
]
"""The policy that CodePipeline's console gives an artifact bucket (user guide, "Configure server-side encryption")."""


def test_a_bucket_policy_denies_whom_and_what_it_means(sandbox: Sandbox) -> None:
    s3 = root(sandbox, "s3")
    s3.create_bucket(Bucket="artifacts")
    s3.put_bucket_policy(Bucket="artifacts", Policy=document(*ARTIFACTS))
    s3.put_object(Bucket="artifacts", Key="by-root", Body=b"a")
    own = client(sandbox, "s3", user(sandbox, allow("s3:*")))
    code, message = refused(own.put_object, Bucket="artifacts", Key="plain", Body=b"a")
    assert (code, message.endswith("with an explicit deny in a resource-based policy")) == ("AccessDenied", True)
    own.put_object(Bucket="artifacts", Key="secret", Body=b"a", ServerSideEncryption="aws:kms")
    assert own.get_object(Bucket="artifacts", Key="secret")["Body"].read() == b"a"


def test_a_bucket_policy_allows_whom_it_names(sandbox: Sandbox) -> None:
    s3 = root(sandbox, "s3")
    s3.create_bucket(Bucket="shared")
    s3.put_object(Bucket="shared", Key="a", Body=b"a")
    named = user(sandbox, name="named")
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/named"}
    s3.put_bucket_policy(
        Bucket="shared", Policy=document(allow("s3:GetObject", "arn:aws:s3:::shared/*", Principal=principal))
    )
    assert client(sandbox, "s3", named).get_object(Bucket="shared", Key="a")["Body"].read() == b"a"
    assert refused(client(sandbox, "s3", named).list_objects_v2, Bucket="shared")[0] == "AccessDenied"
    assert refused(client(sandbox, "s3", user(sandbox)).get_object, Bucket="shared", Key="a")[0] == "AccessDenied"


def test_a_bucket_of_another_account_needs_both_policies(sandbox: Sandbox) -> None:
    away = "210987654321"
    enforce(sandbox, is_enforced=False)
    there = assume(sandbox, user(sandbox), f"arn:aws:iam::{away}:role/anything")
    client(sandbox, "s3", there).create_bucket(Bucket="away")
    client(sandbox, "s3", there).put_object(Bucket="away", Key="a", Body=b"a")
    enforce(sandbox, is_enforced=True)
    with_own, without = (client(sandbox, "s3", user(sandbox, *own)) for own in ([allow("s3:*")], []))
    assert "no resource-based policy allows" in refused(with_own.get_object, Bucket="away", Key="a")[1]
    enforce(sandbox, is_enforced=False)
    opened = allow("s3:GetObject", "arn:aws:s3:::away/*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    client(sandbox, "s3", there).put_bucket_policy(Bucket="away", Policy=document(opened))
    enforce(sandbox, is_enforced=True)
    assert with_own.get_object(Bucket="away", Key="a")["Body"].read() == b"a"
    assert "no identity-based policy allows" in refused(without.get_object, Bucket="away", Key="a")[1]


def test_aws_managed_policies_count(sandbox: Sandbox) -> None:
    iam, aws = root(sandbox, "iam"), "arn:aws:iam::aws:policy"
    keys = user(sandbox, name="managed")
    refused(client(sandbox, "codedeploy", keys).list_applications)
    iam.attach_user_policy(UserName="managed", PolicyArn=f"{aws}/ReadOnlyAccess")
    assert "shop" in client(sandbox, "codedeploy", keys).list_applications()["applications"]
    assert refused(client(sandbox, "s3", keys).create_bucket, Bucket="not-mine")[0] == "AccessDenied"
    iam.attach_user_policy(UserName="managed", PolicyArn=f"{aws}/AmazonS3FullAccess")
    client(sandbox, "s3", keys).create_bucket(Bucket="mine")
    arn = role(sandbox, {"AWS": ACCOUNT}, allow("*"))
    iam.put_role_permissions_boundary(RoleName=arn.rpartition("/")[2], PermissionsBoundary=f"{aws}/PowerUserAccess")
    session = assume(sandbox, user(sandbox, allow("sts:AssumeRole")), arn)
    client(sandbox, "codedeploy", session).list_applications()
    refused(client(sandbox, "iam", session).create_user, UserName="more")


@pytest.mark.parametrize(
    "policy",
    ["AdministratorAccess", "AWSCodeDeployRoleForECS", "service-role/AWSCodeDeployRole", "AWSCodePipeline_FullAccess"],
)
def test_an_aws_managed_policy_is_attached_and_read(sandbox: Sandbox, policy: str) -> None:
    iam, arn = root(sandbox, "iam"), f"arn:aws:iam::aws:policy/{policy}"
    name = role(sandbox, {"Service": "codedeploy.amazonaws.com"}).rpartition("/")[2]
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    (attached,) = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached == {"PolicyName": policy.rpartition("/")[2], "PolicyArn": arn}
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    shown = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    assert shown["Document"]["Statement"]
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []


def test_aws_managed_policies_are_listed_and_others_are_none(sandbox: Sandbox) -> None:
    iam = root(sandbox, "iam")
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 1000})
    arns = [policy["Arn"] for page in pages for policy in page["Policies"]]
    assert "arn:aws:iam::aws:policy/AdministratorAccess" in arns
    assert len(arns) == len(set(arns)) > 1000
    unknown = "arn:aws:iam::aws:policy/NobodyHasThis"
    name = role(sandbox, {"AWS": ACCOUNT}).rpartition("/")[2]
    assert refused(iam.attach_role_policy, RoleName=name, PolicyArn=unknown)[0] == "NoSuchEntity"


def test_a_declared_role_has_its_managed_policies(sandbox: Sandbox) -> None:
    iam, arn = root(sandbox, "iam"), "arn:aws:iam::aws:policy/service-role/AWSCodeDeployRole"
    trust = json.loads(document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}))
    properties = {"RoleName": "declared", "AssumeRolePolicyDocument": trust, "ManagedPolicyArns": [arn]}
    template = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    cloudformation = root(sandbox, "cloudformation")
    cloudformation.create_stack(StackName="roles", TemplateBody=json.dumps(template))
    (attached,) = iam.list_attached_role_policies(RoleName="declared")["AttachedPolicies"]
    assert attached["PolicyArn"] == arn
    cloudformation.delete_stack(StackName="roles")
    assert refused(iam.get_role, RoleName="declared")[0] == "NoSuchEntity"


# --- laws of the decision --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"aws:username": ["ann", "bob"]}}, True),
        ({"StringNotEquals": {"aws:username": "ann"}}, False),
        ({"StringEqualsIgnoreCase": {"aws:username": "ANN"}}, True),
        ({"StringLike": {"AWS:UserName": "a?n"}}, True),
        ({"StringNotLike": {"aws:username": "b*"}}, True),
        ({"StringEquals": {"aws:absent": "x"}}, False),
        ({"StringNotEquals": {"aws:absent": "x"}}, True),
        ({"StringEqualsIfExists": {"aws:absent": "x"}}, True),
        ({"Null": {"aws:absent": "true"}}, True),
        ({"Null": {"aws:username": "true"}}, False),
        ({"ArnLike": {"aws:principalarn": "arn:aws:iam::*:user/*"}}, True),
        ({"ArnLike": {"aws:principalarn": "arn:aws:*:user/*"}}, False),
        ({"Bool": {"aws:securetransport": False}}, True),
        ({"IpAddress": {"aws:sourceip": "127.0.0.0/8"}}, True),
        ({"NotIpAddress": {"aws:sourceip": "127.0.0.1"}}, False),
        ({"NumericLessThan": {"n": "10"}}, True),
        ({"NumericLessThan": {"n": "many"}}, False),
        ({"DateGreaterThan": {"aws:currenttime": "2020-01-01T00:00:00Z"}}, True),
        ({"ForAnyValue:StringEquals": {"tags": ["a"]}}, True),
        ({"ForAllValues:StringEquals": {"tags": ["a"]}}, False),
        ({"ForAllValues:StringEquals": {"aws:absent": ["a"]}}, True),
        ({"StringEquals": {"aws:username": "ann"}, "Bool": {"aws:securetransport": "true"}}, False),
        ({"MoonPhaseEquals": {"aws:username": "ann"}}, False),
    ],
)
def test_condition_operators(condition: Any, holds: bool) -> None:
    keys = {
        "aws:username": ["ann"],
        "aws:principalarn": [f"arn:aws:iam::{ACCOUNT}:user/ann"],
        "aws:securetransport": ["false"],
        "aws:sourceip": ["127.0.0.1"],
        "aws:currenttime": ["2026-01-01T00:00:00+00:00"],
        "n": ["9"],
        "tags": ["a", "b"],
    }
    assert all_hold(condition, keys) is holds


def test_negated_elements_and_single_statements() -> None:
    only_s3 = {"Statement": {"Effect": "Allow", "NotAction": "s3:*", "NotResource": "arn:x"}}
    assert decide([only_s3], "iam:GetUser", "arn:y", {}) is Decision.ALLOWED
    assert decide([only_s3], "s3:GetObject", "arn:y", {}) is Decision.SILENT
    assert decide([only_s3], "iam:GetUser", "arn:x", {}) is Decision.SILENT
    assert decide([{}], "iam:GetUser", "*", {}) is Decision.SILENT
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    assert trusts(trust, ("anybody",), "sts:AssumeRole", {}) is Decision.ALLOWED
    service = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "x"}, "Action": "sts:AssumeRole"}]}
    assert trusts(service, ("x",), "sts:AssumeRole", {}) is Decision.ALLOWED
    assert trusts(service, ("y",), "sts:AssumeRole", {}) is Decision.SILENT


statements = st.builds(
    lambda effect, action, resource: {"Effect": effect, "Action": action, "Resource": resource},
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["*", "s3:*", "s3:Get*", "s3:GetObject", "iam:*"]),
    st.sampled_from(["*", "arn:a*", "arn:ab", "arn:b"]),
)


@given(st.lists(statements, max_size=5), st.lists(statements, max_size=5), st.sampled_from(["s3:GetObject", "iam:X"]))
def test_a_deny_anywhere_wins_and_the_order_does_not_matter(first: Any, second: Any, action: str) -> None:
    one, two = {"Statement": first}, {"Statement": second}
    together = decide([one, two], action, "arn:ab", {})
    assert together is decide([two, one], action, "arn:ab", {})
    assert together is decide([{"Statement": [*reversed(first), *second]}], action, "arn:ab", {})
    parts = {decide([one], action, "arn:ab", {}), decide([two], action, "arn:ab", {})}
    assert (together is Decision.DENIED) == (Decision.DENIED in parts)
    assert (together is Decision.SILENT) == (parts == {Decision.SILENT})


# --- signatures -----------------------------------------------------------------------------------


def test_a_request_must_be_signed_with_the_keys_own_secret(sandbox: Sandbox) -> None:
    keys = {**user(sandbox, allow("*")), "aws_secret_access_key": "guessed"}
    assert refused(client(sandbox, "codedeploy", keys).list_applications)[0] == "InvalidSignatureException"
    assert refused(client(sandbox, "lambda", keys).list_functions)[0] == "InvalidSignatureException"
    assert refused(client(sandbox, "iam", keys).list_users)[0] == "SignatureDoesNotMatch"
    assert refused(client(sandbox, "s3", keys).list_buckets)[0] == "SignatureDoesNotMatch"
    assert refused(client(sandbox, "ec2", keys).describe_instances)[0] == "AuthFailure"


def test_an_inactive_key_is_as_good_as_none(sandbox: Sandbox) -> None:
    keys = user(sandbox, allow("*"), name="retired")
    client(sandbox, "iam", keys).list_users()
    root(sandbox, "iam").update_access_key(UserName="retired", AccessKeyId=keys["aws_access_key_id"], Status="Inactive")
    assert refused(client(sandbox, "iam", keys).list_users)[0] == "InvalidClientTokenId"


@pytest.mark.parametrize("key", ["plain", "a b/c+d%e=f&g~h", "\u00fcber//..//x", "dots/./and/../more"])
def test_every_way_to_sign_is_understood(sandbox: Sandbox, key: str) -> None:
    keys = user(sandbox, allow("*"))
    s3 = client(sandbox, "s3", keys)
    s3.put_object(Bucket="bucket", Key=key, Body=b"hello", Metadata={"who": "a  b", "under_score": "x"})
    s3.upload_fileobj(io.BytesIO(b"x" * 100), "bucket", f"{key}.upload")
    assert s3.list_objects_v2(Bucket="bucket", Prefix=key, MaxKeys=5, EncodingType="url")["KeyCount"] == 2
    signer = boto3.client(
        "s3", endpoint_url=sandbox.endpoint, region_name="us-east-1", config=Config(signature_version="s3v4"), **keys
    )
    url = signer.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": key})
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == b"hello"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=9999"), timeout=10)
    parameters = client(sandbox, "ssm", keys)
    parameters.put_parameter(Name="/a/b", Value="\u00fc", Type="String", Overwrite=True)
    functions = client(sandbox, "lambda", keys)
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:nothing"
    assert refused(functions.get_function, FunctionName=arn)[0] == "ResourceNotFoundException"
    assert refused(functions.tag_resource, Resource=arn, Tags={"a": "b"})[0] == "ResourceNotFoundException"


def test_a_session_needs_its_token_and_ends(sandbox: Sandbox) -> None:
    iam, sts = root(sandbox, "iam"), root(sandbox, "sts")
    trust = document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}})
    arn = iam.create_role(RoleName="passing", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="passing", PolicyName="own", PolicyDocument=document(allow("*")))
    made = sts.assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    whole = {**keys, "aws_session_token": made["SessionToken"]}
    client(sandbox, "codedeploy", whole).list_applications()
    assert refused(client(sandbox, "codedeploy", keys).list_applications)[0] == "UnrecognizedClientException"
    session = sandbox.world.moto.backend("sts", ACCOUNT, "global").get_assumed_role_from_access_key(made["AccessKeyId"])
    session.expiration -= timedelta(hours=2)
    assert refused(client(sandbox, "codedeploy", whole).list_applications)[0] == "ExpiredTokenException"
    assert refused(client(sandbox, "s3", whole).list_buckets)[0] == "ExpiredToken"
