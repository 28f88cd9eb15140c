"""Parameters of a CloudFormation action: a template configuration file, and overrides that may point into artifacts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deliverkit.sandbox.codepipeline.providers.archive import file_in, input_named, member_of
from deliverkit.sandbox.codepipeline.providers.provider import Job

LONGEST = 1024
"""Bytes of ParameterOverrides (user guide, CloudFormation deploy action reference)."""
ATTRIBUTES = ("BucketName", "ObjectKey", "URL")


@dataclass(frozen=True, slots=True)
class TemplateConfiguration:
    """A template configuration file."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def template_configuration(job: Job) -> TemplateConfiguration:
    """What the file says that `TemplateConfiguration` names; nothing when it names none.

    Raises:
        ValueError: If it is not there, or is none.
    """
    path = job.configuration.get("TemplateConfiguration")
    if not path:
        return TemplateConfiguration()
    found = _object(member_of(job, path).decode("utf-8"), path)
    return TemplateConfiguration(_texts(found.get("Parameters")), _texts(found.get("Tags")))


def overrides_of(job: Job) -> dict[str, str]:
    """`ParameterOverrides`, functions resolved.

    Raises:
        ValueError: If it is too long, no JSON object, or a function in it leads nowhere.
    """
    written = job.configuration.get("ParameterOverrides") or "{}"
    if len(written.encode()) > LONGEST:
        raise ValueError(f"ParameterOverrides is longer than {LONGEST} bytes")
    return {name: _resolved(job, value) for name, value in _object(written, "ParameterOverrides").items()}


def _resolved(job: Job, value: Any) -> str:
    if not isinstance(value, dict):
        return _text(value)
    match value:
        case {"Fn::GetArtifactAtt": [str() as name, str() as attribute]} if attribute in ATTRIBUTES:
            artifact = input_named(job, name)
            url = f"https://s3.{job.run.region}.amazonaws.com/{artifact.bucket}/{artifact.key}"
            return {"BucketName": artifact.bucket, "ObjectKey": artifact.key, "URL": url}[attribute]
        case {"Fn::GetParam": [str() as name, str() as file_name, str() as key]}:
            found = _object(file_in(job, input_named(job, name), file_name).decode("utf-8"), file_name)
            if key not in found:
                raise ValueError(f"{file_name} of artifact {name} has no key {key}")
            return _text(found[key])
        case _:
            raise ValueError(f"ParameterOverrides: {json.dumps(value)} is neither Fn::GetArtifactAtt nor Fn::GetParam")


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{where} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where} is not a JSON object")  # noqa: TRY004  (a file that is wrong, not a call)
    return found


def _texts(found: Any) -> dict[str, str]:
    return {str(name): _text(value) for name, value in (found or {}).items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
