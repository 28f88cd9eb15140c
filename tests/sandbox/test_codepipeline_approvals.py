"""Manual approvals: tokens, answers, refusals, time limits, messages."""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError
from codepipeline_fixtures import Rig, approval, deploy, refused, stage

UNKNOWN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def asking(rig: Rig) -> str:
    """A pipeline whose first execution waits for an approval."""
    name = rig.create(stage("Approve", approval()), stage("Deploy", deploy()))
    rig.token(name)
    return name


def test_an_approval_lets_the_execution_go_on(rig: Rig, asking: str) -> None:
    token = rig.token(asking)
    assert "approvedAt" in rig.answer(asking, token, summary="looks good")
    execution_id = rig.first_execution(asking)
    assert rig.ends(asking, execution_id) == "Succeeded"
    latest = rig.action(asking, "Approve", "Ask")["latestExecution"]
    assert (latest["status"], latest["summary"]) == ("Succeeded", "looks good")
    assert latest["lastUpdatedBy"].startswith("arn:aws:")
    assert "token" not in latest


def test_the_token_is_the_action_executions_id_and_the_external_id_in_the_history(rig: Rig, asking: str) -> None:
    token = rig.token(asking)
    attempt = rig.actions(asking, rig.first_execution(asking))[-1]
    assert attempt["actionExecutionId"] == token
    assert attempt["output"]["executionResult"]["externalExecutionId"] == token


def test_a_rejection_fails_action_stage_and_execution(rig: Rig, asking: str) -> None:
    rig.answer(asking, rig.token(asking), "Rejected", "error rate too high")
    execution_id = rig.first_execution(asking)
    assert rig.ends(asking, execution_id) == "Failed"
    assert rig.stage(asking, "Approve")["latestExecution"]["status"] == "Failed"
    attempt = rig.actions(asking, execution_id)[-1]
    assert attempt["status"] == "Failed"
    assert attempt["output"]["executionResult"]["externalExecutionSummary"] == "error rate too high"
    assert attempt["output"]["executionResult"]["errorDetails"]["code"] == "JobFailed"
    assert "latestExecution" not in rig.stage(asking, "Deploy")


def test_a_token_that_never_was_is_refused(rig: Rig, asking: str) -> None:
    with refused("InvalidApprovalTokenException"):
        rig.answer(asking, UNKNOWN)
    assert rig.token(asking), "the approval is still open"


def test_a_token_of_another_action_is_refused(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval(), approval("Second")))
    with refused("InvalidApprovalTokenException"):
        rig.answer(name, rig.token(name), action="Second")


def test_a_token_that_is_no_uuid_is_malformed(rig: Rig, asking: str) -> None:
    with refused("ValidationException"):
        rig.answer(asking, "not-a-token")


@pytest.mark.parametrize("second", ["Approved", "Rejected"])
def test_a_second_answer_is_refused_as_already_completed(rig: Rig, asking: str, second: str) -> None:
    token = rig.token(asking)
    rig.answer(asking, token)
    with refused("ApprovalAlreadyCompletedException"):
        rig.answer(asking, token, second)
    assert rig.ends(asking, rig.first_execution(asking)) == "Succeeded"


def test_of_many_answers_at_once_one_counts(rig: Rig, asking: str) -> None:
    token = rig.token(asking)

    def answer(number: int) -> str:
        try:
            rig.answer(asking, token, "Approved" if number % 2 else "Rejected", summary=f"answer {number}")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return f"answer {number}"

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(answer, range(8)))
    assert told.count("ApprovalAlreadyCompletedException") == 7
    winner = next(each for each in told if each.startswith("answer"))
    assert rig.action(asking, "Approve", "Ask")["latestExecution"]["summary"] == winner


def test_a_retry_opens_a_new_token_and_the_old_one_is_no_longer_valid(rig: Rig, asking: str) -> None:
    old, execution_id = rig.token(asking), rig.first_execution(asking)
    rig.answer(asking, old, "Rejected")
    rig.ends(asking, execution_id)
    rig.cp.retry_stage_execution(
        pipelineName=asking, stageName="Approve", pipelineExecutionId=execution_id, retryMode="FAILED_ACTIONS"
    )
    new = rig.token(asking)
    assert new != old
    with refused("InvalidApprovalTokenException"):
        rig.answer(asking, old)
    rig.answer(asking, new)
    assert rig.ends(asking, execution_id) == "Succeeded"


def test_an_abandoned_approvals_token_is_no_longer_valid(rig: Rig, asking: str) -> None:
    token, execution_id = rig.token(asking), rig.first_execution(asking)
    rig.cp.stop_pipeline_execution(pipelineName=asking, pipelineExecutionId=execution_id, abandon=True)
    assert rig.ends(asking, execution_id) == "Stopped"
    with refused("InvalidApprovalTokenException"):
        rig.answer(asking, token)


def test_unknown_places_are_named(rig: Rig, asking: str) -> None:
    token = rig.token(asking)
    with refused("StageNotFoundException", "'Nowhere'"):
        rig.answer(asking, token, stage="Nowhere")
    with refused("ActionNotFoundException", "'Nobody'"):
        rig.answer(asking, token, action="Nobody")
    with refused("PipelineNotFoundException"):
        rig.answer("nobody", token)


def test_a_required_summary_must_be_given(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval(configuration={"IsSummaryRequired": "true"})))
    token = rig.token(name)
    with refused("InvalidApprovalTokenException", "summary"):
        rig.answer(name, token, summary="")
    rig.answer(name, token, summary="because")
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"


def test_an_approval_keeps_the_stage_locked(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), executionMode="QUEUED")
    token = rig.token(name)
    second = rig.start(name)
    rig.until(lambda: rig.stage(name, "Approve").get("inboundExecution", {}).get("pipelineExecutionId") == second)
    rig.answer(name, token, "Rejected")
    assert rig.token(name, execution_id=second) != token


def test_an_update_makes_an_open_approval_unanswerable(rig: Rig, asking: str) -> None:
    token, execution_id = rig.token(asking), rig.first_execution(asking)
    rig.cp.update_pipeline(pipeline=rig.cp.get_pipeline(name=asking)["pipeline"])
    latest = rig.action(asking, "Approve", "Ask")["latestExecution"]
    assert latest["status"] == "Failed"
    assert "token" not in latest
    with refused("InvalidApprovalTokenException"):
        rig.answer(asking, token)
    assert rig.status(asking, execution_id) == "InProgress"
    assert rig.actions(asking, execution_id)[-1]["status"] == "InProgress"
    rig.cp.stop_pipeline_execution(pipelineName=asking, pipelineExecutionId=execution_id)
    assert rig.ends(asking, execution_id) == "Stopped"


def test_the_link_to_look_at_is_the_entity_url(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval(configuration={"ExternalEntityLink": "https://example.com/report"})))
    assert rig.action(name, "Approve", "Ask")["entityUrl"] == "https://example.com/report"


def test_the_topic_is_told_with_the_token(rig: Rig) -> None:
    sns, sqs = rig.client("sns"), rig.client("sqs")
    topic = sns.create_topic(Name="approvals")["TopicArn"]
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    name = rig.create(stage("Approve", approval(configuration={"NotificationArn": topic, "CustomData": "v2?"})))
    token = rig.token(name)
    received = rig.until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))[0]
    envelope = json.loads(received["Body"])
    assert envelope["Subject"].startswith("APPROVAL NEEDED")
    message = json.loads(envelope["Message"])
    assert message["region"] == "us-east-1"
    assert message["approval"]["token"] == token
    assert message["approval"]["pipelineName"] == name
    assert message["approval"]["customData"] == "v2?"
    assert message["approval"]["externalEntityLink"] is None
    assert set(message) == {"region", "consoleLink", "approval"}
    assert set(message["approval"]) == {
        "pipelineName", "stageName", "actionName", "token", "expires", "externalEntityLink", "approvalReviewLink",
        "customData",
    }  # fmt: skip
    assert message["approval"]["approvalReviewLink"].endswith(f"#/view/{name}/Approve/Ask/approve/{token}")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", message["approval"]["expires"])


def test_a_fifo_topic_fails_the_approval(rig: Rig) -> None:
    topic = rig.client("sns").create_topic(Name="rows.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    name = rig.create(stage("Approve", approval(configuration={"NotificationArn": topic})))
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    assert rig.action(name, "Approve", "Ask")["latestExecution"]["errorDetails"]["code"] == "ConfigurationError"


def test_a_subscriber_may_answer_from_inside_the_delivery(rig: Rig) -> None:
    answered = threading.Event()

    class Approver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            envelope = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if envelope["Type"] == "Notification":
                told = json.loads(envelope["Message"])["approval"]
                rig.answer(told["pipelineName"], rig.token(told["pipelineName"]), summary="by machine")
                answered.set()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Approver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        sns = rig.client("sns")
        topic = sns.create_topic(Name="answered")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/")
        name = rig.create(stage("Approve", approval(configuration={"NotificationArn": topic})))
        assert rig.ends(name, rig.first_execution(name)) == "Succeeded"
        assert answered.wait(5)
    finally:
        server.shutdown()
        server.server_close()


def test_a_missing_topic_fails_the_approval_and_completes_its_token(rig: Rig) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:nobody"
    name = rig.create(stage("Approve", approval(configuration={"NotificationArn": topic})))
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    latest = rig.action(name, "Approve", "Ask")["latestExecution"]
    assert latest["errorDetails"]["code"] == "ConfigurationError"
    with refused("ApprovalAlreadyCompletedException"):
        rig.answer(name, latest["actionExecutionId"])


# Time moves for the whole sandbox: these come last, on pipelines of their own.


@pytest.mark.parametrize(
    ("more", "limit"),
    [({"timeoutInMinutes": 5}, timedelta(minutes=5)), ({}, timedelta(days=7))],
    ids=["given", "default"],
)
def test_an_unanswered_approval_fails_when_its_time_is_over(rig: Rig, more: dict[str, int], limit: timedelta) -> None:
    name = rig.create(stage("Approve", approval(**more)))
    token, execution_id = rig.token(name), rig.first_execution(name)
    rig.sandbox.world.clock.advance(limit - timedelta(minutes=1))
    assert rig.status(name, execution_id) == "InProgress"
    rig.sandbox.world.clock.advance(timedelta(minutes=1))
    assert rig.ends(name, execution_id) == "Failed"
    latest = rig.action(name, "Approve", "Ask")["latestExecution"]
    assert latest["errorDetails"]["code"] == "ApprovalTimedOut"
    with refused("InvalidApprovalTokenException"):
        rig.answer(name, token)
