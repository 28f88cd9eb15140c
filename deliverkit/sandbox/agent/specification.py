"""The deployment specification: what the service tells an agent about a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deliverkit.sandbox.agent.errors import AgentError

BUNDLE_TYPES = frozenset({"tar", "tgz", "zip"})
FILE_EXISTS_BEHAVIORS = frozenset({"DISALLOW", "OVERWRITE", "RETAIN"})


@dataclass(frozen=True, slots=True)
class Revision:
    """The bundle of an S3 revision.

    Attributes:
        bucket: Bucket name.
        key: Object key.
        bundle_type: `tar`, `tgz` or `zip`.
        version: Object version; None for the newest.
        e_tag: What the object's ETag must be; None when any will do.
    """

    bucket: str
    key: str
    bundle_type: str
    version: str | None
    e_tag: str | None

    def environment(self) -> dict[str, str]:
        """The BUNDLE_* variables that hooks see."""
        values = {
            "BUNDLE_BUCKET": self.bucket,
            "BUNDLE_KEY": self.key,
            "BUNDLE_VERSION": self.version,
            "BUNDLE_ETAG": self.e_tag,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class DeploymentSpecification:
    """One deployment, as far as a host needs to know it.

    Attributes:
        deployment_id: `d-...`.
        group_id: UUID of the deployment group.
        group_name: Its name.
        application: Application name.
        creator: `user`, `autoscaling`, `codeDeployRollback`, ...
        deployment_type: `IN_PLACE` or `BLUE_GREEN`.
        revision: Where the bundle is.
        appspec_name: File name within the bundle.
        file_exists_behavior: The deployment's option; the appspec's own setting beats it.
        all_possible_events: When given, Install refuses hooks with other names; when None, they are ignored.
        reused_deployment_id: The deployment whose archive a restart starts from.
    """

    deployment_id: str
    group_id: str
    group_name: str
    application: str
    creator: str
    deployment_type: str
    revision: Revision
    appspec_name: str
    file_exists_behavior: str
    all_possible_events: frozenset[str] | None
    reused_deployment_id: str | None


def parse_specification(payload: Mapping[str, Any]) -> DeploymentSpecification:
    """Read what the service sent.

    Raises:
        AgentError: If something required is missing or unknown.
    """
    overrides = (payload.get("AgentActionOverrides") or {}).get("AgentOverrides") or {}
    events, reused = payload.get("AllPossibleLifecycleEvents"), payload.get("ReuseArchiveFromDeploymentId")
    return DeploymentSpecification(
        deployment_id=_path_safe("DeploymentId", _required(payload, "DeploymentId").rsplit("/", 1)[-1]),
        group_id=_path_safe("DeploymentGroupId", _required(payload, "DeploymentGroupId")),
        group_name=_required(payload, "DeploymentGroupName"),
        application=_required(payload, "ApplicationName"),
        creator=str(payload.get("DeploymentCreator") or "user"),
        deployment_type=str(payload.get("DeploymentType") or "IN_PLACE"),
        revision=_parse_revision(payload.get("Revision") or {}),
        appspec_name=str(payload.get("AppSpecFilename") or "appspec.yml"),
        file_exists_behavior=str(overrides.get("FileExistsBehavior") or "DISALLOW"),
        all_possible_events=None if events is None else frozenset(events),
        reused_deployment_id=_path_safe("ReuseArchiveFromDeploymentId", str(reused)) if reused else None,
    )


def _parse_revision(revision: Mapping[str, Any]) -> Revision:
    kind = revision.get("RevisionType")
    if kind != "S3":
        raise AgentError(f"Exactly one of S3Revision, GitHubRevision, or LocalRevision must be specified; got {kind!r}")
    location = revision.get("S3Revision") or revision.get("S3") or revision
    bundle_type = _required(location, "BundleType").lower()
    if bundle_type not in BUNDLE_TYPES:
        raise AgentError(f"BundleType in S3Revision must be one of {sorted(BUNDLE_TYPES)}, not {bundle_type!r}")
    return Revision(
        bucket=_required(location, "Bucket"),
        key=_required(location, "Key"),
        bundle_type=bundle_type,
        version=location.get("Version") or None,
        e_tag=location.get("ETag") or None,
    )


def _required(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    if not value:
        raise AgentError(f"The deployment specification has no {key}")
    return str(value)


def _path_safe(key: str, value: str) -> str:
    if value in {"", ".", ".."} or "/" in value or "\0" in value:
        raise AgentError(f"The deployment specification's {key} cannot name a directory: {value!r}")
    return value
