"""What Lambda tells CloudWatch of invocations (Lambda developer guide, "Types of metrics for Lambda functions")."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from deliverkit.sandbox.functions.run import Result
from deliverkit.sandbox.kernel.metrics import Dimensions, Place
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_functions import Function

NAMESPACE = "AWS/Lambda"


class FunctionMetrics:
    """Counts invocations; thread-safe.

    Functions are never throttled here, so that `Throttles` is always 0. An invocation that could not be run at all, or
    that the sandbox's end cut short, is none.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._running: Counter[tuple[Place, Dimensions]] = Counter()

    def begin(self, function: Function) -> datetime:
        """An invocation begins; the moment, to be told at its end."""
        place, metrics = (function.account, function.region), self._world.metrics
        with metrics.lock:
            for dimensions in _dimensions(function):
                self._running[place, dimensions] += 1
                bucket = metrics.bucket(place, NAMESPACE, dimensions)
                bucket.sample("ConcurrentExecutions", self._running[place, dimensions], "Count")
        return self._world.clock.now()

    def end(self, function: Function, begun_at: datetime, result: Result | None) -> None:
        """It ended: everything is told for the minute in which it began."""
        place, metrics = (function.account, function.region), self._world.metrics
        with metrics.lock:
            for dimensions in _dimensions(function):
                self._running[place, dimensions] -= 1
                if result is not None and not result.cut_short:
                    bucket = metrics.bucket(place, NAMESPACE, dimensions, begun_at)
                    bucket.mark("Invocations", is_so=True)
                    bucket.mark("Errors", is_so=result.failed)
                    bucket.mark("Throttles", is_so=False)
                    bucket.sample("Duration", result.milliseconds, "Milliseconds")


def _dimensions(function: Function) -> list[Dimensions]:
    """Of all functions, of the function, of what was asked for, and of the version that an alias gave."""
    of_function: Dimensions = (("FunctionName", function.name),)
    of_resource = (*of_function, ("Resource", function.asked_for))
    found = [(), of_function, of_resource]
    if function.qualifier not in {"", function.version}:
        found.append((*of_resource, ("ExecutedVersion", function.version)))
    return found
