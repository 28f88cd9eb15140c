"""EventBridge's delivery: what happens in the sandbox reaches the targets of the rules that ask for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from deliverkit.sandbox.events.delivery import offer_soon, publish_notice
from deliverkit.sandbox.events.post import Postman
from deliverkit.sandbox.moto_events import redirect_rules

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.engine import Engine
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> Engine:
    """Deliver the world's notices and the events that callers put."""
    world.subscribe(partial(publish_notice, world))
    redirect_rules(partial(offer_soon, world))
    return Postman(world)
