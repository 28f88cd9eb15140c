"""What happens to a deployment group when Auto Scaling adds instances (user guide, integrations-aws-auto-scaling)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from deliverkit.sandbox.codedeploy import auto_scaling, lifecycle
from deliverkit.sandbox.codedeploy.membership import GONE, Host, ec2_host
from deliverkit.sandbox.codedeploy.obstacles import NO_INSTANCES, failed
from deliverkit.sandbox.codedeploy.rollout import HEALTH_CONSTRAINTS, SUCCEEDED, Rollout
from deliverkit.sandbox.codedeploy.state import Deployment, Ending
from deliverkit.sandbox.kernel.world import World

CREATOR = "autoscaling"
ABANDON_AFTER = timedelta(minutes=1)
"""How long Auto Scaling takes over an instance that CodeDeploy gave up; AWS does not say."""


@dataclass(frozen=True, slots=True)
class ScaleOut(Rollout):
    """Brings one new instance to the last successful revision, beside whatever else the group does."""

    cap: ClassVar[timedelta] = timedelta(hours=12)

    def choose_targets(self) -> None:
        """The one instance alone."""
        group, wanted = self.deployment.group, self.deployment.options["instanceId"]
        for machine in self.world.moto.machines(group.account, group.region):
            if machine.instance_id == wanted and machine.state not in GONE:
                host = ec2_host(machine)
                self.add_target(host, self.events_of(host))

    def events_of(self, _host: Host) -> tuple[str, ...]:
        """The instance enters service, so nothing is blocked before."""
        return lifecycle.GREEN if self.deployment.controls_traffic else lifecycle.EVENTS

    def obstacle(self) -> Ending | None:
        """The instance may be gone again."""
        return None if self.deployment.targets else failed("NO_INSTANCES", NO_INSTANCES)

    def schedule(self) -> None:
        """One instance decides."""
        self.fail_stopped()
        for target in self.deployment.targets.values():
            if target.status == "Pending":
                self.begin(target)
            elif target.status == "Failed":
                self.deployment.ending = HEALTH_CONSTRAINTS
            elif target.status == "Succeeded":
                self.deployment.ending = SUCCEEDED


def abandon(world: World, deployment: Deployment) -> None:
    """Answer the launch hook with ABANDON: Auto Scaling terminates the instance and launches another in its place.

    moto's Auto Scaling knows no instances in Pending:Wait, so that this one was in service until now. One that a later
    deployment brought to health is left alone.
    """
    group = deployment.group
    for instance_id in deployment.targets:
        health = group.health.get(instance_id)
        is_ours = instance_id in auto_scaling.instances_of(world, group, group.scaling)
        if is_ours and not (health and health.is_healthy):
            auto_scaling.client(world, group).terminate_instance_in_auto_scaling_group(
                InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
            )
