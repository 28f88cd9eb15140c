"""Messages to SNS topics, published by a thread of their own: a topic may have subscribers who take their time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import botocore.exceptions

from deliverkit.sandbox.kernel.world import World

log = logging.getLogger(__name__)
JOIN_SECONDS = 5.0
LONGEST_SUBJECT = 100
"""Characters of a subject (SNS API reference, Publish)."""
_BELL = "sandbox/post"
_PATIENCE = 3600.0


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on its way to a topic.

    Attributes:
        account: Who publishes.
        topic: ARN of the topic.
        message: The text.
        subject: For subscribers by mail; empty for none.
        on_failure: Told the error when the topic does not take it; can be pickled.
        on_success: Called once the topic took it; can be pickled.
    """

    account: str
    topic: str
    message: str
    subject: str = ""
    on_failure: Callable[[str], None] | None = None
    on_success: Callable[[], None] | None = None


@dataclass
class Mailbag:
    """Letters of one world that no topic has yet."""

    waiting: list[Letter] = field(default_factory=list)


def send(world: World, letter: Letter) -> None:
    """Have a message published soon; never fails, and never publishes on the caller's thread."""
    with world.lock:
        world.store(Mailbag, "", "").waiting.append(letter)
    world.doorbell.ring(_BELL)


class Postman:
    """The engine that publishes what waits."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-post", daemon=True)

    def start(self) -> None:
        """Begin to publish, with what an earlier process left."""
        self._thread.start()

    def stop(self) -> None:
        """Publish no more; what waits stays in the state."""
        self._is_stopped.set()
        self._world.doorbell.ring(_BELL)
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        bell = self._world.doorbell
        while not self._is_stopped.is_set() and not bell.is_closed:
            mark = bell.mark(_BELL)
            self._empty()
            bell.wait(_BELL, mark, _PATIENCE)

    def _empty(self) -> None:
        while not self._is_stopped.is_set():
            with self._world.lock:
                waiting = self._world.store(Mailbag, "", "").waiting
                if not waiting:
                    return
                letter = waiting.pop(0)
            self._publish(letter)

    def _publish(self, letter: Letter) -> None:
        sns = self._world.moto.client("sns", letter.account, letter.topic.split(":")[3])
        subject = {"Subject": letter.subject[:LONGEST_SUBJECT]} if letter.subject else {}
        try:
            sns.publish(TopicArn=letter.topic, Message=letter.message, **subject)
        except Exception as error:  # noqa: BLE001  (subscribers bring errors of every kind, and the next letter waits)
            log.info("%s did not take a message: %s", letter.topic, error)
            if letter.on_failure is not None:
                with self._world.lock:
                    letter.on_failure(_code(error))
            return
        if letter.on_success is not None:
            with self._world.lock:
                letter.on_success()


def _code(error: Exception) -> str:
    if isinstance(error, botocore.exceptions.ClientError):
        return str(error.response["Error"]["Code"])
    return "INTERNAL_ERROR"
