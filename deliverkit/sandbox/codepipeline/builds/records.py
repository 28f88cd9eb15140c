"""What CodeBuild's own operations tell about the builds that pipelines ran: BatchGetBuilds and the lists of builds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.codepipeline.builds import identity
from deliverkit.sandbox.moto_builds import keep_build, kept_build

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.builds.build import Build, Ending

_BEFORE = ("SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE")
_COMMANDS = ("INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS")
_AFTER_FAILURE = {"BUILD": ("POST_BUILD", "UPLOAD_ARTIFACTS")}
"""Which phases still run after one that failed (CodeBuild user guide, build phase transitions)."""


def begin(build: Build) -> None:
    """A project's build is under way; plain commands are nobody's build."""
    if not build.project:
        return
    now = build.job.world.clock.now()
    group = {"groupName": build.log_group, "streamName": build.id, "status": "ENABLED"}
    variables = identity.variables_of(build)
    told = {
        "id": build.shown_id,
        "arn": variables["CODEBUILD_BUILD_ARN"],
        "projectName": build.project,
        "initiator": variables["CODEBUILD_INITIATOR"],
        "buildStatus": "IN_PROGRESS",
        "buildComplete": False,
        "currentPhase": "BUILD",
        "startTime": now,
        "phases": [_phase(each, "SUCCEEDED", now, now) for each in _BEFORE],
        "source": {"type": "CODEPIPELINE"},
        "artifacts": {"location": ""},
        "logs": {"groupName": build.log_group, "streamName": build.id, "cloudWatchLogs": group},
    }
    version = variables.get("CODEBUILD_SOURCE_VERSION")
    resolved = variables.get("CODEBUILD_RESOLVED_SOURCE_VERSION")
    told |= {"sourceVersion": version} if version else {}
    told |= {"resolvedSourceVersion": resolved} if resolved else {}
    keep_build(build.account, build.region, told)


def end(build: Build, ending: Ending | None) -> None:
    """A build has ended; without an ending the sandbox failed, and one that nobody waits for was stopped."""
    told = kept_build(build.account, build.region, build.project, build.shown_id)
    if told is None:
        return
    now = build.job.world.clock.now()
    status = "FAULT" if ending is None else ending.status
    told["buildStatus"] = status if build.job.run.is_open else "STOPPED"
    told |= {"buildComplete": True, "currentPhase": "COMPLETED", "endTime": now}
    told["phases"] = [*told["phases"], *_phases(ending, told["startTime"], now)]


def _phases(ending: Ending | None, began: datetime, now: datetime) -> Iterator[dict[str, Any]]:
    failure = ending.failure if ending is not None else None
    failed = failure[0] if failure else ""
    names = _COMMANDS[: _COMMANDS.index(failed) + 1] if failed else _COMMANDS
    for name in (*names, *_AFTER_FAILURE.get(failed, ()), "FINALIZING"):
        contexts = [{"statusCode": failure[1], "message": failure[2]}] if failure and name == failed else []
        yield {**_phase(name, "FAILED" if contexts else "SUCCEEDED", began, now), "contexts": contexts}
    yield {"phaseType": "COMPLETED", "startTime": now}


def _phase(name: str, status: str, began: datetime, ended: datetime) -> dict[str, Any]:
    """A phase; how the time of the commands parts among their phases nobody measures, so each has all of it."""
    seconds = int((ended - began).total_seconds())
    return {
        "phaseType": name,
        "phaseStatus": status,
        "startTime": began,
        "endTime": ended,
        "durationInSeconds": seconds,
    }
