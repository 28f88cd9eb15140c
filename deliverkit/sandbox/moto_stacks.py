"""What moto's CloudFormation makes, and where it reaches the services of the sandbox's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World

_serving: list[World] = []
"""The sandbox whose stacks moto keeps: the one made last, as with everything of moto's."""


def serve_stacks(world: World) -> None:
    """Let stacks make their resources in this sandbox's services."""
    _serving[:] = [world]


def serving_world() -> World:
    """The sandbox in whose services stacks make their resources."""
    return _serving[0]


def offer_types(_parsing: Any) -> None:
    """Make the types of the sandbox's own services known to moto, which looks for subclasses of its model."""
    import deliverkit.sandbox.moto_stack_models  # noqa: F401, PLC0415  (it imports moto, which is loaded by now)


def makes(kind: str) -> bool:
    """True for a type of resource that stacks make; moto leaves others out of a stack without a word."""
    from moto.cloudformation.parsing import resource_class_from_type  # noqa: PLC0415  (only stacks pay for it)

    return resource_class_from_type(kind) is not None
