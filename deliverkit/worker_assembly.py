"""From what a worker was started with to its parts."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.domain.worker_job import ActionType
from deliverkit.errors import DeniedError, UnreachableError

if TYPE_CHECKING:
    from deliverkit.adapters.aws.jobs import CodePipelineJobs
    from deliverkit.domain.build import BuildRequest
    from deliverkit.domain.worker_job import WorkerJob
    from deliverkit.engine.job_course import WorkerPace
    from deliverkit.engine.working import Worker
    from deliverkit.ports import Clock
    from deliverkit.worker_ports import ArtifactShelf, Runner

_ARCHIVE_TIMEOUT = timedelta(minutes=10)
"""For one request for what a build archived."""


@dataclass(frozen=True, slots=True)
class WorkerChoices:
    """What a worker is to do.

    Attributes:
        kind: The custom action type whose jobs it does.
        queries: Name and value of the type's queryable property, for each value to work for.
        limit: Jobs in hand at a time.
        state_dir: Where it remembers them.
        command: Shell command that does the work; empty for Jenkins.
        is_repeatable: The command may be run again when nobody knows whether it ran.
        doubt: How long a job that may be another worker's is only watched; None for the usual time.
        url: Jenkins' address; None for what the configuration or the environment names.
        config: Path of the configuration that may name it; None to look for it.
        job: Name of the Jenkins job, with placeholders; empty for the value of `ProjectName`.
        parameters: What its builds are given, with placeholders.
    """

    kind: ActionType
    queries: tuple[tuple[str, str], ...]
    limit: int
    state_dir: Path
    command: str = ""
    is_repeatable: bool = False
    doubt: timedelta | None = None
    url: str | None = None
    config: Path | None = None
    job: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def assemble_worker(
    choices: WorkerChoices, account: Account, environ: Mapping[str, str], tell: Callable[[str], None]
) -> Worker:
    """A worker, ready to run; nothing is contacted but the clock.

    Raises:
        LockedError: If another worker keeps its records in the same directory.
        UsageError: If the directory cannot be used, or Jenkins' address, user or token are missing.
    """
    from deliverkit.adapters.aws.jobs import CodePipelineJobs  # noqa: PLC0415
    from deliverkit.adapters.job_record import DirectoryRecords  # noqa: PLC0415
    from deliverkit.engine.working import Worker  # noqa: PLC0415

    aws = Aws(account)
    records = DirectoryRecords(choices.state_dir, tell=tell)
    clock, pace = _time(aws)
    if choices.doubt is not None:
        pace = replace(pace, doubt=choices.doubt)
    once = Aws(account, repetitions=0)
    jobs = CodePipelineJobs(aws, choices.kind, queries=choices.queries, once=once, now=clock.now, tell=tell)
    tools = _Tools(records.room, partial(_shelf, replace(account, region=aws.region), jobs, clock), clock)
    if choices.command:
        runner = _command_runner(choices, tools, environ, tell)
    else:
        runner = _build_runner(choices, tools, environ, pace)
    return Worker(
        jobs,
        records=records,
        runner=runner,
        clock=clock,
        pace=pace,
        chance=random.random,
        limit=choices.limit,
        tell=tell,
    )


@dataclass(frozen=True, slots=True)
class _Tools:
    """What both kinds of runners need."""

    room: Callable[[str], Path]
    shelf: Callable[[WorkerJob], ArtifactShelf]
    clock: Clock


def _command_runner(
    choices: WorkerChoices, tools: _Tools, environ: Mapping[str, str], tell: Callable[[str], None]
) -> Runner:
    from deliverkit.adapters.local_run import CommandRunner  # noqa: PLC0415
    from deliverkit.packaging.artifact_archive import pack_artifact, unpack_artifact  # noqa: PLC0415

    return CommandRunner(
        choices.command,
        environ=environ,
        room=tools.room,
        shelf=tools.shelf,
        unpack=unpack_artifact,
        pack=pack_artifact,
        tell=tell,
        machine=socket.gethostname(),
        is_repeatable=choices.is_repeatable,
    )


def _build_runner(choices: WorkerChoices, tools: _Tools, environ: Mapping[str, str], pace: WorkerPace) -> Runner:
    from deliverkit.adapters.jenkins_archive import JenkinsArchive  # noqa: PLC0415
    from deliverkit.engine.build_run import BuildRunner  # noqa: PLC0415
    from deliverkit.engine.building import Building, BuildPace  # noqa: PLC0415
    from deliverkit.jenkins_assembly import connection_to, open_jenkins  # noqa: PLC0415
    from deliverkit.packaging.artifact_archive import pack_artifact, unpack_artifact  # noqa: PLC0415

    def building(request: BuildRequest, number: int | None, was_asked: bool) -> Building:
        look = BuildPace(look=pace.look)
        return Building(server, request, clock=tools.clock, pace=look, number=number, was_asked=was_asked)

    server = open_jenkins(choices.url, choices.config, environ)
    try:
        server.greet()
    except DeniedError:
        raise  # every job would be claimed and failed
    except UnreachableError:
        pass  # a controller that starts is waited for with each job
    slow = connection_to(choices.url, choices.config, environ, timeout=_ARCHIVE_TIMEOUT)
    return BuildRunner(
        server,
        archive=JenkinsArchive(slow),
        building=building,
        room=tools.room,
        shelf=tools.shelf,
        unpack=unpack_artifact,
        pack=pack_artifact,
        job=choices.job,
        parameters=choices.parameters,
    )


def _shelf(account: Account, jobs: CodePipelineJobs, clock: Clock, job: WorkerJob) -> ArtifactShelf:
    """The artifacts of a job, by the keys that CodePipeline lends for them."""
    from deliverkit.adapters.aws.artifacts import S3Artifacts  # noqa: PLC0415
    from deliverkit.adapters.aws.lent import LentAws  # noqa: PLC0415

    lent = LentAws(account, lend=partial(jobs.credentials, job.id), now=clock.now)
    return S3Artifacts(lent, key_id=job.key_id)


def _time(aws: Aws) -> tuple[Clock, WorkerPace]:
    """The clock that holds where the jobs come from, and the pace to keep there."""
    from deliverkit.adapters.clock import FollowingClock  # noqa: PLC0415
    from deliverkit.engine.job_course import WorkerPace  # noqa: PLC0415
    from deliverkit.ledger_assembly import is_loopback, time_at  # noqa: PLC0415

    endpoint = aws.endpoint
    clock, _ = time_at(endpoint)
    if not is_loopback(endpoint):
        return clock, WorkerPace()
    # AWS's request quotas ask for patience; a sandbox on this machine has none, and its time may run faster than ours.
    speed = max(clock.speed, 1.0) if isinstance(clock, FollowingClock) else 1.0
    tenth = timedelta(seconds=0.1) * speed
    return clock, WorkerPace(tenth, 2 * tenth, tenth, 5 * tenth, 20 * tenth, 5 * tenth, 100 * tenth)
