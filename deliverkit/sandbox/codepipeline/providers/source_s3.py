"""Source/AWS/S3: one object of a versioned bucket (CodePipeline user guide, Amazon S3 source action reference)."""

from __future__ import annotations

from deliverkit.sandbox.codepipeline import artifacts, quotas
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind
from deliverkit.sandbox.codepipeline.state import Outcome, Revision
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

SUMMARY_METADATA = "codepipeline-artifact-revision-summary"
"""Object metadata that replaces the generic revision summary (CodePipeline API reference, SourceRevision)."""
KEY = "S3_OBJECT_KEY"
VERSION = "S3_OBJECT_VERSION_ID"


class S3Source:
    """Reads the newest version, or the key and version that the start named, and stores its bytes as the artifact."""

    kind = Kind(
        type=ActionType("Source", "AWS", "S3", "1"),
        required=frozenset({"S3Bucket", "S3ObjectKey"}),
        optional=frozenset({"PollForSourceChanges", "AllowOverrideForS3ObjectKey"}),
        inputs=(0, 0),
        outputs=(1, 1),
    )

    def check(self, action: Action, region: str) -> None:
        """Everything about it is in the kind; whether the bucket exists shows when it runs."""

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the bucket."""
        return f"https://console.aws.amazon.com/s3/home?region={region}#"

    def start(self, job: Job) -> None:
        """Read the object."""
        bucket, key = job.configuration["S3Bucket"], job.configuration["S3ObjectKey"]
        named = {each.type: each.value for each in job.execution.overrides if each.action == job.run.action.name}
        key = named.get(KEY, key)
        try:
            if not job.world.moto.bucket_is_versioned(job.account, bucket):
                text = (
                    f"The Amazon S3 bucket {bucket} is not versioned. Enable versioning on the bucket, and try again."
                )
                return job.fail("ConfigurationError", text)
            quotas.check_source(job, job.world.moto.size_of(job.account, bucket, key, named.get(VERSION)))
            found = job.world.moto.read_object(job.account, bucket, key, named.get(VERSION))
        except ApiError as error:
            return job.fail("ConfigurationError", _unreadable(error, bucket, key))
        version = found.version_id or ""
        # No page of the version, as seen on AWS.
        job.run.external_id = version
        name = job.run.action.outputs[0]
        summary = found.metadata.get(SUMMARY_METADATA, f"Amazon S3 version id: {version}")
        revision = Revision(job.run.action.name, name, version, summary, "", job.world.clock.now())
        variables = {"BucketName": bucket, "ETag": found.e_tag, "ObjectKey": key, "VersionId": version}
        try:
            artifact = artifacts.store(job, name, found.body, suffix=".zip" if key.endswith(".zip") else "")
        except ApiError as error:
            return job.fail("ConfigurationError", artifacts.unusable(job, error))
        return job.succeed(Outcome(summary=summary, variables=variables, revision=revision, artifacts=(artifact,)))


def allows_key_override(action: Action) -> bool:
    """True when a start may name another key."""
    return action.configuration.get("AllowOverrideForS3ObjectKey", "false").lower() == "true"


def newest_version(world: World, account: str, action: Action) -> str | None:
    """Version id of the source's object now; None when there is nothing to read."""
    bucket, key = action.configuration["S3Bucket"], action.configuration["S3ObjectKey"]
    try:
        if not world.moto.bucket_is_versioned(account, bucket):
            return None
        return world.moto.read_object(account, bucket, key).version_id
    except ApiError:
        return None


def _unreadable(error: ApiError, bucket: str, key: str) -> str:
    match error.code:
        case "NoSuchBucket":
            return f"The Amazon S3 bucket {bucket} does not exist. Update the source action, and try again."
        case "ConfigurationError":
            return error.message
        case "NoSuchVersion":
            return f"The Amazon S3 object {key} in bucket {bucket} does not have the requested version: {error.message}"
        case _:
            return f"The Amazon S3 object {key} does not exist in bucket {bucket}."
