"""Files inside input artifacts, named as actions name them: `Artifact::path/in/it`."""

from __future__ import annotations

import io
import zipfile

from deliverkit.sandbox.codepipeline.providers.provider import Job
from deliverkit.sandbox.codepipeline.state import Artifact


def input_named(job: Job, name: str) -> Artifact:
    """The action's input artifact of that name.

    Raises:
        ValueError: If it has none.
    """
    for artifact in job.run.inputs:
        if artifact.name == name:
            return artifact
    raise ValueError(f"{name} is not an input artifact of the action {job.run.action.name}")


def member_of(job: Job, path: str) -> bytes:
    """The file that `Artifact::path` names.

    Raises:
        ValueError: If the artifact or the file is not there.
        ApiError: If the artifact store is not.
    """
    name, separator, inner = path.partition("::")
    if not separator or not inner:
        raise ValueError(f"{path} should be written as ArtifactName::path")
    return file_in(job, input_named(job, name), inner)


def file_in(job: Job, artifact: Artifact, path: str) -> bytes:
    """A file of an artifact.

    Raises:
        ValueError: If the artifact is no ZIP, or the file is not in it.
        ApiError: If the artifact store is not there.
    """
    body = job.world.moto.read_object(job.pipeline.account, artifact.bucket, artifact.key).body
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return archive.read(path)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"File [{path}] does not exist in artifact [{artifact.name}]") from error
