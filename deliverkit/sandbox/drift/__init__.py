"""Drift of CloudFormation stacks: the resources that there are, beside what the template says."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> None:
    """Let CloudFormation detect drift."""
    # Imported here: the operations need what their neighbours install.
    from deliverkit.sandbox.drift.book import resource_information, stack_information  # noqa: PLC0415
    from deliverkit.sandbox.drift.operations import operations  # noqa: PLC0415
    from deliverkit.sandbox.moto_drift import tell_drift  # noqa: PLC0415
    from deliverkit.sandbox.moto_operations import answer_with  # noqa: PLC0415

    answer_with(world, "cloudformation", "cloudformation", operations(), refusal="ValidationError")
    tell_drift(partial(stack_information, world), partial(resource_information, world))
