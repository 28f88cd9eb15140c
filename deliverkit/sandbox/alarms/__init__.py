"""CloudWatch alarms that change state by themselves, as metric data arrives and as time passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.sandbox.alarms.evaluator import AlarmEvaluator

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> AlarmEvaluator:
    """The evaluator for moto's alarms."""
    return AlarmEvaluator(world)
