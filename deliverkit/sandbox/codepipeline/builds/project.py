"""CodeBuild projects as an action or rule runs them: moto keeps them, a shell of this machine carries them out."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from deliverkit.sandbox.codepipeline.builds import buildspec
from deliverkit.sandbox.codepipeline.builds.build import Build
from deliverkit.sandbox.codepipeline.builds.buildspec import Buildspec, BuildspecError
from deliverkit.sandbox.codepipeline.providers.provider import Job, new_id
from deliverkit.sandbox.kernel.errors import ApiError

CONFIGURATION = frozenset({"ProjectName", "PrimarySource", "BatchEnabled", "CombineArtifacts", "EnvironmentVariables"})
"""Configuration keys of CodeBuild actions (CodePipeline user guide, CodeBuild action reference)."""


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
        **_plain(job, spec),
        **_environment(job, project.get("environment", {}).get("environmentVariables", ())),
        **_environment(job, _overrides(job)),
        "CODEBUILD_INITIATOR": f"codepipeline/{job.pipeline.name}",
    }
    name = str(project["name"])
    return Build(new_id(), job, spec.script(), variables, spec.exported, f"/aws/codebuild/{name}", primary, name)


def _project(job: Job, name: str) -> Mapping[str, Any]:
    found = _client(job, "codebuild").batch_get_projects(names=[name]).get("projects", [])
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
            body = job.world.moto.read_object(job.pipeline.account, artifact.bucket, artifact.key).body
            try:
                return zipfile.ZipFile(io.BytesIO(body)).read(name).decode()
            except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
                raise BuildspecError(f"the source {artifact.name} has no file {name}") from error
    raise BuildspecError(f"there is no source with a file {name}")


def _plain(job: Job, spec: Buildspec) -> dict[str, str]:
    typed = [
        *({"name": name, "value": value, "type": "PARAMETER_STORE"} for name, value in spec.parameters.items()),
        *({"name": name, "value": value, "type": "SECRETS_MANAGER"} for name, value in spec.secrets.items()),
    ]
    return {**spec.variables, **_environment(job, typed)}


def _overrides(job: Job) -> list[Mapping[str, str]]:
    text = job.configuration.get("EnvironmentVariables", "[]")
    try:
        found: list[Mapping[str, str]] = [dict(each) for each in json.loads(text)]
        return [{**each, "name": each["name"], "value": each["value"]} for each in found]
    except (ValueError, TypeError, KeyError) as error:
        raise ApiError(
            "ConfigurationError", f"EnvironmentVariables is no JSON list of name and value: {text}"
        ) from error


def _environment(job: Job, declared: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {each["name"]: _value(job, each.get("type", "PLAINTEXT"), each["value"]) for each in declared}


def _value(job: Job, kind: str, value: str) -> str:
    from botocore.exceptions import ClientError  # noqa: PLC0415  (only what reads secrets pays for it)

    try:
        if kind == "PARAMETER_STORE":
            found = _client(job, "ssm").get_parameter(Name=value, WithDecryption=True)
            return str(found["Parameter"]["Value"])
        return _secret(job, value) if kind == "SECRETS_MANAGER" else value
    except ClientError as error:
        message = error.response["Error"]["Message"]
        raise ApiError("ConfigurationError", f"The value of {value} cannot be read: {message}") from error


def _secret(job: Job, reference: str) -> str:
    """What `id:json-key:stage:version` stands for; all but the id may be absent (CodeBuild user guide, buildspec)."""
    parts = reference.split(":")
    length = 7 if reference.startswith("arn:") else 1
    identity, rest = ":".join(parts[:length]), [*parts[length:], "", "", ""]
    asked = {"SecretId": identity, "VersionStage": rest[1], "VersionId": rest[2]}
    found = _client(job, "secretsmanager").get_secret_value(**{name: value for name, value in asked.items() if value})
    text = str(found["SecretString"])
    return str(json.loads(text)[rest[0]]) if rest[0] else text


def _client(job: Job, service: str) -> Any:
    return job.world.moto.client(service, job.account, job.run.region)
