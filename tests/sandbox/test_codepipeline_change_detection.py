"""Change detection: rules of EventBridge, and sources that poll with cursors of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_fixtures import SOURCE_BUCKET, Rig, deploy, running_rig, source, stage

ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        rig.put()
        configuration: Any = {"EventBridgeConfiguration": {}}
        rig.s3.put_bucket_notification_configuration(Bucket=SOURCE_BUCKET, NotificationConfiguration=configuration)
        yield rig


def rule(rig: Rig, pipeline: str, pattern: dict[str, Any], **target: Any) -> str:
    """The ARN of a rule that starts a pipeline."""
    events = rig.client("events")
    name = f"start-{pipeline}"
    arn = str(events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"])
    place = f"arn:aws:codepipeline:us-east-1:{ACCOUNT}:{pipeline}"
    role = f"arn:aws:iam::{ACCOUNT}:role/start"
    events.put_targets(Rule=name, Targets=[{"Id": "pipeline", "Arn": place, "RoleArn": role, **target}])
    return arn


def tell(rig: Rig, kind: str) -> None:
    rig.client("events").put_events(Entries=[{"Source": "shop", "DetailType": kind, "Detail": "{}"}])


def executions(rig: Rig, pipeline: str) -> list[Any]:
    """The executions of a pipeline, the first started first."""
    return list(rig.cp.list_pipeline_executions(pipelineName=pipeline)["pipelineExecutionSummaries"])[::-1]


def triggers(rig: Rig, pipeline: str) -> list[tuple[str, str]]:
    return [(each["trigger"]["triggerType"], each["trigger"]["triggerDetail"]) for each in executions(rig, pipeline)]


def created(key: str) -> dict[str, Any]:
    """The pattern of what S3 tells of a new object."""
    detail = {"bucket": {"name": [SOURCE_BUCKET]}, "object": {"key": [key]}}
    return {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}


def test_an_event_starts_the_pipeline_and_its_rule_is_the_trigger(rig: Rig) -> None:
    name = rig.create()
    arn = rule(rig, name, {"source": ["shop"], "detail-type": [name]})
    tell(rig, "something else")
    tell(rig, name)
    rig.until(lambda: len(executions(rig, name)) == 2)
    assert triggers(rig, name)[1] == ("CloudWatchEvent", arn)
    newest = executions(rig, name)[1]["pipelineExecutionId"]
    assert rig.ends(name, newest) == "Succeeded"
    started = next(
        each.detail
        for each in rig.notices
        if each.detail.get("execution-id") == newest and "execution-trigger" in each.detail
    )
    assert started["execution-trigger"] == {"trigger-type": "CloudWatchEvent", "trigger-detail": arn}


def test_a_disabled_rule_starts_nothing(rig: Rig) -> None:
    quiet, loud = rig.create(), rig.create()
    rule(rig, quiet, {"source": ["shop"], "detail-type": [loud]})
    rule(rig, loud, {"source": ["shop"], "detail-type": [loud]})
    rig.client("events").disable_rule(Name=f"start-{quiet}")
    tell(rig, loud)
    rig.until(lambda: len(executions(rig, loud)) == 2)
    assert len(executions(rig, quiet)) == 1


def test_a_new_object_starts_the_pipeline_that_reads_it(rig: Rig) -> None:
    key = "by-event.zip"
    rig.put(key=key)
    name = rig.create(stage("Source", source(configuration={"S3ObjectKey": key})), stage("Deploy", deploy()))
    rig.ends(name, rig.first_execution(name))
    arn = rule(rig, name, created(key))
    rig.put(key="another.zip")
    version = rig.put(b"PK again", key)
    rig.until(lambda: len(executions(rig, name)) == 2)
    assert triggers(rig, name)[1] == ("CloudWatchEvent", arn)
    newest = executions(rig, name)[1]["pipelineExecutionId"]
    assert rig.ends(name, newest) == "Succeeded"
    assert rig.execution(name, newest)["artifactRevisions"][0]["revisionId"] == version


def test_a_rule_can_name_the_revision_to_run(rig: Rig) -> None:
    key = "pinned.zip"
    old = rig.put(b"PK old", key)
    rig.put(b"PK new", key)
    name = rig.create(stage("Source", source(configuration={"S3ObjectKey": key})), stage("Deploy", deploy()))
    rig.ends(name, rig.first_execution(name))
    revision = {"actionName": "Read", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "<version>"}
    transformer = {
        "InputPathsMap": {"version": "$.detail.version"},
        "InputTemplate": json.dumps({"sourceRevisions": [revision]}),
    }
    rule(rig, name, {"source": ["shop"], "detail-type": [name]}, InputTransformer=transformer)
    entry = {"Source": "shop", "DetailType": name, "Detail": json.dumps({"version": old})}
    rig.client("events").put_events(Entries=[entry])
    rig.until(lambda: len(executions(rig, name)) == 2)
    newest = executions(rig, name)[1]["pipelineExecutionId"]
    assert rig.ends(name, newest) == "Succeeded"
    assert rig.execution(name, newest)["artifactRevisions"][0]["revisionId"] == old


def test_a_source_that_polls_beside_a_rule_starts_twice(rig: Rig) -> None:
    key = "twice.zip"
    rig.put(key=key)
    polling = source(polls=True, configuration={"S3ObjectKey": key})
    name = rig.create(stage("Source", polling), stage("Deploy", deploy()))
    rig.until(lambda: executions(rig, name))
    arn = rule(rig, name, created(key))
    rig.put(key=key)
    rig.until(lambda: len(executions(rig, name)) == 3)
    assert sorted(triggers(rig, name)[1:]) == [("CloudWatchEvent", arn), ("PollForSourceChanges", "Read")]


def test_equal_bytes_under_a_new_version_are_a_change(rig: Rig) -> None:
    key = "equal.zip"
    versions = [rig.put(b"PK same", key)]
    name = rig.create(
        stage("Source", source(polls=True, configuration={"S3ObjectKey": key})), stage("Deploy", deploy())
    )
    rig.until(lambda: executions(rig, name))
    rig.ends(name, rig.first_execution(name))
    versions.append(rig.put(b"PK same", key))
    rig.until(lambda: len(executions(rig, name)) == 2)
    read = []
    for each in executions(rig, name):
        assert rig.ends(name, each["pipelineExecutionId"]) == "Succeeded"
        revisions = rig.execution(name, each["pipelineExecutionId"])["artifactRevisions"]
        read.append(revisions[0]["revisionId"])
    assert read == versions


def test_each_source_has_a_cursor_of_its_own(rig: Rig) -> None:
    keys = ("left.zip", "right.zip")
    for key in keys:
        rig.put(key=key)
    left = source("Left", "Bundle", polls=True, configuration={"S3ObjectKey": keys[0]})
    right = source("Right", "Other", polls=True, configuration={"S3ObjectKey": keys[1]})
    name = rig.create(stage("Source", left, right), stage("Deploy", deploy()), executionMode="QUEUED")
    rig.until(lambda: len(executions(rig, name)) == 2)
    assert sorted(triggers(rig, name)) == [("PollForSourceChanges", "Left"), ("PollForSourceChanges", "Right")]
    rig.put(key=keys[1])
    rig.until(lambda: len(executions(rig, name)) == 3)
    assert triggers(rig, name)[2] == ("PollForSourceChanges", "Right")


@pytest.mark.parametrize(
    ("value", "trigger"),
    [("True", "PollForSourceChanges"), ("False", "CreatePipeline"), ("yes", "CreatePipeline"), ("1", "CreatePipeline")],
)
def test_a_source_polls_when_its_setting_is_true_in_whatever_case(rig: Rig, value: str, trigger: str) -> None:
    name = rig.create(stage("Source", source(configuration={"PollForSourceChanges": value})), stage("Deploy", deploy()))
    rig.until(lambda: executions(rig, name))
    assert triggers(rig, name)[0][0] == trigger


def test_polling_that_is_switched_on_again_does_not_repeat_what_was_seen(rig: Rig) -> None:
    key = "again.zip"
    rig.put(key=key)

    def declared(*, polls: bool) -> list[dict[str, Any]]:
        return [stage("Source", source(polls=polls, configuration={"S3ObjectKey": key})), stage("Deploy", deploy())]

    name = rig.create(*declared(polls=True))
    rig.until(lambda: executions(rig, name))
    for polls in (False, True):
        current = rig.cp.get_pipeline(name=name)["pipeline"]
        rig.cp.update_pipeline(pipeline={**current, "stages": declared(polls=polls)})
    rig.put(key=key)
    rig.until(lambda: len(executions(rig, name)) == 2)
    assert triggers(rig, name) == [("PollForSourceChanges", "Read")] * 2
