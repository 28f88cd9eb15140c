"""State changes told to the rest of the sandbox, shaped like CodeDeploy's EventBridge events."""

from __future__ import annotations

from deliverkit.sandbox.codedeploy import triggers
from deliverkit.sandbox.codedeploy.state import Deployment, Target
from deliverkit.sandbox.kernel.world import Notice, World

_STATES = {"InProgress": "START", "Succeeded": "SUCCESS", "Failed": "FAILURE", "Stopped": "STOP", "Ready": "READY"}


def deployment_changed(world: World, deployment: Deployment) -> None:
    """Tell the deployment's present status."""
    _publish(world, deployment, "CodeDeploy Deployment State-change Notification", deployment.status, None)
    triggers.deployment_changed(world, deployment)


def instance_changed(world: World, deployment: Deployment, target: Target) -> None:
    """Tell an instance's present status; CodeDeploy has no event for skipped ones."""
    _publish(world, deployment, "CodeDeploy Instance State-change Notification", target.status, target)
    triggers.instance_changed(world, deployment, target)


def _publish(world: World, deployment: Deployment, kind: str, status: str, target: Target | None) -> None:
    state = _STATES.get(status)
    if state is None:
        return
    group = deployment.group
    application = f"arn:aws:codedeploy:{group.region}:{group.account}:application:{deployment.application}"
    detail = {
        "region": group.region,
        "application": deployment.application,
        "deploymentGroup": deployment.group_name,
        "deploymentId": deployment.deployment_id,
        "instanceGroupId": group.group_id,
        "state": state,
        **({"instanceId": target.instance_id} if target else {}),
    }
    resources = (*((target.arn,) if target else ()), application, group.arn)
    world.publish(Notice("aws.codedeploy", kind, group.account, group.region, resources, detail))
