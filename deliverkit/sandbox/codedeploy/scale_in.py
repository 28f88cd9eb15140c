"""Termination deployments: what runs on an instance before Auto Scaling ends it.

User guide, integrations-aws-auto-scaling. They install nothing: the events run the scripts of the last successful
revision. Their order is drawn in the guide, not written; here traffic is blocked before the application stops, as in
place.
"""

from __future__ import annotations

from dataclasses import dataclass

from deliverkit.sandbox.codedeploy import auto_scaling, lifecycle
from deliverkit.sandbox.codedeploy.membership import Host
from deliverkit.sandbox.codedeploy.scale_out import ScaleOut
from deliverkit.sandbox.codedeploy.state import Deployment, Group
from deliverkit.sandbox.kernel.world import World

CREATOR = "autoscalingTermination"
STOP = "ApplicationStop"


@dataclass(frozen=True, slots=True)
class ScaleIn(ScaleOut):
    """Takes one instance out of service, beside whatever else the group does."""

    def events_of(self, _host: Host) -> tuple[str, ...]:
        """Traffic is blocked where there is a load balancer, then the application stops."""
        return (*lifecycle.BLOCKING, STOP) if self.deployment.controls_traffic else (STOP,)


def complete(world: World, deployment: Deployment) -> None:
    """Answer the termination hook with CONTINUE, however the deployment ended: the instance goes in any case."""
    let_go(world, deployment.group, str(deployment.options["instanceId"]))


def let_go(world: World, group: Group, instance_id: str) -> None:
    """Let Auto Scaling end an instance that waits for it; one that is gone already is no concern."""
    if instance_id in auto_scaling.held(world, group, group.scaling):
        auto_scaling.end_held(world, group, instance_id)
