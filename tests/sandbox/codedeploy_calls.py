"""What the tests of every platform of CodeDeploy do with deployments of the application `shop`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agent_bench import wait_for as wait_until

ENDED = {"Succeeded", "Failed", "Stopped"}


def wait_for(holds: Callable[[], Any]) -> None:
    wait_until(holds, "the deployment to get there")


class Deployments:
    """Deployments, by their ids."""

    api: Any
    """CodeDeploy's client."""

    def redeploy(self, group: str, revision: dict[str, Any], **more: Any) -> str:
        """Deploy a revision that is there already."""
        answer = self.api.create_deployment(
            applicationName="shop", deploymentGroupName=group, revision=revision, **more
        )
        return str(answer["deploymentId"])

    def get(self, deployment: str) -> Any:
        return self.api.get_deployment(deploymentId=deployment)["deploymentInfo"]

    def status(self, deployment: str) -> str:
        return str(self.get(deployment)["status"])

    def end(self, deployment: str) -> Any:
        wait_for(lambda: self.status(deployment) in ENDED)
        return self.get(deployment)


class ServerlessDeployments(Deployments):
    """Deployments to Lambda and ECS: one target each, and hooks that tell what they were given.

    Attributes:
        rig: The sandbox, with a bucket `hooks`.
        target_type: What the target is, as the API spells it: `LambdaTarget` or `ECSTarget`.
        target_member: Where an answer holds it.
    """

    rig: Any
    target_type: str
    target_member: str

    def told(self, hook: str) -> Any:
        """The event that a hook function was given; None while there is none."""
        found = self.rig.s3.list_objects_v2(Bucket="hooks", Prefix=hook).get("Contents", [])
        return json.loads(self.rig.s3.get_object(Bucket="hooks", Key=hook)["Body"].read()) if found else None

    def target(self, deployment: str) -> Any:
        (identifier,) = self.api.list_deployment_targets(deploymentId=deployment)["targetIds"]
        answer = self.api.get_deployment_target(deploymentId=deployment, targetId=identifier)["deploymentTarget"]
        assert answer["deploymentTargetType"] == self.target_type
        return answer[self.target_member]

    def events(self, deployment: str) -> dict[str, str]:
        return {each["lifecycleEventName"]: each["status"] for each in self.target(deployment)["lifecycleEvents"]}
