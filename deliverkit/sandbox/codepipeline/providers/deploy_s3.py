"""Deploy/AWS/S3: puts the input artifact, or what is in it, into a bucket (user guide, Amazon S3 deploy action)."""

from __future__ import annotations

import io
import mimetypes
import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind, new_id
from deliverkit.sandbox.codepipeline.providers.source_s3 import console_url
from deliverkit.sandbox.codepipeline.state import Outcome

MOST_FILES = 100_000
"""Files of an artifact that can be extracted (user guide, quotas)."""


class S3Deploy:
    """Writes the objects at once; it is over when it has begun."""

    kind = Kind(
        type=ActionType("Deploy", "AWS", "S3", "1"),
        required=frozenset({"BucketName", "Extract"}),
        optional=frozenset({"ObjectKey", "KMSEncryptionKeyARN", "CannedACL", "CacheControl"}),
        inputs=(1, 1),
        outputs=(0, 0),
    )

    def check(self, action: Action, region: str) -> None:
        """An artifact that is not extracted needs a key; the value of `Extract` shows when the action runs."""
        if action.configuration["Extract"] == "false" and not action.configuration.get("ObjectKey"):
            raise errors.bad_action(f"action '{action.name}': ObjectKey is required when Extract is false")

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the bucket."""
        return console_url(region)

    def start(self, job: Job) -> None:
        """Write the objects."""
        configuration = job.configuration
        bucket, key = configuration["BucketName"], _with_placeholders(job, configuration.get("ObjectKey", ""))
        if configuration["Extract"] not in {"true", "false"}:
            text = f"Extract must be true or false, not {configuration['Extract']!r}"
            return job.fail("ConfigurationError", text)
        extracts = configuration["Extract"] == "true"
        artifact = job.run.inputs[0]
        body = job.world.moto.read_object(job.pipeline.account, artifact.bucket, artifact.key).body
        try:
            objects = list(_members(body, key)) if extracts else [(key, body)]
            self._write(job, bucket, objects)
        except (ValueError, zipfile.BadZipFile) as error:
            return job.fail("ConfigurationError", f"The artifact {artifact.name} cannot be extracted: {error}")
        except ClientError as error:
            return job.fail(
                _code_of(error), f"The bucket {bucket} cannot be written: {error.response['Error']['Message']}"
            )
        job.run.external_id = bucket if extracts and not key else f"{bucket}/{key}"
        job.run.external_url = console_url(job.run.region)
        return job.succeed(Outcome(summary="Deployment Succeeded"))

    def _write(self, job: Job, bucket: str, objects: list[tuple[str, bytes]]) -> None:
        s3 = job.world.moto.client("s3", job.account, job.run.region)
        for key, body in objects:
            # A website needs the types of its files; AWS tells nowhere how it finds them.
            kind = {"ContentType": guessed} if (guessed := mimetypes.guess_type(key)[0]) else {}
            s3.put_object(Bucket=bucket, Key=key, Body=body, **kind, **_options(job))


def _with_placeholders(job: Job, key: str) -> str:
    """`{datetime}` and `{uuid}` in object keys (user guide, using variables in Amazon S3 object keys)."""
    return key.replace("{datetime}", f"{job.world.clock.now():%Y-%m-%d_%H-%M-%S}").replace("{uuid}", new_id())


def _options(job: Job) -> dict[str, Any]:
    configuration = job.configuration
    options: dict[str, Any] = {}
    if configuration.get("CannedACL"):
        options["ACL"] = configuration["CannedACL"]
    if configuration.get("CacheControl"):
        options["CacheControl"] = configuration["CacheControl"]
    if configuration.get("KMSEncryptionKeyARN"):
        options |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": configuration["KMSEncryptionKeyARN"]}
    return options


def _members(body: bytes, prefix: str) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > MOST_FILES:
            raise ValueError(f"it has {len(members)} files, and {MOST_FILES} are the most")
        for member in members:
            yield posixpath.join(prefix, member.filename), archive.read(member)


def _code_of(error: ClientError) -> str:
    code = error.response["Error"]["Code"]
    return "PermissionError" if code in {"AccessDenied", "403"} else "ConfigurationError"
