"""Values of environment variables: plain, from the parameter store, from Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.codepipeline.definition import EnvironmentVariable
from deliverkit.sandbox.kernel.errors import ApiError

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.providers.provider import Job


def environment(job: Job, declared: Iterable[EnvironmentVariable]) -> dict[str, str]:
    """The variables with their values, read with the rights of the action's account.

    Raises:
        ApiError: `ConfigurationError` when a parameter or secret cannot be read.
    """
    return {each.name: _value(job, each.type, each.value) for each in declared}


def client(job: Job, service: str) -> Any:
    """A client of a moto service where the action works."""
    return job.world.moto.client(service, job.account, job.run.region)


def _value(job: Job, kind: str, value: str) -> str:
    from botocore.exceptions import ClientError  # noqa: PLC0415  (only what reads secrets pays for it)

    try:
        if kind == "PARAMETER_STORE":
            found = client(job, "ssm").get_parameter(Name=value, WithDecryption=True)
            return str(found["Parameter"]["Value"])
        return _secret(job, value) if kind == "SECRETS_MANAGER" else value
    except ClientError as error:
        message = error.response["Error"]["Message"]
        raise ApiError("ConfigurationError", f"The value of {value} cannot be read: {message}") from error
    except (ValueError, KeyError) as error:
        raise ApiError("ConfigurationError", f"The secret {value} has no such key") from error


def _secret(job: Job, reference: str) -> str:
    """What `id:json-key:stage:version` stands for; all but the id may be absent (CodeBuild user guide, buildspec)."""
    parts = reference.split(":")
    length = 7 if reference.startswith("arn:") else 1
    identity, rest = ":".join(parts[:length]), [*parts[length:], "", "", ""]
    asked = {"SecretId": identity, "VersionStage": rest[1], "VersionId": rest[2]}
    found = client(job, "secretsmanager").get_secret_value(**{name: value for name, value in asked.items() if value})
    text = str(found["SecretString"])
    return str(json.loads(text)[rest[0]]) if rest[0] else text
