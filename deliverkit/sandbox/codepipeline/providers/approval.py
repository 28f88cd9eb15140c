"""Approval/AWS/Manual: waits for PutApprovalResult (CodePipeline user guide, manual approval actions)."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.announcements import Announcement, announce, failure_of, sns_of
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind
from deliverkit.sandbox.codepipeline.state import Failure, Outcome

DEFAULT_TIMEOUT = timedelta(days=7)
SHORTENED_TO = 24
"""Characters of pipeline and action names in the subject of the message."""


class ManualApproval:
    """Opens a token, tells the topic, and fails when nobody answers in time."""

    kind = Kind(
        type=ActionType("Approval", "AWS", "Manual", "1"),
        required=frozenset(),
        optional=frozenset({"NotificationArn", "ExternalEntityLink", "CustomData", "IsSummaryRequired"}),
        inputs=(0, 0),
        outputs=(0, 0),
    )

    def check(self, action: Action, region: str) -> None:
        """The topic must be an SNS topic of the pipeline's Region; whether it exists shows when it runs."""
        arn = action.configuration.get("NotificationArn")
        if arn is None or "#{" in arn:
            return
        parts = arn.split(":")
        if len(parts) != 6 or parts[:3] != ["arn", "aws", "sns"] or parts[3] != region:
            raise errors.bad_action(
                f"Action configuration for action '{action.name}' has an invalid NotificationArn '{arn}': "
                f"it must be an Amazon SNS topic in region '{region}'"
            )

    def entity_url(self, action: Action, region: str) -> str:
        """The link the approver is to look at."""
        return action.configuration.get("ExternalEntityLink", "")

    def start(self, job: Job) -> None:
        """Open the approval, and tell the topic."""
        minutes = job.run.action.timeout_minutes
        timeout = timedelta(minutes=minutes) if minutes else DEFAULT_TIMEOUT
        topic = job.configuration.get("NotificationArn")
        failure = _unusable(job, topic) if topic else None
        if failure is not None:
            return job.end(Outcome(failure=failure))
        job.run.token = job.run.external_id = job.run.id
        job.after(timeout, partial(_expire, job))
        if topic is not None:
            announce(_announcement(job, topic, timeout))
        return None


def _expire(job: Job) -> None:
    job.run.is_expired = True
    job.fail("ApprovalTimedOut", "The approval action was not answered before it timed out")


def _unusable(job: Job, topic: str) -> Failure | None:
    """Why nothing can be published to the topic; None when something can."""
    if topic.endswith(".fifo"):
        return Failure("ConfigurationError", f"The Amazon SNS topic {topic} is a FIFO topic, which is not supported")
    try:
        sns_of(job).get_topic_attributes(TopicArn=topic)
    except ClientError as error:
        return failure_of(topic, error)
    return None


def _announcement(job: Job, topic: str, timeout: timedelta) -> Announcement:
    pipeline, action = _shortened(job.pipeline.name), _shortened(job.run.action.name)
    subject = f"APPROVAL NEEDED: AWS CodePipeline {pipeline} for action {action}"
    return Announcement(job, topic, subject[:100], json.dumps(_message(job, timeout)))


def _message(job: Job, timeout: timedelta) -> dict[str, Any]:
    region, pipeline, action = job.run.region, job.pipeline.name, job.run.action
    # The addresses are those of the user guide's example.
    console = f"https://console.aws.amazon.com/codepipeline/home?region={region}#/view/{pipeline}"
    approval = {
        "pipelineName": pipeline,
        "stageName": action.stage,
        "actionName": action.name,
        "token": job.run.id,
        "expires": (job.world.clock.now() + timeout).strftime("%Y-%m-%dT%H:%MZ"),
        "externalEntityLink": job.configuration.get("ExternalEntityLink"),
        "approvalReviewLink": f"{console}/{action.stage}/{action.name}/approve/{job.run.id}",
        "customData": job.configuration.get("CustomData"),
    }
    return {"region": region, "consoleLink": console, "approval": approval}


def _shortened(name: str) -> str:
    return name if len(name) <= SHORTENED_TO else f"{name[: SHORTENED_TO - 3]}..."
