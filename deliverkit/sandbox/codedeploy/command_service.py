"""The service side of the host agents' conversation: one queue of commands per host (CodeDeployCommandService)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.agent.protocol import CommandService, CommandStatus, Diagnostics, HostCommand
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.clock import Timer
from deliverkit.sandbox.kernel.errors import ApiError

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World

START_LIMIT = timedelta(minutes=5)
"""An event that no agent takes within five minutes fails (user guide, troubleshooting-auto-scaling)."""
LAUNCH_LIMIT = timedelta(hours=1)
"""An instance that Auto Scaling has launched gets one hour instead: its agent may still have to be installed (same)."""
EVENT_LIMIT = timedelta(seconds=3600)
"""An event may run this long, whatever timeouts its scripts have."""
NO_AGENT = (
    "CodeDeploy agent was not able to receive the lifecycle event. Check the CodeDeploy agent logs on your host and "
    "make sure the agent is running and can connect to the CodeDeploy server."
)
EVENT_TIMED_OUT = "The lifecycle event did not finish within 3600 seconds."

Completion = Callable[[CommandStatus, Diagnostics], None]


REMEMBERED = 20_000
"""How many ended commands are still known, for agents that report one for a second time."""


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
    _waiting: dict[str, list[str]] = field(default_factory=dict)
    _ended: dict[str, CommandStatus] = field(default_factory=dict)
    _specifications: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _last_nonce: int = 0

    def publish(self, execution_id: str, specification: Mapping[str, Any]) -> None:
        """Make a deployment's specification known to agents."""
        self._specifications[execution_id] = specification

    def send(
        self, host: str, execution_id: str, name: str, completed: Completion, *, patience: timedelta = START_LIMIT
    ) -> str:
        """Queue one lifecycle event for a host.

        Args:
            host: Host identifier, an ARN.
            execution_id: Names a published specification.
            name: The lifecycle event.
            completed: Called once, under the world's lock; it is part of the sandbox's state, so it can be pickled.
            patience: How long an agent may take to answer.

        Returns:
            The command's identifier.
        """
        identifier = chance.uuid4()
        self._last_nonce += 1
        command = HostCommand(identifier, host, execution_id, name, self._last_nonce)
        timer = self.world.timers.after(patience, partial(self.give_up, identifier, NO_AGENT))
        self._open[identifier] = _Open(command, completed, timer)
        self._waiting.setdefault(host, []).append(identifier)
        self.world.doorbell.ring(host)
        return identifier

    def is_running(self, identifier: str) -> bool:
        """True once an agent took the command and until it ends."""
        entry = self._open.get(identifier)
        return entry is not None and entry.is_acknowledged

    def withdraw(self, identifier: str) -> None:
        """Take back a command that no agent has taken; its completion is never called."""
        if identifier in self._open:
            self._close(identifier, CommandStatus.FAILED)

    def poll(self, host: str) -> HostCommand | None:
        """The next command for a host that has not been acknowledged."""
        with self.world.lock:
            waiting = self._waiting.get(host)
            return self._open[waiting[0]].command if waiting else None

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
                self._no_longer_waits(entry.command)
                entry.timer.cancel()
                entry.timer = self.world.timers.after(EVENT_LIMIT, partial(self.give_up, identifier, EVENT_TIMED_OUT))
            return CommandStatus.IN_PROGRESS

    def complete(self, identifier: str, status: CommandStatus, diagnostics: Diagnostics) -> None:
        """The first completion of an identifier wins, later ones are ignored."""
        with self.world.lock:
            if identifier in self._ended:
                return
            self._find(identifier)
            self._close(identifier, status).completed(status, diagnostics)

    def _close(self, identifier: str, status: CommandStatus) -> _Open:
        entry = self._open.pop(identifier)
        entry.timer.cancel()
        self._no_longer_waits(entry.command)
        self._ended[identifier] = status
        if len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]
        return entry

    def _no_longer_waits(self, command: HostCommand) -> None:
        waiting = self._waiting.get(command.host, [])
        if command.identifier in waiting:
            waiting.remove(command.identifier)
        if not waiting:
            self._waiting.pop(command.host, None)

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
