"""Deploy/AWS/S3: puts the input artifact, or what is in it, into a bucket (user guide, Amazon S3 deploy action).

Where the guide is silent, as on types, names and refusals, it does what was seen on AWS.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind, new_id
from deliverkit.sandbox.codepipeline.state import Failure, Outcome

MOST_FILES = 100_000
"""Files of an artifact that can be extracted (user guide, quotas)."""
PLAIN = "application/octet-stream"
_TYPES: Mapping[str, str] = {
    "css": "text/css",
    "gif": "image/gif",
    "htm": "text/html",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "application/x-javascript",
    "json": "application/json",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "xml": "application/xml",
}
"""Content types by the endings of names. Most were seen on AWS, which gives fonts and source maps none."""


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
        """Everything about it is in the kind; what is wrong with the values shows when the action runs."""

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the bucket."""
        bucket = action.configuration["BucketName"]
        return f"https://console.aws.amazon.com/s3/buckets/{bucket}/?region={region}&tab=overview"

    def start(self, job: Job) -> None:
        """Write the objects."""
        configuration = job.configuration
        bucket, key = configuration["BucketName"], _with_placeholders(job, configuration.get("ObjectKey", ""))
        extracts = configuration["Extract"] == "true"
        try:
            _require_sense(configuration["Extract"], key)
            self._write(job, bucket, key, extracts=extracts)
        except _RefusedError as error:
            return job.end(Outcome(failure=error.failure))
        except zipfile.BadZipFile:
            return job.fail("JobFailed", "The archive is malformed.")
        except ClientError as error:
            return job.end(Outcome(failure=_failure_of(bucket, error)))
        job.run.external_id = bucket if extracts and not key else f"{bucket}/{key}"
        return job.succeed(Outcome(summary="Deployment Succeeded"))

    def _write(self, job: Job, bucket: str, key: str, *, extracts: bool) -> None:
        """Write one object after the other; those before a file that is refused stay."""
        artifact = job.run.inputs[0]
        body = job.world.moto.read_object(job.pipeline.account, artifact.bucket, artifact.key).body
        s3 = job.world.moto.client("s3", job.account, job.run.region)
        objects = _members(body, key) if extracts else iter([(key, body, PLAIN)])
        for name, content, kind in objects:
            s3.put_object(Bucket=bucket, Key=name, Body=content, ContentType=kind, **_options(job))


class _RefusedError(Exception):
    """What the action cannot do; its failure tells why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.failure = Failure("ConfigurationError", message)


def _require_sense(extract: str, key: str) -> None:
    if extract not in {"true", "false"}:
        raise _RefusedError(
            f"Invalid value for configuration property '{extract}': 'Extract'. "
            "Edit your pipeline and set 'Extract' to either 'true' or 'false'."
        )
    if extract == "false" and not key:
        raise _RefusedError(
            "When the extract feature is disabled, you must provide an object. "
            "Edit your pipeline to fix the configuration."
        )


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


def _members(body: bytes, prefix: str) -> Iterator[tuple[str, bytes, str]]:
    """Key, content and type of every file, in the archive's order; a name stays what it is behind prefix and slash."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > MOST_FILES:
            raise _RefusedError(f"The artifact has {len(members)} files, and {MOST_FILES} are the most")
        for member in members:
            name = member.filename.replace("\\", "/")
            if "../" in name:
                raise _RefusedError(f"The file name {name} contains invalid sequence: dot-dot-slash.")
            yield f"{prefix}/{name}" if prefix else name, archive.read(member), _type_of(name)


def _type_of(name: str) -> str:
    return _TYPES.get(name.rpartition(".")[2].lower(), PLAIN) if "." in name else PLAIN


def _failure_of(bucket: str, error: ClientError) -> Failure:
    told = error.response["Error"]
    if told["Code"] in {"AccessDenied", "403"}:
        text = f"You do not have sufficient permissions to call s3.putObject for the deployment bucket, {bucket}."
        return Failure("PermissionError", text)
    return Failure("ConfigurationError", f"The bucket {bucket} cannot be written: {told['Message']}")
