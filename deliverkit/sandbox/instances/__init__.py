"""EC2 instances as directories with a loopback address of their own and a host agent inside."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from deliverkit.sandbox.instances.engine import Boot, Instances
from deliverkit.sandbox.kernel.engine import Engine

if TYPE_CHECKING:
    from deliverkit.sandbox.instances.agents import ProcessAgent
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> Engine:
    """Watch moto's EC2 and give every running instance a home and an agent in a process of its own."""
    # Imported here: CodeDeploy, of which the command queues are a part, needs this package's neighbours.
    from deliverkit.sandbox.codedeploy.command_service import command_service  # noqa: PLC0415
    from deliverkit.sandbox.instances.memory_agents import MemoryAgents  # noqa: PLC0415

    return Instances(world, partial(_process_agent, world), MemoryAgents(world, command_service))


def _process_agent(world: World, boot: Boot) -> ProcessAgent:
    from deliverkit.sandbox.agent.configuration import AgentConfiguration  # noqa: PLC0415  (needs botocore's signers)
    from deliverkit.sandbox.agent.remote import Endpoint  # noqa: PLC0415
    from deliverkit.sandbox.instances.agents import ProcessAgent  # noqa: PLC0415

    keys = world.moto.instance_keys(boot.machine.account, boot.machine.instance_id)
    endpoint = Endpoint(world.endpoint, boot.machine.region, *keys)
    return ProcessAgent(AgentConfiguration(boot.identifier, str(boot.home / "root"), boot.address, endpoint), boot.home)
