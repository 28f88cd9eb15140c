"""Lambda functions that really run: moto keeps them, processes of this machine carry them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.functions.lookup import find_function
from deliverkit.sandbox.functions.queue import InvocationQueue, enqueue

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.engine import Engine
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> Engine:
    """Add what runs functions to a world."""
    queue = InvocationQueue(world)
    world.parts[InvocationQueue] = queue
    return queue


def invoke(world: World, account: str, region: str, name: str, event: Mapping[str, Any]) -> None:
    """Invoke a function asynchronously, as InvocationType Event does; a failing one is tried again, twice by default.

    Args:
        world: The sandbox.
        account: The function's account.
        region: Its Region; an ARN's own wins.
        name: A name, `name:qualifier`, or an ARN with or without a qualifier.
        event: What the handler is given; JSON.

    Raises:
        ApiError: `ResourceNotFoundException` when there is no such function, version or alias.
    """
    found = find_function(world, account, region, name)
    enqueue(world, found.account, found.region, found.asked_for, event)
