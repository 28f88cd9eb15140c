"""Alarms change by themselves, as CloudWatch's do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.sandbox.alarms.evaluation import Missing, Rule, State, evaluate
from deliverkit.sandbox.server import Sandbox

X, O, _ = 5.0, 0.0, None  # noqa: E741  (the guide writes them so)
"""Breaching, not breaching and missing, as in the tables of the CloudWatch User Guide."""


def rule(missing: str, needed: int = 3) -> Rule:
    return Rule("GreaterThanThreshold", 1.0, 3, needed, Missing(missing))


@pytest.mark.parametrize(
    ("points", "missing", "ignore", "breaching", "not_breaching"),
    [
        ((O, _, X, _, X), "OK", "OK", "OK", "OK"),
        ((_, _, _, _, O), "OK", "OK", "OK", "OK"),
        ((_, _, _, _, _), "INSUFFICIENT_DATA", "retain", "ALARM", "OK"),
        ((O, X, X, _, X), "ALARM", "ALARM", "ALARM", "ALARM"),
        ((_, _, X, _, _), "ALARM", "retain", "ALARM", "OK"),
    ],
)
def test_three_of_three_follows_the_guides_table(
    points: tuple[float | None, ...], missing: str, ignore: str, breaching: str, not_breaching: str
) -> None:
    expected = {"missing": missing, "ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    for treatment, state in expected.items():
        for present in State:
            wanted = present if state == "retain" else State(state)
            assert evaluate(rule(treatment), points, present)[0] is wanted, (treatment, present)


@pytest.mark.parametrize(
    ("points", "missing", "ignore", "breaching", "not_breaching"),
    [
        ((O, _, X, _, X), "ALARM", "ALARM", "ALARM", "ALARM"),
        ((O, O, X, O, X), "ALARM", "ALARM", "ALARM", "ALARM"),
        ((O, _, X, _, _), "OK", "OK", "ALARM", "OK"),
        ((_, _, _, _, O), "OK", "OK", "ALARM", "OK"),
        ((_, _, _, X, _), "ALARM", "retain", "ALARM", "OK"),
    ],
)
def test_two_of_three_follows_the_guides_table(
    points: tuple[float | None, ...], missing: str, ignore: str, breaching: str, not_breaching: str
) -> None:
    expected = {"missing": missing, "ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    for treatment, state in expected.items():
        for present in State:
            wanted = present if state == "retain" else State(state)
            assert evaluate(rule(treatment, needed=2), points, present)[0] is wanted, (treatment, present)


@given(st.lists(st.one_of(st.none(), st.floats(-10, 10)), min_size=5, max_size=5), st.sampled_from(Missing))
def test_more_breaching_data_never_turns_an_alarm_off(points: list[float | None], missing: Missing) -> None:
    chosen = Rule("GreaterThanThreshold", 1.0, 3, 2, missing)
    state, reason = evaluate(chosen, points, State.OK)
    worse = [5.0 if value is not None else None for value in points]
    assert reason
    if state is State.ALARM:
        assert evaluate(chosen, worse, State.OK)[0] is State.ALARM


# --- over HTTP -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(Path(tmp_path_factory.mktemp("sandbox")))
    running.start()
    yield running
    running.stop()


def client(sandbox: Sandbox, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=sandbox.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def put_alarm(cloudwatch: Any, name: str, **changes: Any) -> None:
    alarm = {
        "AlarmName": name,
        "Namespace": "Shop",
        "MetricName": name,
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 3,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    cloudwatch.put_metric_alarm(**{**alarm, **changes})


def put(cloudwatch: Any, name: str, value: float, at: datetime | None = None, **changes: Any) -> None:
    datum = {"MetricName": name, "Value": value, "Timestamp": at or datetime.now(UTC), **changes}
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[datum])


def state_of(cloudwatch: Any, name: str) -> str:
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(alarm["StateValue"])


def eventually(probe: Any, wanted: str) -> None:
    deadline = time.monotonic() + 5
    while probe() != wanted:
        assert time.monotonic() < deadline, probe()
        time.sleep(0.02)


def test_an_alarm_begins_without_data(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    put_alarm(cloudwatch, "begins")
    assert state_of(cloudwatch, "begins") == "INSUFFICIENT_DATA"


def test_data_raises_the_alarm_and_time_clears_it(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    put_alarm(cloudwatch, "errors", TreatMissingData="notBreaching")
    put(cloudwatch, "errors", 2)
    assert state_of(cloudwatch, "errors") == "OK"
    put(cloudwatch, "errors", 2)
    assert state_of(cloudwatch, "errors") == "ALARM"  # 2 + 2 > 3: the statistic is the sum of a period
    sandbox.world.clock.advance(timedelta(minutes=10))
    eventually(lambda: state_of(cloudwatch, "errors"), "OK")


def test_only_the_alarms_own_metric_counts(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    put_alarm(cloudwatch, "mine", Dimensions=[{"Name": "Host", "Value": "a"}])
    put(cloudwatch, "mine", 9, sandbox.world.clock.now(), Dimensions=[{"Name": "Host", "Value": "b"}])
    put(cloudwatch, "mine", 9, sandbox.world.clock.now())
    assert state_of(cloudwatch, "mine") == "INSUFFICIENT_DATA"
    put(cloudwatch, "mine", 9, sandbox.world.clock.now(), Dimensions=[{"Name": "Host", "Value": "a"}])
    assert state_of(cloudwatch, "mine") == "ALARM"


def test_a_state_set_by_hand_lasts_until_the_next_evaluation(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    put_alarm(cloudwatch, "by-hand", TreatMissingData="notBreaching")
    cloudwatch.set_alarm_state(AlarmName="by-hand", StateValue="ALARM", StateReason="a drill")
    assert state_of(cloudwatch, "by-hand") == "ALARM"
    sandbox.world.clock.advance(timedelta(minutes=1))
    eventually(lambda: state_of(cloudwatch, "by-hand"), "OK")


def test_a_change_reaches_the_alarms_topic(sandbox: Sandbox) -> None:
    cloudwatch, sns, sqs = (client(sandbox, name) for name in ("cloudwatch", "sns", "sqs"))
    queue = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    put_alarm(cloudwatch, "told", AlarmActions=[topic])
    put(cloudwatch, "told", 9, sandbox.world.clock.now())
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)["Messages"]
    assert "told" in message["Body"]
    assert "ALARM" in message["Body"]


def test_an_action_whose_topic_is_gone_does_not_stop_other_alarms(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    put_alarm(cloudwatch, "a-lost-topic", AlarmActions=["arn:aws:sns:us-east-1:123456789012:gone"])
    put_alarm(cloudwatch, "b-other")
    put(cloudwatch, "a-lost-topic", 9, sandbox.world.clock.now())
    put(cloudwatch, "b-other", 9, sandbox.world.clock.now())
    assert state_of(cloudwatch, "a-lost-topic") == "ALARM"
    assert state_of(cloudwatch, "b-other") == "ALARM"
