"""Lifecycle events of the server platform: their order, and what an agent is told."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codedeploy.state import Deployment

AGENT_EVENTS = (
    "ApplicationStop",
    "DownloadBundle",
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
)
_BLOCK = ("BeforeBlockTraffic", "BlockTraffic", "AfterBlockTraffic")
_ALLOW = ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
SERVICE_EVENTS = frozenset({"BlockTraffic", "AllowTraffic"})
"""Done by the service itself; no agent ever hears of them."""
IGNORABLE = frozenset({"ApplicationStop", "BeforeBlockTraffic", "AfterBlockTraffic"})
"""What `ignoreApplicationStopFailures` covers (API reference, CreateDeployment)."""
ERROR_CODES = ("Success", "ScriptMissing", "ScriptNotExecutable", "ScriptTimedOut", "ScriptFailed", "UnknownError")


def events_of(deployment: Deployment) -> tuple[str, ...]:
    """Names of the events of an in-place deployment, six more with traffic control."""
    style = deployment.options.get("deploymentStyle") or {}
    if style.get("deploymentOption") == "WITH_TRAFFIC_CONTROL":
        return (*_BLOCK, *AGENT_EVENTS, *_ALLOW)
    return AGENT_EVENTS


def error_code(agent_code: int) -> str:
    """The API's LifecycleErrorCode; the agent's codes 6 and 7 have no public counterpart."""
    return ERROR_CODES[agent_code] if 0 <= agent_code < len(ERROR_CODES) else "UnknownError"


def execution_id(deployment: Deployment) -> str:
    """DeploymentExecutionId of the command protocol."""
    return f"{deployment.group.account}/{deployment.group.group_id}/{deployment.deployment_id}/1"


def specification(deployment: Deployment) -> dict[str, Any]:
    """What an agent is told about the deployment; AllPossibleLifecycleEvents stays away, as in AWS."""
    return {
        "DeploymentId": deployment.deployment_id,
        "DeploymentGroupId": deployment.group.group_id,
        "DeploymentGroupName": deployment.group_name,
        "ApplicationName": deployment.application,
        "DeploymentCreator": deployment.creator,
        "DeploymentType": "IN_PLACE",
        "AppSpecFilename": "appspec.yml",
        "AgentActionOverrides": {
            "AgentOverrides": {"FileExistsBehavior": deployment.options.get("fileExistsBehavior") or "DISALLOW"}
        },
        "Revision": _revision(deployment),
    }


def _revision(deployment: Deployment) -> dict[str, Any]:
    location = deployment.revision.get("s3Location")
    if location is None:
        github = deployment.revision.get("gitHubLocation") or {}
        account, _, repository = str(github.get("repository", "")).partition("/")
        revision = {"Account": account, "Repository": repository, "CommitId": github.get("commitId")}
        return {"RevisionType": "GitHub", "GitHubRevision": revision}
    revision = {
        "Bucket": location["bucket"],
        "Key": location["key"],
        "BundleType": location["bundleType"],
        "Version": location.get("version"),
        "ETag": location.get("eTag"),
    }
    return {"RevisionType": "S3", "S3Revision": revision}
