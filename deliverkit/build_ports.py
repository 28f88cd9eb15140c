"""Ports of what is asked of a continuous integration server: its builds, their questions, its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deliverkit.domain.build import Build, BuildStage, LogPiece, Question, QueueItem
    from deliverkit.domain.commit_status import CommitStatus


class BuildServer(Protocol):
    """Jenkins, or whatever else runs builds.

    Every call has a time limit of its own, and raises `UnreachableError` when the server does not answer, is starting,
    or refuses the credentials: with one clear line, whatever page it sent.
    """

    def trigger(self, job: str, parameters: Mapping[str, str]) -> int:
        """Ask for a build and give the queue item's id. Parameters hold a `REQUEST`, so every job takes some.

        Raises:
            NotFoundError: If there is no such job.
            UsageError: If the job does not take one of the parameters.
            ConflictError: If the job is disabled.
        """
        ...

    def queued(self, item: int) -> QueueItem:
        """What became of a request.

        Raises:
            NotFoundError: If the server does not know it, or not any more: five minutes after it left the queue.
        """
        ...

    def find(self, job: str, parameter: str, value: str) -> Build | QueueItem | None:
        """The newest build of the job with that parameter value, or the item that still waits to become one.

        Raises:
            NotFoundError: If there is no such job.
        """
        ...

    def takes(self, job: str) -> frozenset[str]:
        """The names of the parameters that requests for builds of a job can have.

        Raises:
            NotFoundError: If there is no such job.
            UsageError: If no request can be told from others: it has no parameter `REQUEST`, or it is a folder.
            ConflictError: If the job is disabled.
        """
        ...

    def waiting(self, job: str) -> tuple[QueueItem, ...]:
        """The requests that wait to become builds of a job; none where there is no such job."""
        ...

    def became(self, job: str, item: int) -> Build | None:
        """The build that a queue item became, also when the queue has forgotten it; None when there is none.

        Raises:
            NotFoundError: If there is no such job.
        """
        ...

    def latest(self, job: str) -> Build | None:
        """The newest build of a job; None when it was never built.

        Raises:
            NotFoundError: If there is no such job.
            UsageError: If it is a folder.
        """
        ...

    def observe(self, job: str, number: int) -> Build:
        """A build now.

        Raises:
            NotFoundError: If there is no such job or build.
        """
        ...

    def log(self, job: str, number: int, start: int) -> LogPiece:
        """The log from an offset in bytes on; only what is new goes over the wire.

        Raises:
            NotFoundError: If there is no such job or build.
        """
        ...

    def stages(self, job: str, number: int) -> tuple[BuildStage, ...] | None:
        """The stages of a build; None where the server cannot tell, as of a build that is no pipeline."""
        ...

    def stop(self, job: str, number: int) -> None:
        """Ask a build to end; harmless when it has ended."""
        ...

    def cancel(self, item: int) -> None:
        """Take a request out of the queue; harmless when it is there no more, and then its build goes on."""
        ...

    def questions(self, job: str, number: int) -> tuple[Question, ...]:
        """What a build asks people now.

        Raises:
            NotFoundError: If there is no such job or build, or the server cannot tell.
        """
        ...

    def answer(self, question: Question, *, is_approved: bool, parameters: Mapping[str, str]) -> None:
        """Answer a question; a refusal takes no parameters and ends the build.

        Raises:
            ConflictError: If it was answered before.
            NotEntitledError: If the server does not let this user answer.
            UsageError: If the question does not take one of the parameters, or wants one that is missing.
        """
        ...

    def describe(self, job: str, number: int, text: str) -> None:
        """Set the description that people see beside a build."""
        ...


class CommitStatuses(Protocol):
    """Where people look at commits, and see how each stands."""

    def state(self, status: CommitStatus) -> None:
        """Say how a commit stands; saying the same again is harmless.

        Raises:
            NotFoundError: If the repository or the commit is not there, or hidden from us.
            UnreachableError: If whoever keeps it does not answer or denies it.
            UsageError: If it finds the request wrong, or we have no token.
        """
        ...


class JobShelf(Protocol):
    """The jobs and folders of a continuous integration server, by their full names."""

    def definition(self, name: str) -> str | None:
        """The XML that defines it; None when there is no such job or folder."""
        ...

    def create(self, name: str, xml: str) -> None:
        """Make a job or folder in a folder that exists.

        Raises:
            UsageError: If the server does not accept the definition.
            ConflictError: If it exists already.
        """
        ...

    def replace(self, name: str, xml: str) -> None:
        """Give a job or folder another definition.

        Raises:
            UsageError: If the server does not accept the definition.
            NotFoundError: If there is no such job or folder.
        """
        ...
