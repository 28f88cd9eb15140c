"""CodePipeline that really executes.

Requests enter through `operations`, one module per family; `progress` moves executions; `providers` do the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.sandbox.codepipeline.engine import MovingParts
from deliverkit.sandbox.codepipeline.operations import OPERATIONS
from deliverkit.sandbox.kernel.engine import Engine
from deliverkit.sandbox.kernel.operations import Service

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> Engine:
    """Add the service to the world."""
    service = Service("codepipeline", "CodePipeline_20150709")
    for name, operation in OPERATIONS.items():
        service.operation(name)(operation)
    world.add_service(service)
    return MovingParts(world)
