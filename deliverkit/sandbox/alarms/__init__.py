"""CloudWatch alarms that change state by themselves, as metric data arrives and as time passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deliverkit.sandbox.alarms.evaluator import AlarmEvaluator
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> AlarmEvaluator:
    """The evaluator for moto's alarms, and the operations that moto lacks."""
    # Imported here: alarms invoke functions, whose package needs its neighbours.
    from deliverkit.sandbox.alarms.evaluator import AlarmEvaluator  # noqa: PLC0415
    from deliverkit.sandbox.alarms.moto_alarms import answer_with  # noqa: PLC0415
    from deliverkit.sandbox.alarms.operations import operations  # noqa: PLC0415

    answer_with(operations(world))
    return AlarmEvaluator(world)
