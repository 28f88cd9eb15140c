"""Functions of many rows in Logs Insights. Pure.

Source: CloudWatch Logs User Guide, "Functions to use with stats". `pct` takes the nearest rank, as AWS documents no way
of interpolating, and count_distinct is exact, where AWS approximates large ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from deliverkit.sandbox.alarms.series import percentile
from deliverkit.sandbox.logs.tree import Aggregate, Row, evaluate
from deliverkit.sandbox.logs.values import Value, number, plain, sort_key

Present = Sequence[tuple[Row, Value]]
"""Rows that have the value, with it."""


def aggregate(asked: Aggregate, rows: Sequence[Row]) -> Value:
    """What it comes to; None, but for the counts, when no row has a value for it."""
    if asked.value is None:
        return len(rows)
    values = ((row, evaluate(asked.value, row)) for row in rows)
    present = [(row, value) for row, value in values if value is not None]
    if asked.name in _COUNTS:
        return _COUNTS[asked.name]([value for _, value in present])
    if asked.name in _CHOICES:
        return _CHOICES[asked.name](present) if present else None
    numbers = [found for _, value in present if (found := number(value)) is not None]
    if asked.name in {"min", "max"} and len(numbers) != len(present):
        # Of values that are not all numbers, the least and the greatest in the order of sort.
        return _CHOICES["sortsfirst" if asked.name == "min" else "sortslast"](present)
    if not numbers:
        return None
    return percentile(sorted(numbers), asked.percent) if asked.name == "pct" else _NUMBERS[asked.name](numbers)


_COUNTS: Mapping[str, Callable[[Sequence[Value]], int]] = {
    "count": len,
    "count_distinct": lambda values: len({plain(value) for value in values}),
}
_NUMBERS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "avg": lambda numbers: sum(numbers) / len(numbers),
    "min": min,
    "max": max,
}
_CHOICES: Mapping[str, Callable[[Present], Value]] = {
    "earliest": lambda present: min(present, key=_time)[1],
    "latest": lambda present: max(present, key=_time)[1],
    "sortsfirst": lambda present: min((value for _, value in present), key=sort_key),
    "sortslast": lambda present: max((value for _, value in present), key=sort_key),
}


def _time(found: tuple[Row, Value]) -> float:
    return number(found[0].get("@timestamp")) or 0.0
