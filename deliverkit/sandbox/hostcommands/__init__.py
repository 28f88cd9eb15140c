"""CodeDeployCommandService on the sandbox's own port: where host agents of any make ask for work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.sandbox.hostcommands.endpoint import command_endpoints
from deliverkit.sandbox.kernel.engine import Engine, Passive

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> Engine:
    """Let the command service answer in a world that has CodeDeploy."""
    for endpoint in command_endpoints(world):
        world.add_service(endpoint)
    return Passive()
