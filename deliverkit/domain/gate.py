"""Gates: what is measured by which rules, one sample, and the words for what it comes to.

Failed means measured and bad; error means it could not be measured; inconclusive means a human must decide. Nothing
measured is never a pass. How samples add up to a verdict is in `analysis`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from deliverkit.domain.environment import OnFailure


class Verdict(StrEnum):
    """What a measurement, an analysis or a whole gate comes to."""

    PASSED = "passed"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    FAILED = "failed"


_SEVERITY: Mapping[Verdict, int] = {
    Verdict.PASSED: 0,
    Verdict.INCONCLUSIVE: 1,
    Verdict.ERROR: 2,
    Verdict.FAILED: 3,
}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The gravest of several verdicts; of none at all it is `error`, because nothing was measured."""
    return max(verdicts, key=_SEVERITY.__getitem__, default=Verdict.ERROR)


class CheckKind(StrEnum):
    """What our own checks ask; a check's kind may also be one that a plug-in adds."""

    HTTP = "http"
    TCP = "tcp"
    PROMETHEUS = "prometheus"
    ALARM = "alarm"
    METRIC = "metric"
    BURN_RATE = "burn_rate"
    LOGS = "logs"
    COMPARE = "compare"
    COMMAND = "command"
    TARGETS = "targets"
    JENKINS = "jenkins"
    LOAD_BALANCER = "load_balancer"
    LAMBDA = "lambda"
    DRIFT = "drift"
    VULNERABILITIES = "vulnerabilities"
    SIGNATURE = "signature"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Policy:
    """When a check's measurements become a verdict. All limits are strictly exceeded: `failed > failure_limit`.

    Attributes:
        every: Time from one measurement to the next.
        passes: Passing measurements in a row that a pass needs.
        failure_limit: Failed measurements that are still tolerated.
        error_limit: Errors in a row that are still tolerated.
        inconclusive_limit: Inconclusive measurements that are still tolerated.
        deadline: Time within which the passes must come once the gate has to be passed.
        p95: Upper bound of the 95th percentile of response times, in plans made before the checks that measure them
            had it among their own settings; None sets no bound.
        initial_delay: Time before the first measurement, so that what warms up is not judged.
        count: How many measurements are taken at most; 0 takes them until the gate has to be passed and has been.
        observe_only: True for a check that is measured, judged and told of, and never counts.
    """

    every: timedelta = timedelta(seconds=5)
    passes: int = 1
    failure_limit: int = 0
    error_limit: int = 4
    inconclusive_limit: int = 0
    deadline: timedelta = timedelta(minutes=5)
    p95: timedelta | None = None
    initial_delay: timedelta = timedelta(0)
    count: int = 0
    observe_only: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a gate measures.

    Attributes:
        gate: Name of the gate that holds it.
        name: Its own name; empty when it is the gate's only check and the configuration gave it none.
        kind: A `CheckKind`, or the kind of a plug-in.
        spec: The kind's own settings, JSON-able, times in seconds, placeholders not yet filled in.
        policy: When measurements become a verdict.
    """

    gate: str
    name: str
    kind: str
    spec: Mapping[str, Any]
    policy: Policy = field(default_factory=Policy)

    @property
    def key(self) -> str:
        """What its measurements are filed under: `gate/check`, or the gate's name for a check without one."""
        return key_of(self.gate, self.name)


@dataclass(frozen=True, slots=True)
class Gate:
    """A named point that must be passed: its checks, and what a failure leads to.

    Attributes:
        name: As the configuration names it.
        checks: At least one.
        on_failure: What its failure leads to; None for what the environment says.
    """

    name: str
    checks: tuple[Check, ...]
    on_failure: OnFailure | None = None

    @classmethod
    def of(
        cls,
        name: str,
        kind: str,
        spec: Mapping[str, Any],
        policy: Policy | None = None,
        on_failure: OnFailure | None = None,
    ) -> Gate:
        """A gate with one check, which needs no name of its own."""
        return cls(name, (Check(name, "", kind, spec, policy or Policy()),), on_failure)

    @property
    def counting(self) -> tuple[Check, ...]:
        """The checks that are not merely observed."""
        return tuple(check for check in self.checks if not check.policy.observe_only)

    @property
    def is_plain(self) -> bool:
        """True for a gate that is no more than one check without a name."""
        return len(self.checks) == 1 and not self.checks[0].name and self.on_failure is None


def key_of(gate: str, check: str) -> str:
    """What the measurements of a check are filed under."""
    return f"{gate}/{check}" if check else gate


def checks_of(gates: Iterable[Gate]) -> Iterator[Check]:
    """All checks of several gates, in order."""
    return (check for gate in gates for check in gate.checks)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One sample of one check.

    Attributes:
        gate: Name of the gate.
        at: When it was taken, UTC.
        outcome: What the sample alone says.
        reason: One line: what was asked, what came back, why that is good or bad.
        latencies: Response times in seconds, one for each request; empty when nothing was timed.
        check: Name of the check; empty for a gate's only one.
        value: The number that was judged, in the unit of its kind; None when there is none.
        query: What was asked, so that people can ask it again; secrets masked.
        seen: What came back, JSON-able: all that the judgement rests on; None when that was not kept.
        is_open: True for a sample that only adds evidence, and alone speaks neither for nor against.
    """

    gate: str
    at: datetime
    outcome: Verdict
    reason: str
    latencies: tuple[float, ...] = ()
    check: str = ""
    value: float | None = None
    query: str = ""
    seen: Mapping[str, Any] | None = None
    is_open: bool = False

    @property
    def key(self) -> str:
        """What it is filed under, as `Check.key`."""
        return key_of(self.gate, self.check)
