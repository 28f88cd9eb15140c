"""CodePipeline that really executes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.sandbox.kernel.engine import Engine, Passive

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> Engine:
    """Add the service to the world."""
    return Passive()
