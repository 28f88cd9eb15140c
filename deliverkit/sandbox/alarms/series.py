"""Time series and what statistics make of raw data. Pure.

Source: CloudWatch User Guide, "CloudWatch statistics definitions".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Datum:
    """What one call of PutMetricData said: a value, or a set of statistics.

    Attributes:
        count: Number of samples.
        total: Their sum.
        lowest: The smallest.
        highest: The largest.
        value: The value; None for a set of statistics.
    """

    count: float
    total: float
    lowest: float
    highest: float
    value: float | None


@dataclass(frozen=True, slots=True)
class Series:
    """Values by the beginnings of their periods.

    Attributes:
        period: Seconds.
        points: Values by epoch seconds; what is missing has no data.
        label: Name for a person.
    """

    period: int
    points: Mapping[int, float] = field(default_factory=dict)
    label: str = ""


PLAIN: Mapping[str, Callable[[Sequence[Datum]], float]] = {
    "SampleCount": lambda data: float(sum(each.count for each in data)),
    "Sum": lambda data: sum(each.total for each in data),
    "Average": lambda data: sum(each.total for each in data) / (sum(each.count for each in data) or 1),
    "Minimum": lambda data: min(each.lowest for each in data),
    "Maximum": lambda data: max(each.highest for each in data),
}
_EXTENDED = re.compile(r"(p|tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?|100)|(?:(TM|WM|TC|TS|PR)\(([^:()]*):([^:()]*)\))|IQM")


def is_statistic(name: str) -> bool:
    """True for a name that `statistic` knows."""
    return name in PLAIN or _EXTENDED.fullmatch(name) is not None


def statistic(name: str, data: Sequence[Datum]) -> float | None:
    """One statistic of the data of a period; None when the data do not allow it.

    Sets of statistics have no percentiles, unless they hold one value only (user guide, "Percentiles").
    """
    if not data:
        return None
    if name in PLAIN:
        return PLAIN[name](data)
    match = _EXTENDED.fullmatch(name)
    values = sorted(each.lowest for each in data if each.value is not None or each.lowest == each.highest)
    if match is None or not values:
        return None
    return _extended(name, match, values)


def _extended(name: str, match: re.Match[str], values: Sequence[float]) -> float | None:
    if name == "IQM":
        return _trimmed("tm", values, *_cut(values, "25%", "75%"))
    if match[3]:
        return _trimmed(match[3].lower(), values, *_cut(values, match[4], match[5]))
    if match[1] == "p":
        return percentile(values, float(match[2]))
    return _trimmed(match[1], values, *_cut(values, "", f"{match[2]}%"))


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; AWS documents no way of interpolating."""
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def _cut(ordered: Sequence[float], low: str, high: str) -> tuple[float, float]:
    """The limits of a range: percentages of the samples, or values; empty means no limit."""
    found = []
    for text, default in ((low, -math.inf), (high, math.inf)):
        text = text.strip()  # noqa: PLW2901
        found.append(
            default if not text else percentile(ordered, float(text[:-1])) if text.endswith("%") else float(text)
        )
    return found[0], found[1]


def _trimmed(kind: str, ordered: Sequence[float], low: float, high: float) -> float | None:
    within = [value for value in ordered if low <= value <= high]
    match kind:
        case "tm":
            return sum(within) / len(within) if within else None
        case "wm":
            return sum(min(max(value, low), high) for value in ordered) / len(ordered)
        case "tc":
            return float(len(within))
        case "ts":
            return sum(within)
        case _:
            return 100 * len(within) / len(ordered)
