"""Timestamps of moto's services are virtual; what clients compare with their own clock is real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from signals_bench import client, until

from deliverkit.sandbox.server import Sandbox

DAYS = timedelta(days=40)
CLOSE = timedelta(minutes=5)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(Path(tmp_path_factory.mktemp("sandbox")))
    running.start()
    running.world.clock.advance(DAYS)
    yield running
    running.stop()


def is_virtual(moment: datetime) -> bool:
    distance = moment - datetime.now(UTC)
    assert abs(distance) < CLOSE or abs(distance - DAYS) < CLOSE
    return abs(distance - DAYS) < CLOSE


def test_an_objects_last_change_is_virtual(sandbox: Sandbox) -> None:
    s3 = client(sandbox, "s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"x")
    assert is_virtual(s3.head_object(Bucket="bucket", Key="key")["LastModified"])
    assert is_virtual(s3.list_objects_v2(Bucket="bucket")["Contents"][0]["LastModified"])


def test_metric_data_without_a_timestamp_and_launches_are_virtual(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    cloudwatch.put_metric_data(Namespace="shop", MetricData=[{"MetricName": "orders", "Value": 1.0}])
    now = sandbox.world.clock.now()
    found = cloudwatch.get_metric_statistics(
        Namespace="shop",
        MetricName="orders",
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=60,
        Statistics=["Sum"],
    )
    assert [point["Sum"] for point in found["Datapoints"]] == [1.0]
    launched = client(sandbox, "ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
    assert is_virtual(launched["Instances"][0]["LaunchTime"])


def test_a_message_that_was_taken_comes_back_in_virtual_time(sandbox: Sandbox) -> None:
    sqs = client(sandbox, "sqs")
    queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="one")
    taken = {"QueueUrl": queue, "VisibilityTimeout": 600}
    assert len(sqs.receive_message(**taken)["Messages"]) == 1
    assert "Messages" not in sqs.receive_message(**taken)
    sandbox.world.clock.advance(timedelta(minutes=11))
    assert len(sqs.receive_message(**taken)["Messages"]) == 1


def test_a_long_poll_ends_though_time_is_frozen(sandbox: Sandbox) -> None:
    sqs = client(sandbox, "sqs")
    queue = sqs.create_queue(QueueName="empty")["QueueUrl"]
    sandbox.world.clock.set_speed(0)
    try:
        assert "Messages" not in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
    finally:
        sandbox.world.clock.set_speed(1)


def is_now(sandbox: Sandbox, moment: datetime) -> bool:
    return abs(moment - sandbox.world.clock.now()) < CLOSE


def test_creation_dates_are_virtual(sandbox: Sandbox) -> None:
    s3, autoscaling, secrets = (client(sandbox, name) for name in ("s3", "autoscaling", "secretsmanager"))
    s3.create_bucket(Bucket="dated")
    (bucket,) = [each for each in s3.list_buckets()["Buckets"] if each["Name"] == "dated"]
    assert is_now(sandbox, bucket["CreationDate"])
    autoscaling.create_launch_configuration(LaunchConfigurationName="lc", ImageId="ami-1", InstanceType="t3.micro")
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="fleet",
        LaunchConfigurationName="lc",
        MinSize=0,
        MaxSize=0,
        AvailabilityZones=["us-east-1a"],
    )
    (group,) = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert is_now(sandbox, group["CreatedTime"])
    secrets.create_secret(Name="dated", SecretString="x")
    assert is_now(sandbox, secrets.describe_secret(SecretId="dated")["CreatedDate"])


def test_a_state_machine_waits_in_virtual_time(sandbox: Sandbox) -> None:
    steps = client(sandbox, "stepfunctions")
    definition = {"StartAt": "Bake", "States": {"Bake": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    role = "arn:aws:iam::123456789012:role/steps"
    machine = steps.create_state_machine(name="bake", definition=json.dumps(definition), roleArn=role)
    arn = steps.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]

    def status() -> str:
        return str(steps.describe_execution(executionArn=arn)["status"])

    until(
        lambda: "WaitStateEntered" in [each["type"] for each in steps.get_execution_history(executionArn=arn)["events"]]
    )
    sandbox.world.clock.advance(timedelta(minutes=59))
    assert status() == "RUNNING"
    sandbox.world.clock.advance(timedelta(minutes=2))
    until(status, lambda found: found == "SUCCEEDED")
    told = steps.describe_execution(executionArn=arn)
    assert is_now(sandbox, told["stopDate"])
    assert told["stopDate"] - told["startDate"] >= timedelta(hours=1)


def test_credentials_expire_by_the_clients_clock(sandbox: Sandbox) -> None:
    given = client(sandbox, "sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="session")
    assert abs(given["Credentials"]["Expiration"] - datetime.now(UTC) - timedelta(hours=1)) < CLOSE


def test_the_sandbox_made_last_tells_the_time(tmp_path: Path, sandbox: Sandbox) -> None:
    other = Sandbox(tmp_path / "other")
    other.start()
    try:
        s3 = client(other, "s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="key", Body=b"x")
        assert not is_virtual(s3.head_object(Bucket="bucket", Key="key")["LastModified"])
    finally:
        other.stop()
