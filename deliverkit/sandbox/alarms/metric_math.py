"""Metric math: what an expression makes of the series of metrics and of other expressions. Pure.

SEARCH, ANOMALY_DETECTION_BAND and the functions that ask other services are not built and are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from deliverkit.sandbox.alarms.math_functions import (
    AGGREGATES,
    FUNCTIONS,
    SIGNS,
    Scope,
    Value,
    check,
    choose,
    combine,
    each_of,
    fill,
    linear,
    repeat,
    single,
)
from deliverkit.sandbox.alarms.math_syntax import Call, ExpressionError, Name, Node, Number, Text, parse
from deliverkit.sandbox.alarms.series import Series

__all__ = ["Scope", "check_expression", "evaluate", "series_of"]
_WORDS = frozenset({"REPEAT", "LINEAR", "ASC", "DESC", *AGGREGATES})
"""Names that are arguments of FILL and SORT, not of metrics."""


def check_expression(expression: str, ids: Collection[str]) -> None:
    """Refuse an expression that none of its metrics could make right.

    Args:
        expression: The text.
        ids: Of the metrics and expressions that it may name.

    Raises:
        ExpressionError: If it is none, or names or calls what there is not.
    """
    _check_node(parse(expression), ids)


def _check_node(node: Node, ids: Collection[str]) -> None:
    match node:
        case Name(name):
            check(name in ids or name.upper() in _WORDS, f"Undefined variable '{name}'")
        case Call(name, arguments):
            is_known = name in SIGNS or name in _SPECIAL or name in FUNCTIONS
            check(is_known, f"The function {name} is not known to the sandbox")
            for each in arguments:
                _check_node(each, ids)


def evaluate(expression: str, scope: Scope, *, within: tuple[str, ...] = ()) -> Value:
    """The value of an expression.

    Args:
        expression: The text.
        scope: What it can refer to.
        within: Ids of the expressions that are being computed, so that none refers to itself.

    Raises:
        ExpressionError: If CloudWatch would refuse it, or it needs what is not built.
    """
    return _Evaluation(scope, within).value(parse(expression))


def series_of(expression: str, scope: Scope) -> list[Series]:
    """The series that an expression gives, one, or several for an array.

    Raises:
        ExpressionError: As `evaluate`, and for an expression that gives a mere number.
    """
    found = evaluate(expression, scope)
    if isinstance(found, Series):
        return [found]
    if isinstance(found, list):
        return found
    raise ExpressionError(f"The expression '{expression}' gives a number; it must give a time series")


class _Evaluation:
    def __init__(self, scope: Scope, within: tuple[str, ...]) -> None:
        self._scope = scope
        self._within = within

    def value(self, node: Node) -> Value:
        match node:
            case Number(value):
                return value
            case Name(name):
                return self._named(name)
            case Text(text):
                raise ExpressionError(f"A text has no value: '{text}'")
            case Call(name, arguments):
                return self._call(name, arguments)
        raise ExpressionError("not an expression")

    def _named(self, name: str) -> Value:
        if name in self._scope.metrics:
            return self._scope.metrics[name]
        if name not in self._scope.expressions:
            raise ExpressionError(f"Undefined variable '{name}'")
        check(name not in self._within, f"The expression '{name}' refers to itself")
        return evaluate(self._scope.expressions[name], self._scope, within=(*self._within, name))

    def _call(self, name: str, arguments: tuple[Node, ...]) -> Value:
        if name in SIGNS:
            left, right = (self.value(each) for each in arguments)
            return combine(SIGNS[name], left, right)
        special = _SPECIAL.get(name)
        if special is not None:
            return special(self, arguments)
        function = FUNCTIONS.get(name)
        if function is None:
            raise ExpressionError(f"The function {name} is not known to the sandbox")
        return function(self._scope, [self.value(each) for each in arguments])

    def array(self, arguments: tuple[Node, ...]) -> Value:
        found: list[Series] = []
        for each in arguments:
            value = self.value(each)
            found += value if isinstance(value, list) else [self.as_series(value)]
        return found

    def metrics(self, arguments: tuple[Node, ...]) -> Value:
        part = arguments[0].value if arguments and isinstance(arguments[0], Text) else ""
        return [series for name, series in self._scope.metrics.items() if part in name]

    def fill(self, arguments: tuple[Node, ...]) -> Value:
        check(len(arguments) == 2, "FILL takes a metric and a filler")
        metric, filler = self.value(arguments[0]), arguments[1]
        name = filler.name.upper() if isinstance(filler, Name) else ""
        if name in {"REPEAT", "LINEAR"}:
            by_name = repeat if name == "REPEAT" else linear
            return each_of(metric, lambda series: by_name(series, self._scope.times))
        other = self.value(filler)
        return each_of(metric, lambda series: fill(series, self.as_series(single(other))))

    def choose(self, arguments: tuple[Node, ...]) -> Value:
        check(len(arguments) in {2, 3}, "IF takes a condition and one or two values")
        condition = self.value(arguments[0])
        branches = [single(self.value(each)) for each in arguments[1:]]
        if isinstance(condition, float):
            return branches[0] if condition else (branches[1] if len(branches) > 1 else Series(self._scope.period))
        shown = [self.as_series(branch) for branch in branches] + [Series(self._scope.period)]
        return each_of(condition, lambda series: choose(series, shown[0], shown[1]))

    def slice(self, arguments: tuple[Node, ...]) -> Value:
        array, *bounds = (self.value(each) for each in arguments)
        check(isinstance(array, list) and all(isinstance(each, float) for each in bounds), "SLICE takes an array")
        numbers = [int(each) for each in bounds if isinstance(each, float)]
        assert isinstance(array, list)
        return array[numbers[0] :] if len(numbers) == 1 else array[numbers[0] : numbers[1]]

    def sort(self, arguments: tuple[Node, ...]) -> Value:
        words = [each.name.upper() if isinstance(each, Name) else "" for each in arguments[1:3]]
        array = self.value(arguments[0])
        check(isinstance(array, list) and len(words) == 2 and words[0] in AGGREGATES, "SORT takes an array and words")
        assert isinstance(array, list)
        reduce = AGGREGATES[words[0]]
        ordered = sorted(array, key=lambda one: reduce(list(one.points.values())), reverse=words[1] == "DESC")
        limit = self.value(arguments[3]) if len(arguments) > 3 else None
        return ordered[: int(limit)] if isinstance(limit, float) else ordered

    def as_series(self, value: float | Series) -> Series:
        return (
            value if isinstance(value, Series) else Series(self._scope.period, dict.fromkeys(self._scope.times, value))
        )


_SPECIAL: Mapping[str, Callable[[_Evaluation, tuple[Node, ...]], Value]] = {
    "[]": _Evaluation.array,
    "METRICS": _Evaluation.metrics,
    "FILL": _Evaluation.fill,
    "IF": _Evaluation.choose,
    "SLICE": _Evaluation.slice,
    "SORT": _Evaluation.sort,
}
