"""What a check measured along the time, as one number for each sample, with the limit that it is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deliverkit.domain.gate import Check, Verdict
from deliverkit.domain.recording import Sample, Trial
from deliverkit.domain.what_if import BOUNDS, TIME_BOUNDS

_GRAVEST = {None: -1, Verdict.PASSED: 0, Verdict.INCONCLUSIVE: 1, Verdict.ERROR: 2, Verdict.FAILED: 3}
_VALUES: Mapping[str, str] = {
    "compare": "the evidence of harm, as a natural logarithm",
    "burn_rate": "how fast the error budget burns",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One sample.

    Attributes:
        at: When it was taken, UTC.
        value: The number that is drawn; None where there is none.
        outcome: What the sample alone says; None for one that only adds evidence.
    """

    at: datetime
    value: float | None
    outcome: Verdict | None


@dataclass(frozen=True, slots=True)
class Series:
    """A check along the time.

    Attributes:
        points: In order; at least one.
        limit: What the values are held against; None for nothing that can be drawn.
        is_time: True for response times in seconds; else the values are in the unit of the check's kind.
        what: What the values are, in words.
    """

    points: tuple[Point, ...]
    limit: float | None
    is_time: bool
    what: str

    @property
    def has_values(self) -> bool:
        """False where there are outcomes alone."""
        return any(point.value is not None for point in self.points)

    @property
    def top(self) -> float:
        """The highest that has to be drawn, above 0."""
        values = [point.value for point in self.points if point.value is not None]
        return max([*values, self.limit or 0.0]) * 1.1 or 1.0

    def written(self, value: float) -> str:
        """A value as people read it."""
        return f"{value * 1000:,.0f} ms" if self.is_time else f"{value:,.4g}"


def series_of(trial: Trial, check: Check) -> Series | None:
    """What was measured of a check; None when nothing was."""
    samples = trial.of(check.name)
    if not samples:
        return None
    is_time = all(each.measurement.value is None for each in samples) or _time_limit(check) is not None
    limit = _time_limit(check) if is_time else _bound(check.spec)
    what = "the slowest answer of each sample" if is_time else _VALUES.get(check.kind, "the value of each sample")
    return Series(tuple(_point(each, is_time=is_time) for each in samples), limit, is_time, what)


def gravest(points: Sequence[Point]) -> Verdict | None:
    """The worst outcome of some points; None where all of them only add evidence."""
    return max((point.outcome for point in points), key=_GRAVEST.__getitem__)


def _point(sample: Sample, *, is_time: bool) -> Point:
    taken = sample.measurement
    value = max(taken.latencies, default=None) if is_time else taken.value
    drawn = None if value is None else max(0.0, value)
    return Point(taken.at, drawn, None if taken.is_open else taken.outcome)


def _time_limit(check: Check) -> float | None:
    if check.policy.p95:
        return check.policy.p95.total_seconds()
    return next((float(check.spec[name]) for name in TIME_BOUNDS if check.spec.get(name)), None)


def _bound(spec: Mapping[str, Any]) -> float | None:
    """The first bound among a kind's settings."""
    for name, value in spec.items():
        if name in BOUNDS and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, Mapping) and (found := _bound(value)) is not None:
            return found
    return None
