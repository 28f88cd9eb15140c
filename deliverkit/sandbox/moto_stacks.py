"""What moto's CloudFormation makes, and where it reaches the services of the sandbox's own."""

from __future__ import annotations

from collections.abc import Mapping
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


def finish_resource(made: Any, declared: Mapping[str, Any], resources: Any) -> None:
    """Put into a resource what moto drops of its properties.

    Args:
        made: What moto made; None when it made nothing.
        declared: The resource in the template.
        resources: moto's map of the stack's resources.
    """
    from moto.cloudformation.parsing import clean_json  # noqa: PLC0415  (loaded by now)

    from deliverkit.sandbox.stacks.finishing import finish  # noqa: PLC0415  (only stacks pay for it)
    from deliverkit.sandbox.stacks.kind import Place  # noqa: PLC0415

    if made is None or not hasattr(made, "physical_resource_id"):
        return
    place = Place(serving_world(), resources._account_id, resources._region_name)  # noqa: SLF001
    properties = clean_json(declared.get("Properties", {}), resources)
    finish(place, str(declared["Type"]), str(made.physical_resource_id), properties)
