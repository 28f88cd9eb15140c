"""Composite alarms follow other alarms, and a suppressor holds their actions back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from signals_bench import Inbox, client, until

from deliverkit.sandbox.alarms.composite_rule import RuleError, alarms_in, holds, parse
from deliverkit.sandbox.alarms.evaluation import State
from deliverkit.sandbox.server import Sandbox

STATES = {"a": State.ALARM, "b": State.OK, "c": State.INSUFFICIENT_DATA, "my alarm": State.ALARM}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ALARM(a)", True),
        ('ALARM("my alarm") AND OK(b)', True),
        ("ALARM(b) OR INSUFFICIENT_DATA(c)", True),
        ("NOT ALARM(a) OR ALARM(a)", True),
        ("NOT (ALARM(a) OR ALARM(b))", False),
        ("ALARM(a) OR ALARM(b) AND FALSE", True),  # AND binds stronger
        ("(ALARM(a) OR ALARM(b)) AND FALSE", False),
        ("TRUE", True),
        ("NOT ALARM(gone)", True),
        ("OK(gone)", False),
    ],
)
def test_rules(rule: str, expected: bool) -> None:
    assert holds(parse(rule), STATES) is expected


@pytest.mark.parametrize(
    "rule", ["", "ALARM", "ALARM()", "ALARM(a", "ALARM(a) OK(b)", "FINE(a)", "AND", "ALARM(a) AND"]
)
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(RuleError):
        parse(rule)


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from(State), min_size=3))
def test_negation_of_both_is_either_negation(states: dict[str, State]) -> None:
    both = parse("NOT (ALARM(a) AND OK(b))")
    assert holds(both, states) is holds(parse("NOT ALARM(a) OR NOT OK(b)"), states)
    assert alarms_in(both) == ["a", "b"]


# --- over HTTP -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(Path(tmp_path_factory.mktemp("sandbox")))
    running.start()
    running.world.clock.set_speed(0)
    yield running
    running.stop()


class Stage:
    """Alarms a test sets by hand, and a composite alarm whose topic is heard."""

    def __init__(self, sandbox: Sandbox, prefix: str) -> None:
        self.sandbox, self.prefix = sandbox, prefix
        self.cloudwatch = client(sandbox, "cloudwatch")
        self.inbox = Inbox(sandbox, f"{prefix}-inbox")
        sns = client(sandbox, "sns")
        self.topic = sns.create_topic(Name=f"{prefix}-topic")["TopicArn"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=self.inbox.arn)

    def child(self, name: str) -> str:
        self.cloudwatch.put_metric_alarm(
            AlarmName=f"{self.prefix}-{name}",
            Namespace="None",
            MetricName="none",
            Statistic="Sum",
            Period=86400,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )
        self.set(name, "OK")
        return f"{self.prefix}-{name}"

    def set(self, name: str, state: str) -> None:
        self.cloudwatch.set_alarm_state(AlarmName=f"{self.prefix}-{name}", StateValue=state, StateReason="by hand")

    def composite(self, rule: str, **more: Any) -> None:
        self.cloudwatch.put_composite_alarm(
            AlarmName=f"{self.prefix}-all", AlarmRule=rule, AlarmActions=[self.topic], **more
        )

    def shown(self) -> dict[str, Any]:
        answer = self.cloudwatch.describe_alarms(AlarmNames=[f"{self.prefix}-all"], AlarmTypes=["CompositeAlarm"])
        assert answer["MetricAlarms"] == []
        return dict(answer["CompositeAlarms"][0])

    def pass_time(self, seconds: float) -> None:
        """Let time pass second by second, as it does outside."""
        for _ in range(int(seconds)):
            self.sandbox.world.clock.advance(timedelta(seconds=1))
            assert self.sandbox.world.timers.settle(10)


def test_a_composite_alarm_follows_its_alarms(sandbox: Sandbox) -> None:
    stage = Stage(sandbox, "follow")
    one, other = stage.child("one"), stage.child("other")
    stage.composite(f'ALARM({one}) AND NOT ALARM("{other}")')
    shown = stage.shown()
    assert shown["StateValue"] == "OK"
    assert shown["StateReason"] == f"{shown['AlarmArn']} was created and its alarm rule evaluates to OK"
    stage.set("one", "ALARM")
    shown = stage.shown()
    assert shown["StateValue"] == "ALARM"
    assert shown["AlarmRule"].startswith("ALARM(")
    child = stage.cloudwatch.describe_alarms(AlarmNames=[one])["MetricAlarms"][0]["AlarmArn"]
    assert shown["StateReason"].startswith(f"{child} transitioned to ALARM at ")
    assert [each["arn"] for each in json.loads(shown["StateReasonData"])["triggeringAlarms"]] == [child]
    stage.inbox.wait()
    stage.set("other", "ALARM")
    assert stage.shown()["StateValue"] == "OK"
    history = stage.cloudwatch.describe_alarm_history(AlarmTypes=["CompositeAlarm"], HistoryItemType="StateUpdate")
    summaries = [item["HistorySummary"] for item in history["AlarmHistoryItems"]]
    assert summaries[:2] == ["Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM"]
    children = stage.cloudwatch.describe_alarms(ChildrenOfAlarmName="follow-all")["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in children] == [one, other]
    parents = stage.cloudwatch.describe_alarms(ParentsOfAlarmName=one, AlarmTypes=["CompositeAlarm"])
    assert [alarm["AlarmName"] for alarm in parents["CompositeAlarms"]] == ["follow-all"]


def test_rules_and_suppressors_that_can_not_be_are_refused(sandbox: Sandbox) -> None:
    stage = Stage(sandbox, "refuse")
    one = stage.child("one")
    for rule, more in (
        ("ALARM(", {}),
        ("ALARM(nobody)", {}),
        (f"ALARM({one})", {"ActionsSuppressor": one}),
        (f"ALARM({one})", {"ActionsSuppressorWaitPeriod": 5, "ActionsSuppressorExtensionPeriod": 5}),
    ):
        with pytest.raises(ClientError) as caught:
            stage.composite(rule, **more)
        assert caught.value.response["Error"]["Code"] == "ValidationError"


def in_alarm_with_a_suppressor(sandbox: Sandbox, name: str, *, wait: int, extension: int) -> Stage:
    """A composite whose child `one` has just gone into alarm, while its suppressor `maintenance` is quiet."""
    stage = Stage(sandbox, name)
    one, maintenance = stage.child("one"), stage.child("maintenance")
    periods = {"ActionsSuppressorWaitPeriod": wait, "ActionsSuppressorExtensionPeriod": extension}
    stage.composite(f"ALARM({one})", ActionsSuppressor=maintenance, **periods)
    stage.pass_time(wait + 2)
    stage.set("one", "ALARM")
    return stage


def test_a_suppressor_holds_actions_back_until_its_extension_is_over(sandbox: Sandbox) -> None:
    stage = in_alarm_with_a_suppressor(sandbox, "held", wait=30, extension=20)
    assert stage.shown()["ActionsSuppressedBy"] == "WaitPeriod"
    stage.set("maintenance", "ALARM")
    stage.pass_time(2)
    assert stage.shown()["ActionsSuppressedBy"] == "Alarm"
    stage.pass_time(40)
    assert stage.inbox.look() == []
    stage.set("maintenance", "OK")
    stage.pass_time(2)
    assert stage.shown()["ActionsSuppressedBy"] == "ExtensionPeriod"
    assert stage.inbox.look() == []
    stage.pass_time(20)
    assert "ActionsSuppressedBy" not in stage.shown()
    assert len(stage.inbox.wait()) == 1


def test_actions_follow_the_wait_when_nobody_suppresses(sandbox: Sandbox) -> None:
    stage = in_alarm_with_a_suppressor(sandbox, "waits", wait=10, extension=10)
    stage.pass_time(5)
    assert stage.inbox.look() == []
    stage.pass_time(7)
    (body,) = stage.inbox.wait()
    assert body["Subject"].startswith('ALARM: "waits-all"')


def test_what_is_over_before_the_wait_ends_is_never_told(sandbox: Sandbox) -> None:
    stage = in_alarm_with_a_suppressor(sandbox, "brief", wait=10, extension=10)
    stage.pass_time(4)
    stage.set("one", "OK")
    stage.pass_time(30)
    until(lambda: stage.shown()["StateValue"] == "OK")
    assert stage.inbox.look() == []
