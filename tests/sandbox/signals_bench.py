"""What the tests of the sandbox's signals share: clients, queues to listen on, and a poll until something is so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from deliverkit.sandbox.server import Sandbox

DEADLINE = 15.0
T = TypeVar("T")


Keys = tuple[str, str, str | None]
"""Access key, secret and session token."""


def client(sandbox: Sandbox, service: str, region: str = "us-east-1", keys: Keys = ("test", "test", None)) -> Any:
    return boto3.client(
        service,
        endpoint_url=sandbox.endpoint,
        region_name=region,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        aws_session_token=keys[2],
        config=Config(retries={"total_max_attempts": 1}),
    )


def until(probe: Callable[[], T], is_wanted: Callable[[T], bool] = bool, seconds: float = DEADLINE) -> T:
    """What the probe gives once it is wanted."""
    deadline = time.monotonic() + seconds
    while not is_wanted(found := probe()):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


class Inbox:
    """A queue, and what has come into it so far."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self._sqs = client(sandbox, "sqs")
        self.url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn = answer["Attributes"]["QueueArn"]
        self.messages: list[dict[str, Any]] = []

    def look(self) -> list[Any]:
        """Every body that ever came, decoded."""
        answer = self._sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=43200
        )
        self.messages += answer.get("Messages", [])
        return [json.loads(message["Body"]) for message in self.messages]

    def wait(self, count: int = 1) -> list[Any]:
        return until(self.look, lambda found: len(found) >= count)
