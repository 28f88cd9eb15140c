"""EC2 instances as directories with a loopback address of their own and a host agent inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deliverkit.sandbox.agent.protocol import AgentHost, CommandService
from deliverkit.sandbox.instances.engine import Instances
from deliverkit.sandbox.kernel.engine import Engine

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


@dataclass
class _Installed:
    """Where the world keeps its one engine."""

    engine: Instances | None = None


def install(world: World) -> Engine:
    """Watch moto's EC2 and give every running instance a home and an agent."""
    engine = Instances(world, _command_service)
    world.store(_Installed, "", "").engine = engine
    return engine


def agent_host(world: World) -> AgentHost:
    """What CodeDeploy asks about the instances of a world.

    Raises:
        LookupError: If `install` was not called for the world.
    """
    engine = world.store(_Installed, "", "").engine
    if engine is None:
        raise LookupError("the world has no instances: call deliverkit.sandbox.instances.install first")
    return engine


def _command_service(world: World) -> CommandService:
    # Imported at the first instance: CodeDeploy asks this package about agents, and agents ask CodeDeploy for commands.
    from deliverkit.sandbox.codedeploy.command_service import command_service  # noqa: PLC0415

    return command_service(world)
