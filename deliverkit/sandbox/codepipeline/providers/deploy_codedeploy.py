"""Deploy/AWS/CodeDeploy: deploys the input artifact (CodePipeline user guide, CodeDeploy action reference)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from deliverkit.sandbox.codepipeline import artifacts
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import STEP, Job, Kind
from deliverkit.sandbox.codepipeline.state import Artifact, Outcome
from deliverkit.sandbox.kernel.errors import ApiError

TIMEOUT = timedelta(days=5)
"""CodePipeline user guide, quotas: CodeDeploy actions."""
_FAILURES = {
    "ApplicationDoesNotExistException": "ConfigurationError",
    "DeploymentGroupDoesNotExistException": "ConfigurationError",
    "DeploymentConfigDoesNotExistException": "ConfigurationError",
    "AccessDeniedException": "PermissionError",
}


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
        application, group = action.configuration["ApplicationName"], action.configuration["DeploymentGroupName"]
        return f"{_console(region)}/applications/{application}/deployment-groups/{group}"

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
        try:
            answer = job.world.call("codedeploy", "CreateDeployment", request, job.context)
        except ApiError as error:
            return job.fail(_FAILURES.get(error.code, "JobFailed"), error.message)
        job.run.external_id = answer["deploymentId"]
        job.run.external_url = f"{_console(job.run.region)}/deployments/{job.run.external_id}"
        return self._watch(job, job.world.clock.now() + TIMEOUT)

    def _watch(self, job: Job, until: datetime) -> None:
        identity = {"deploymentId": job.run.external_id}
        deployment: Any = job.world.call("codedeploy", "GetDeployment", identity, job.context)["deploymentInfo"]
        match deployment["status"]:
            case "Succeeded":
                return job.succeed(Outcome(summary="Deployment Succeeded"))
            # A deployment that CodeDeploy rolled back is Failed or Stopped itself: the rollback is another deployment.
            case "Failed" | "Stopped":
                return job.fail("JobFailed", _reason(deployment), summary=f"Deployment {deployment['status']}")
        if job.world.clock.now() >= until:
            return job.fail("JobFailed", f"The action timed out while deployment {job.run.external_id} was running")
        return job.after(STEP, partial(self._watch, job, until))


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


def _reason(deployment: Any) -> str:
    error = deployment.get("errorInformation")
    if not error:
        return f"Deployment {deployment['deploymentId']} {deployment['status'].lower()}"
    return f"{error['message']} (Error code: {error['code']})"


def _console(region: str) -> str:
    return f"https://console.aws.amazon.com/codesuite/codedeploy/home?region={region}#"
