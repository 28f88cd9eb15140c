"""One target on its way through its lifecycle events: commands to its agent, and traffic that the service itself moves.

Every function runs under the world's lock: from an operation, from a timer, or from an agent that completed a command.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from deliverkit.sandbox.agent.protocol import CommandStatus, Diagnostics
from deliverkit.sandbox.codedeploy import lifecycle, notices
from deliverkit.sandbox.codedeploy.command_service import LAUNCH_LIMIT, START_LIMIT, commands_of
from deliverkit.sandbox.codedeploy.revisions import identity
from deliverkit.sandbox.codedeploy.state import Deployment, Event, Health, Target
from deliverkit.sandbox.codedeploy.traffic import ALLOW, BLOCK, PATIENCE, Unreachable, balancers_of
from deliverkit.sandbox.kernel.world import World

LOOK = timedelta(seconds=5)
"""How often the health behind a load balancer is looked at; AWS does not say."""
TOO_SLOW = {
    BLOCK: "The instance was not drained of its connections within an hour.",
    ALLOW: "The load balancers did not call the instance healthy within an hour.",
}
STOPPED = "The deployment was stopped."


@dataclass(frozen=True, slots=True)
class Walk:
    """Moves one target.

    Attributes:
        world: The sandbox.
        deployment: The deployment.
        target: One of its targets.
        moved: Called after each step that may let the deployment go on.
    """

    world: World
    deployment: Deployment
    target: Target
    moved: Callable[[], None]

    def begin(self) -> None:
        """Run the target's next event and all after it."""
        self._move("InProgress")
        self._go_on()

    def leave(self, status: str) -> None:
        """Run no further event; what was not reached is Skipped."""
        now = self.world.clock.now()
        for event in self.target.events:
            if event.status == "Pending":
                event.status, event.ended_at = "Skipped", now
        self._move(status)
        if status in {"Succeeded", "Failed"} and self.target.is_installed_to:
            self._note_health(is_healthy=status == "Succeeded")

    def leave_unfinished(self) -> None:
        """The deployment is over for this target: it failed when something ran on it, else it was skipped."""
        self.leave("Failed" if any(event.ended_at for event in self.target.events) else "Skipped")

    def cut(self) -> None:
        """Take back a command that no agent has taken yet, and wait no longer for traffic."""
        target, commands = self.target, commands_of(self.world)
        event = self._running()
        if target.command_id is None:
            if event is not None:
                self._end_event(event, "Failed", failure(STOPPED))
        elif not commands.is_running(target.command_id):
            commands.withdraw(target.command_id)
            target.command_id = None
            if event is not None:
                event.status, event.started_at = "Pending", None
            self._go_on()

    def give_up(self, message: str) -> None:
        """Fail what runs, as the service does on its own account."""
        if self.target.command_id is not None:
            return commands_of(self.world).give_up(self.target.command_id, message)
        event = self._running()
        if event is not None:
            self._end_event(event, "Failed", failure(message))
        return None

    def _running(self) -> Event | None:
        return next((event for event in self.target.events if event.status == "InProgress"), None)

    def _go_on(self) -> None:
        target, ending = self.target, self.deployment.ending
        event = target.next_event
        if event is None:
            self.leave("Succeeded")
        elif ending is not None and ending.cuts_instances:
            self.leave_unfinished()
        elif event.name == target.holds_at:
            self._move("Ready")
        else:
            self._start(event)

    def _start(self, event: Event) -> None:
        event.status, event.started_at = "InProgress", self.world.clock.now()
        self.target.updated_at = event.started_at
        if event.name in TOO_SLOW:
            self.world.timers.soon(partial(self._begin_shift, event))
        else:
            execution = lifecycle.execution_id(self.deployment)
            completed = partial(self._completed, event)
            self.target.command_id = commands_of(self.world).send(
                self.target.host_identifier, execution, event.name, completed, patience=self._patience
            )

    @property
    def _patience(self) -> timedelta:
        return LAUNCH_LIMIT if self.deployment.creator == "autoscaling" else START_LIMIT

    def _completed(self, event: Event, status: CommandStatus, found: Diagnostics) -> None:
        self.target.command_id = None
        told = {
            "errorCode": lifecycle.error_code(found.error_code),
            "scriptName": found.script,
            "message": found.message,
            "logTail": found.log,
        }
        self._end_event(event, str(status), told)

    def _end_event(self, event: Event, status: str, diagnostics: dict[str, str]) -> None:
        event.status, event.ended_at = status, self.world.clock.now()
        self.target.updated_at = event.ended_at
        event.diagnostics = diagnostics
        if status == "Failed" and not self._is_ignored(event):
            self.leave("Failed")
        else:
            self._go_on()
        if self.target.status != "InProgress":
            self.moved()

    def _is_ignored(self, event: Event) -> bool:
        return bool(self.deployment.options.get("ignoreApplicationStopFailures")) and event.name in lifecycle.IGNORABLE

    def _note_health(self, *, is_healthy: bool) -> None:
        health = self.deployment.group.health
        before = health.get(self.target.instance_id)
        revision = identity(self.deployment.revision) if is_healthy else before and before.revision
        health[self.target.instance_id] = Health(is_healthy, revision or None)

    def _move(self, status: str) -> None:
        self.target.status, self.target.updated_at = status, self.world.clock.now()
        notices.instance_changed(self.world, self.deployment, self.target)

    # --- traffic --------------------------------------------------------------------------------------

    def _begin_shift(self, event: Event) -> None:
        if event.status != "InProgress":
            return None
        try:
            delay = balancers_of(self.world, self.deployment).begin(event.name, self.target.instance_id)
        except Unreachable as error:
            return self._end_event(event, "Failed", failure(str(error)))
        deadline = self.world.clock.now() + delay + PATIENCE
        self.world.timers.after(delay, partial(self._look, event, deadline))
        return None

    def _look(self, event: Event, deadline: datetime) -> None:
        if event.status != "InProgress":
            return None
        try:
            is_done = balancers_of(self.world, self.deployment).is_done(event.name, self.target.instance_id)
        except Unreachable as error:
            return self._end_event(event, "Failed", failure(str(error)))
        if is_done:
            self._end_event(event, "Succeeded", success())
        elif self.world.clock.now() >= deadline:
            self._end_event(event, "Failed", failure(TOO_SLOW[event.name]))
        else:
            self.world.timers.after(LOOK, partial(self._look, event, deadline))
        return None


def success() -> dict[str, str]:
    """Diagnostics of an event that went well."""
    return {"errorCode": "Success", "scriptName": "", "message": "Succeeded", "logTail": ""}


def failure(message: str) -> dict[str, str]:
    """Diagnostics of an event that failed without a script."""
    return {"errorCode": "UnknownError", "scriptName": "", "message": message, "logTail": ""}
