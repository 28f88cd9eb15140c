"""Stages under way outlive the sandbox's process: conditions, approvals, waiting executions and their clocks."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from codepipeline_conditions import alarm_rule, condition, rule, window
from codepipeline_fixtures import SOURCE_BUCKET, STORE_BUCKET, approval, stage, structure
from sandbox_processes import client, kill
from signals_bench import until

from deliverkit.sandbox import launcher
from deliverkit.sandbox.launcher import RunningSandbox


def created(running: RunningSandbox, *stages: dict[str, Any], **members: Any) -> Any:
    """A client of a sandbox with the pipeline `delivery` and something to release."""
    s3, pipelines = client(running, "s3"), client(running, "codepipeline")
    for bucket in (SOURCE_BUCKET, STORE_BUCKET):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=SOURCE_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=SOURCE_BUCKET, Key="app/bundle.zip", Body=b"PK")
    pipelines.create_pipeline(pipeline=structure("delivery", *stages, **members))
    return pipelines


def stage_state(pipelines: Any, name: str) -> Any:
    found = pipelines.get_pipeline_state(name="delivery")["stageStates"]
    return next(each for each in found if each["stageName"] == name)


def condition_status(pipelines: Any, name: str) -> Any:
    return stage_state(pipelines, name)["beforeEntryConditionState"].get("latestExecution", {}).get("status")


def executions(pipelines: Any) -> dict[str, str]:
    """Status by id, the oldest first."""
    found = pipelines.list_pipeline_executions(pipelineName="delivery")["pipelineExecutionSummaries"]
    return {each["pipelineExecutionId"]: each["status"] for each in reversed(found)}


def test_a_window_is_still_waited_for_and_can_be_overridden(state_dir: Path) -> None:
    before = launcher.start(state_dir)
    pipelines = created(before, stage("Approve", approval(), beforeEntry=condition("FAIL", window("0 0 0 29 2 ?"))))
    until(lambda: condition_status(pipelines, "Approve") == "InProgress")
    kill(before)
    pipelines = client(launcher.start(state_dir), "codepipeline")
    assert condition_status(pipelines, "Approve") == "InProgress"
    (execution_id,) = executions(pipelines)
    pipelines.override_stage_condition(
        pipelineName="delivery", stageName="Approve", pipelineExecutionId=execution_id, conditionType="BEFORE_ENTRY"
    )
    until(lambda: stage_state(pipelines, "Approve")["actionStates"][0].get("latestExecution", {}).get("token"))
    rules = pipelines.list_rule_executions(pipelineName="delivery")["ruleExecutionDetails"]
    assert [each["status"] for each in rules] == ["Abandoned"]


def test_a_rule_still_watches_its_alarm(state_dir: Path) -> None:
    before = launcher.start(state_dir)
    alarm = {
        "AlarmName": "errors",
        "MetricName": "Errors",
        "Namespace": "Shop",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Statistic": "Sum",
        "TreatMissingData": "ignore",
    }
    client(before, "cloudwatch").put_metric_alarm(**alarm)
    client(before, "cloudwatch").set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="test")
    watched = condition("FAIL", alarm_rule("errors", WaitTime="60"))
    pipelines = created(before, stage("Approve", approval(), beforeEntry=watched))
    until(lambda: condition_status(pipelines, "Approve") == "InProgress")
    kill(before)
    after = launcher.start(state_dir)
    pipelines = client(after, "codepipeline")
    assert condition_status(pipelines, "Approve") == "InProgress"
    client(after, "cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    until(lambda: list(executions(pipelines).values()) == ["Failed"])


def test_the_queue_in_front_of_a_stage_keeps_its_order(state_dir: Path) -> None:
    before = launcher.start(state_dir)
    pipelines = created(before, stage("Approve", approval()), executionMode="QUEUED")
    for _ in range(2):
        pipelines.start_pipeline_execution(name="delivery")
    until(lambda: len(stage_state(pipelines, "Approve")["inboundExecutions"]) == 2)
    kill(before)
    pipelines = client(launcher.start(state_dir), "codepipeline")
    order = list(executions(pipelines))
    assert len(order) == 3
    for execution_id in order:
        until(lambda: asked(pipelines).get("pipelineExecutionId"))
        assert asked(pipelines)["pipelineExecutionId"] == execution_id
        pipelines.put_approval_result(
            pipelineName="delivery",
            stageName="Approve",
            actionName="Ask",
            token=asked(pipelines)["token"],
            result={"status": "Approved", "summary": ""},
        )
    until(lambda: set(executions(pipelines).values()) == {"Succeeded"})


def asked(pipelines: Any) -> dict[str, str]:
    """The execution whose approval is open, with its token; empty when none is."""
    state = stage_state(pipelines, "Approve")
    token = state["actionStates"][0].get("latestExecution", {}).get("token")
    return {"pipelineExecutionId": state["latestExecution"]["pipelineExecutionId"], "token": token} if token else {}


def test_commands_are_begun_again(state_dir: Path, tmp_path: Path) -> None:
    before = launcher.start(state_dir)
    waits = f"echo begun >> {tmp_path}/log; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done"
    ruled = condition("FAIL", rule("Commands", commands=[waits]))
    pipelines = created(before, stage("Approve", approval(), beforeEntry=ruled))
    until((tmp_path / "log").exists)
    kill(before)
    pipelines = client(launcher.start(state_dir), "codepipeline")
    until(lambda: (tmp_path / "log").read_text() == "begun\nbegun\n")
    (tmp_path / "go").touch()
    until(lambda: asked(pipelines))
    assert condition_status(pipelines, "Approve") == "Succeeded"


def test_a_message_that_was_not_delivered_is_published_again(state_dir: Path) -> None:
    heard: list[str] = []
    is_over = threading.Event()

    class Subscriber(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            envelope = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if envelope["Type"] == "Notification":
                heard.append(json.loads(envelope["Message"])["approval"]["token"])
                is_over.wait(20)  # no answer: the delivery is under way for as long as the sandbox lives
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Subscriber)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        before = launcher.start(state_dir)
        sns = client(before, "sns")
        topic = sns.create_topic(Name="approvals")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/")
        pipelines = created(before, stage("Approve", approval(configuration={"NotificationArn": topic})))
        until(lambda: heard)
        token = asked(pipelines)["token"]
        kill(before)
        launcher.start(state_dir)
        until(lambda: len(heard) > 1)
        assert set(heard) == {token}
    finally:
        is_over.set()
        server.shutdown()
        server.server_close()
