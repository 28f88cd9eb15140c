"""Messages about open approvals on their way to SNS.

Delivery calls subscribers, who may call the sandbox before they answer. So a message is published on a thread of its
own, never under the world's lock, and kept until it was taken: a sandbox that ends meanwhile publishes it again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deliverkit.sandbox.codepipeline.state import Failure, Outcome

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.providers.provider import Job
    from deliverkit.sandbox.kernel.world import World


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message.

    Attributes:
        job: The approval.
        topic: ARN.
        subject: Of the message.
        message: JSON.
    """

    job: Job
    topic: str
    subject: str
    message: str


@dataclass(slots=True)
class Pending:
    """What is on its way in an account and Region, by action execution id."""

    announcements: dict[str, Announcement] = field(default_factory=dict)


class Announcer:
    """The engine that publishes.

    Args:
        world: The sandbox.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._is_started = False

    def start(self) -> None:
        """Publish what an earlier process left."""
        self._is_started = True
        for _, _, pending in self._world.stores(Pending):
            for announcement in list(pending.announcements.values()):
                self.begin(announcement)

    def stop(self) -> None:
        """What is on its way is published again by the next sandbox."""

    def begin(self, announcement: Announcement) -> None:
        """Publish; before `start` the message only waits."""
        if self._is_started:
            threading.Thread(target=self._publish, args=(announcement,), name="sandbox-approval", daemon=True).start()

    def _publish(self, announcement: Announcement) -> None:
        job, failure = announcement.job, None
        try:
            sns_of(job).publish(TopicArn=announcement.topic, Subject=announcement.subject, Message=announcement.message)
        except ClientError as error:
            failure = failure_of(announcement.topic, error)
        with self._world.lock:
            _pending_of(job).announcements.pop(job.run.id, None)
            if failure is not None:
                job.end(Outcome(failure=failure))


def announce(announcement: Announcement) -> None:
    """Publish a message; its action fails when the topic does not take it."""
    job = announcement.job
    _pending_of(job).announcements[job.run.id] = announcement
    announcer: Announcer = job.world.parts[Announcer]
    announcer.begin(announcement)


def sns_of(job: Job) -> Any:
    """SNS where the approval's topic is."""
    return job.world.moto.client("sns", job.pipeline.account, job.run.region)


def failure_of(topic: str, error: ClientError) -> Failure:
    """What the action says about a topic that refused."""
    told = error.response["Error"]
    code = "PermissionError" if told["Code"] in ("AuthorizationError", "AccessDenied") else "ConfigurationError"
    return Failure(code, f"The Amazon SNS topic {topic} cannot be published to: {told['Message']}")


def _pending_of(job: Job) -> Pending:
    return job.world.store(Pending, job.pipeline.account, job.run.region)
