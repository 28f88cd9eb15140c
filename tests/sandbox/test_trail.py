"""CloudTrail's event history: who asked for what, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from signals_bench import client

from deliverkit.sandbox.server import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(Path(tmp_path_factory.mktemp("sandbox")))
    running.start()
    yield running
    running.stop()


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
