"""The functions and operators of metric math. Pure.

Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics". A value is a number, a series, or an
array of series. Where a series has no data, what is computed from it has none.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from deliverkit.sandbox.alarms.math_syntax import ExpressionError
from deliverkit.sandbox.alarms.series import Series

Value = float | Series | list["Series"]
Points = dict[int, float]


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression can refer to.

    Attributes:
        metrics: Series of the metrics, by id.
        expressions: Texts of the other expressions, by id.
        start: Beginning of the time range, epoch seconds.
        end: Its end, not included.
        period: Seconds between points of series that the expression makes itself.
    """

    metrics: Mapping[str, Series]
    expressions: Mapping[str, str]
    start: int
    end: int
    period: int

    @property
    def times(self) -> range:
        """Every point in time of the range."""
        first = -(-self.start // self.period) * self.period
        return range(first, self.end, self.period)


def check(condition: bool, text: str) -> None:
    """Refuse an expression unless the condition holds."""
    if not condition:
        raise ExpressionError(text)


def single(value: Value) -> float | Series:
    """A value that is no array of several."""
    if isinstance(value, list):
        check(len(value) == 1, "an array can not stand here")
        return value[0]
    return value


def each_of(value: Value, function: Callable[[Series], Series]) -> Value:
    """The function of a series, or of each of an array."""
    if isinstance(value, list):
        return [function(series) for series in value]
    check(isinstance(value, Series), "a number can not stand here")
    assert isinstance(value, Series)
    return function(value)


def combine(function: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """An operator on two values, each of which may be a number, a series or an array."""
    if isinstance(left, list) and isinstance(right, list):
        check(len(left) == len(right), "arrays of different lengths can not be combined")
        return [_pair(function, one, other) for one, other in zip(left, right, strict=True)]
    if isinstance(left, list):
        return [_pair(function, one, single(right)) for one in left]
    if isinstance(right, list):
        return [_pair(function, single(left), one) for one in right]
    if isinstance(left, Series) or isinstance(right, Series):
        return _pair(function, left, right)
    found = _safe(function, left, right)
    check(found is not None, "the expression divides by zero")
    return found if found is not None else 0.0


def _pair(function: Callable[[float, float], float], left: float | Series, right: float | Series) -> Series:
    one = left if isinstance(left, Series) else None
    other = right if isinstance(right, Series) else None
    times = [at for at in (one or other or Series(60)).points if other is None or at in other.points]
    points: Points = {}
    for at in times:
        a = one.points[at] if one is not None else left
        b = other.points[at] if other is not None else right
        found = _safe(function, a, b)  # type: ignore[arg-type]
        if found is not None:
            points[at] = found
    period = max(each.period for each in (one, other) if each is not None)
    return Series(period, points, (one or other or Series(60)).label)


def _safe(function: Callable[[float, float], float], left: float, right: float) -> float | None:
    """The value; None, hence no datapoint, where there is none, as for a division by zero."""
    try:
        found = function(left, right)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return None if isinstance(found, complex) or math.isnan(found) or math.isinf(found) else float(found)


SIGNS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "&&": lambda a, b: float(bool(a) and bool(b)),
    "||": lambda a, b: float(bool(a) or bool(b)),
}


# --- functions of one series ------------------------------------------------------------------------


def fill(series: Series, filler: Series) -> Series:
    """The series, with the filler's values where it has none."""
    return Series(series.period, dict(sorted({**filler.points, **series.points}.items())), series.label)


def repeat(series: Series, times: Sequence[int]) -> Series:
    """The series, with the last value wherever it has none."""
    points: Points = {}
    last: float | None = None
    for at in times:
        last = series.points.get(at, last)
        if last is not None:
            points[at] = last
    return Series(series.period, points, series.label)


def linear(series: Series, times: Sequence[int]) -> Series:
    """The series, with values on straight lines wherever it has none."""
    known = sorted(series.points)
    points: Points = {}
    for at in times:
        before, after = [one for one in known if one <= at], [one for one in known if one >= at]
        if before and after:
            low, high = before[-1], after[0]
            share = (at - low) / (high - low) if high > low else 0.0
            points[at] = series.points[low] + share * (series.points[high] - series.points[low])
        elif known:
            # Before the first and behind the last value there is nothing to lie between; the value there is kept.
            points[at] = series.points[before[-1] if before else after[0]]
    return Series(series.period, points, series.label)


def choose(condition: Series, yes: Series, no: Series) -> Series:
    """One series or the other, as the condition says at each time."""
    chosen = {at: (yes if value else no).points.get(at) for at, value in condition.points.items()}
    return Series(condition.period, {at: value for at, value in chosen.items() if value is not None}, yes.label)


def _steps(step: Callable[[float, int], float]) -> Callable[[Series], Series]:
    """A function of the differences of value and time to the point before; the first point has none."""

    def apply(series: Series) -> Series:
        pairs = itertools.pairwise(sorted(series.points))
        points = {at: step(series.points[at] - series.points[before], at - before) for before, at in pairs}
        return Series(series.period, points, series.label)

    return apply


def _running(series: Series) -> Series:
    total, points = 0.0, {}
    for at in sorted(series.points):
        points[at] = total = total + series.points[at]
    return Series(series.period, points, series.label)


def _pointwise(function: Callable[[float], float]) -> Callable[[Scope, list[Value]], Value]:
    def apply(_scope: Scope, values: list[Value]) -> Value:
        check(len(values) == 1, "the function takes one value")
        return combine(lambda value, _: function(value), values[0], 0.0)

    return apply


def _serial(function: Callable[[Series], Series]) -> Callable[[Scope, list[Value]], Value]:
    def apply(_scope: Scope, values: list[Value]) -> Value:
        check(len(values) == 1, "the function takes one value")
        return each_of(values[0], function)

    return apply


def _moment(part: Callable[[datetime], int]) -> Callable[[Scope, list[Value]], Value]:
    def apply(scope: Scope, values: list[Value]) -> Value:
        def parts(series: Series) -> Series:
            points = {at: float(part(datetime.fromtimestamp(at, UTC))) for at in scope.times}
            return Series(series.period, points, series.label)

        return each_of(values[0], parts)

    return apply


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "AVG": lambda values: sum(values) / len(values) if values else 0.0,
    "SUM": math.fsum,
    "MIN": lambda values: min(values, default=0.0),
    "MAX": lambda values: max(values, default=0.0),
    "STDDEV": lambda values: _deviation(values) if values else 0.0,
}


def _aggregate(function: Callable[[Sequence[float]], float]) -> Callable[[Scope, list[Value]], Value]:
    """A number from one series; from an array, a series over what there is at each time."""

    def apply(scope: Scope, values: list[Value]) -> Value:
        check(bool(values), "the function takes a value")
        value: Value = values[0]
        if len(values) > 1:
            value = [each if isinstance(each, Series) else Series(scope.period) for each in map(single, values)]
        if isinstance(value, Series):
            return function(list(value.points.values()))
        if not isinstance(value, list):
            return value
        times = sorted({at for series in value for at in series.points})
        points = {at: function([series.points[at] for series in value if at in series.points]) for at in times}
        return Series(max((series.period for series in value), default=scope.period), points)

    return apply


def _of_series(function: Callable[[Series], float]) -> Callable[[Scope, list[Value]], Value]:
    def apply(_scope: Scope, values: list[Value]) -> Value:
        found = single(values[0])
        check(isinstance(found, Series), "the function takes a series")
        assert isinstance(found, Series)
        return function(found)

    return apply


def _end_of(index: int) -> Callable[[Scope, list[Value]], Value]:
    def apply(_scope: Scope, values: list[Value]) -> Value:
        check(isinstance(values[0], list) and bool(values[0]), "the function takes an array")
        assert isinstance(values[0], list)
        return values[0][index]

    return apply


def _time_series(scope: Scope, values: list[Value]) -> Value:
    found = single(values[0])
    return found if isinstance(found, Series) else Series(scope.period, dict.fromkeys(scope.times, found))


FUNCTIONS: Mapping[str, Callable[[Scope, list[Value]], Value]] = {
    **{name: _aggregate(function) for name, function in AGGREGATES.items()},
    "ABS": _pointwise(abs),
    "CEIL": _pointwise(math.ceil),
    "FLOOR": _pointwise(math.floor),
    "LOG": _pointwise(math.log),
    "LOG10": _pointwise(math.log10),
    "RATE": _serial(_steps(lambda value, seconds: value / seconds)),
    "DIFF": _serial(_steps(lambda value, _: value)),
    "DIFF_TIME": _serial(_steps(lambda _, seconds: float(seconds))),
    "RUNNING_SUM": _serial(_running),
    "PERIOD": _of_series(lambda series: float(series.period)),
    "DATAPOINT_COUNT": _of_series(lambda series: float(len(series.points))),
    "METRIC_COUNT": lambda _, values: float(len(values[0])) if isinstance(values[0], list) else 1.0,
    "REMOVE_EMPTY": lambda _, values: (
        [each for each in values[0] if each.points] if isinstance(values[0], list) else []
    ),
    "FIRST": _end_of(0),
    "LAST": _end_of(-1),
    "TIME_SERIES": _time_series,
    "MINUTE": _moment(lambda at: at.minute),
    "HOUR": _moment(lambda at: at.hour),
    "DAY": _moment(lambda at: at.isoweekday()),
    "DATE": _moment(lambda at: at.day),
    "MONTH": _moment(lambda at: at.month),
    "YEAR": _moment(lambda at: at.year),
    "EPOCH": _moment(lambda at: int(at.timestamp())),
}
