"""Percentiles of response times over a sliding window of requests: `p50`, `p95` and `p99` of http and tcp checks.

The state of such a check is the window: the latest response times in seconds, oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deliverkit.domain.analysis import LATENCY_MINIMUM, LATENCY_WINDOW, percentile
from deliverkit.domain.checks import Assessment, Spec
from deliverkit.domain.gate import Check, Verdict

SHARES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
WINDOW = "window"


def p95_of(check: Check) -> float | None:
    """The bound of the 95th percentile in seconds, wherever the check has it: older plans have it in their policy."""
    bound: float | None = check.spec.get("p95")
    return check.policy.p95.total_seconds() if bound is None and check.policy.p95 else bound


def sliding(spec: Spec, state: Any, latencies: Sequence[float]) -> list[float]:
    """The window after some more requests: as long as the settings say."""
    size = int(spec.get(WINDOW) or LATENCY_WINDOW)
    return [*(state or ()), *latencies][-size:]


def bounded(spec: Spec, found: Assessment, window: list[float]) -> Assessment:
    """What was found, with the window as its state; a pass fails when a percentile is out of its bound.

    Below five requests no percentile is judged, for it would merely be the slowest request, and nothing passes: the
    sample is open.
    """
    bounds = {name: spec[name] for name in SHARES if spec.get(name) is not None}
    if bounds and len(window) < LATENCY_MINIMUM and found.outcome is Verdict.PASSED:
        missing = LATENCY_MINIMUM - len(window)
        needs = f"{missing} more request{'s are' if missing > 1 else ' is'} needed for {' and '.join(bounds)}"
        return Assessment(Verdict.INCONCLUSIVE, f"{found.reason}; {needs}", found.value, window, is_open=True)
    value = found.value
    for name, bound in bounds.items() if len(window) >= LATENCY_MINIMUM else ():
        observed = percentile(window, SHARES[name])
        value = observed if found.value is None else value
        if found.outcome is Verdict.PASSED and observed > bound:
            of = f"{name} of the last {len(window)} requests"
            slow = f"{of} is {observed * 1000:.0f} ms, allowed are {bound * 1000:.0f} ms"
            return Assessment(Verdict.FAILED, slow, observed, window)
    return Assessment(found.outcome, found.reason, value, window)
