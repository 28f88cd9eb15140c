"""EventBridge: what happens in the sandbox reaches the targets of the rules that it matches."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signals_bench import Inbox, client, until

from deliverkit.sandbox.events.inputs import target_input
from deliverkit.sandbox.events.patterns import matches
from deliverkit.sandbox.events.schedules import next_run
from deliverkit.sandbox.kernel.world import Notice
from deliverkit.sandbox.server import Sandbox

ACCOUNT, REGION = "123456789012", "us-east-1"
EVENT = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "111122223333",
    "time": "2017-12-22T18:43:48Z",
    "region": "us-west-1",
    "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
    "detail": {
        "instance-id": "i-1234567890abcdef0",
        "state": "terminated",
        "c-count": 5,
        "d-count": 3,
        "flag": True,
        "nothing": None,
        "ip": "10.0.0.17",
        "path": "dir/a*b/photo.PNG",
        "items": [{"kind": "a", "size": 1}, {"kind": "b", "size": 9}],
        "empty": [],
    },
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"source": ["aws.ec2"]}, True),
        ({"source": ["aws.s3", "aws.ec2"], "detail": {"state": ["terminated"]}}, True),
        ({"source": ["aws.ec2"], "detail": {"state": ["running"]}}, False),
        ({"detail": {"c-count": [5.0]}}, True),
        ({"detail": {"flag": [True]}}, True),
        ({"detail": {"flag": [1]}}, False),
        ({"detail": {"nothing": [None]}}, True),
        ({"detail": {"absent": [None]}}, False),
        ({"resources": [{"suffix": "abcdef0"}]}, True),
        ({"time": [{"prefix": "2017-12-22"}]}, True),
        ({"detail": {"path": [{"suffix": {"equals-ignore-case": ".png"}}]}}, True),
        ({"detail": {"path": [{"suffix": ".png"}]}}, False),
        ({"detail": {"state": [{"equals-ignore-case": "TERMINATED"}]}}, True),
        ({"detail": {"state": [{"anything-but": "running"}]}}, True),
        ({"detail": {"state": [{"anything-but": ["running", "terminated"]}]}}, False),
        ({"detail": {"state": [{"anything-but": {"prefix": "term"}}]}}, False),
        ({"detail": {"state": [{"anything-but": {"suffix": ["ing", "ped"]}}]}}, True),
        ({"detail": {"absent": [{"anything-but": "x"}]}}, False),
        ({"detail": {"state": [{"exists": True}]}}, True),
        ({"detail": {"absent": [{"exists": False}]}}, True),
        ({"detail": {"state": [{"exists": False}]}}, False),
        ({"detail": [{"exists": True}]}, False),
        ({"detail": {"empty": [{"exists": False}]}}, True),
        ({"detail": {"c-count": [{"numeric": [">", 0, "<=", 5]}]}}, True),
        ({"detail": {"c-count": [{"numeric": [">", 5]}]}}, False),
        ({"detail": {"state": [{"numeric": [">", 5]}]}}, False),
        ({"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}, True),
        ({"detail": {"ip": [{"cidr": "10.1.0.0/24"}]}}, False),
        ({"detail": {"path": [{"wildcard": "dir/*.PNG"}]}}, True),
        ({"detail": {"path": [{"wildcard": "dir/a\\*b/*"}]}}, True),
        ({"detail": {"path": [{"wildcard": "dir/a\\*c/*"}]}}, False),
        ({"detail": {"items": {"kind": ["b"], "size": [9]}}}, True),
        ({"detail": {"items": {"kind": ["a"], "size": [9]}}}, False),
        ({"detail": {"$or": [{"c-count": [{"numeric": [">", 9]}]}, {"d-count": [{"numeric": ["<", 10]}]}]}}, True),
        ({"source": ["aws.ec2"], "$or": [{"account": ["0"]}, {"region": ["eu-west-1"]}]}, False),
        ({"detail": {"state": [{"unheard-of": "x"}]}}, False),
    ],
)
def test_patterns_follow_the_guide(pattern: dict[str, Any], expected: bool) -> None:
    assert matches(pattern, EVENT) is expected


@given(st.dictionaries(st.text(min_size=1), st.one_of(st.text(), st.integers(), st.booleans(), st.none()), min_size=1))
def test_an_event_matches_the_pattern_of_its_own_values(detail: dict[str, Any]) -> None:
    assert matches({name: [value] for name, value in detail.items()}, detail)
    assert not matches({name: [{"exists": False}] for name in detail}, detail)


def test_inputs_are_parts_constants_and_templates() -> None:
    rule = "arn:aws:events:us-east-1:123456789012:rule/mine"
    assert json.loads(target_input({}, EVENT, rule)) == EVENT
    assert target_input({"Input": '{"a": 1}'}, EVENT, rule) == '{"a": 1}'
    assert json.loads(target_input({"InputPath": "$.detail.items[1].size"}, EVENT, rule)) == 9
    paths = {"instance": "$.detail.instance-id", "state": "$.detail.state", "n": "$.detail.c-count", "no": "$.x"}
    said = '"instance <instance> is in <state>, says <aws.events.rule-name>, <no>"'
    text = target_input({"InputTransformer": {"InputPathsMap": paths, "InputTemplate": said}}, EVENT, rule)
    assert json.loads(text) == "instance i-1234567890abcdef0 is in terminated, says mine, "
    template = '{"id": <instance>, "text": "<state>!", "n": <n>, "all": <aws.events.event.json>}'
    shaped = target_input({"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}, EVENT, rule)
    wanted = {"id": "i-1234567890abcdef0", "text": "terminated!", "n": 5, "all": EVENT}
    assert json.loads(shaped) == wanted


# --- over HTTP -------------------------------------------------------------------------------------


def put_rule(sandbox: Sandbox, name: str, pattern: dict[str, Any], *targets: dict[str, Any], **more: Any) -> None:
    events = client(sandbox, "events")
    events.put_rule(Name=name, EventPattern=json.dumps(pattern), **more)
    numbered = [{"Id": str(number), **target} for number, target in enumerate(targets)]
    events.put_targets(Rule=name, Targets=numbered)


def announce(sandbox: Sandbox, source: str, **detail: Any) -> None:
    with sandbox.world.lock:
        sandbox.world.publish(Notice(source, "Something Happened", ACCOUNT, REGION, ("arn:x",), detail))


def test_a_notice_becomes_an_event_in_a_queue(sandbox: Sandbox) -> None:
    inbox = Inbox(sandbox, "notices")
    put_rule(sandbox, "notices", {"source": ["shop"], "detail": {"n": [{"numeric": [">", 1]}]}}, {"Arn": inbox.arn})
    for number in (1, 2, 3):
        announce(sandbox, "shop", n=number)
    first, second = inbox.wait(2)
    assert [first["detail"], second["detail"]] == [{"n": 2}, {"n": 3}]
    assert first["version"] == "0"
    assert first["id"] != second["id"]
    assert first["time"].endswith("Z")
    assert first["account"] == ACCOUNT
    assert first["resources"] == ["arn:x"]


def test_disabled_rules_and_other_regions_get_nothing(sandbox: Sandbox) -> None:
    inbox, sentinel = Inbox(sandbox, "disabled"), Inbox(sandbox, "sentinel")
    put_rule(sandbox, "disabled", {"source": ["quiet"]}, {"Arn": inbox.arn}, State="DISABLED")
    events = client(sandbox, "events", "eu-west-1")
    events.put_rule(Name="elsewhere", EventPattern=json.dumps({"source": ["quiet"]}))
    events.put_targets(Rule="elsewhere", Targets=[{"Id": "1", "Arn": inbox.arn}])
    put_rule(sandbox, "sentinel", {"source": ["quiet"]}, {"Arn": sentinel.arn})
    announce(sandbox, "quiet", a=1)
    sentinel.wait()
    assert inbox.look() == []


def test_topics_and_log_groups_are_reached_and_a_lost_target_harms_nobody(sandbox: Sandbox) -> None:
    inbox, buried = Inbox(sandbox, "by-topic"), Inbox(sandbox, "buried")
    sns, logs = client(sandbox, "sns"), client(sandbox, "logs")
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    logs.create_log_group(logGroupName="/aws/events/all")
    lost = {"Arn": "arn:aws:sqs:us-east-1:123456789012:gone", "DeadLetterConfig": {"Arn": buried.arn}}
    lost_topic = {"Arn": "arn:aws:sns:us-east-1:123456789012:gone", "DeadLetterConfig": {"Arn": buried.arn}}
    unknown = {"Arn": "arn:aws:batch:us-east-1:123456789012:job-queue/x"}
    group = {"Arn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/all"}
    put_rule(sandbox, "all", {"source": ["all"]}, lost, lost_topic, unknown, {"Arn": topic, "Input": '"hello"'}, group)
    announce(sandbox, "all", a=1)
    (message,) = inbox.wait()
    assert message["Message"] == '"hello"'
    lines = until(lambda: logs.filter_log_events(logGroupName="/aws/events/all")["events"])
    assert json.loads(lines[0]["message"])["detail"] == {"a": 1}
    assert [body["detail"] for body in buried.wait(2)] == [{"a": 1}, {"a": 1}]
    targets = {message["MessageAttributes"]["TARGET_ARN"]["StringValue"] for message in buried.messages}
    assert targets == {lost["Arn"], lost_topic["Arn"]}


def test_events_that_a_user_puts_reach_every_kind_of_target(sandbox: Sandbox) -> None:
    inbox, through_topic = Inbox(sandbox, "custom"), Inbox(sandbox, "custom-topic")
    sns, events = client(sandbox, "sns"), client(sandbox, "events")
    topic = sns.create_topic(Name="custom")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=through_topic.arn)
    transformer = {"InputPathsMap": {"who": "$.detail.who"}, "InputTemplate": '{"hello": <who>}'}
    shaped = {"Arn": inbox.arn, "InputTransformer": transformer}
    put_rule(sandbox, "custom", {"source": ["mine"]}, {"Arn": topic, "InputPath": "$.detail"}, shaped)
    entry = {"Source": "mine", "DetailType": "greeting", "Detail": json.dumps({"who": "you"})}
    answer = events.put_events(Entries=[entry, {**entry, "Source": "theirs"}])
    assert answer["FailedEntryCount"] == 0
    assert inbox.wait() == [{"hello": "you"}]
    (message,) = through_topic.wait()
    assert json.loads(message["Message"]) == {"who": "you"}
    assert len(inbox.look()) == 1


def test_a_bus_of_ones_own_and_the_way_to_it(sandbox: Sandbox) -> None:
    inbox, events = Inbox(sandbox, "bus"), client(sandbox, "events")
    bus = events.create_event_bus(Name="orders")["EventBusArn"]
    put_rule(sandbox, "to-bus", {"source": ["order"]}, {"Arn": bus})
    events.put_rule(Name="on-bus", EventBusName="orders", EventPattern=json.dumps({"source": [{"prefix": "ord"}]}))
    events.put_targets(Rule="on-bus", EventBusName="orders", Targets=[{"Id": "1", "Arn": inbox.arn}])
    announce(sandbox, "order", n=1)
    direct = {"Source": "order.direct", "DetailType": "x", "Detail": "{}", "EventBusName": "orders"}
    events.put_events(Entries=[direct])
    assert sorted(body["source"] for body in inbox.wait(2)) == ["order", "order.direct"]


def test_an_event_starts_a_pipeline_and_the_pipeline_tells_of_it(sandbox: Sandbox) -> None:
    inbox, codepipeline, s3 = Inbox(sandbox, "runs"), client(sandbox, "codepipeline"), client(sandbox, "s3")
    s3.create_bucket(Bucket="events-source")
    s3.put_bucket_versioning(Bucket="events-source", VersioningConfiguration={"Status": "Enabled"})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", "a")
    s3.put_object(Bucket="events-source", Key="a.zip", Body=packed.getvalue())
    codepipeline.create_pipeline(pipeline=pipeline("by-event", "events-source"))
    put_rule(sandbox, "runs", {"source": ["aws.codepipeline"], "detail": {"state": ["STARTED"]}}, {"Arn": inbox.arn})
    arn = f"arn:aws:codepipeline:us-east-1:{ACCOUNT}:by-event"
    put_rule(sandbox, "start", {"source": ["go"]}, {"Arn": arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/start"})
    before = len(codepipeline.list_pipeline_executions(pipelineName="by-event")["pipelineExecutionSummaries"])
    announce(sandbox, "go", a=1)
    runs = until(
        lambda: codepipeline.list_pipeline_executions(pipelineName="by-event")["pipelineExecutionSummaries"],
        lambda found: len(found) > before,
    )
    started = until(
        lambda: [body for body in inbox.look() if body["detail"]["execution-id"] == runs[0]["pipelineExecutionId"]]
    )
    assert started[0]["detail-type"] == "CodePipeline Pipeline Execution State Change"
    assert started[0]["detail"]["pipeline"] == "by-event"


def pipeline(name: str, bucket: str) -> dict[str, Any]:
    def action(name: str, category: str, provider: str, **more: Any) -> dict[str, Any]:
        kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        return {"name": name, "actionTypeId": kind, **more}

    where = {"S3Bucket": bucket, "S3ObjectKey": "a.zip", "PollForSourceChanges": "false"}
    source = action("Source", "Source", "S3", configuration=where, outputArtifacts=[{"name": "a"}])
    return {
        "name": name,
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/x",
        "artifactStore": {"type": "S3", "location": bucket},
        "stages": [
            {"name": "Source", "actions": [source]},
            {"name": "Gate", "actions": [action("Ask", "Approval", "Manual")]},
        ],
    }


@pytest.mark.parametrize(
    ("schedule", "after", "upcoming"),
    [
        ("rate(5 minutes)", "2026-03-01T11:58:30", "2026-03-01T12:03:30"),
        ("rate(1 day)", "2026-03-01T11:58:30", "2026-03-02T11:58:30"),
        ("cron(0 12 * * ? *)", "2026-03-01T11:58:30", "2026-03-01T12:00:00"),
        ("cron(0 12 * * ? *)", "2026-03-01T12:00:00", "2026-03-02T12:00:00"),
        ("cron(0/15 8-17 ? * MON-FRI *)", "2026-03-01T12:00:00", "2026-03-02T08:00:00"),
        ("cron(0 0 1 1 ? 2020)", "2026-03-01T12:00:00", None),
    ],
)
def test_schedules(schedule: str, after: str, upcoming: str | None) -> None:
    expected = upcoming and datetime.fromisoformat(upcoming).replace(tzinfo=UTC)
    assert next_run(schedule, datetime.fromisoformat(after).replace(tzinfo=UTC)) == expected


def test_a_rule_runs_on_its_schedule(sandbox: Sandbox) -> None:
    events, inbox = client(sandbox, "events"), Inbox(sandbox, "scheduled")
    for name, state in (("hourly", "ENABLED"), ("never", "DISABLED")):
        events.put_rule(Name=name, ScheduleExpression="rate(1 hour)", State=state)
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": inbox.arn}])
    sandbox.world.clock.advance(timedelta(minutes=59))
    assert sandbox.world.timers.settle(10)
    assert inbox.look() == []
    sandbox.world.clock.advance(timedelta(minutes=2))
    (event,) = inbox.wait()
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/hourly"]
    sandbox.world.clock.advance(timedelta(hours=1))
    assert len(inbox.wait(2)) == 2
    events.remove_targets(Rule="hourly", Ids=["queue"])
    events.delete_rule(Name="hourly")
    sandbox.world.clock.advance(timedelta(hours=2))
    assert sandbox.world.timers.settle(10)
    assert len(inbox.look()) == 2
