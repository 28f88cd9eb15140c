"""The engine: takes instances in turn, sends them one command for each lifecycle event, ends and rolls back."""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from deliverkit.sandbox.agent.protocol import CommandStatus, Diagnostics
from deliverkit.sandbox.codedeploy.alarms import firing
from deliverkit.sandbox.codedeploy.command_service import queue_of
from deliverkit.sandbox.codedeploy.members import members
from deliverkit.sandbox.codedeploy.notices import deployment_notice, instance_notice
from deliverkit.sandbox.codedeploy.scheduling import Tally, has_succeeded, in_order, minimum_healthy, must_halt, room
from deliverkit.sandbox.codedeploy.state import (
    EVENTS,
    Application,
    Deployment,
    Group,
    HostRecord,
    LifecycleEvent,
    Store,
    Target,
    revision_key,
)
from deliverkit.sandbox.kernel.operations import Context

ANSWER_WITHIN = timedelta(minutes=5)
"""An event that no agent begins within this time fails (CodeDeploy User Guide, "Troubleshooting")."""
EVENT_WITHIN = timedelta(hours=1)
DEPLOYMENT_WITHIN = timedelta(hours=12)
"""Longest event and longest in-place deployment (CodeDeploy User Guide, "CodeDeploy quotas")."""
ALARM_POLL = timedelta(seconds=1)
_ERROR_CODES = ("Success", "ScriptMissing", "ScriptNotExecutable", "ScriptTimedOut", "ScriptFailed")
_TOO_MANY_FAILED = (
    "The overall deployment failed because too many individual instances failed deployment, too few healthy instances "
    "are available for deployment, or some instances in your deployment group are experiencing problems."
)
_ROLLBACK_EVENTS = {"Failed": "DEPLOYMENT_FAILURE", "Stopped": "DEPLOYMENT_STOP_ON_REQUEST"}


class DeploymentRun:
    """One deployment from its creation to its end; made by `begin`, then moved by timers and by agents' answers."""

    def __init__(
        self, deployment: Deployment, owner: Application, group: Group, *, rule: Mapping[str, Any], context: Context
    ) -> None:
        """Take the deployment and what it changes; `rule` is the configuration's minimum of healthy hosts."""
        self._deployment = deployment
        self._owner = owner
        self._group = group
        self._rule = rule
        self._context = context
        self._world = context.world
        self._queue = queue_of(self._world)
        self._execution_id = f"{context.account}/{context.region}/{group.group_id}/{deployment.deployment_id}"

    def begin(self) -> None:
        """Let the deployment start by itself, a moment later."""
        self._group.last_attempted = self._deployment.deployment_id
        self._queue.publish(self._execution_id, self._specification())
        self._world.timers.soon(self._start)
        self._world.timers.after(DEPLOYMENT_WITHIN, self._run_late)

    def stop(self, *, rolls_back: bool | None, code: str = "MANUAL_STOP", message: str = "") -> bool:
        """Schedule no further event; True when nothing is running any more."""
        deployment = self._deployment
        deployment.rolls_back_after_stop = rolls_back
        deployment.error = (code, message or "The deployment was stopped by a user.")
        self._halt("Stopped")
        return not deployment.is_live

    # --- starting ----------------------------------------------------------------------------------

    def _start(self) -> None:
        deployment = self._deployment
        if not deployment.is_live:
            return
        deployment.started_at = self._world.clock.now()
        deployment.status = "InProgress"
        self._tell("START")
        self._take_members()
        if deployment.halting:
            self._end_if_quiet()
        elif not deployment.targets:
            self._end("Failed", "NO_INSTANCES", "No instances were found for your deployment group.")
        elif deployment.minimum >= len(deployment.targets):
            message = f"{deployment.minimum} of {len(deployment.targets)} instances must stay healthy, so none can go."
            self._end("Failed", "HEALTH_CONSTRAINTS_INVALID", message)
        else:
            self._watch_alarms()
            self._schedule()

    def _take_members(self) -> None:
        deployment, group, context = self._deployment, self._group, self._context
        found = {m.instance_id: m for m in members(self._world, context.account, context.region, group.settings)}
        wanted = revision_key(deployment.revision)
        for instance_id in in_order(list(found), group.hosts, wanted):
            known = group.hosts.get(instance_id)
            if deployment.only_outdated and known and known.is_healthy and known.revision == wanted:
                continue
            events = [LifecycleEvent(name) for name in EVENTS]
            deployment.targets[instance_id] = Target(found[instance_id], events)
        deployment.minimum = minimum_healthy(self._rule, len(deployment.targets))

    def _specification(self) -> Mapping[str, Any]:
        deployment, place = self._deployment, self._deployment.revision["s3Location"]
        revision = {"Bucket": place["bucket"], "Key": place["key"], "BundleType": place["bundleType"]}
        optional = {"Version": place.get("version"), "ETag": place.get("eTag")}
        return {
            "DeploymentId": deployment.deployment_id,
            "DeploymentGroupId": self._group.group_id,
            "DeploymentGroupName": self._group.name,
            "ApplicationName": self._owner.name,
            "DeploymentCreator": deployment.creator,
            "DeploymentType": "IN_PLACE",
            "AgentActionOverrides": {"AgentOverrides": {"FileExistsBehavior": deployment.file_exists_behavior}},
            "Revision": {
                "RevisionType": "S3",
                "S3Revision": {**revision, **{name: value for name, value in optional.items() if value}},
            },
        }

    # --- instances in turn -------------------------------------------------------------------------

    def _tally(self) -> Tally:
        counts = self._deployment.overview()
        return Tally(
            minimum=self._deployment.minimum,
            pending=counts["Pending"],
            running=counts["InProgress"],
            succeeded=counts["Succeeded"],
            failed=counts["Failed"],
        )

    def _schedule(self) -> None:
        """Begin as many instances as may go now; end when none is left."""
        while not self._deployment.halting and room(self._tally()) > 0:
            target = next(t for t in self._deployment.targets.values() if t.status == "Pending")
            target.status = "InProgress"
            instance_notice(self._context, self._deployment, target, "START")
            self._next_event(target)
        tally = self._tally()
        if self._deployment.halting:
            self._end_if_quiet()
        elif must_halt(tally):
            self._deployment.error = ("HEALTH_CONSTRAINTS", _TOO_MANY_FAILED)
            self._halt("Failed")
        elif self._deployment.is_live and tally.pending + tally.running == 0:
            self._judge(tally)

    def _judge(self, tally: Tally) -> None:
        if has_succeeded(tally):
            self._end("Succeeded")
        else:
            self._end("Failed", "HEALTH_CONSTRAINTS", _TOO_MANY_FAILED)

    def _next_event(self, target: Target) -> None:
        event = next((each for each in target.events if each.status == "Pending"), None)
        if event is None:
            self._finish(target, "Succeeded")
        elif target.machine.state != "running":
            self._fail(target, event, "UnknownError", f"The instance is {target.machine.state}.")
        else:
            self._send(target, event)

    def _send(self, target: Target, event: LifecycleEvent) -> None:
        command = self._queue.put(
            target.arn,
            self._execution_id,
            event.name,
            on_start=lambda: self._event_began(target, event),
            on_end=lambda status, diagnostics: self._event_ended(target, event, status, diagnostics),
        )
        target.command = command
        self._world.timers.after(ANSWER_WITHIN, lambda: self._unanswered(target, event, command))

    def _event_began(self, target: Target, event: LifecycleEvent) -> None:
        event.status, event.started_at = "InProgress", self._world.clock.now()
        target.updated_at = event.started_at
        command = target.command
        self._world.timers.after(EVENT_WITHIN, lambda: self._overdue(target, event, command))

    def _event_ended(
        self, target: Target, event: LifecycleEvent, status: CommandStatus, diagnostics: Diagnostics
    ) -> None:
        known = diagnostics.error_code < len(_ERROR_CODES)
        event.diagnostics = {
            "errorCode": _ERROR_CODES[diagnostics.error_code] if known else "UnknownError",
            "scriptName": diagnostics.script,
            "message": diagnostics.message,
            "logTail": diagnostics.log,
        }
        event.status, event.ended_at = status.value, self._world.clock.now()
        target.updated_at, target.command = event.ended_at, ""
        is_forgiven = event.name == "ApplicationStop" and self._deployment.ignores_stop_failures
        is_cut_short = bool(self._deployment.halting) and any(each.status == "Pending" for each in target.events)
        if is_cut_short or (status is CommandStatus.FAILED and not is_forgiven):
            self._finish(target, "Failed")
        else:
            self._next_event(target)

    def _unanswered(self, target: Target, event: LifecycleEvent, command: str) -> None:
        if target.command == command and self._queue.is_waiting(command):
            message = "CodeDeploy agent was not able to receive the lifecycle event. Check the CodeDeploy agent logs."
            self._give_up(target, event, command, message)

    def _overdue(self, target: Target, event: LifecycleEvent, command: str) -> None:
        if target.command == command and event.status == "InProgress":
            self._give_up(target, event, command, "The lifecycle event did not end within one hour.")

    def _give_up(self, target: Target, event: LifecycleEvent, command: str, message: str) -> None:
        self._queue.withdraw(command)
        target.command = ""
        self._fail(target, event, "UnknownError", message)

    def _fail(self, target: Target, event: LifecycleEvent, code: str, message: str) -> None:
        event.status, event.ended_at = "Failed", self._world.clock.now()
        event.diagnostics = {"errorCode": code, "scriptName": "", "message": message, "logTail": ""}
        self._finish(target, "Failed")

    def _finish(self, target: Target, status: str) -> None:
        """End one instance; events that were never reached end skipped, with an end and no beginning."""
        now = self._world.clock.now()
        for event in target.events:
            if event.status == "Pending":
                event.status, event.ended_at = "Skipped", now
        target.status, target.updated_at = status, now
        key = revision_key(self._deployment.revision) if status == "Succeeded" else ""
        self._group.hosts[target.instance_id] = HostRecord(status == "Succeeded", key)
        instance_notice(self._context, self._deployment, target, "SUCCESS" if status == "Succeeded" else "FAILURE")
        self._schedule()

    # --- ending ------------------------------------------------------------------------------------

    def _halt(self, status: str) -> None:
        """Begin nothing more; what runs may end its event."""
        self._deployment.halting = status
        for target in self._deployment.targets.values():
            if target.status == "InProgress" and self._queue.is_waiting(target.command):
                self._queue.withdraw(target.command)
                self._finish_halted(target, "Failed")
            elif target.status == "Pending":
                self._finish_halted(target, "Skipped")
        self._end_if_quiet()

    def _finish_halted(self, target: Target, status: str) -> None:
        now = self._world.clock.now()
        for event in target.events:
            if event.status == "Pending":
                event.status, event.ended_at = "Skipped", now
        target.status, target.updated_at, target.command = status, now, ""

    def _end_if_quiet(self) -> None:
        is_quiet = all(target.status != "InProgress" for target in self._deployment.targets.values())
        if is_quiet and self._deployment.is_live:
            self._end(self._deployment.halting)

    def _end(self, status: str, code: str = "", message: str = "") -> None:
        deployment, group = self._deployment, self._group
        deployment.status, deployment.completed_at = status, self._world.clock.now()
        if code:
            deployment.error = (code, message)
        if status == "Succeeded":
            deployment.error = None
            group.target_revision, group.last_successful = deployment.revision, deployment.deployment_id
        self._tell({"Succeeded": "SUCCESS", "Failed": "FAILURE"}.get(status, "STOP"))
        self._note_end_of_rollback()
        if self._should_roll_back(status):
            self._roll_back()

    def _run_late(self) -> None:
        if self._deployment.is_live:
            self._deployment.error = ("TIMEOUT", "The deployment did not end within 12 hours.")
            self._halt("Failed")

    # --- alarms ------------------------------------------------------------------------------------

    def _watch_alarms(self) -> None:
        deployment = self._deployment
        # A rollback must not be held up by the alarm that caused it.
        if not deployment.alarms.get("enabled") or deployment.creator == "codeDeployRollback":
            return
        if not deployment.is_live or deployment.halting:
            return
        reason = firing(self._world, self._context.account, self._context.region, deployment.alarms)
        if reason:
            self.stop(rolls_back=None, code="ALARM_ACTIVE", message=reason)
        else:
            self._world.timers.after(ALARM_POLL, self._watch_alarms)

    # --- rolling back ------------------------------------------------------------------------------

    def _should_roll_back(self, status: str) -> bool:
        deployment = self._deployment
        if status == "Succeeded" or deployment.creator == "codeDeployRollback":
            return False
        if deployment.rolls_back_after_stop is not None:
            return deployment.rolls_back_after_stop
        is_alarm = deployment.error is not None and deployment.error[0] == "ALARM_ACTIVE"
        event = "DEPLOYMENT_STOP_ON_ALARM" if is_alarm else _ROLLBACK_EVENTS[status]
        wanted = deployment.auto_rollback
        return bool(wanted.get("enabled")) and event in wanted.get("events", [])

    def _roll_back(self) -> None:
        """A new deployment of the group's last good revision (CodeDeploy User Guide, "Redeploy and roll back")."""
        failed, revision = self._deployment, self._group.target_revision
        store = self._context.world.store(Store, self._context.account, self._context.region)
        if revision is None:
            failed.rollback = {"rollbackMessage": "There is no last successful deployment to roll back to."}
            return
        good = store.deployments.get(self._group.last_successful)
        rollback = Deployment(
            deployment_id=new_id(store),
            application=failed.application,
            group=failed.group,
            group_id=failed.group_id,
            config=failed.config,
            revision=revision,
            created_at=self._world.clock.now(),
            creator="codeDeployRollback",
            description=f"Rollback deployment of {failed.deployment_id}",
            ignores_stop_failures=failed.ignores_stop_failures,
            file_exists_behavior=good.file_exists_behavior if good else failed.file_exists_behavior,
            previous_revision=revision,
            style=failed.style,
            rollback={
                "rollbackTriggeringDeploymentId": failed.deployment_id,
                "rollbackMessage": f"Deployment {failed.deployment_id} is being rolled back.",
            },
        )
        failed.rollback = {
            "rollbackDeploymentId": rollback.deployment_id,
            "rollbackMessage": f"Rollback deployment {rollback.deployment_id} is in progress.",
        }
        launch(rollback, self._owner, self._group, rule=self._rule, context=self._context)
        self._tell("ROLLBACK")

    def _note_end_of_rollback(self) -> None:
        store = self._context.world.store(Store, self._context.account, self._context.region)
        failed = store.deployments.get(self._deployment.rollback.get("rollbackTriggeringDeploymentId", ""))
        if failed is not None:
            ended = f"Rollback deployment {self._deployment.deployment_id} {self._deployment.status.lower()}."
            failed.rollback["rollbackMessage"] = self._deployment.rollback["rollbackMessage"] = ended

    def _tell(self, state: str) -> None:
        deployment_notice(self._context, self._deployment, state)


def launch(
    deployment: Deployment, owner: Application, group: Group, *, rule: Mapping[str, Any], context: Context
) -> DeploymentRun:
    """Remember a deployment and let it start."""
    store = context.world.store(Store, context.account, context.region)
    store.deployments[deployment.deployment_id] = deployment
    run = DeploymentRun(deployment, owner, group, rule=rule, context=context)
    store.runs[deployment.deployment_id] = run
    run.begin()
    return run


def new_id(store: Store) -> str:
    """An id in AWS's own form: `d-` and nine upper-case letters or digits."""
    while True:
        wanted = "d-" + "".join(random.choices(string.ascii_uppercase + string.digits, k=9))  # noqa: S311  (no secret)
        if wanted not in store.deployments:
            return wanted
