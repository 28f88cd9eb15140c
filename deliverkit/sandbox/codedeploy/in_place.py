"""Deployments in place: the instances of the group get the revision, paced by the scheduling rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from deliverkit.sandbox.codedeploy import lifecycle, scheduling, suspension, zones
from deliverkit.sandbox.codedeploy.membership import members
from deliverkit.sandbox.codedeploy.obstacles import fleet_obstacle
from deliverkit.sandbox.codedeploy.rollout import HEALTH_CONSTRAINTS, SUCCEEDED, Rollout
from deliverkit.sandbox.codedeploy.scheduling import Decision, Verdict
from deliverkit.sandbox.codedeploy.state import Ending


@dataclass(frozen=True, slots=True)
class InPlace(Rollout):
    """Deploys to the members of the group."""

    cap: ClassVar[timedelta] = timedelta(hours=12)

    def choose_targets(self) -> None:
        """The group's members; only those on other revisions when the request says so."""
        group = self.deployment.group
        found = members(self.world, group, group.settings)
        if self.deployment.options.get("updateOutdatedInstancesOnly"):
            found = [host for host in found if not self.is_current(host)]
        controls = self.deployment.controls_traffic
        for host in self.in_order(found):
            # A load balancer knows EC2 instances alone: a host on premises has no traffic to control.
            self.add_target(host, lifecycle.BEHIND_BALANCER if controls and host.is_ec2 else lifecycle.EVENTS)

    def obstacle(self) -> Ending | None:
        """A fleet that is empty, too large, or too small for its minimum, or processes that cannot be suspended."""
        size = len(self.deployment.targets)
        problem = fleet_obstacle(self.deployment, size) or zones.begin(self)
        return problem or suspension.suspend(self.world, self.deployment)

    def settled(self, ending: Ending) -> Ending:
        """Auto Scaling's processes are resumed at every end; a deployment that cannot resume them fails."""
        return suspension.resume(self.world, self.deployment) or ending

    def schedule(self) -> None:
        """Begin as many instances as the rules allow."""
        self.fail_stopped()
        if self.deployment.zones is not None:
            return zones.schedule(self)
        targets = self.deployment.targets
        rule = scheduling.rule_for(self.deployment.minimum, len(targets))
        return self.follow(scheduling.decide(rule, scheduling.members_of(targets.values())))

    def follow(self, decision: Decision) -> None:
        """Do what was decided."""
        if decision.verdict is Verdict.FAILED:
            self.deployment.ending = HEALTH_CONSTRAINTS
        elif decision.verdict is Verdict.SUCCEEDED:
            self.deployment.ending = SUCCEEDED
        for identifier in decision.start:
            self.begin(self.deployment.targets[identifier])
