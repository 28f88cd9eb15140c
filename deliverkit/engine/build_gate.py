"""Gates that run a job of the build server, and what its build's result means.

| result | outcome |
|---|---|
| SUCCESS | passed |
| UNSTABLE, FAILURE | failed |
| ABORTED, or the request was taken out of the queue | inconclusive: somebody stopped it, and a human must decide |
| NOT_BUILT, or the server cannot be asked | error: it could not be measured |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.build_ports import BuildServer
from deliverkit.domain.build import REQUEST, Build, BuildResult, QueueItem
from deliverkit.domain.gate import Gate, Measurement, Verdict
from deliverkit.domain.placeholders import expand, needs_target
from deliverkit.errors import DeliverkitError
from deliverkit.ports import CheckContext, Clock

_OUTCOMES: Mapping[BuildResult, Verdict] = {
    BuildResult.SUCCESS: Verdict.PASSED,
    BuildResult.UNSTABLE: Verdict.FAILED,
    BuildResult.FAILURE: Verdict.FAILED,
    BuildResult.ABORTED: Verdict.INCONCLUSIVE,
    BuildResult.NOT_BUILT: Verdict.ERROR,
}


class BuildCheck:
    """The check of gates that run a job: each sample is one build.

    The sample's name goes along as the parameter `DELIVERKIT_REQUEST`. A process that takes over finds the build of the
    one that died by it, and asks for no second one.
    """

    def __init__(self, server: Callable[[], BuildServer], *, clock: Clock) -> None:
        """Take the way to the server, which is not gone before a gate asks for it, and time."""
        self._server = server
        self._clock = clock

    def measure(self, gate: Gate, context: CheckContext) -> Measurement | None:
        """Ask for the sample's build once, and for its result every time after; None while it runs."""
        job = str(gate.spec["job"])
        try:
            found = self._found(job, gate, context)
        except (DeliverkitError, ValueError) as error:
            return self._measurement(gate, Verdict.ERROR, f"job {job} cannot be asked: {error}")
        if isinstance(found, Build) and found.result is not None:
            said = f"{found.label} ended with {found.result.value}: {found.url}"
            return self._measurement(gate, _OUTCOMES[found.result], said)
        if isinstance(found, QueueItem) and found.is_cancelled:
            return self._measurement(gate, Verdict.INCONCLUSIVE, f"somebody took {job} out of the queue")
        return None

    def _found(self, job: str, gate: Gate, context: CheckContext) -> Build | QueueItem | None:
        server, request = self._server(), context.samples[gate.name]
        found = server.find(job, REQUEST, request)
        if found is None:
            server.trigger(job, {**_parameters(gate.spec, context), REQUEST: request})
        return found

    def _measurement(self, gate: Gate, outcome: Verdict, reason: str) -> Measurement:
        return Measurement(gate.name, self._clock.now(), outcome, reason)


def _parameters(spec: Mapping[str, Any], context: CheckContext) -> dict[str, str]:
    values = dict(context.values)
    if not needs_target(context.endpoint):
        values["endpoint"] = expand(context.endpoint, values)
    return {name: expand(str(text), values) for name, text in spec.get("parameters", {}).items()}
