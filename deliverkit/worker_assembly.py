"""From what a worker was started with to its parts."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.domain.worker_job import ActionType

if TYPE_CHECKING:
    from deliverkit.adapters.aws.jobs import CodePipelineJobs
    from deliverkit.adapters.job_record import DirectoryRecords
    from deliverkit.domain.worker_job import WorkerJob
    from deliverkit.engine.job_course import WorkerPace
    from deliverkit.engine.working import Worker
    from deliverkit.ports import Clock
    from deliverkit.worker_ports import ArtifactShelf, Runner


@dataclass(frozen=True, slots=True)
class WorkerChoices:
    """What a worker is to do.

    Attributes:
        kind: The custom action type whose jobs it does.
        queries: Name and value of the type's queryable property, for each value to work for.
        command: Shell command that does the work; empty for Jenkins.
        limit: Jobs in hand at a time.
        state_dir: Where it remembers them.
        is_repeatable: The command may be run again when nobody knows whether it ran.
    """

    kind: ActionType
    queries: tuple[tuple[str, str], ...]
    command: str
    limit: int
    state_dir: Path
    is_repeatable: bool = False


def assemble_worker(
    choices: WorkerChoices, account: Account, environ: Mapping[str, str], tell: Callable[[str], None]
) -> Worker:
    """A worker, ready to run; nothing is contacted but the clock.

    Raises:
        LockedError: If another worker keeps its records in the same directory.
        UsageError: If the directory cannot be used.
    """
    from deliverkit.adapters.aws.jobs import CodePipelineJobs  # noqa: PLC0415
    from deliverkit.adapters.job_record import DirectoryRecords  # noqa: PLC0415
    from deliverkit.engine.working import Worker  # noqa: PLC0415

    records = DirectoryRecords(choices.state_dir)
    aws = Aws(account)
    clock, pace = _time(aws)
    jobs = CodePipelineJobs(aws, choices.kind, queries=choices.queries, once=Aws(account, repetitions=0))
    return Worker(
        jobs,
        records=records,
        runner=_runner(choices, account, jobs, records, clock, environ, tell),
        clock=clock,
        pace=pace,
        chance=random.random,
        limit=choices.limit,
        tell=tell,
    )


def _runner(
    choices: WorkerChoices,
    account: Account,
    jobs: CodePipelineJobs,
    records: DirectoryRecords,
    clock: Clock,
    environ: Mapping[str, str],
    tell: Callable[[str], None],
) -> Runner:
    from deliverkit.adapters.local_run import CommandRunner  # noqa: PLC0415
    from deliverkit.packaging.artifact_archive import pack_artifact, unpack_artifact  # noqa: PLC0415

    return CommandRunner(
        choices.command,
        environ=environ,
        room=records.room,
        shelf=partial(_shelf, replace(account, region=Aws(account).region), jobs, clock),
        unpack=unpack_artifact,
        pack=pack_artifact,
        tell=tell,
        machine=socket.gethostname(),
        is_repeatable=choices.is_repeatable,
    )


def _shelf(account: Account, jobs: CodePipelineJobs, clock: Clock, job: WorkerJob) -> ArtifactShelf:
    """The artifacts of a job, by the keys that CodePipeline lends for them."""
    from deliverkit.adapters.aws.artifacts import S3Artifacts  # noqa: PLC0415
    from deliverkit.adapters.aws.lent import LentAws  # noqa: PLC0415

    lent = LentAws(account, lend=partial(jobs.credentials, job.id), now=clock.now)
    return S3Artifacts(lent, key_id=job.key_id)


def _time(aws: Aws) -> tuple[Clock, WorkerPace]:
    """The clock that holds where the jobs come from, and the pace to keep there."""
    from datetime import timedelta  # noqa: PLC0415

    from deliverkit.adapters.clock import FollowingClock  # noqa: PLC0415
    from deliverkit.assembly import is_loopback, time_at  # noqa: PLC0415
    from deliverkit.engine.job_course import WorkerPace  # noqa: PLC0415

    endpoint = aws.endpoint
    clock, _ = time_at(endpoint)
    if not is_loopback(endpoint):
        return clock, WorkerPace()
    # AWS's request quotas ask for patience; a sandbox on this machine has none, and its time may run faster than ours.
    speed = max(clock.speed, 1.0) if isinstance(clock, FollowingClock) else 1.0
    tenth = timedelta(seconds=0.1) * speed
    return clock, WorkerPace(tenth, 2 * tenth, tenth, 5 * tenth, 20 * tenth, 5 * tenth, 100 * tenth)
