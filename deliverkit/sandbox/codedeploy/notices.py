"""What CodeDeploy tells EventBridge (CodeDeploy User Guide, "Monitoring deployments with Amazon CloudWatch Events")."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codedeploy.state import Deployment, Target
from deliverkit.sandbox.kernel.operations import Context
from deliverkit.sandbox.kernel.world import Notice


def deployment_notice(context: Context, deployment: Deployment, state: str) -> None:
    """`CodeDeploy Deployment State-change Notification`."""
    kind = "CodeDeploy Deployment State-change Notification"
    _publish(context, kind, _resources(context, deployment), _detail(context, deployment, state))


def instance_notice(context: Context, deployment: Deployment, target: Target, state: str) -> None:
    """`CodeDeploy Instance State-change Notification`."""
    kind = "CodeDeploy Instance State-change Notification"
    detail = {**_detail(context, deployment, state), "instanceId": target.instance_id}
    _publish(context, kind, (target.arn, *_resources(context, deployment)), detail)


def _publish(context: Context, kind: str, resources: tuple[str, ...], detail: dict[str, Any]) -> None:
    context.world.publish(Notice("aws.codedeploy", kind, context.account, context.region, resources, detail))


def _resources(context: Context, deployment: Deployment) -> tuple[str, ...]:
    prefix = f"arn:aws:codedeploy:{context.region}:{context.account}"
    application = f"{prefix}:application:{deployment.application}"
    return application, f"{prefix}:deploymentgroup:{deployment.application}/{deployment.group}"


def _detail(context: Context, deployment: Deployment, state: str) -> dict[str, Any]:
    return {
        "region": context.region,
        "application": deployment.application,
        "deploymentGroup": deployment.group,
        "deploymentId": deployment.deployment_id,
        "instanceGroupId": deployment.group_id,
        "state": state,
    }
