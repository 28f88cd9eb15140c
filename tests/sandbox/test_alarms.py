"""Alarms change by themselves, as CloudWatch's do."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from signals_bench import Inbox, client, until

from deliverkit.sandbox.alarms.evaluation import Missing, Rule, State, evaluate
from deliverkit.sandbox.alarms.reasons import reason_for
from deliverkit.sandbox.server import Sandbox

X, O, _ = 5.0, 0.0, None  # noqa: E741  (the guide writes them so)
"""Breaching, not breaching and missing, as in the tables of the CloudWatch User Guide."""


TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
"""Of missing data, in the order of the tables' columns."""
Points = tuple[float | None, ...]


def rule(missing: str, needed: int = 3) -> Rule:
    return Rule("GreaterThanThreshold", 1.0, 3, needed, Missing(missing))


def require(needed: int, points: Points, states: tuple[str, ...]) -> None:
    """Each treatment of missing data leads to its state, or retains the present one, whatever that is."""
    for treatment, state in zip(TREATMENTS, states, strict=True):
        for present in State:
            wanted = present if state == "retain" else State(state)
            assert evaluate(rule(treatment, needed), points, present) is wanted, (treatment, present)


@pytest.mark.parametrize(
    ("points", "states"),
    [
        ((O, _, X, _, X), ("OK", "OK", "OK", "OK")),
        ((O, _, _, _, _), ("OK", "OK", "OK", "OK")),
        ((_, _, _, _, _), ("INSUFFICIENT_DATA", "retain", "ALARM", "OK")),
        ((O, X, X, _, X), ("ALARM", "ALARM", "ALARM", "ALARM")),
        ((_, _, X, _, _), ("ALARM", "retain", "ALARM", "OK")),
        # "Avoiding premature transitions": a young breaching datapoint alone does not raise the alarm.
        ((_, _, _, _, X), ("retain", "retain", "ALARM", "OK")),
        ((_, _, _, X, _), ("retain", "retain", "ALARM", "OK")),
        ((_, _, _, X, O), ("OK", "OK", "OK", "OK")),
        ((_, _, X, _, O), ("OK", "OK", "OK", "OK")),
    ],
)
def test_three_of_three_follows_the_guides_table(points: Points, states: tuple[str, ...]) -> None:
    require(3, points, states)


@pytest.mark.parametrize(
    ("points", "states"),
    [
        ((O, _, X, _, X), ("ALARM", "ALARM", "ALARM", "ALARM")),
        ((O, O, X, O, X), ("ALARM", "ALARM", "ALARM", "ALARM")),
        ((O, _, X, _, _), ("OK", "OK", "ALARM", "OK")),
        ((_, _, _, _, O), ("OK", "OK", "ALARM", "OK")),
        ((_, _, _, X, _), ("ALARM", "retain", "ALARM", "OK")),
    ],
)
def test_two_of_three_follows_the_guides_table(points: Points, states: tuple[str, ...]) -> None:
    require(2, points, states)


@given(st.lists(st.one_of(st.none(), st.floats(-10, 10)), min_size=5, max_size=5), st.sampled_from(Missing))
def test_more_breaching_data_never_turns_an_alarm_off(points: list[float | None], missing: Missing) -> None:
    chosen = Rule("GreaterThanThreshold", 1.0, 3, 2, missing)
    worse = [5.0 if value is not None else None for value in points]
    if evaluate(chosen, points, State.OK) is State.ALARM:
        assert evaluate(chosen, worse, State.OK) is State.ALARM


NOON = 1_571_400_000
"""18 October 2019, 12:00 UTC."""


@pytest.mark.parametrize(
    ("chosen", "state", "values", "reason"),
    [
        (
            Rule("GreaterThanThreshold", 50.0, 1, 1, Missing.MISSING, is_counting=True),
            State.ALARM,
            [99.50160229693434],
            (
                "Threshold Crossed: 1 out of the last 1 datapoints [99.50160229693434 (18/10/19 12:00:00)] was greater"
                " than the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition)."
            ),
        ),
        (
            Rule("GreaterThanThreshold", 20.0, 2, 2, Missing.MISSING, is_counting=True),
            State.OK,
            [13.0, 14.0],
            (
                "Threshold Crossed: 2 out of the last 2 datapoints [14.0 (18/10/19 12:01:00), 13.0 (18/10/19 12:00:00)]"
                " were not greater than the threshold (20.0) (minimum 1 datapoint for ALARM -> OK transition)."
            ),
        ),
        (
            rule("missing", 1),
            State.ALARM,
            [0.0, 5.0],
            "Threshold Crossed: 1 datapoint [5.0 (18/10/19 12:01:00)] was greater than the threshold (1.0).",
        ),
        (
            Rule("LessThanOrEqualToThreshold", 0.0, 8, 8, Missing.BREACHING),
            State.OK,
            [2.0],
            (
                "Threshold Crossed: 1 datapoint [2.0 (18/10/19 12:00:00)] was not less than or equal to the threshold"
                " (0.0) and 7 missing datapoints were treated as [Breaching]."
            ),
        ),
        (
            Rule("LessThanThreshold", 0.0, 1, 1, Missing.NOT_BREACHING),
            State.OK,
            [],
            (
                "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as"
                " [NonBreaching]."
            ),
        ),
        (
            Rule("GreaterThanThreshold", 0.0, 3, 2, Missing.BREACHING, is_counting=True),
            State.ALARM,
            [0.0],
            (
                "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as"
                " [Breaching]."
            ),
        ),
        (rule("missing"), State.INSUFFICIENT_DATA, [], "Insufficient Data: 3 datapoints were unknown."),
    ],
)
def test_reasons_are_in_cloudwatchs_words(chosen: Rule, state: State, values: list[float], reason: str) -> None:
    points = [(NOON + 60 * index, value) for index, value in enumerate(values)]
    assert reason_for(chosen, state, points) == reason


# --- over HTTP -------------------------------------------------------------------------------------


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


def test_a_changed_alarm_keeps_its_state(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    put_alarm(cloudwatch, "changed")
    put(cloudwatch, "changed", 9, sandbox.world.clock.now())
    assert state_of(cloudwatch, "changed") == "ALARM"
    put_alarm(cloudwatch, "changed", AlarmDescription="another text")
    assert state_of(cloudwatch, "changed") == "ALARM"
    put_alarm(cloudwatch, "changed", Threshold=10)
    assert state_of(cloudwatch, "changed") == "OK"
    (item,) = cloudwatch.describe_alarm_history(
        AlarmName="changed", HistoryItemType="ConfigurationUpdate", MaxRecords=1
    )["AlarmHistoryItems"]
    assert item["HistorySummary"] == 'Alarm "changed" updated'


def test_an_alarm_on_a_percentile_and_one_on_an_expression(sandbox: Sandbox) -> None:
    cloudwatch, now = client(sandbox, "cloudwatch"), sandbox.world.clock.now()
    named = {"Namespace": "Shop", "MetricName": "slow", "EvaluationPeriods": 1, "Threshold": 5, "Period": 60}
    comparison = "GreaterThanThreshold"
    cloudwatch.put_metric_alarm(AlarmName="slow-p90", ExtendedStatistic="p90", ComparisonOperator=comparison, **named)
    cloudwatch.put_metric_alarm(AlarmName="slow-tm90", ExtendedStatistic="tm90", ComparisonOperator=comparison, **named)
    cloudwatch.put_metric_data(
        Namespace="Shop", MetricData=[{"MetricName": "slow", "Timestamp": now, "Values": [1, 9], "Counts": [8, 2]}]
    )
    assert state_of(cloudwatch, "slow-p90") == "ALARM"
    assert state_of(cloudwatch, "slow-tm90") == "OK"


def rate_alarm(cloudwatch: Any, name: str, expression: str, **changes: Any) -> None:
    def metric(name: str) -> dict[str, Any]:
        stat = {"Metric": {"Namespace": "Rate", "MetricName": name}, "Period": 60, "Stat": "Sum"}
        return {"Id": name, "MetricStat": stat, "ReturnData": False}

    queries = [metric("errors"), metric("requests"), {"Id": "rate", "Expression": expression, "ReturnData": True}]
    alarm = {"EvaluationPeriods": 1, "Threshold": 0.1, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName=name, Metrics=queries, **{**alarm, **changes})


def test_an_alarm_on_metric_math_follows_both_metrics(sandbox: Sandbox) -> None:
    cloudwatch, now = client(sandbox, "cloudwatch"), sandbox.world.clock.now()
    rate_alarm(cloudwatch, "rate", "FILL(errors, 0) / requests")
    assert state_of(cloudwatch, "rate") == "INSUFFICIENT_DATA"
    at = {"Timestamp": now}
    cloudwatch.put_metric_data(Namespace="Rate", MetricData=[{"MetricName": "requests", "Value": 50, **at}])
    assert state_of(cloudwatch, "rate") == "OK"
    cloudwatch.put_metric_data(Namespace="Rate", MetricData=[{"MetricName": "errors", "Value": 6, **at}])
    assert state_of(cloudwatch, "rate") == "ALARM"
    shown = cloudwatch.describe_alarms(AlarmNames=["rate"])["MetricAlarms"][0]
    assert [query["Id"] for query in shown["Metrics"]] == ["errors", "requests", "rate"]
    start = now - timedelta(minutes=3)
    queries = [{**query, "ReturnData": True} if query["Id"] == "rate" else query for query in shown["Metrics"]]
    answer = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=now + timedelta(minutes=1))
    (result,) = answer["MetricDataResults"]
    assert result["Values"] == [pytest.approx(0.12)]
    assert result["Timestamps"][0].second == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"expression": "errors /"},
        {"expression": "errors", "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold"},
        {"expression": "errors", "DatapointsToAlarm": 2},
    ],
)
def test_alarms_that_can_not_be_are_refused(sandbox: Sandbox, changes: dict[str, Any]) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    with pytest.raises(ClientError) as caught:
        rate_alarm(cloudwatch, "refused", **changes)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert cloudwatch.describe_alarms(AlarmNames=["refused"])["MetricAlarms"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"Period": 45},
        {"Period": 60, "EvaluationPeriods": 1441},
        {"Period": 3600, "EvaluationPeriods": 169},
        {"TreatMissingData": "sometimes"},
        {"Statistic": "Mode"},
        {"Unit": "Parsecs"},
        {"MetricName": None},
        {"Statistic": None},
        {"EvaluationPeriods": None},
        {"ExtendedStatistic": "p90"},
        {"Metrics": [{"Id": "m", "Expression": "1 + 1"}]},
        {"AlarmActions": ["a-topic"]},
        {"AlarmActions": ["arn:aws:sns:us-east-1:123456789012:t"] * 6},
    ],
)
def test_no_wrong_alarm_is_kept_or_ends_the_others(sandbox: Sandbox, changes: dict[str, Any]) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    alarm = {"Namespace": "Shop", "MetricName": "wrong", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    alarm |= {"AlarmName": "wrong", "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold", **changes}
    with pytest.raises(ClientError) as caught:
        cloudwatch.put_metric_alarm(**{name: value for name, value in alarm.items() if value is not None})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert cloudwatch.describe_alarms(AlarmNames=["wrong"])["MetricAlarms"] == []


@pytest.mark.parametrize("expression", ["unknown * 2", "SEARCH('a', 'Sum')", "Errors"])
def test_an_expression_names_and_calls_what_there_is(sandbox: Sandbox, expression: str) -> None:
    with pytest.raises(ClientError) as caught:
        rate_alarm(client(sandbox, "cloudwatch"), "refused", expression=expression)
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_a_state_is_one_and_its_data_are_json(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    put_alarm(cloudwatch, "by-hand")
    for code, state in (
        ("InvalidFormat", {"StateValue": "OK", "StateReasonData": "no JSON"}),
        ("ValidationError", {"StateValue": "FINE"}),
    ):
        with pytest.raises(ClientError) as caught:
            cloudwatch.set_alarm_state(AlarmName="by-hand", StateReason="a test", **state)
        assert caught.value.response["Error"]["Code"] == code
    assert state_of(cloudwatch, "by-hand") == "INSUFFICIENT_DATA"


def test_a_state_tells_the_datapoints_it_comes_from(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    put_alarm(cloudwatch, "datapoints", Unit="Count")
    now = sandbox.world.clock.now()
    put(cloudwatch, "datapoints", 2, now, Unit="Count")
    put(cloudwatch, "datapoints", 7, now, Unit="Count")
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["datapoints"])["MetricAlarms"]
    begun = f"{now:%Y-%m-%dT%H:%M:00.000+0000}"
    told = json.loads(alarm["StateReasonData"])
    assert (told["startDate"], told["unit"], told["statistic"]) == (begun, "Count", "Sum")
    assert told["recentDatapoints"] == [9.0]
    assert told["evaluatedDatapoints"] == [{"timestamp": begun, "sampleCount": 2.0, "value": 9.0}]


def test_statistics_are_of_whole_periods(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    begin = datetime(2026, 5, 1, 12, tzinfo=UTC)
    for second, value in ((5, 1), (50, 9), (65, 4)):
        put(cloudwatch, "whole", value, begin + timedelta(seconds=second), Unit="Seconds")
    asked = {"StartTime": begin + timedelta(seconds=30), "EndTime": begin + timedelta(minutes=5), "Period": 60}
    metric = {"Namespace": "Shop", "MetricName": "whole"}
    plain = cloudwatch.get_metric_statistics(**metric, **asked, Statistics=["Sum", "SampleCount"])
    first, second = plain["Datapoints"]
    assert (first["Timestamp"], first["Sum"], first["SampleCount"], first["Unit"]) == (begin, 10.0, 2.0, "Seconds")
    assert (second["Timestamp"], second["Sum"]) == (begin + timedelta(minutes=1), 4.0)
    extended = cloudwatch.get_metric_statistics(**metric, **asked, ExtendedStatistics=["p90"])
    assert extended["Datapoints"][0]["ExtendedStatistics"] == {"p90": 9.0}
    with pytest.raises(ClientError) as caught:
        cloudwatch.get_metric_statistics(**metric, **asked)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterCombination"


def test_an_alarm_with_disabled_actions_changes_in_silence(sandbox: Sandbox) -> None:
    cloudwatch, sns = client(sandbox, "cloudwatch"), client(sandbox, "sns")
    inbox, topic = Inbox(sandbox, "silence"), sns.create_topic(Name="silence")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    put_alarm(cloudwatch, "silence", OKActions=[topic], AlarmActions=[topic])
    cloudwatch.disable_alarm_actions(AlarmNames=["silence", "nobody"])
    cloudwatch.set_alarm_state(AlarmName="silence", StateValue="ALARM", StateReason="unheard")
    cloudwatch.enable_alarm_actions(AlarmNames=["silence"])
    cloudwatch.set_alarm_state(AlarmName="silence", StateValue="OK", StateReason="heard")
    (body,) = inbox.wait()
    assert json.loads(body["Message"])["NewStateReason"] == "heard"
    page = cloudwatch.describe_alarm_history(AlarmName="silence", HistoryItemType="ConfigurationUpdate")
    told = [json.loads(item["HistoryData"]) for item in page["AlarmHistoryItems"]]
    enabled = [(each.get("updatedAlarm") or each["createdAlarm"])["ActionsEnabled"] for each in told]
    assert enabled == [True, False, True]


def test_alarms_on_dynamodb_ignore_missing_data(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    put_alarm(cloudwatch, "table", Namespace="AWS/DynamoDB", TreatMissingData="breaching")
    sandbox.world.clock.advance(timedelta(minutes=2))
    cloudwatch.list_metrics()
    assert state_of(cloudwatch, "table") == "INSUFFICIENT_DATA"


def test_the_history_tells_changes_actions_and_configuration(sandbox: Sandbox) -> None:
    cloudwatch, sns = client(sandbox, "cloudwatch"), client(sandbox, "sns")
    topic = sns.create_topic(Name="history")["TopicArn"]
    lost = "arn:aws:sns:us-east-1:123456789012:lost"
    put_alarm(cloudwatch, "history", AlarmActions=[topic, lost])
    put(cloudwatch, "history", 9, sandbox.world.clock.now())
    page = until(
        lambda: cloudwatch.describe_alarm_history(AlarmName="history")["AlarmHistoryItems"], lambda it: len(it) == 4
    )
    assert [item["HistoryItemType"] for item in page] == ["Action", "Action", "StateUpdate", "ConfigurationUpdate"]
    assert page[1]["HistorySummary"] == f"Successfully executed action {topic}"
    assert page[0]["HistorySummary"].startswith(f"Failed to execute action {lost}")
    assert page[2]["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    assert json.loads(page[2]["HistoryData"])["newState"]["stateValue"] == "ALARM"
    cloudwatch.delete_alarms(AlarmNames=["history"])
    (deleted,) = cloudwatch.describe_alarm_history(AlarmName="history", MaxRecords=1)["AlarmHistoryItems"]
    assert deleted["HistorySummary"] == 'Alarm "history" deleted'


def test_topics_and_event_rules_are_told_in_full(sandbox: Sandbox) -> None:
    cloudwatch, sns, events = (client(sandbox, name) for name in ("cloudwatch", "sns", "events"))
    by_topic, by_rule = Inbox(sandbox, "full-topic"), Inbox(sandbox, "full-rule")
    topic = sns.create_topic(Name="full")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=by_topic.arn)
    pattern = {"source": ["aws.cloudwatch"], "detail": {"alarmName": ["full"]}}
    events.put_rule(Name="full", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="full", Targets=[{"Id": "1", "Arn": by_rule.arn}])
    put_alarm(cloudwatch, "full", AlarmActions=[topic], Dimensions=[{"Name": "Host", "Value": "a"}])
    cloudwatch.set_alarm_state(AlarmName="full", StateValue="ALARM", StateReason="a drill")
    (body,) = by_topic.wait()
    assert body["Subject"] == 'ALARM: "full" in US East (N. Virginia)'
    told = json.loads(body["Message"])
    assert told["NewStateReason"] == "a drill"
    assert told["OldStateValue"] == "INSUFFICIENT_DATA"
    assert told["Trigger"]["Dimensions"] == [{"value": "a", "name": "Host"}]
    assert told["Trigger"]["Statistic"] == "SUM"
    (event,) = by_rule.wait()
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["detail"]["state"]["value"] == "ALARM"
    assert event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]["name"] == "full"


def test_data_without_a_timestamp_is_of_virtual_time(sandbox: Sandbox) -> None:
    cloudwatch = client(sandbox, "cloudwatch")
    sandbox.world.clock.advance(timedelta(days=3))
    put_alarm(cloudwatch, "untimed")
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "untimed", "Value": 9}])
    assert state_of(cloudwatch, "untimed") == "ALARM"
