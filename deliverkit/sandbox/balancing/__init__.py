"""Load balancers that balance: real requests to real targets, with health and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deliverkit.sandbox.balancing.engine import Balancing
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> Balancing:
    """Serve moto's application load balancers."""
    from deliverkit.sandbox.balancing.engine import Balancing  # noqa: PLC0415  (the instances need their neighbours)

    return Balancing(world)
