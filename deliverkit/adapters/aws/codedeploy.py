"""CodeDeploy in one region, in the engine's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.members import members
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.carriage import DeploymentReport, GroupFacts, Target
from deliverkit.domain.environment import Strategy, StrategyKind
from deliverkit.domain.release import BundleRevision
from deliverkit.errors import ConflictError

BATCH = 25
"""Deployments or targets in one call (CodeDeploy API reference, BatchGetDeployments and BatchGetDeploymentTargets)."""
SEARCH_DEPTH = 100
"""How many of a group's latest deployments are searched for a marker."""
LOG_LINES = 3
_PREDEFINED: Mapping[StrategyKind, str] = {
    StrategyKind.ALL_AT_ONCE: "CodeDeployDefault.AllAtOnce",
    StrategyKind.HALF_AT_A_TIME: "CodeDeployDefault.HalfAtATime",
    StrategyKind.ONE_AT_A_TIME: "CodeDeployDefault.OneAtATime",
}


class CodeDeploy:
    """Implements `ports.Deployer` with botocore."""

    def __init__(self, aws: Aws, region: str) -> None:
        """Take the session and the region to deploy in."""
        self._aws = aws
        self._region = region

    def group_facts(self, application: str, group: str) -> GroupFacts:
        """What the group says about itself."""
        found = self._group(application, group)
        alarms = found.get("alarmConfiguration", {})
        return GroupFacts(
            last_revision=_revision_words(found.get("targetRevision", {})),
            rolls_back_itself=bool(found.get("autoRollbackConfiguration", {}).get("enabled", False)),
            alarms=tuple(alarm["name"] for alarm in alarms.get("alarms", [])) if alarms.get("enabled") else (),
        )

    def targets(self, application: str, group: str) -> tuple[Target, ...]:
        """The running instances that the group's tags and Auto Scaling groups name."""
        with translated(f"looking for the instances of {application}/{group} in {self._region}"):
            return members(self._aws.client("ec2", self._region), self._group(application, group), self._region)

    def create(
        self,
        application: str,
        group: str,
        revision: BundleRevision,
        *,
        strategy: Strategy,
        marker: str,
        ignore_stop_failures: bool = False,
    ) -> str:
        """Begin a deployment and give its id."""
        with translated(f"creating a deployment for {application}/{group} in {self._region}"):
            answer = self._client.create_deployment(
                applicationName=application,
                deploymentGroupName=group,
                revision={"revisionType": "S3", "s3Location": _location(revision)},
                deploymentConfigName=self._configuration(strategy),
                description=marker,
                ignoreApplicationStopFailures=ignore_stop_failures,
            )
        return str(answer["deploymentId"])

    def find(self, application: str, group: str, marker: str) -> str | None:
        """Id of the deployment whose description is the marker, among the group's latest ones."""
        with translated(f"looking through the deployments of {application}/{group} in {self._region}"):
            pages = self._client.get_paginator("list_deployments").paginate(
                applicationName=application, deploymentGroupName=group, PaginationConfig={"MaxItems": SEARCH_DEPTH}
            )
            ids = [deployment for page in pages for deployment in page["deployments"]]
            for batch in _batches(ids):
                for found in self._client.batch_get_deployments(deploymentIds=batch)["deploymentsInfo"]:
                    if found.get("description") == marker:
                        return str(found["deploymentId"])
        return None

    def observe(self, deployment_id: str) -> DeploymentReport:
        """The deployment now, with its failed targets' last words."""
        found = self._deployment(deployment_id)
        overview = found.get("deploymentOverview", {})
        troubles: list[str] = []
        if error := found.get("errorInformation"):
            troubles.append(f"{error.get('code')}: {error.get('message')}")
        if overview.get("Failed"):
            troubles.extend(self._failed_targets(deployment_id))
        return DeploymentReport(self._region, deployment_id, str(found["status"]), _progress(overview), tuple(troubles))

    def rollback_of(self, deployment_id: str) -> str | None:
        """Id of the rollback that CodeDeploy itself began for the deployment."""
        found = self._deployment(deployment_id).get("rollbackInfo", {}).get("rollbackDeploymentId")
        return str(found) if found else None

    def stop(self, deployment_id: str) -> None:
        """Stop without a rollback of CodeDeploy's own (CodeDeploy API reference, StopDeployment)."""
        # A deployment that ended between our look and our request answers with a conflict; that is what we wanted.
        with suppress(ConflictError), translated(f"stopping deployment {deployment_id} in {self._region}"):
            self._client.stop_deployment(deploymentId=deployment_id, autoRollbackEnabled=False)

    # --- reading -----------------------------------------------------------------------------------

    @property
    def _client(self) -> Any:
        return self._aws.client("codedeploy", self._region)

    def _group(self, application: str, group: str) -> Mapping[str, Any]:
        with translated(f"reading deployment group {application}/{group} in {self._region}"):
            answer = self._client.get_deployment_group(applicationName=application, deploymentGroupName=group)
        found: Mapping[str, Any] = answer["deploymentGroupInfo"]
        return found

    def _deployment(self, deployment_id: str) -> Mapping[str, Any]:
        with translated(f"reading deployment {deployment_id} in {self._region}"):
            answer = self._client.get_deployment(deploymentId=deployment_id)
        found: Mapping[str, Any] = answer["deploymentInfo"]
        return found

    def _failed_targets(self, deployment_id: str) -> list[str]:
        with translated(f"reading the targets of deployment {deployment_id} in {self._region}"):
            return [
                _last_words(target)
                for batch in _batches(self._failed_ids(deployment_id))
                for target in self._client.batch_get_deployment_targets(deploymentId=deployment_id, targetIds=batch)[
                    "deploymentTargets"
                ]
            ]

    def _failed_ids(self, deployment_id: str) -> list[str]:
        # botocore has no paginator for ListDeploymentTargets.
        ids: list[str] = []
        position: dict[str, str] = {}
        while True:
            answer = self._client.list_deployment_targets(
                deploymentId=deployment_id, targetFilters={"TargetStatus": ["Failed"]}, **position
            )
            ids.extend(answer["targetIds"])
            if not answer.get("nextToken"):
                return ids
            position = {"nextToken": answer["nextToken"]}

    # --- deployment configurations -----------------------------------------------------------------

    def _configuration(self, strategy: Strategy) -> str:
        if strategy.kind is StrategyKind.NAMED:
            return strategy.config
        if strategy.kind is not StrategyKind.ROLLING:
            return _PREDEFINED[strategy.kind]
        return self._rolling(strategy.min_healthy)

    def _rolling(self, min_healthy: str) -> str:
        """The custom configuration for a minimum, made when it is missing; configurations cannot be changed."""
        is_share = min_healthy.endswith("%")
        number = int(min_healthy.rstrip("%"))
        name = f"deliverkit-min-healthy-{number}{'-percent' if is_share else '-hosts'}"
        minimum = {"type": "FLEET_PERCENT" if is_share else "HOST_COUNT", "value": number}
        # When it is there already its name says all there is in it.
        with suppress(ConflictError), translated(f"creating deployment configuration {name} in {self._region}"):
            self._client.create_deployment_config(
                deploymentConfigName=name, minimumHealthyHosts=minimum, computePlatform="Server"
            )
        return name


def _location(revision: BundleRevision) -> dict[str, str]:
    return {
        "bucket": revision.bucket,
        "key": revision.key,
        "bundleType": revision.format.value,
        "version": revision.version_id,
        "eTag": revision.e_tag,
    }


def _revision_words(revision: Mapping[str, Any]) -> str:
    location = revision.get("s3Location")
    if location:
        return f"s3://{location.get('bucket')}/{location.get('key')}"
    github = revision.get("gitHubLocation")
    if github:
        return f"github {github.get('repository')}@{github.get('commitId')}"
    return str(revision.get("revisionType", ""))


def _progress(overview: Mapping[str, int]) -> str:
    total = sum(overview.values())
    if not total:
        return ""
    parts = [f"{overview.get('Succeeded', 0)} of {total} succeeded"]
    parts.extend(f"{overview[name]} {name.lower()}" for name in ("Failed", "Skipped") if overview.get(name))
    return ", ".join(parts)


def _last_words(target: Mapping[str, Any]) -> str:
    found = target.get("instanceTarget", {})
    events: Sequence[Mapping[str, Any]] = found.get("lifecycleEvents", [])
    failed = next((event for event in events if event.get("status") == "Failed"), {})
    diagnostics = failed.get("diagnostics", {})
    words = [str(found.get("targetId", "target")), str(failed.get("lifecycleEventName", "failed"))]
    words.extend(str(diagnostics[name]) for name in ("scriptName", "errorCode", "message") if diagnostics.get(name))
    tail = [line for line in str(diagnostics.get("logTail", "")).splitlines() if line.strip()][-LOG_LINES:]
    return " | ".join([" ".join(words), *tail])


def _batches(ids: Sequence[str]) -> Iterable[list[str]]:
    return ([*ids[start : start + BATCH]] for start in range(0, len(ids), BATCH))
