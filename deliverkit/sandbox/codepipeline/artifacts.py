"""The artifact store: where an action's output lies, and how an action in another Region gets at it."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import TYPE_CHECKING

from deliverkit.sandbox.codepipeline.state import Artifact
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.providers.provider import Job

PIPELINE_PART = 20
ARTIFACT_PART = 10
RANDOM_PART = 7
_ALPHABET = string.ascii_letters + string.digits


def store(job: Job, name: str, body: bytes, *, suffix: str) -> Artifact:
    """Write an output artifact under a key of its own: `<pipeline>/<artifact>/<random>`, both names cut as AWS does.

    Raises:
        ApiError: `NoSuchBucket` when the artifact store does not exist.
    """
    artifact = place(job, name, suffix=suffix)
    job.world.moto.write_object(job.pipeline.account, artifact.bucket, artifact.key, body)
    return artifact


def place(job: Job, name: str, *, suffix: str = "") -> Artifact:
    """Where an output artifact is to lie; nothing is written yet."""
    random = chance.text(RANDOM_PART, _ALPHABET)
    key = f"{job.pipeline.name[:PIPELINE_PART]}/{name[:ARTIFACT_PART]}/{random}{suffix}"
    return Artifact(name, job.execution.definition.artifact_bucket(job.run.region), key)


def fetch(job: Job, name: str) -> Artifact:
    """An input artifact in the artifact store of the action's Region, copied there when it lies in another's.

    Raises:
        ApiError: When the artifact or a store is missing.
    """
    artifact = job.execution.artifacts.get(name)
    if artifact is None:
        raise ApiError("NoSuchKey", f"no action of this execution has produced the artifact {name}", status=404)
    bucket = job.execution.definition.artifact_bucket(job.run.region)
    if bucket == artifact.bucket:
        return artifact
    body = job.world.moto.read_object(job.pipeline.account, artifact.bucket, artifact.key).body
    job.world.moto.write_object(job.pipeline.account, bucket, artifact.key, body)
    return replace(artifact, bucket=bucket)


def unusable(job: Job, error: ApiError) -> str:
    """What a failed action says about an artifact that cannot be read or written."""
    return f"The artifact store of pipeline {job.pipeline.name} cannot be used: {error.message}"
