"""Lifecycle events of the server platform: their order, and what an agent is told."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codedeploy.state import Deployment

EVENTS = (
    "ApplicationStop",
    "DownloadBundle",
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
)
"""The events of an in-place deployment without a load balancer, in their order."""
BLOCKING = ("BeforeBlockTraffic", "BlockTraffic", "AfterBlockTraffic")
ALLOWING = ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
BEHIND_BALANCER = (*BLOCKING, *EVENTS, *ALLOWING)
"""The events of an in-place deployment with a load balancer (user guide, reference-appspec-file-structure-hooks)."""
GREEN = (*EVENTS, *ALLOWING)
"""The events of an instance that enters service for the first time."""
IGNORABLE = frozenset({"ApplicationStop", "BeforeBlockTraffic", "AfterBlockTraffic"})
"""What `ignoreApplicationStopFailures` covers (API reference, CreateDeployment)."""
ERROR_CODES = ("Success", "ScriptMissing", "ScriptNotExecutable", "ScriptTimedOut", "ScriptFailed", "UnknownError")


def error_code(agent_code: int) -> str:
    """The API's LifecycleErrorCode; the agent's codes 6 and 7 have no public counterpart."""
    return ERROR_CODES[agent_code] if 0 <= agent_code < len(ERROR_CODES) else "UnknownError"


def execution_id(deployment: Deployment) -> str:
    """DeploymentExecutionId of the command protocol."""
    return f"{deployment.group.account}/{deployment.group.group_id}/{deployment.deployment_id}/1"


def specification(deployment: Deployment) -> dict[str, Any]:
    """What an agent is told about the deployment; AllPossibleLifecycleEvents stays away, as in AWS."""
    told = {
        "DeploymentId": deployment.deployment_id,
        "DeploymentGroupId": deployment.group.group_id,
        "DeploymentGroupName": deployment.group_name,
        "ApplicationName": deployment.application,
        "DeploymentCreator": deployment.creator,
        "DeploymentType": deployment.style["deploymentType"],
        "AppSpecFilename": "appspec.yml",
        "AgentActionOverrides": {
            "AgentOverrides": {"FileExistsBehavior": deployment.options.get("fileExistsBehavior") or "DISALLOW"}
        },
        "Revision": _revision(deployment),
    }
    # The host agent's name for what a restart starts from (its source, archive_reuse).
    return {**told, "ReuseArchiveFromDeploymentId": deployment.restarts} if deployment.restarts else told


def _revision(deployment: Deployment) -> dict[str, Any]:
    location = deployment.revision["s3Location"]
    revision = {
        "Bucket": location["bucket"],
        "Key": location["key"],
        "BundleType": location["bundleType"],
        "Version": location.get("version"),
        "ETag": location.get("eTag"),
    }
    return {"RevisionType": "S3", "S3Revision": revision}
