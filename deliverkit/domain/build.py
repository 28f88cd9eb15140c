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
        parameters: Its parameters that are texts, by name: ids are given anew after a crash of the server.
    """

    number: int
    why: str = ""
    build: int | None = None
    is_cancelled: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """A build that is wanted, and how it is told from all others.

    Attributes:
        job: Full name of the job.
        parameters: Without `REQUEST`.
        id: The value of `REQUEST`; the same request, asked for again, is the same build.
    """

    job: str
    parameters: Mapping[str, str]
    id: str

    @property
    def given(self) -> dict[str, str]:
        """All that the job is given."""
        return {**self.parameters, REQUEST: self.id}


class BuildPhase(StrEnum):
    """Where a request is."""

    WAITING = "waiting"
    """It was asked for, or is about to be, and no build runs yet."""
    RUNNING = "running"
    ENDED = "ended"
    """The build has a result, or the request was taken out of the queue and will never have one."""


@dataclass(frozen=True, slots=True)
class BuildView:
    """What became of a request so far.

    Attributes:
        request: Which one.
        phase: Where it is.
        item: Its queue item; 0 while none is known.
        build: As it was last seen; None before there is one.
        why: What it waits for, or why it ended without a build; in words for people.
    """

    request: BuildRequest
    phase: BuildPhase
    item: int = 0
    build: Build | None = None
    why: str = ""

    @property
    def is_success(self) -> bool:
        """True when the build ended well; unstable is not well."""
        return self.build is not None and self.build.result is BuildResult.SUCCESS

    @property
    def told(self) -> str:
        """One line for people: `smoke #12: FAILURE`."""
        if self.build is None:
            return f"{self.request.job}: {self.why or self.phase.value}"
        if self.build.result is None:
            return f"{self.build.label} runs"
        return f"{self.build.label}: {self.build.result.value}, {_MEANING[self.build.result]}"


_MEANING = {
    BuildResult.SUCCESS: "it succeeded",
    BuildResult.UNSTABLE: "it ended, but its tests or checks are not content",
    BuildResult.FAILURE: "it failed",
    BuildResult.NOT_BUILT: "it was not built: a stage or condition left it out",
    BuildResult.ABORTED: "it was stopped, timed out or rejected; only its log tells which",
}
