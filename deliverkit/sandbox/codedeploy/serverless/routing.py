"""How traffic shifts over time (API reference, TrafficRoutingConfig; user guide, limits)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError

LONGEST_SHIFT_MINUTES = 2880
CODE = "InvalidTrafficRoutingConfigurationException"
_KINDS = {
    "TimeBasedCanary": ("timeBasedCanary", "canaryPercentage", "canaryInterval"),
    "TimeBasedLinear": ("timeBasedLinear", "linearPercentage", "linearInterval"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One shift.

    Attributes:
        at: After the first one.
        percent: What the new version has from then on.
    """

    at: timedelta
    percent: float


def steps(traffic: Mapping[str, Any]) -> tuple[Step, ...]:
    """All shifts of a checked configuration; the last one is to 100 %.

    A linear shift moves at the start of each increment: 10 % every minute are ten shifts within nine minutes.
    """
    kind = traffic.get("type")
    if kind not in _KINDS:
        return (Step(timedelta(0), 100),)
    member, percentage, interval = _KINDS[str(kind)]
    percent, wait = traffic[member][percentage], timedelta(minutes=traffic[member][interval])
    if kind == "TimeBasedCanary":
        return Step(timedelta(0), percent), Step(wait, 100)
    count = -(-100 // percent)
    return tuple(Step(wait * index, min(100, percent * (index + 1))) for index in range(count))


def check_traffic(traffic: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A configuration that can be carried out.

    Raises:
        ApiError: `InvalidTrafficRoutingConfigurationException`.
    """
    kind = (traffic or {}).get("type")
    if traffic is None or kind not in {*_KINDS, "AllAtOnce"}:
        raise ApiError(CODE, f"trafficRoutingConfig needs a type: AllAtOnce, {' or '.join(sorted(_KINDS))}.")
    given = {member for member, _, _ in _KINDS.values() if traffic.get(member)}
    wanted = {_KINDS[kind][0]} if kind in _KINDS else set()
    if given != wanted:
        raise ApiError(CODE, f"{kind} needs {', '.join(wanted) or 'neither of the timings'} and nothing else.")
    if kind in _KINDS:
        _check_timing(traffic, *_KINDS[kind])
    return traffic


def _check_timing(traffic: Mapping[str, Any], member: str, percentage: str, interval: str) -> None:
    timing = traffic[member]
    if not 1 <= timing.get(percentage, 0) <= 99:
        raise ApiError(CODE, f"{percentage} must be from 1 to 99.")
    if timing.get(interval, 0) < 1:
        raise ApiError(CODE, f"{interval} must be one minute or more.")
    if steps(traffic)[-1].at > timedelta(minutes=LONGEST_SHIFT_MINUTES):
        raise ApiError(CODE, f"From the first to the last shift no more than {LONGEST_SHIFT_MINUTES} minutes may pass.")
