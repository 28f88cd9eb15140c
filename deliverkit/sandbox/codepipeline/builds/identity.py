"""What a build can read about itself (CodeBuild user guide, environment variables in build environments)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.builds.build import Build
    from deliverkit.sandbox.codepipeline.state import Artifact


def variables_of(build: Build) -> dict[str, str]:
    """The build's ids, what started it, and which revision of the primary source it sees, as far as one is known."""
    job = build.job
    variables = {
        "CODEBUILD_BUILD_ID": build.shown_id,
        "CODEBUILD_BUILD_ARN": f"arn:aws:codebuild:{build.region}:{build.account}:build/{build.shown_id}",
        "CODEBUILD_CI": "true",
        "CODEBUILD_INITIATOR": f"codepipeline/{job.pipeline.name}",
        "CODEBUILD_LOG_PATH": build.id,
        "CODEBUILD_START_TIME": str(round(job.run.started_at.timestamp() * 1000)),
    }
    primary = _primary(build)
    if primary is None:
        return variables
    variables["CODEBUILD_SOURCE_VERSION"] = f"arn:aws:s3:::{primary.bucket}/{primary.key}"
    revisions = job.execution.revisions.values()
    read = next((each.revision_id for each in revisions if each.artifact == primary.name), "")
    return {**variables, "CODEBUILD_RESOLVED_SOURCE_VERSION": read} if read else variables


def _primary(build: Build) -> Artifact | None:
    inputs = build.job.run.inputs
    named = (each for each in inputs if each.name == build.primary)
    return next(named, inputs[0] if inputs else None)
