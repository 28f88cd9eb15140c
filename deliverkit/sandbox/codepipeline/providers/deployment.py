"""Watching a CodeDeploy deployment that an action created, to its end."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from deliverkit.sandbox.codepipeline.providers.provider import STEP, Job
from deliverkit.sandbox.codepipeline.state import Outcome
from deliverkit.sandbox.kernel.errors import ApiError

TIMEOUT = timedelta(days=5)
"""CodePipeline user guide, quotas: actions that deploy with CodeDeploy."""
_FAILURES = {
    "ApplicationDoesNotExistException": "ConfigurationError",
    "DeploymentGroupDoesNotExistException": "ConfigurationError",
    "DeploymentConfigDoesNotExistException": "ConfigurationError",
    "AccessDeniedException": "PermissionError",
}


def create(job: Job, request: dict[str, Any]) -> None:
    """Create the deployment and end the action with it; an abandoned action leaves the deployment to itself."""
    try:
        answer = job.world.call("codedeploy", "CreateDeployment", request, job.context)
    except ApiError as error:
        return job.fail(_FAILURES.get(error.code, "JobFailed"), error.message)
    job.run.external_id = answer["deploymentId"]
    job.run.external_url = f"{console(job.run.region)}/deployments/{job.run.external_id}"
    return _watch(job, job.world.clock.now() + TIMEOUT)


def console(region: str) -> str:
    """The console's pages of CodeDeploy."""
    return f"https://console.aws.amazon.com/codesuite/codedeploy/home?region={region}#"


def group_url(configuration: Any, region: str) -> str:
    """The console's page of a deployment group."""
    application, group = configuration["ApplicationName"], configuration["DeploymentGroupName"]
    return f"{console(region)}/applications/{application}/deployment-groups/{group}"


def _watch(job: Job, until: datetime) -> None:
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
    return job.after(STEP, partial(_watch, job, until))


def _reason(deployment: Any) -> str:
    error = deployment.get("errorInformation")
    if not error:
        return f"Deployment {deployment['deploymentId']} {deployment['status'].lower()}"
    return f"{error['message']} (Error code: {error['code']})"
