"""Taking measurements: all gates that fall due at once, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

from deliverkit.domain.gate import Gate, GateKind, Measurement
from deliverkit.domain.plan import Leg, Plan
from deliverkit.domain.release import Release
from deliverkit.domain.rollout import Rollout
from deliverkit.ports import Check, CheckContext

PARALLEL = 16


@runtime_checkable
class Interruptible(Protocol):
    """A check whose measurements may take longer than a process has that is told to end."""

    def interrupt(self) -> None:
        """End what is being measured, soon; nothing is measured afterwards."""
        ...


class Gatekeeper:
    """Measures gates with the check of their kind."""

    def __init__(self, checks: Mapping[GateKind, Check]) -> None:
        """Take a check for each kind of gate."""
        self._checks = checks

    def measure(self, gates: Sequence[Gate], context: CheckContext) -> tuple[Measurement, ...]:
        """One measurement of each gate that has come to one, in their order."""
        with ThreadPoolExecutor(max_workers=min(PARALLEL, len(gates))) as pool:
            try:
                taken = pool.map(lambda gate: self._checks[gate.kind].measure(gate, context), gates)
                return tuple(measurement for measurement in taken if measurement is not None)
            except BaseException:
                # SIGTERM: the pool waits for its threads, and Jenkins waits 20 s for us.
                for check in self._checks.values():
                    if isinstance(check, Interruptible):
                        check.interrupt()
                raise


def context_for(rollout: Rollout, leg: Leg, release: Release, gates: Iterable[str]) -> CheckContext:
    """What gates of a leg may ask about, with the release that should be healthy."""
    return CheckContext(
        values={**values_for(rollout.plan, leg, release), "promotion.id": rollout.id},
        endpoint=leg.endpoint,
        regions=leg.regions,
        application=leg.application,
        group=leg.group,
        samples={gate: rollout.sample(gate) for gate in gates},
    )


def values_for(plan: Plan, leg: Leg, release: Release) -> dict[str, str]:
    """Values of the placeholders that hold for a whole leg."""
    return {
        "application": plan.application,
        "environment": leg.environment,
        "region": leg.regions[0],
        "release.version": release.version,
        "release.digest": release.digest,
        "release.commit": release.source.commit if release.source else "",
    }
