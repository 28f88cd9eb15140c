"""CodeBuild projects as an action or rule runs them: moto keeps them, a shell of this machine carries them out."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.codepipeline.builds import buildspec, values
from deliverkit.sandbox.codepipeline.builds.build import Build, Output
from deliverkit.sandbox.codepipeline.builds.buildspec import Buildspec, BuildspecError
from deliverkit.sandbox.codepipeline.definition import EnvironmentVariable
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.repositories import git
from deliverkit.sandbox.repositories.git import GitError

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.providers.provider import Job

TIMEOUT = timedelta(hours=8)
"""CodePipeline user guide, quotas: CodeBuild actions; for rules it is undocumented."""
CONFIGURATION = frozenset({"ProjectName", "PrimarySource", "BatchEnabled", "CombineArtifacts", "EnvironmentVariables"})
"""Configuration keys of CodeBuild actions (CodePipeline user guide, CodeBuild action reference)."""


def console_url(name: str, region: str) -> str:
    """The console's page of a project."""
    return f"https://console.aws.amazon.com/codebuild/home?region={region}#/projects/{name}/view"


def build_of(job: Job) -> Build:
    """The build that the attempt's configuration asks for.

    Raises:
        ApiError: When the project, its specification or a secret is not there or cannot be read.
    """
    if job.configuration.get("BatchEnabled", "false").lower() == "true":
        raise ApiError("ConfigurationError", "BatchEnabled is not supported: batch builds do not run here")
    project = _project(job, job.configuration["ProjectName"])
    primary = job.configuration.get("PrimarySource", "")
    spec = _specification(job, project, primary)
    variables = {
        **values.environment(job, spec.environment),
        **values.environment(job, _of_project(project)),
        **values.environment(job, _overrides(job)),
    }
    name = str(project["name"])
    return Build(
        chance.uuid4(),
        job,
        spec.script(),
        variables,
        spec.exported,
        f"/aws/codebuild/{name}",
        primary=primary,
        project=name,
        outputs=_outputs(job, spec),
        interpreter=spec.interpreter,
    )


def _outputs(job: Job, spec: Buildspec) -> tuple[Output, ...]:
    """The main artifact is the only output, or each output has a secondary artifact of its name (user guide)."""
    names = job.run.action.outputs
    if len(names) == 1 and spec.artifact is not None:
        return (replace(spec.artifact, name=names[0]),)
    missing = [name for name in names if name not in spec.secondary]
    if missing:
        raise ApiError("ConfigurationError", f"The buildspec has no artifacts for {', '.join(missing)}")
    return tuple(spec.secondary[name] for name in names)


def _project(job: Job, name: str) -> Mapping[str, Any]:
    found = values.client(job, "codebuild").batch_get_projects(names=[name]).get("projects", [])
    if not found:
        raise ApiError("ConfigurationError", f"The CodeBuild project {name} does not exist in {job.run.region}")
    project: Mapping[str, Any] = found[0]
    return project


def _specification(job: Job, project: Mapping[str, Any], primary: str) -> Buildspec:
    """The project's own specification, or the file of its source that it names."""
    declared = str(project.get("source", {}).get("buildspec") or buildspec.DEFAULT_NAME)
    is_text = "\n" in declared or ":" in declared
    try:
        return buildspec.read(declared if is_text else _file(job, primary, declared))
    except BuildspecError as error:
        raise ApiError("ConfigurationError", f"CodeBuild project {project['name']}: {error}") from error


def _file(job: Job, primary: str, name: str) -> str:
    """A file of the primary input artifact.

    Raises:
        BuildspecError: When it is not there.
    """
    for artifact in job.run.inputs:
        if primary in ("", artifact.name):
            try:
                if artifact.repository:
                    return git.file_of(Path(artifact.repository), artifact.commit, name).decode()
                body = job.world.moto.read_object(job.pipeline.account, artifact.bucket, artifact.key).body
                return zipfile.ZipFile(io.BytesIO(body)).read(name).decode()
            except (zipfile.BadZipFile, KeyError, UnicodeDecodeError, GitError) as error:
                raise BuildspecError(f"the source {artifact.name} has no file {name}") from error
    raise BuildspecError(f"there is no source with a file {name}")


def _of_project(project: Mapping[str, Any]) -> list[EnvironmentVariable]:
    declared = project.get("environment", {}).get("environmentVariables", ())
    return [EnvironmentVariable(each["name"], each["value"], each.get("type", "PLAINTEXT")) for each in declared]


def _overrides(job: Job) -> list[EnvironmentVariable]:
    text = job.configuration.get("EnvironmentVariables", "[]")
    try:
        return [
            EnvironmentVariable(str(each["name"]), str(each["value"]), str(each.get("type", "PLAINTEXT")))
            for each in json.loads(text)
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        text = f"EnvironmentVariables is no JSON list of name and value: {text}"
        raise ApiError("ConfigurationError", text) from error
