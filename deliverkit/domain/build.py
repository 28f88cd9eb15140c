"""Builds of a continuous integration server: how they are asked for, what became of them, and what they ask people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

REQUEST = "DELIVERKIT_REQUEST"
"""The parameter that keeps our requests apart.

Jenkins merges a request with a waiting one of the same parameters; with this one no two are the same, and a build that
was asked for by a process that died is found again.
"""


class BuildResult(StrEnum):
    """How a build ended (Jenkins, `hudson.model.Result`)."""

    SUCCESS = "SUCCESS"
    UNSTABLE = "UNSTABLE"
    FAILURE = "FAILURE"
    NOT_BUILT = "NOT_BUILT"
    ABORTED = "ABORTED"


@dataclass(frozen=True, slots=True)
class Build:
    """One build of a job, as it is now.

    Attributes:
        job: Full name of the job, folders separated by slashes.
        number: From 1, counted for each job.
        url: Where people look at it.
        result: How it ended; None while it runs.
        queue_item: The queue item that it was; 0 where the server does not tell.
        parameters: Its parameters that are texts, by name.
        description: As the server shows it; empty for none.
    """

    job: str
    number: int
    url: str
    result: BuildResult | None
    queue_item: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    @property
    def is_over(self) -> bool:
        """True when it has a result."""
        return self.result is not None

    @property
    def label(self) -> str:
        """As people call it: `smoke #12`."""
        return f"{self.job} #{self.number}"


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A request that waits to become a build, or what became of it.

    Attributes:
        number: The item's id.
        why: What it waits for, in the server's words; empty when it waits no more.
        build: Number of the build that it became; None while it waits, and for one that was cancelled.
        is_cancelled: True when somebody took it out of the queue.
    """

    number: int
    why: str = ""
    build: int | None = None
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class BuildStage:
    """A stage of a build, not to be taken for one of CodePipeline.

    Attributes:
        name: As the Jenkinsfile names it.
        status: Jenkins' word (pipeline-rest-api): SUCCESS, IN_PROGRESS, PAUSED_PENDING_INPUT, FAILED, ABORTED,
            NOT_EXECUTED.
        seconds: How long it took, or has taken so far.
    """

    name: str
    status: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LogPiece:
    """The next part of a build's log.

    Attributes:
        text: What came since; may end in the middle of a line.
        next: Where the following piece begins, in bytes.
        has_more: True while the build may still write.
    """

    text: str
    next: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class Question:
    """An `input` step that waits for a person.

    Attributes:
        job: Full name of the job whose build asks.
        build: The build's number.
        id: The step's id, as the server spells it: with an upper-case first letter.
        message: What it asks.
        proceed_text: What the button says that goes on.
        parameters: Names of what it wants to know besides, with their default values.
    """

    job: str
    build: int
    id: str
    message: str
    proceed_text: str = "Proceed"
    parameters: Mapping[str, str] = field(default_factory=dict)
