"""What the deployments of the server platform have in common: their beginning, their pace and their end.

Every function runs under the world's lock: from an operation, from a timer, or from an agent that completed a command.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from deliverkit.sandbox.codedeploy import lifecycle, notices
from deliverkit.sandbox.codedeploy.alarm_watch import AlarmWatch
from deliverkit.sandbox.codedeploy.command_service import commands_of
from deliverkit.sandbox.codedeploy.membership import Host
from deliverkit.sandbox.codedeploy.obstacles import obstacle
from deliverkit.sandbox.codedeploy.revisions import identity
from deliverkit.sandbox.codedeploy.state import Deployment, Ending, Event, Target
from deliverkit.sandbox.codedeploy.walk import Walk
from deliverkit.sandbox.kernel.world import World

TIMED_OUT = "The deployment did not end within the {hours:.0f} hours that a deployment of its kind may take."
NO_MORE_COMMANDS = "No more commands will be scheduled for execution in the deployment instances"
TOO_MANY_FAILED = (
    "The overall deployment failed because too many individual instances failed deployment, too few healthy instances "
    "are available for deployment, or some instances in your deployment group are experiencing problems."
)
HEALTH_CONSTRAINTS = Ending("Failed", "HEALTH_CONSTRAINTS", TOO_MANY_FAILED)
SUCCEEDED = Ending("Succeeded", "", "")


@dataclass(frozen=True, slots=True)
class Rollout(ABC):
    """The one deployment that its functions move."""

    world: World
    deployment: Deployment
    cap: ClassVar[timedelta]
    """The longest time that the deployment may take (CodeDeploy user guide, limits)."""

    # --- what the kinds of deployment do differently --------------------------------------------------

    @abstractmethod
    def choose_targets(self) -> None:
        """Put the targets on record."""

    @abstractmethod
    def obstacle(self) -> Ending | None:
        """Why the deployment cannot begin with the targets chosen."""

    @abstractmethod
    def schedule(self) -> None:
        """Begin what may begin; set the deployment's ending when there is nothing left to do."""

    def settled(self, ending: Ending) -> Ending:
        """What becomes of an ending once the deployment put everything back."""
        return ending

    def on_success(self) -> None:  # noqa: B027  (most kinds need nothing)
        """What follows a success, beyond the group's new revision."""

    # --- the beginning --------------------------------------------------------------------------------

    def start(self) -> None:
        """Choose the targets and begin; also the moment at which impossible deployments fail."""
        deployment = self.deployment
        if not deployment.is_live:
            return
        deployment.started_at = self.world.clock.now()
        deployment.status = "InProgress"
        notices.deployment_changed(self.world, deployment)
        deployment.ending = self.prepare()
        if self.obeys_alarms:
            AlarmWatch(self.world, deployment, self.end).begin()
        self.world.timers.after(self.cap, self._time_out)
        self.advance()

    def prepare(self) -> Ending | None:
        """Choose the targets, unless something stands in the way; what does so."""
        problem = obstacle(self.world, self.deployment)
        if problem is not None:
            return problem
        execution, specification = lifecycle.execution_id(self.deployment), lifecycle.specification(self.deployment)
        commands_of(self.world).publish(execution, specification)
        self.choose_targets()
        return self.obstacle()

    @property
    def obeys_alarms(self) -> bool:
        """A rollback does not: the alarm that caused it would stop it at once."""
        return not self.deployment.is_rollback

    def add_target(self, host: Host, events: tuple[str, ...], label: str | None = None) -> Target:
        """Put one host on record as a target."""
        health = self.deployment.group.health.get(host.name)
        target = Target(
            host.name,
            host.arn,
            bool(health and health.is_healthy),
            self.world.clock.now(),
            [Event(name) for name in events],
            can_run=host.can_run,
            host=host.identifier,
            label=label,
            zone=host.zone,
        )
        self.deployment.targets[host.name] = target
        return target

    def in_order(self, hosts: list[Host]) -> list[Host]:
        """Unhealthy first, then unknown or old revisions, the current one last (user guide, instances-health)."""
        return sorted(hosts, key=self._rank)

    def _rank(self, host: Host) -> int:
        health = self.deployment.group.health.get(host.name)
        if health is None or not health.is_healthy:
            return 0
        return 2 if self.is_current(host) else 1

    def is_current(self, host: Host) -> bool:
        """True for a healthy host that runs the deployment's revision already."""
        health = self.deployment.group.health.get(host.name)
        return health is not None and health.is_healthy and health.revision == identity(self.deployment.revision)

    # --- under way ------------------------------------------------------------------------------------

    def walk(self, target: Target) -> Walk:
        """What moves one of the targets."""
        return Walk(self.world, self.deployment, target, self.advance)

    @property
    def is_busy(self) -> bool:
        """True while an event runs on some instance."""
        return any(self._with_status("InProgress"))

    def _with_status(self, status: str) -> Iterator[Target]:
        return (target for target in self.deployment.targets.values() if target.status == status)

    def advance(self) -> None:
        """Start what may start, or finish."""
        deployment = self.deployment
        if not deployment.is_live:
            return
        if deployment.ending is None:
            self.schedule()
        if deployment.ending is not None and not self.is_busy:
            self._finish(self.settled(deployment.ending))

    def begin(self, target: Target) -> None:
        """Begin a target whose turn it is; an instance that went meanwhile fails instead."""
        group = self.deployment.group
        if target.is_ec2 and not self.world.moto.runs(group.account, group.region, target.instance_id):
            self.walk(target).leave("Failed")
            self.world.timers.soon(self.advance)
        else:
            self.walk(target).begin()

    def fail_stopped(self, label: str | None = None) -> None:
        """A member that did not run at the beginning counts as failed (user guide, instances-health)."""
        for target in list(self._with_status("Pending")):
            if not target.can_run and target.label == label:
                self.walk(target).leave("Failed")

    # --- the end --------------------------------------------------------------------------------------

    def end(self, ending: Ending) -> None:
        """Begin nothing more; the first reason counts, yet a stop overtakes a failure that lets instances end."""
        before = self.deployment.ending
        if self.deployment.is_live and (before is None or (ending.cuts_instances and not before.cuts_instances)):
            self.deployment.ending = ending
            if ending.cuts_instances:
                for target in list(self._with_status("InProgress")):
                    self.walk(target).cut()
            self.advance()

    def _time_out(self) -> None:
        message = TIMED_OUT.format(hours=self.cap.total_seconds() / 3600)
        self.end(Ending("Failed", "TIMEOUT", message, cuts_instances=True))
        for target in list(self._with_status("InProgress")):
            self.walk(target).give_up(message)

    def _finish(self, ending: Ending) -> None:
        # Imported late: what follows an end may be another deployment, of any kind.
        from deliverkit.sandbox.codedeploy.engine import after_end  # noqa: PLC0415

        deployment = self.deployment
        for status in ("Pending", "Ready"):
            for target in list(self._with_status(status)):
                self.walk(target).leave_unfinished()
        deployment.status, deployment.ended_at = ending.status, self.world.clock.now()
        if ending.code:
            deployment.error = {"code": ending.code, "message": ending.message}
        if ending.status == "Succeeded":
            if deployment.is_of_group:
                deployment.group.last_successful = deployment
                deployment.group.target_revision = deployment.revision
            self.on_success()
        notices.deployment_changed(self.world, deployment)
        after_end(self.world, deployment, ending)
