"""Where builds run: a thread waits for each build's process, and reports its end under the world's lock."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.codepipeline import artifacts
from deliverkit.sandbox.codepipeline.builds import gathering, identity, records, shell
from deliverkit.sandbox.codepipeline.builds.build import Build, BuildBook, Ending, book_of
from deliverkit.sandbox.codepipeline.state import Artifact, Outcome, Status
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.repositories import git
from deliverkit.sandbox.repositories.git import GitError

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.providers.provider import Job
    from deliverkit.sandbox.kernel.world import World

log = logging.getLogger(__name__)
SHOWN_OF_OUTPUT = 1000
"""Characters of the output that the failure's message ends with."""
PATIENCE_SECONDS = 5.0
"""Real time for a killed build to be gone."""


@dataclass(frozen=True, slots=True)
class _Source:
    """An input artifact, and what its object holds."""

    artifact: Artifact
    body: bytes

    def lay(self, directory: Path) -> None:
        """Put its files into a directory, with the repository that they are of when the artifact refers to one.

        Raises:
            ApiError: `ConfigurationError` when the repository is no longer there.
        """
        if not self.artifact.repository:
            return shell.unpack(self.body, directory)
        try:
            return git.clone(Path(self.artifact.repository), self.artifact.commit, directory)
        except GitError as error:
            text = f"The repository of {self.artifact.name} cannot be cloned: {error}"
            raise ApiError("ConfigurationError", text) from error


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a build needs from the world, taken under its lock."""

    sources: dict[str, _Source]
    environment: dict[str, str]


class Workshop:
    """The engine of builds.

    Args:
        world: The sandbox.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._directory = world.state_dir / "builds"
        self._is_started = False
        self._is_stopped = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin again what ran when an earlier process ended; its own processes are gone."""
        self._is_started = True
        for _, _, book in self._world.stores(BuildBook):
            for build in list(book.builds.values()):
                self.begin(build)

    def stop(self) -> None:
        """End every process; its build is begun again by the next sandbox."""
        self._is_stopped = True
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def begin(self, build: Build) -> None:
        """Run a build; before `start` it only waits for it."""
        if self._is_started:
            thread = threading.Thread(target=self._run, args=(build,), name="sandbox-build", daemon=True)
            self._threads = [*(each for each in self._threads if each.is_alive()), thread]
            thread.start()

    def _run(self, build: Build) -> None:
        home = self._directory / build.id
        try:
            shutil.rmtree(home, ignore_errors=True)
            with self._world.lock:
                prepared = self._prepare(build)
            ending = self._carry_out(build, prepared)
        except ApiError as error:
            self._report(build, partial(build.job.fail, "ConfigurationError", error.message))
        except Exception:
            log.exception("build %s could not be run", build.id)
            self._report(build, partial(build.job.fail, "SystemUnavailable", "the sandbox failed; see its log"))
        else:
            if not self._is_stopped:
                self._report(build, partial(_conclude, self._world, build, ending), ending)
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def _prepare(self, build: Build) -> _Prepared:
        sources = {
            each.name: _Source(
                each, self._world.moto.read_object(build.job.pipeline.account, each.bucket, each.key).body
            )
            for each in build.job.run.inputs
        }
        return _Prepared(sources, {**self._common_environment(build), **build.environment})

    def _carry_out(self, build: Build, prepared: _Prepared) -> Ending:
        home = self._directory / build.id
        environment = dict(prepared.environment)
        home.mkdir(parents=True)
        primary = build.primary or next(iter(prepared.sources), "")
        for number, (name, source) in enumerate(prepared.sources.items()):
            # One artifact is the source; the others lie beside it (CodeBuild user guide, CODEBUILD_SRC_DIR_...).
            place = home / ("src" if name == primary else f"src-{number}")
            source.lay(place)
            environment[f"CODEBUILD_SRC_DIR_{name}"] = str(place)
        (home / "src").mkdir(exist_ok=True)
        environment["CODEBUILD_SRC_DIR"] = str(home / "src")
        ending = shell.run(
            home,
            build.script,
            environment,
            build.exported,
            partial(self._is_wanted, build),
            interpreter=build.interpreter,
        )
        return _gathered(build, home / "src", ending) if ending.exit_code == 0 else ending

    def _is_wanted(self, build: Build) -> bool:
        """Work goes on when its action was abandoned, not when it failed: then its time is over."""
        return not self._is_stopped and build.job.run.status is not Status.FAILED

    def _common_environment(self, build: Build) -> dict[str, str]:
        role = (build.job.run.action.role_arn or build.job.execution.definition.role_arn).rpartition("/")[2]
        sts: Any = self._world.moto.client("sts", build.account, build.region)
        arn = f"arn:aws:iam::{build.account}:role/{role}"
        keys = sts.assume_role(RoleArn=arn, RoleSessionName=build.id)["Credentials"]
        return {
            "AWS_ENDPOINT_URL": self._world.endpoint,
            "AWS_REGION": build.region,
            "AWS_DEFAULT_REGION": build.region,
            "AWS_ACCESS_KEY_ID": str(keys["AccessKeyId"]),
            "AWS_SECRET_ACCESS_KEY": str(keys["SecretAccessKey"]),
            "AWS_SESSION_TOKEN": str(keys["SessionToken"]),
            "AWS_EC2_METADATA_DISABLED": "true",
            **identity.variables_of(build),
        }

    def _report(self, build: Build, end: Callable[[], None], ending: Ending | None = None) -> None:
        with self._world.lock:
            book_of(self._world, build.account, build.region).builds.pop(build.id, None)
            records.end(build, ending)
            build.job.take(end)


def run(job: Job, build_of: Callable[[Job], Build], limit: timedelta | None = None) -> None:
    """Begin the build that an attempt asks for; the attempt fails when there can be none, or when it takes too long.

    Args:
        job: The attempt.
        build_of: Gives its build, or raises ApiError.
        limit: Virtual time after which it fails; None when somebody else looks after that.
    """
    try:
        build = build_of(job)
    except ApiError as error:
        return job.fail("ConfigurationError", error.message)
    if limit is not None:
        job.after(limit, partial(_expire, job))
    book_of(job.world, build.account, build.region).builds[build.id] = build
    job.run.external_id, job.run.external_url = build.shown_id, build.url
    group = f"arn:aws:logs:{build.region}:{build.account}:log-group:{build.log_group}"
    job.run.log_stream_arn = f"{group}:log-stream:{build.id}"
    records.begin(build)
    workshop: Workshop = job.world.parts[Workshop]
    return workshop.begin(build)


def _expire(job: Job) -> None:
    job.fail("JobFailed", f"The action {job.run.action.name} timed out")


def _conclude(world: World, build: Build, ending: Ending) -> None:
    _keep_log(world, build, ending.output)
    if build.project and ending.failure is not None:
        phase, code, message = ending.failure
        told = f"Build terminated with state: FAILED. Phase: {phase}, Code: {code}, Message: {message}"
        return build.job.fail("JobFailed", told)
    if ending.problem:
        return build.job.fail("JobFailed", ending.problem)
    if ending.exit_code == 0:
        return _succeed(build, ending)
    told = ending.output.decode(errors="replace")[-SHOWN_OF_OUTPUT:].strip()
    return build.job.fail("JobFailed", f"A command ended with exit status {ending.exit_code}. {told}")


def _gathered(build: Build, directory: Path, ending: Ending) -> Ending:
    try:
        found = {each.name: gathering.gather(directory, each) for each in build.outputs}
    except gathering.NothingFoundError as error:
        return replace(ending, problem=str(error))
    return replace(ending, artifacts=found)


def _succeed(build: Build, ending: Ending) -> None:
    try:
        stored = tuple(artifacts.store(build.job, name, body, suffix=".zip") for name, body in ending.artifacts.items())
    except ApiError as error:
        return build.job.fail("ConfigurationError", artifacts.unusable(build.job, error))
    return build.job.succeed(Outcome(variables=ending.variables, artifacts=stored))


def _keep_log(world: World, build: Build, output: bytes) -> None:
    """Put what was printed into CloudWatch Logs."""
    client: Any = world.moto.client("logs", build.account, build.region)
    with suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_group(logGroupName=build.log_group)
    client.create_log_stream(logGroupName=build.log_group, logStreamName=build.id)
    now: datetime = world.clock.now()
    lines = output.decode(errors="replace").splitlines()
    events = [{"timestamp": int(now.timestamp() * 1000), "message": line} for line in lines if line]
    if events:
        client.put_log_events(logGroupName=build.log_group, logStreamName=build.id, logEvents=events)
