"""EC2 instances as directories with a loopback address of their own and a host agent inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.sandbox.kernel.engine import Engine, Passive

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> Engine:
    """Watch moto's EC2 and give every running instance a home and an agent."""
    return Passive()
