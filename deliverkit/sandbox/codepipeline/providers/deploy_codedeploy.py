"""Deploy/AWS/CodeDeploy: deploys the input artifact (CodePipeline user guide, CodeDeploy action reference)."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codepipeline import artifacts
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers import deployment
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind
from deliverkit.sandbox.codepipeline.state import Artifact
from deliverkit.sandbox.kernel.errors import ApiError


class CodeDeployDeploy:
    """Creates the deployment and watches it; an abandoned action leaves the deployment to itself."""

    kind = Kind(
        type=ActionType("Deploy", "AWS", "CodeDeploy", "1"),
        required=frozenset({"ApplicationName", "DeploymentGroupName"}),
        optional=frozenset(),
        inputs=(1, 1),
        outputs=(0, 0),
    )

    def check(self, action: Action, region: str) -> None:
        """Everything about it is in the kind; whether application and group exist shows when it runs."""

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the deployment group."""
        return deployment.group_url(action.configuration, region)

    def start(self, job: Job) -> None:
        """Create the deployment."""
        try:
            request = {
                "applicationName": job.configuration["ApplicationName"],
                "deploymentGroupName": job.configuration["DeploymentGroupName"],
                "revision": _revision(job, job.run.inputs[0]),
            }
        except ApiError as error:
            return job.fail("ConfigurationError", artifacts.unusable(job, error))
        return deployment.create(job, request)


def _revision(job: Job, artifact: Artifact) -> dict[str, Any]:
    stored = job.world.moto.read_object(job.pipeline.account, artifact.bucket, artifact.key)
    location = {
        "bucket": artifact.bucket,
        "key": artifact.key,
        "bundleType": _bundle_type(stored.body),
        "eTag": stored.e_tag,
    }
    if stored.version_id:
        location["version"] = stored.version_id
    return {"revisionType": "S3", "s3Location": location}


def _bundle_type(body: bytes) -> str:
    """What the archive is: CodePipeline's own artifacts are ZIPs, yet a source object is passed through as it is."""
    if body.startswith(b"\x1f\x8b"):
        return "tgz"
    return "tar" if body[257:262] == b"ustar" else "zip"
