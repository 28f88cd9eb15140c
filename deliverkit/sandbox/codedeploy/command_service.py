"""The service side of the host agents' conversation: one queue of commands per host (CodeDeployCommandService)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.agent.protocol import CommandService, CommandStatus, Diagnostics, HostCommand
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.clock import Timer
from deliverkit.sandbox.kernel.errors import ApiError

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World

START_LIMIT = timedelta(minutes=5)
"""An event that no agent takes within five minutes fails (user guide, troubleshooting-auto-scaling)."""
EVENT_LIMIT = timedelta(seconds=3600)
"""An event may run this long, whatever timeouts its scripts have."""
NO_AGENT = (
    "CodeDeploy agent was not able to receive the lifecycle event. Check the CodeDeploy agent logs on your host and "
    "make sure the agent is running and can connect to the CodeDeploy server."
)
EVENT_TIMED_OUT = "The lifecycle event did not finish within 3600 seconds."

Completion = Callable[[CommandStatus, Diagnostics], None]


@dataclass
class _Open:
    command: HostCommand
    completed: Completion
    timer: Timer
    is_acknowledged: bool = False


@dataclass
class Commands:
    """Commands of one world, implementing CommandService; every call may come from any thread."""

    world: World
    _open: dict[str, _Open] = field(default_factory=dict)
    _ended: dict[str, CommandStatus] = field(default_factory=dict)
    _specifications: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _nonces: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def publish(self, execution_id: str, specification: Mapping[str, Any]) -> None:
        """Make a deployment's specification known to agents."""
        self._specifications[execution_id] = specification

    def send(self, host: str, execution_id: str, name: str, completed: Completion) -> str:
        """Queue one lifecycle event for a host; `completed` is called once, under the world's lock.

        Returns:
            The command's identifier.
        """
        # Imported late: the instances ask this module for the service, and this asks them about agents.
        from deliverkit.sandbox.instances import agent_host  # noqa: PLC0415

        identifier = chance.uuid4()
        command = HostCommand(identifier, host, execution_id, name, next(self._nonces))
        timer = self.world.timers.after(START_LIMIT, lambda: self.give_up(identifier, NO_AGENT))
        self._open[identifier] = _Open(command, completed, timer)
        agent_host(self.world).wake(host)
        return identifier

    def is_running(self, identifier: str) -> bool:
        """True once an agent took the command and until it ends."""
        entry = self._open.get(identifier)
        return entry is not None and entry.is_acknowledged

    def withdraw(self, identifier: str) -> None:
        """Take back a command that no agent has taken; its completion is never called."""
        entry = self._open.pop(identifier, None)
        if entry is not None:
            entry.timer.cancel()
            self._ended[identifier] = CommandStatus.FAILED

    def poll(self, host: str) -> HostCommand | None:
        """The next command for a host that has not been acknowledged."""
        with self.world.lock:
            waiting = (entry for entry in self._open.values() if entry.command.host == host)
            return next((entry.command for entry in waiting if not entry.is_acknowledged), None)

    def specification(self, execution_id: str, host: str) -> Mapping[str, Any]:
        """The deployment specification that an execution names.

        Raises:
            ApiError: `ClientException` for an unknown execution.
        """
        with self.world.lock:
            found = self._specifications.get(execution_id)
        if found is None:
            raise ApiError("ClientException", f"no deployment execution {execution_id}")
        return found

    def acknowledge(self, identifier: str, *, is_noop: bool) -> CommandStatus:
        """Start the event's clock; a no-op needs no execution and succeeds at once."""
        with self.world.lock:
            if identifier in self._ended:
                return self._ended[identifier]
            entry = self._find(identifier)
            if is_noop:
                self.complete(identifier, CommandStatus.SUCCEEDED, Diagnostics(0, "", "Succeeded", ""))
                return CommandStatus.SUCCEEDED
            if not entry.is_acknowledged:
                entry.is_acknowledged = True
                entry.timer.cancel()
                entry.timer = self.world.timers.after(EVENT_LIMIT, lambda: self.give_up(identifier, EVENT_TIMED_OUT))
            return CommandStatus.IN_PROGRESS

    def complete(self, identifier: str, status: CommandStatus, diagnostics: Diagnostics) -> None:
        """The first completion of an identifier wins, later ones are ignored."""
        with self.world.lock:
            if identifier in self._ended:
                return
            entry = self._find(identifier)
            del self._open[identifier]
            self._ended[identifier] = status
            entry.timer.cancel()
            entry.completed(status, diagnostics)

    def _find(self, identifier: str) -> _Open:
        entry = self._open.get(identifier)
        if entry is None:
            raise ApiError("ClientException", f"no host command {identifier}")
        return entry

    def give_up(self, identifier: str, message: str) -> None:
        """Fail a command as the service does on its own account, whether or not an agent works on it."""
        if identifier in self._open:
            self.complete(identifier, CommandStatus.FAILED, Diagnostics(5, "", message, ""))


@dataclass
class _Kept:
    """Where a world keeps its one command service."""

    commands: Commands | None = None


def commands_of(world: World) -> Commands:
    """The command queues of a world, as the engine drives them."""
    kept = world.store(_Kept, "", "")
    if kept.commands is None:
        kept.commands = Commands(world)
    return kept.commands


def command_service(world: World) -> CommandService:
    """The one command service of a world, as agents see it."""
    return commands_of(world)
