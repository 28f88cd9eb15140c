"""Checks that run a job of the build server; what its build's result means stands in `domain.checks.jenkins`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from deliverkit.build_ports import BuildServer
from deliverkit.check_ports import CheckContext
from deliverkit.domain.build import BuildPhase, BuildRequest, BuildView
from deliverkit.domain.checks import ERROR, measurement
from deliverkit.domain.checks.telling import one_line
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.placeholders import expand, needs_target
from deliverkit.engine.building import Building, BuildPace
from deliverkit.errors import DeliverkitError, DeniedError, UnreachableError
from deliverkit.ports import Clock


class BuildCheck:
    """Measures checks of kind `jenkins`: each sample is one build.

    The sample's name is the request's id. A process that takes over finds the build of the one that died by it, and
    asks for no second one. A server that restarts while the build runs is waited for.
    """

    def __init__(self, server: Callable[[], BuildServer], *, clock: Clock, pace: BuildPace | None = None) -> None:
        """Take the way to the server, which is not gone before a gate asks for it, time, and what is borne."""
        self._server = server
        self._clock = clock
        self._pace = pace or BuildPace()
        self._open: dict[str, Building] = {}
        self._unreachable_since: dict[str, datetime] = {}

    def measure(self, check: Check, context: CheckContext) -> Measurement | None:
        """Ask for the sample's build once, and for its result every time after; None while it runs.

        Raises:
            UsageError: If this process has no way to the server: that says nothing about the release, and another
                process may have one.
        """
        sample, server = context.samples[check.key], self._server()
        try:
            view = self._building(sample, check, context, server).look()
        except UnreachableError as error:
            return self._ended(sample, check, error) if self._is_hopeless(sample, error) else None
        except (DeliverkitError, ValueError) as error:
            return self._ended(sample, check, error)
        self._unreachable_since.pop(sample, None)
        return self._judged(sample, check, view) if view.phase is BuildPhase.ENDED else None

    def _building(self, sample: str, check: Check, context: CheckContext, server: BuildServer) -> Building:
        if sample not in self._open:
            request = BuildRequest(str(check.spec["job"]), _parameters(check.spec, context), sample)
            self._open[sample] = Building(server, request, clock=self._clock, pace=self._pace)
        return self._open[sample]

    def _is_hopeless(self, sample: str, error: UnreachableError) -> bool:
        now = self._clock.now()
        since = self._unreachable_since.setdefault(sample, now)
        return isinstance(error, DeniedError) or now - since >= self._pace.patience

    def _judged(self, sample: str, check: Check, view: BuildView) -> Measurement:
        result, url = (view.build.result, view.build.url) if view.build else (None, "")
        seen = {"job": str(check.spec["job"]), "result": result.value if result else None, "told": view.told}
        return self._measurement(sample, check, {**seen, "url": url})

    def _ended(self, sample: str, check: Check, error: Exception) -> Measurement:
        return self._measurement(sample, check, {ERROR: one_line(f"job {check.spec['job']} cannot be asked: {error}")})

    def _measurement(self, sample: str, check: Check, seen: Mapping[str, Any]) -> Measurement:
        self._open.pop(sample, None)
        self._unreachable_since.pop(sample, None)
        query = str(seen.get("url") or f"deliverkit jenkins trigger {check.spec['job']} --request {sample}")
        return measurement(check, self._clock.now(), seen, query=query)


def _parameters(spec: Mapping[str, Any], context: CheckContext) -> dict[str, str]:
    values = dict(context.values)
    if not needs_target(context.endpoint):
        values["endpoint"] = expand(context.endpoint, values)
    return {name: expand(str(text), values) for name, text in spec.get("parameters", {}).items()}
