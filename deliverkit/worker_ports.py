"""Ports of the job worker: where jobs come from, where artifacts lie, what is remembered, and who does the work."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from deliverkit.domain.worker_job import Artifact, JobRecord, Offer, Report, WorkerJob


class Claim(Enum):
    """What became of an attempt to get a job."""

    OURS = "ours"
    LOST = "lost"
    UNCLEAR = "unclear"
    """An earlier attempt of ours got no answer, and this one was refused: the job is ours, or another worker's."""
    UNHEARD = "unheard"
    """CodePipeline was not reached, or did not even consider it."""


class JobSource(Protocol):
    """CodePipeline's jobs of one custom action type.

    Every call raises `UnreachableError` while the service does not answer or throttles, and `DeniedError` when it
    refuses the credentials.
    """

    def poll(self, limit: int) -> Sequence[Offer]:
        """Jobs that nobody has, so many at most; none when there are none.

        Raises:
            UsageError: If there is no such action type, or it wants to be asked for in another way.
        """
        ...

    def acknowledge(self, offer: Offer, *, is_repeated: bool = False) -> Claim:
        """Claim a job.

        Args:
            offer: The job as it was shown.
            is_repeated: An earlier attempt of ours may have succeeded without our knowing.
        """
        ...

    def details(self, job_id: str) -> WorkerJob:
        """A job with what its work needs.

        Raises:
            NotFoundError: If there is no such job.
        """
        ...

    def report(self, job_id: str, report: Report) -> None:
        """Tell how a job ended; telling the same again is harmless.

        Raises:
            ConflictError: If it has ended otherwise meanwhile.
            NotFoundError: If there is no such job.
            UsageError: If the report itself is not acceptable; never for what may be different a minute later.
        """
        ...

    def is_wanted(self, job: WorkerJob) -> bool:
        """False once the action has ended without us: abandoned, timed out, or ended by somebody else."""
        ...


class ArtifactShelf(Protocol):
    """Artifacts of one job, reached with the job's own credentials."""

    def fetch(self, artifact: Artifact, destination: Path) -> None:
        """Write an input artifact into a file.

        Raises:
            NotFoundError: If it is not there.
            DeniedError: If the credentials do not allow it.
            UnreachableError: If S3 does not answer.
        """
        ...

    def store(self, artifact: Artifact, source: Path) -> None:
        """Store an output artifact from a file, whole or not at all.

        Raises:
            DeniedError: If the credentials do not allow it.
            UnreachableError: If S3 does not answer.
            UsageError: If S3 refuses it.
        """
        ...


class JobRecords(Protocol):
    """What a worker remembers, in a place that outlives it."""

    def all(self) -> Iterable[JobRecord]:
        """The jobs in hand, the oldest first."""
        ...

    def save(self, record: JobRecord) -> None:
        """Remember a job: when this returns it survives a power cut."""
        ...

    def drop(self, job_id: str) -> None:
        """Forget a job and everything that was made for it."""
        ...

    def room(self, job_id: str) -> Path:
        """The job's own directory."""
        ...


class BuildArchive(Protocol):
    """What builds of a server have archived."""

    def fetch(self, job: str, number: int, folder: str, destination: Path) -> bool:
        """Write a zip archive of what a build archived into a file; False when it archived nothing there.

        Args:
            job: Full name of the job.
            number: The build.
            folder: Only what lies in this folder; everything when empty.
            destination: The file. In the archive everything lies below one folder, which is called like `folder`, or
                `archive`.

        Raises:
            UnreachableError: If the server does not answer.
            OSError: If the disk cannot take it.
        """
        ...


class Archiver(Protocol):
    """Packs a directory into a file, or unpacks a file into a directory that it makes."""

    def __call__(self, source: Path, destination: Path, /) -> None:
        """Do it.

        Raises:
            IntegrityError: If the file is no archive that can be unpacked safely.
            OSError: If the disk is full.
        """
        ...


class Runner(Protocol):
    """Does the work of jobs: a command of this machine, or a build of a server."""

    @property
    def kind(self) -> str:
        """`command` or `build`: what one has begun the other cannot go on with."""
        ...

    def takes(self, offer: Offer) -> bool:
        """False for a job that was begun by another kind of worker and that this one cannot go on with."""
        ...

    def begin(self, job: WorkerJob, *, is_doubtful: bool) -> Report | None:
        """Begin the work, unless it was begun before; a report ends the job at once. Doing it twice begins one work.

        Args:
            job: The job.
            is_doubtful: The job may be another worker's.

        Raises:
            DeliverkitError: If it cannot be begun.
        """
        ...

    def look(self, job: WorkerJob) -> Report | None:
        """The report once the work is over and its outputs are stored; None while it goes on.

        Raises:
            DeliverkitError: If nobody can tell, or the outputs cannot be stored.
        """
        ...

    def stop(self, job: WorkerJob) -> str:
        """End the work, of which nobody wants to know any more.

        Returns:
            What became of it, for people; empty when nothing of it was under way.

        Raises:
            UnreachableError: If where it is done does not answer: it may go on.
            ConflictError: If it cannot be stopped.
            OSError: If nobody can tell whether it goes on.
        """
        ...

    def hand_back(self, job: WorkerJob) -> Report | None:
        """The report with which another worker can go on; None when only this machine can."""
        ...
