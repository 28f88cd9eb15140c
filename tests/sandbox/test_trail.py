"""CloudTrail's event history: who asked for what, and what came of it."""

from __future__ import annotations

import json
import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from signals_bench import client

from deliverkit.sandbox.server import Sandbox


def look(sandbox: Sandbox, key: str, value: str, **more: Any) -> list[dict[str, Any]]:
    attributes = [{"AttributeKey": key, "AttributeValue": value}]
    return list(client(sandbox, "cloudtrail").lookup_events(LookupAttributes=attributes, **more)["Events"])


def test_requests_to_every_kind_of_service_are_written_down(sandbox: Sandbox) -> None:
    client(sandbox, "codedeploy").create_application(applicationName="shop")
    client(sandbox, "s3").create_bucket(Bucket="trail-bucket")
    client(sandbox, "cloudwatch").describe_alarms()
    client(sandbox, "ec2").describe_instances()
    (created,) = look(sandbox, "EventName", "CreateApplication")
    event = json.loads(created["CloudTrailEvent"])
    assert event["eventSource"] == created["EventSource"] == "codedeploy.amazonaws.com"
    assert event["requestParameters"] == {"applicationName": "shop"}
    assert event["awsRegion"] == "us-east-1"
    assert event["userIdentity"]["accountId"] == "123456789012"
    assert event["requestID"]
    assert (created["ReadOnly"], event["readOnly"]) == ("false", False)
    assert "errorCode" not in event
    assert look(sandbox, "EventName", "CreateBucket")[0]["EventSource"] == "s3.amazonaws.com"
    assert look(sandbox, "EventName", "DescribeAlarms")[0]["EventSource"] == "monitoring.amazonaws.com"
    assert look(sandbox, "EventName", "DescribeInstances")[0]["ReadOnly"] == "true"


def test_errors_are_told_and_secrets_are_not(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError):
        client(sandbox, "codedeploy").get_application(applicationName="nobody")
    event = json.loads(look(sandbox, "EventName", "GetApplication")[0]["CloudTrailEvent"])
    assert event["errorCode"] == "ApplicationDoesNotExistException"
    client(sandbox, "secretsmanager").create_secret(Name="key", SecretString="hush hush")
    client(sandbox, "ssm").put_parameter(Name="p", Value="hush hush", Type="SecureString")
    for name in ("CreateSecret", "PutParameter"):
        text = look(sandbox, "EventName", name)[0]["CloudTrailEvent"]
        assert "hush" not in text
        assert "HIDDEN_DUE_TO_SECURITY_REASONS" in text


def test_data_events_are_not_looked_up(sandbox: Sandbox) -> None:
    client(sandbox, "s3").create_bucket(Bucket="data-bucket")
    client(sandbox, "s3").put_object(Bucket="data-bucket", Key="a", Body=b"a")
    assert look(sandbox, "EventName", "PutObject") == []


def test_pages_are_newest_first_and_complete(sandbox: Sandbox) -> None:
    topics = client(sandbox, "sns")
    for number in range(7):
        topics.create_topic(Name=f"page-{number}")
    pages = (
        client(sandbox, "cloudtrail")
        .get_paginator("lookup_events")
        .paginate(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateTopic"}],
            PaginationConfig={"PageSize": 3},
        )
    )
    found = [event for page in pages for event in page["Events"]]
    assert len({event["EventId"] for event in found}) == 7
    times = [event["EventTime"] for event in found]
    assert times == sorted(times, reverse=True)
    assert json.loads(found[0]["CloudTrailEvent"])["requestParameters"]["name"] == "page-6"


def test_ranges_and_attributes_that_are_none_are_refused(sandbox: Sandbox) -> None:
    now = sandbox.world.clock.now()
    trail = client(sandbox, "cloudtrail")
    with pytest.raises(trail.exceptions.InvalidTimeRangeException):
        trail.lookup_events(StartTime=now, EndTime=now - timedelta(hours=1))
    two = [{"AttributeKey": "EventName", "AttributeValue": name} for name in "ab"]
    with pytest.raises(trail.exceptions.InvalidLookupAttributesException):
        trail.lookup_events(LookupAttributes=two)
    with pytest.raises(trail.exceptions.InvalidNextTokenException):
        trail.lookup_events(NextToken="nonsense")


def test_other_operations_stay_and_old_events_go(sandbox: Sandbox) -> None:
    client(sandbox, "sqs").create_queue(QueueName="aged")
    assert len(look(sandbox, "EventName", "CreateQueue")) == 1
    assert client(sandbox, "cloudtrail").describe_trails()["trailList"] == []
    sandbox.world.clock.advance(timedelta(days=91))
    assert look(sandbox, "EventName", "CreateQueue") == []


def test_regions_have_histories_of_their_own(sandbox: Sandbox) -> None:
    client(sandbox, "codedeploy", "eu-west-1").create_application(applicationName="there")
    there = client(sandbox, "cloudtrail", "eu-west-1").lookup_events()["Events"]
    assert "CreateApplication" in [event["EventName"] for event in there]
    assert "there" not in "".join(event["CloudTrailEvent"] for event in look(sandbox, "EventName", "CreateApplication"))


def told(sandbox: Sandbox, name: str) -> Any:
    """The newest event of that name as CloudTrail writes it."""
    return json.loads(look(sandbox, "EventName", name)[0]["CloudTrailEvent"])


def test_the_caller_is_root_a_user_or_a_session(sandbox: Sandbox) -> None:
    account, iam, sts = "123456789012", client(sandbox, "iam"), client(sandbox, "sts")
    iam.create_user(UserName="ann")
    root = told(sandbox, "CreateUser")["userIdentity"]
    assert (root["type"], root["arn"], root["principalId"]) == ("Root", f"arn:aws:iam::{account}:root", account)
    assert look(sandbox, "EventName", "CreateUser")[0]["Username"] == "root"
    assert sts.get_caller_identity()["Arn"] == root["arn"]
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    client(sandbox, "codedeploy", keys=(key["AccessKeyId"], key["SecretAccessKey"], None)).list_applications()
    user = told(sandbox, "ListApplications")["userIdentity"]
    assert (user["type"], user["userName"], user["accessKeyId"]) == ("IAMUser", "ann", key["AccessKeyId"])
    assert user["principalId"] == iam.get_user(UserName="ann")["User"]["UserId"]
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    made = iam.create_role(RoleName="release", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]
    given = sts.assume_role(RoleArn=made["Arn"], RoleSessionName="ann")["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    client(sandbox, "codedeploy", keys=keys).list_deployment_configs()
    session = told(sandbox, "ListDeploymentConfigs")["userIdentity"]
    assert session["type"] == "AssumedRole"
    assert session["arn"] == f"arn:aws:sts::{account}:assumed-role/release/ann"
    assert session["principalId"] == f"{made['RoleId']}:ann"
    issuer = session["sessionContext"]["sessionIssuer"]
    assert issuer == {
        "type": "Role",
        "principalId": made["RoleId"],
        "arn": made["Arn"],
        "accountId": account,
        "userName": "release",
    }
    assumed = told(sandbox, "AssumeRole")
    assert assumed["responseElements"]["credentials"]["accessKeyId"] == given["AccessKeyId"]
    assert given["SecretAccessKey"] not in json.dumps(assumed)


def test_requests_and_answers_are_told_in_the_shape_of_the_model(sandbox: Sandbox) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]
    launched = client(sandbox, "ec2").run_instances(
        ImageId="ami-12345678", MinCount=1, MaxCount=1, TagSpecifications=tags
    )
    event = told(sandbox, "RunInstances")
    assert event["requestParameters"]["minCount"] == 1
    assert event["requestParameters"]["tagSpecifications"][0]["tags"] == [{"key": "a", "value": "b"}]
    (machine,) = event["responseElements"]["instances"]
    assert machine["instanceId"] == launched["Instances"][0]["InstanceId"]
    application = client(sandbox, "codedeploy").create_application(applicationName="answered")
    assert told(sandbox, "CreateApplication")["responseElements"] == {"applicationId": application["applicationId"]}
    client(sandbox, "iam").create_group(GroupName="answered")
    assert told(sandbox, "CreateGroup")["responseElements"]["group"]["groupName"] == "answered"
    client(sandbox, "s3").create_bucket(Bucket="answered")
    assert told(sandbox, "CreateBucket")["requestParameters"]["bucketName"] == "answered"
    client(sandbox, "codedeploy").list_applications()
    assert told(sandbox, "ListApplications")["responseElements"] is None


def test_keys_environments_and_code_are_not_told(sandbox: Sandbox) -> None:
    iam, functions = client(sandbox, "iam"), client(sandbox, "lambda")
    iam.create_user(UserName="secretive")
    key = iam.create_access_key(UserName="secretive")["AccessKey"]
    event = told(sandbox, "CreateAccessKey")
    assert event["responseElements"]["accessKey"]["accessKeyId"] == key["AccessKeyId"]
    assert key["SecretAccessKey"] not in json.dumps(event)
    with pytest.raises(ClientError):
        functions.update_function_configuration(FunctionName="f", Environment={"Variables": {"TOKEN": "hush hush"}})
    event = told(sandbox, "UpdateFunctionConfiguration")
    assert event["requestParameters"] == {"functionName": "f"}


def test_events_are_found_by_what_they_are_about(sandbox: Sandbox) -> None:
    codedeploy = client(sandbox, "codedeploy")
    codedeploy.create_application(applicationName="sought")
    codedeploy.create_application(applicationName="other")
    (found,) = look(sandbox, "ResourceName", "sought")
    assert found["EventName"] == "CreateApplication"
    assert found["Resources"] == [{"ResourceType": "AWS::CodeDeploy::Application", "ResourceName": "sought"}]
    assert found in look(sandbox, "ResourceType", "AWS::CodeDeploy::Application")


def test_an_error_of_ec2_says_whose_it_is(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError):
        client(sandbox, "ec2").stop_instances(InstanceIds=["i-00000000000000000"])
    event = told(sandbox, "StopInstances")
    assert event["errorCode"] == "Client.InvalidInstanceID.NotFound"
    assert event["responseElements"] is None


def test_what_was_carried_out_is_told_though_its_answer_was_lost(sandbox: Sandbox) -> None:
    fault = {"kind": "connection-reset", "executed": True, "service": "codedeploy", "count": 1}
    body = json.dumps({"faults": [fault]}).encode()
    urllib.request.urlopen(f"{sandbox.endpoint}/_sandbox/faults", body, timeout=10).close()
    with pytest.raises(ConnectionClosedError):
        client(sandbox, "codedeploy").create_application(applicationName="unheard")
    assert told(sandbox, "CreateApplication")["requestParameters"] == {"applicationName": "unheard"}
