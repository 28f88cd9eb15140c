"""How large artifacts may be (CodePipeline user guide, quotas). With what code an action fails is not documented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.sandbox.kernel.errors import ApiError

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.providers.provider import Job

MEGABYTE = 1024**2
LARGEST_SOURCE = {
    "S3": 5 * 1024 * MEGABYTE,
    "CodeCommit": 1024 * MEGABYTE,
    "CodeStarSourceConnection": 1024 * MEGABYTE,
    "GitHub": 1024 * MEGABYTE,
}
"""Bytes of what a source reads, by provider."""
LARGEST_INPUT = {"CloudFormation": 256 * MEGABYTE, "CodeDeployToECS": 3 * MEGABYTE}
"""Bytes of an input artifact, by provider."""


def check_source(job: Job, size: int) -> None:
    """Refuse to read more than the source may.

    Raises:
        ApiError: `ConfigurationError`.
    """
    _check(LARGEST_SOURCE, job, job.run.action.outputs[0], size)


def check_inputs(job: Job) -> None:
    """Refuse input artifacts that are too large for the action.

    Raises:
        ApiError: `ConfigurationError`.
    """
    if job.run.action.type.provider in LARGEST_INPUT:
        for each in job.run.inputs:
            size = job.world.moto.size_of(job.pipeline.account, each.bucket, each.key)
            _check(LARGEST_INPUT, job, each.name, size)


def _check(largest: dict[str, int], job: Job, artifact: str, size: int) -> None:
    provider = job.run.action.type.provider
    if size > largest.get(provider, size):
        text = f"The artifact {artifact} has {size} bytes; {largest[provider]} are the most for {provider} actions"
        raise ApiError("ConfigurationError", text)
