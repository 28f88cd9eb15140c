"""One job, and all jobs of an account and Region."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job as Attempt
from deliverkit.sandbox.codepipeline.providers.provider import new_id
from deliverkit.sandbox.codepipeline.state import Artifact
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

NONCE_LENGTH = 12


class JobStatus(StrEnum):
    """How far a job is (CodePipeline API reference, JobStatus)."""

    QUEUED = "Queued"
    DISPATCHED = "Dispatched"
    IN_PROGRESS = "InProgress"
    TIMED_OUT = "TimedOut"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


UNCLAIMED = frozenset({JobStatus.QUEUED, JobStatus.DISPATCHED})
ENDED = frozenset({JobStatus.TIMED_OUT, JobStatus.SUCCEEDED, JobStatus.FAILED})


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms jobs are done.

    Attributes:
        total: How long all jobs of an attempt may take together; None for as long as they go on.
        each: How long one job may take; None for no limit of its own.
        function: Name or ARN of the Lambda function that is handed each job; empty when workers poll for them.
        owner: Account of the function; empty for the pipeline's.
    """

    total: timedelta | None = None
    each: timedelta | None = None
    function: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A session that may read a job's inputs and write its outputs."""

    access_key: str
    secret_key: str
    token: str
    expires_at: datetime


@dataclass(slots=True, eq=False)
class WorkerJob:
    """Work for somebody outside; an action has one after the other while its worker continues it.

    Attributes:
        id: UUID, by which the worker reports.
        nonce: What the one worker names that gets the job.
        attempt: The attempt at the action.
        terms: How long it may take.
        outputs: Where the worker is to put its output artifacts; the same for every job of an attempt.
        created_at: Virtual time.
        continuation: The token that the worker gave with the job before this one; empty for the first job.
        status: How far it is.
        result: What the worker reported at its end, for repeated reports.
        credentials: The newest session made for it.
    """

    id: str
    nonce: str
    attempt: Attempt
    terms: Terms
    outputs: tuple[Artifact, ...]
    created_at: datetime
    continuation: str = ""
    status: JobStatus = JobStatus.QUEUED
    result: Mapping[str, Any] | None = None
    credentials: Credentials | None = None

    @property
    def type(self) -> ActionType:
        """The action type whose workers do it."""
        return self.attempt.run.action.type

    @property
    def is_waiting(self) -> bool:
        """True while a worker may still claim it."""
        return self.status in UNCLAIMED and self.attempt.run.is_open

    def acknowledge(self, nonce: str) -> None:
        """Give the job to the first worker that names its nonce.

        Raises:
            ApiError: `InvalidNonceException` for a wrong nonce, and once somebody has the job.
        """
        if nonce != self.nonce or self.status not in UNCLAIMED:
            raise ApiError("InvalidNonceException", f"The nonce {nonce} is not valid for job {self.id}")
        self.status = JobStatus.IN_PROGRESS


@dataclass(slots=True)
class JobBook:
    """All jobs of one account in one Region, the oldest first."""

    jobs: dict[str, WorkerJob] = field(default_factory=dict)

    def waiting(self, kind: ActionType) -> list[WorkerJob]:
        """The jobs of an action type that nobody has claimed; a job that was shown and not claimed is shown again.

        That it is shown again at once is undocumented; that the nonce lets one worker win suggests it.
        """
        return [job for job in self.jobs.values() if job.type == kind and job.is_waiting]

    def of_run(self, run_id: str) -> Iterable[WorkerJob]:
        """The jobs of one attempt."""
        return [job for job in self.jobs.values() if job.attempt.run.id == run_id]

    def add(
        self, attempt: Attempt, terms: Terms, outputs: tuple[Artifact, ...], *, continuation: str = ""
    ) -> WorkerJob:
        """Make a job of an attempt."""
        nonce = chance.text(NONCE_LENGTH, string.digits)
        job = WorkerJob(new_id(), nonce, attempt, terms, outputs, attempt.world.clock.now(), continuation)
        self.jobs[job.id] = job
        return job


def job_not_found(job_id: str) -> ApiError:
    """JobNotFoundException."""
    return ApiError("JobNotFoundException", f"Job with id '{job_id}' does not exist")


def book_of(world: World, account: str, region: str) -> JobBook:
    """The jobs of an account and Region."""
    return world.store(JobBook, account, region)


def book_of_attempt(attempt: Attempt) -> JobBook:
    """The book in which an attempt's jobs stand."""
    return book_of(attempt.world, attempt.pipeline.account, attempt.run.region)
