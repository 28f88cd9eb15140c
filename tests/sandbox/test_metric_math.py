"""Metric math and statistics, by the CloudWatch User Guide's definitions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.sandbox.alarms.math_syntax import ExpressionError
from deliverkit.sandbox.alarms.metric_math import Scope, evaluate, series_of
from deliverkit.sandbox.alarms.series import Datum, Series, is_statistic, statistic

METRICS = {
    "errors": Series(60, {60: 1.0, 120: 2.0, 240: 4.0}),
    "requests": Series(60, {60: 10.0, 120: 0.0, 180: 30.0, 240: 8.0}),
    "gone": Series(60, {}),
}
EXPRESSIONS = {"ratio": "errors / requests", "loop": "loop + 1"}
SCOPE = Scope(METRICS, EXPRESSIONS, 60, 300, 60)


@pytest.mark.parametrize(
    ("expression", "points"),
    [
        ("errors + requests", {60: 11, 120: 2, 240: 12}),
        ("errors / requests", {60: 0.1, 240: 0.5}),  # nothing where it would divide by zero
        ("100 * ratio", {60: 10, 240: 50}),
        ("-errors ^ 2", {60: -1, 120: -4, 240: -16}),
        ("2 ^ errors ^ 1", {60: 2, 120: 4, 240: 16}),
        ("errors - 1 - 1", {60: -1, 120: 0, 240: 2}),
        ("errors >= 2", {60: 0, 120: 1, 240: 1}),
        ("errors > 1 AND requests > 0", {60: 0, 120: 0, 240: 1}),
        ("errors > 1 || requests > 0", {60: 1, 120: 1, 240: 1}),
        ("FILL(errors, 0)", {60: 1, 120: 2, 180: 0, 240: 4}),
        ("FILL(errors, REPEAT)", {60: 1, 120: 2, 180: 2, 240: 4}),
        ("FILL(errors, LINEAR)", {60: 1, 120: 2, 180: 3, 240: 4}),
        ('FILL(METRICS("gone"), 7)', {60: 7, 120: 7, 180: 7, 240: 7}),
        ("IF(requests > 9, errors / requests, 0)", {60: 0.1, 120: 0, 240: 0}),
        ("IF(errors > 1, 5)", {120: 5, 240: 5}),
        ("IF(1 > 2, errors, requests)", {60: 10, 120: 0, 180: 30, 240: 8}),
        ("RATE(errors)", {120: 1 / 60, 240: 2 / 120}),
        ("DIFF(errors)", {120: 1, 240: 2}),
        ("DIFF_TIME(errors)", {120: 60, 240: 120}),
        ("RUNNING_SUM(errors)", {60: 1, 120: 3, 240: 7}),
        ("SUM(METRICS())", {60: 11, 120: 2, 180: 30, 240: 12}),
        ("SUM([errors, requests])", {60: 11, 120: 2, 180: 30, 240: 12}),
        ("AVG([errors, requests])", {60: 5.5, 120: 1, 180: 30, 240: 6}),
        ("MAX([errors, requests]) - MIN([errors, requests])", {60: 9, 120: 2, 180: 0, 240: 4}),
        ("errors - AVG(errors)", {60: 1 - 7 / 3, 120: 2 - 7 / 3, 240: 4 - 7 / 3}),
        ("ABS(1 - errors)", {60: 0, 120: 1, 240: 3}),
        ("CEIL(errors / 3) + FLOOR(errors / 3)", {60: 1, 120: 1, 240: 3}),
        ("TIME_SERIES(3)", {60: 3, 120: 3, 180: 3, 240: 3}),
        ("errors * PERIOD(errors)", {60: 60, 120: 120, 240: 240}),
        ("FIRST(SORT(METRICS(), SUM, DESC))", {60: 10, 120: 0, 180: 30, 240: 8}),
        ("LAST(SLICE([errors, requests, gone], 0, 2))", {60: 10, 120: 0, 180: 30, 240: 8}),
        ("MINUTE(errors)", {60: 1, 120: 2, 180: 3, 240: 4}),
    ],
)
def test_expressions(expression: str, points: dict[int, float]) -> None:
    (series,) = series_of(expression, SCOPE)
    assert dict(series.points) == pytest.approx(points)


def test_numbers() -> None:
    assert evaluate("METRIC_COUNT(METRICS())", SCOPE) == 3
    assert evaluate("METRIC_COUNT(REMOVE_EMPTY(METRICS()))", SCOPE) == 2
    assert evaluate("DATAPOINT_COUNT(errors)", SCOPE) == 3
    assert evaluate("SUM(errors) / MAX(requests)", SCOPE) == pytest.approx(7 / 30)
    assert evaluate("STDDEV(errors) ^ 2", SCOPE) == pytest.approx(14 / 9)


@pytest.mark.parametrize(
    "expression",
    ["", "errors +", "(errors", "unknown", "loop", "NOPE(errors)", "errors errors", "SUM(errors)", "1 / 0", "errors $"],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        series_of(expression, SCOPE)


points = st.dictionaries(st.sampled_from([60, 120, 180, 240]), st.floats(-1e6, 1e6))


@given(points, points)
def test_a_sum_exists_where_both_do(one: dict[int, float], other: dict[int, float]) -> None:
    scope = Scope({"a": Series(60, one), "b": Series(60, other)}, {}, 60, 300, 60)
    (series,) = series_of("a + b", scope)
    assert set(series.points) == set(one) & set(other)
    (filled,) = series_of("FILL(a, 0) + FILL(b, 0)", scope)
    assert set(filled.points) == {60, 120, 180, 240}


# --- statistics -------------------------------------------------------------------------------------


def data(*values: float) -> list[Datum]:
    return [Datum(1, value, value, value, value) for value in values]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Sum", 55),
        ("Average", 5.5),
        ("SampleCount", 10),
        ("Minimum", 1),
        ("Maximum", 10),
        ("p50", 5),
        ("p90", 9),
        ("p99.9", 10),
        ("p0", 1),
        ("tm90", 5),
        ("ts90", 45),
        ("tc90", 9),
        ("wm90", 5.4),
        ("TM(20%:80%)", 5),
        ("PR(:5)", 50),
        ("PR(3:5)", 30),
        ("TC(:5)", 5),
    ],
)
def test_statistics(name: str, expected: float) -> None:
    assert is_statistic(name)
    assert statistic(name, data(*range(1, 11))) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["p101", "Median", "p", "x90", "TM(5)"])
def test_what_is_no_statistic(name: str) -> None:
    assert not is_statistic(name)


def test_sets_of_statistics_have_no_percentiles() -> None:
    whole = [Datum(4, 10, 1, 4, None)]
    found: Any = statistic("p90", whole)
    assert found is None
    assert statistic("Average", whole) == 2.5
    assert statistic("Maximum", [*whole, *data(9)]) == 9
