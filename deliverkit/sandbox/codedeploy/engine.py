"""Carries out server deployments in place: one lifecycle event per command, instances paced by the scheduling rules.

Every function runs under the world's lock: from an operation, from a timer, or from an agent that completed a command.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from deliverkit.sandbox.agent.protocol import CommandStatus, Diagnostics
from deliverkit.sandbox.codedeploy import lifecycle, notices, scheduling
from deliverkit.sandbox.codedeploy.alarm_watch import AlarmWatch
from deliverkit.sandbox.codedeploy.command_service import commands_of
from deliverkit.sandbox.codedeploy.membership import members
from deliverkit.sandbox.codedeploy.revisions import identity
from deliverkit.sandbox.codedeploy.rollback import roll_back
from deliverkit.sandbox.codedeploy.scheduling import Member, Phase, Verdict
from deliverkit.sandbox.codedeploy.state import Deployment, Ending, Event, Health, Store, Target
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_base import Machine

NO_INSTANCES = (
    "The deployment failed because no instances were found for your deployment group. Check your deployment group "
    "settings to make sure the tags for your Amazon EC2 instances or Auto Scaling groups correctly identify the "
    "instances you want to deploy to, and then try again."
)
TOO_MANY_FAILED = (
    "The overall deployment failed because too many individual instances failed deployment, too few healthy instances "
    "are available for deployment, or some instances in your deployment group are experiencing problems."
)
INVALID_CONSTRAINTS = (
    "The deployment can't start because the minimum number of healthy instances, {minimum}, is not below the number "
    "of instances in the deployment group, {size}."
)
CAP = timedelta(hours=12)
"""The longest time for a deployment in place (CodeDeploy user guide, limits)."""
TIMED_OUT = "The deployment did not end within the 12 hours that a deployment in place may take."
NO_MORE_COMMANDS = "No more commands will be scheduled for execution in the deployment instances"
_PHASES = {"Pending": Phase.WAITING, "InProgress": Phase.RUNNING, "Succeeded": Phase.SUCCEEDED, "Failed": Phase.FAILED}


@dataclass(frozen=True, slots=True)
class Rollout:
    """The one deployment that its functions move."""

    world: World
    deployment: Deployment

    def start(self) -> None:
        """Choose the instances and begin; also the moment at which impossible deployments fail."""
        deployment = self.deployment
        if not deployment.is_live:
            return
        deployment.started_at = self.world.clock.now()
        deployment.status = "InProgress"
        notices.deployment_changed(self.world, deployment)
        commands_of(self.world).publish(lifecycle.execution_id(deployment), lifecycle.specification(deployment))
        self._choose_targets()
        deployment.ending = deployment.ending or self._obstacle()
        # A rollback does not obey alarms: the alarm that caused it would stop it at once.
        if deployment.creator != "codeDeployRollback":
            AlarmWatch(self.world, deployment, self.end).begin()
        self.world.timers.after(CAP, self._time_out)
        self.advance()

    def _time_out(self) -> None:
        self.end(Ending("Failed", "TIMEOUT", TIMED_OUT, cuts_instances=True))
        commands = commands_of(self.world)
        for target in self.deployment.targets.values():
            if target.command_id is not None:
                commands.give_up(target.command_id, TIMED_OUT)

    def end(self, ending: Ending) -> None:
        """Begin nothing more; the first reason counts, yet a stop overtakes a failure that lets instances end."""
        before = self.deployment.ending
        if self.deployment.is_live and (before is None or (ending.cuts_instances and not before.cuts_instances)):
            self.deployment.ending = ending
            if ending.cuts_instances:
                self._withdraw_untaken()
            self.advance()

    @property
    def is_busy(self) -> bool:
        """True while an event runs on some instance."""
        return any(target.status == "InProgress" for target in self.deployment.targets.values())

    def advance(self) -> None:
        """Start what may start, or finish."""
        deployment = self.deployment
        if not deployment.is_live:
            return
        if deployment.ending is None:
            self._schedule()
        if deployment.ending is not None and not self.is_busy:
            self._finish(deployment.ending)

    # --- the beginning --------------------------------------------------------------------------------

    def _choose_targets(self) -> None:
        group, now = self.deployment.group, self.world.clock.now()
        found = members(self.world.moto.machines(group.account, group.region), group.settings)
        if self.deployment.options.get("updateOutdatedInstancesOnly"):
            found = [machine for machine in found if not self._is_current(machine)]
        for machine in sorted(found, key=self._order):
            health = group.health.get(machine.instance_id)
            arn = f"arn:aws:ec2:{machine.region}:{machine.account}:instance/{machine.instance_id}"
            events = [Event(name) for name in lifecycle.EVENTS]
            target = Target(machine.instance_id, arn, bool(health and health.is_healthy), now, events)
            target.can_run = machine.state == "running"
            self.deployment.targets[machine.instance_id] = target

    def _is_current(self, machine: Machine) -> bool:
        health = self.deployment.group.health.get(machine.instance_id)
        return health is not None and health.is_healthy and health.revision == identity(self.deployment.revision)

    def _order(self, machine: Machine) -> int:
        """Unhealthy first, then unknown or old revisions, the current one last (user guide, instances-health)."""
        health = self.deployment.group.health.get(machine.instance_id)
        if health is None or not health.is_healthy:
            return 0
        return 2 if self._is_current(machine) else 1

    def _obstacle(self) -> Ending | None:
        deployment, size = self.deployment, len(self.deployment.targets)
        store = self.world.store(Store, deployment.group.account, deployment.group.region)
        application = store.applications.get(deployment.application)
        if application is None:
            return Ending("Failed", "APPLICATION_MISSING", "The application was deleted before the deployment started.")
        if deployment.group not in application.groups.values():
            return Ending("Failed", "DEPLOYMENT_GROUP_MISSING", "The deployment group was deleted.")
        if not size:
            return Ending("Failed", "NO_INSTANCES", NO_INSTANCES)
        rule = scheduling.rule_for(deployment.minimum, size)
        if not scheduling.is_satisfiable(rule, size):
            message = INVALID_CONSTRAINTS.format(minimum=rule.minimum, size=size)
            return Ending("Failed", "HEALTH_CONSTRAINTS_INVALID", message)
        return None

    # --- instances ------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        deployment = self.deployment
        self._fail_stopped()
        rule = scheduling.rule_for(deployment.minimum, len(deployment.targets))
        state = tuple(
            Member(target.instance_id, target.was_healthy, _PHASES[target.status])
            for target in deployment.targets.values()
        )
        decision = scheduling.decide(rule, state)
        if decision.verdict is Verdict.FAILED:
            deployment.ending = Ending("Failed", "HEALTH_CONSTRAINTS", TOO_MANY_FAILED)
        elif decision.verdict is Verdict.SUCCEEDED:
            deployment.ending = Ending("Succeeded", "", "")
        for identifier in decision.start:
            self._begin(deployment.targets[identifier])

    def _fail_stopped(self) -> None:
        for target in self.deployment.targets.values():
            if not target.can_run and target.status == "Pending":
                self._leave(target, "Failed")

    def _begin(self, target: Target) -> None:
        self._move(target, "InProgress")
        self._run_next(target)

    def _run_next(self, target: Target) -> None:
        event = target.next_event
        if event is None:
            return self._leave(target, "Succeeded")
        if self.deployment.ending is not None and self.deployment.ending.cuts_instances:
            return self._leave(target, "Failed" if any(e.ended_at for e in target.events) else "Skipped")
        event.status, event.started_at = "InProgress", self.world.clock.now()
        target.updated_at = event.started_at
        execution = lifecycle.execution_id(self.deployment)
        completed = partial(self._completed, target, event)
        target.command_id = commands_of(self.world).send(target.arn, execution, event.name, completed)
        return None

    def _completed(self, target: Target, event: Event, status: CommandStatus, found: Diagnostics) -> None:
        target.command_id = None
        event.status, event.ended_at = str(status), self.world.clock.now()
        target.updated_at = event.ended_at
        event.diagnostics = {
            "errorCode": lifecycle.error_code(found.error_code),
            "scriptName": found.script,
            "message": found.message,
            "logTail": found.log,
        }
        if status is CommandStatus.FAILED and not self._is_ignored(event):
            self._leave(target, "Failed")
        else:
            self._run_next(target)
        self.advance()

    def _is_ignored(self, event: Event) -> bool:
        return bool(self.deployment.options.get("ignoreApplicationStopFailures")) and event.name == lifecycle.IGNORABLE

    def _leave(self, target: Target, status: str) -> None:
        now = self.world.clock.now()
        for event in target.events:
            if event.status == "Pending":
                event.status, event.ended_at = "Skipped", now
        self._move(target, status)
        if status in {"Succeeded", "Failed"}:
            self._note_health(target, is_healthy=status == "Succeeded")

    def _note_health(self, target: Target, *, is_healthy: bool) -> None:
        health = self.deployment.group.health
        before = health.get(target.instance_id)
        revision = identity(self.deployment.revision) if is_healthy else before and before.revision
        health[target.instance_id] = Health(is_healthy, revision or None)

    def _move(self, target: Target, status: str) -> None:
        target.status, target.updated_at = status, self.world.clock.now()
        notices.instance_changed(self.world, self.deployment, target)

    def _withdraw_untaken(self) -> None:
        """Take back commands that no agent has taken yet: nothing of them runs."""
        commands = commands_of(self.world)
        for target in self.deployment.targets.values():
            if target.command_id is not None and not commands.is_running(target.command_id):
                commands.withdraw(target.command_id)
                target.command_id = None
                for event in target.events:
                    if event.status == "InProgress":
                        event.status, event.started_at = "Pending", None
                self._run_next(target)

    # --- the end --------------------------------------------------------------------------------------

    def _finish(self, ending: Ending) -> None:
        deployment = self.deployment
        for target in deployment.targets.values():
            if target.status == "Pending":
                self._leave(target, "Skipped")
        deployment.status, deployment.ended_at = ending.status, self.world.clock.now()
        if ending.code:
            deployment.error = {"code": ending.code, "message": ending.message}
        if ending.status == "Succeeded":
            deployment.group.last_successful = deployment
            deployment.group.target_revision = deployment.revision
        notices.deployment_changed(self.world, deployment)
        rollback = roll_back(self.world, deployment, ending)
        if rollback is not None:
            launch(self.world, rollback)


def launch(world: World, deployment: Deployment) -> None:
    """Start a created deployment, on the timers' thread so that its creator gets the id first."""
    world.timers.soon(Rollout(world, deployment).start)
