"""Metrics held against limits, by a sandbox's CloudWatch and by answers that only the real one gives."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from metrics_bench import REGION, MetricsBench, aws, aws_at, bench, check_of, context, place  # noqa: F401

from deliverkit.adapters.aws.metric_data import CloudWatchMetrics
from deliverkit.adapters.clock import DeferredClock, FollowingClock
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Verdict
from deliverkit.domain.ledger import canonical
from deliverkit.domain.metrics import MetricQuery, MetricSeries, MetricStat, renamed
from deliverkit.engine.metric_gates import MetricChecker
from deliverkit.testing.clock import FakeClock

NOWHERE = "http://127.0.0.1:9"


# --- through the sandbox -----------------------------------------------------------------------------


def test_a_metric_within_its_limits_passes_and_says_how_to_ask_again(bench: MetricsBench) -> None:  # noqa: F811
    metric = f"{bench.namespace()} errors"
    bench.put(metric, [1, 2, 3, 2, 1])
    bench.at(6.5)
    sample = bench.measure("metric", {"metric": metric, "window": 300, "below": 5})
    assert (sample.outcome, sample.value) == (Verdict.PASSED, 1.0)
    assert sample.seen is not None
    assert [value for _, value in sample.seen["series"][0]["points"]] == [1, 2, 3, 2, 1]
    assert sample.reason.startswith(f"Sum of {metric} (us-east-1) is 1 at ")
    assert "below 5" in sample.reason
    assert sample.query.startswith(f"aws cloudwatch get-metric-data --region {REGION} --start-time ")


def test_one_period_beyond_a_limit_fails(bench: MetricsBench) -> None:  # noqa: F811
    metric = f"{bench.namespace()} errors"
    bench.put(metric, [1, 7, 3], {"Service": "1.1"})
    bench.at(4)
    spec = {"metric": metric, "dimensions": {"Service": "${release.version}"}, "window": 180, "below": 5}
    sample = bench.measure("metric", spec)
    assert (sample.outcome, sample.value) == (Verdict.FAILED, 7.0)
    assert "(1 of 3 periods), allowed is below 5" in sample.reason
    assert sample.seen is not None
    # The same record under other rules: in the last two periods nothing is beyond 8, and one is beyond 2.
    wider = check_of("metric", {**spec, "below": 8})
    assert assess(wider, sample.seen).outcome is Verdict.PASSED
    narrower = check_of("metric", {**spec, "window": 60, "below": 5})
    assert assess(narrower, sample.seen).outcome is Verdict.PASSED


def test_an_expression_over_named_metrics_is_judged(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.put(f"{space} errors", [5])
    bench.put(f"{space} requests", [1000])
    bench.at(2)
    metrics = {"errors": {"metric": f"{space} errors"}, "requests": {"metric": f"{space} requests"}}
    spec = {"math": "100 * errors / requests", "metrics": metrics}
    assert bench.measure("metric", {**spec, "at_most": 0.5}).outcome is Verdict.PASSED
    assert bench.measure("metric", {**spec, "at_most": 0.4}).value == 0.5
    assert bench.measure("metric", {**spec, "at_most": 0.4}).outcome is Verdict.FAILED


def test_the_period_under_way_and_late_data_are_not_judged_as_zero(bench: MetricsBench) -> None:  # noqa: F811
    metric = f"{bench.namespace()} orders"
    bench.put(metric, {0: 50, 1: 50})
    spec = {"metric": metric, "at_least": 40}
    bench.at(2.9)
    # Minute 2 is under way, and minute 1 has just ended: its data had no time to arrive.
    assert "is 50" in (early := bench.measure("metric", spec)).reason
    assert early.outcome is Verdict.PASSED
    bench.put(metric, {2: 20})
    bench.put(metric, {2: 30})
    bench.at(4)
    assert bench.measure("metric", spec).value == 50.0


def test_a_metric_that_vanishes_is_an_error_that_names_its_last_value(bench: MetricsBench) -> None:  # noqa: F811
    metric = f"{bench.namespace()} orders"
    bench.put(metric, [50, 48])
    bench.at(6)
    spec = {"metric": metric, "window": 300, "above": 1}
    sample = bench.measure("metric", spec)
    assert sample.outcome is Verdict.ERROR
    assert "no data for 3 of 5 periods" in sample.reason
    last = (bench.hour + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert f"the last is 48.0 at {last}" in sample.reason


@pytest.mark.parametrize(
    ("choice", "outcome"),
    [
        ("error", Verdict.ERROR),
        ("inconclusive", Verdict.INCONCLUSIVE),
        ("passed", Verdict.PASSED),
        ("failed", Verdict.FAILED),
        ("zero", Verdict.PASSED),
        ("nonsense", Verdict.ERROR),
    ],
)
def test_no_data_comes_to_what_the_rules_say(bench: MetricsBench, choice: str, outcome: Verdict) -> None:  # noqa: F811
    spec = {"metric": "Nobody nothing", "window": 120, "below": 5, "missing_data": choice}
    assert bench.measure("metric", spec).outcome is outcome


@pytest.mark.parametrize(
    ("choice", "points", "told"),
    [
        ("zero", [], "in 3 periods, below 5 (no data in 3 of 3 periods, taken as 0)"),
        (
            "zero",
            [[120, 1.0]],
            "is 1 at 1970-01-01T00:02:00Z in 3 periods, below 5 (no data in 2 of 3 periods, taken as 0)",
        ),
        (
            "passed",
            [[120, 1.0]],
            "is 1 at 1970-01-01T00:02:00Z, below 5 (no data in 2 of 3 periods, which passes here)",
        ),
        ("zero", [[0, 1.0], [60, 1.0], [120, 1.0]], "in 3 periods, below 5"),
    ],
)
def test_a_pass_says_what_was_not_there(choice: str, points: list[list[float]], told: str) -> None:
    seen = {"series": [{"region": REGION, "start": 0, "end": 180, "period": 60, "points": points}]}
    found = assess(check_of("metric", {"metric": "A b", "window": 180, "below": 5, "missing_data": choice}), seen)
    assert found.outcome is Verdict.PASSED
    assert found.reason.endswith(told)


def test_without_a_word_about_it_no_data_never_passes(bench: MetricsBench) -> None:  # noqa: F811
    sample = bench.measure("metric", {"metric": "Nobody nothing", "below": 5})
    assert sample.outcome is Verdict.ERROR


def test_one_that_takes_over_measures_the_same(bench: MetricsBench) -> None:  # noqa: F811
    metric = f"{bench.namespace()} errors"
    bench.put(metric, [1, 2])
    bench.at(3)
    spec = {"metric": metric, "window": 120, "below": 5}
    assert bench.measure("metric", spec) == bench.measure("metric", spec)


def test_a_wrong_expression_harms_no_other_check(bench: MetricsBench) -> None:  # noqa: F811
    metric = f"{bench.namespace()} errors"
    bench.put(metric, [1])
    bench.at(2)
    good = {"math": "2 * m", "metrics": {"m": {"metric": metric}}, "below": 5}
    wrong = {"math": "NOSUCH(m)", "metrics": {"m": {"metric": metric}}, "below": 5}
    checks = [check_of("metric", spec, f"g{n}") for n, spec in enumerate([good, wrong, good, {**good, "below": 1}])]
    checker = bench.checker()

    def measured() -> list[Verdict]:
        samples = checker.measure_all([(check, bench.context()) for check in checks])
        return [sample.outcome for sample in samples if sample]

    wanted = [Verdict.PASSED, Verdict.ERROR, Verdict.PASSED, Verdict.FAILED]
    assert measured() == wanted
    first = len(bench.calls)
    assert measured() == wanted
    assert len(bench.calls) - first == 2  # it is known by now, and is asked alone


def test_a_region_that_does_not_answer_is_an_error_of_its_checks() -> None:
    clock = FakeClock()
    checker = MetricChecker(CloudWatchMetrics(aws_at(NOWHERE), clock), clock)
    sample = checker.measure(check_of("metric", {"metric": "A b", "below": 1}), context())
    assert sample is not None
    assert sample.outcome is Verdict.ERROR
    assert "reading metrics in us-east-1: no answer" in sample.reason


# --- batching ----------------------------------------------------------------------------------------


def test_two_hundred_gates_with_twenty_checks_take_eight_calls_a_second_apart(bench: MetricsBench) -> None:  # noqa: F811
    bench.at(10)
    checks = [
        check_of(
            "metric",
            {"metric": f"Fleet m{gate}.{number}", "below": 5, "missing_data": "zero"},
            f"g{gate}",
            f"c{number}",
        )
        for gate in range(200)
        for number in range(20)
    ]
    samples = bench.checker().measure_all([(check, bench.context()) for check in checks])
    assert [sample.key for sample in samples if sample] == [check.key for check in checks]
    assert {sample.outcome for sample in samples if sample} == {Verdict.PASSED}
    assert len(bench.calls) == 8
    gaps = [later - earlier for earlier, later in zip(bench.calls, bench.calls[1:], strict=False)]
    assert min(gaps) >= timedelta(seconds=1)


def test_one_that_is_told_to_end_calls_no_more(bench: MetricsBench) -> None:  # noqa: F811
    checks = [check_of("metric", {"metric": f"Fleet m{number}", "below": 5}, f"g{number}") for number in range(1200)]
    checker = bench.checker()
    events = bench.aws.client("cloudwatch").meta.events

    def end(**_: Any) -> None:
        checker.interrupt()

    events.register("before-send.cloudwatch.GetMetricData", end)
    samples = checker.measure_all([(check, bench.context()) for check in checks])
    events.unregister("before-send.cloudwatch.GetMetricData", end)
    assert len(bench.calls) == 1
    assert {sample.outcome for sample in samples if sample} == {Verdict.ERROR}
    assert sum("told to end" in sample.reason for sample in samples if sample) == 700


def test_equal_queries_are_asked_once_and_windows_share_a_call(bench: MetricsBench) -> None:  # noqa: F811
    metric = f"{bench.namespace()} errors"
    bench.put(metric, [1, 2, 3, 4, 5])
    bench.at(6)
    specs: list[dict[str, Any]] = [{"metric": metric, "below": 9, "window": 60 * width} for width in (1, 3, 5)] * 7
    specs.append({"metric": metric, "below": 99, "period": 300, "window": 300})
    samples = bench.checker().measure_all(
        [(check_of("metric", spec, f"g{n}"), bench.context()) for n, spec in enumerate(specs)]
    )
    assert len(bench.calls) == 1
    seen = [sample.seen["series"][0]["points"] for sample in samples if sample and sample.seen]
    assert [len(points) for points in seen] == [1, 3, 5] * 7 + [1]
    assert seen[-1][0][1] == 15


def test_an_expression_over_its_whole_range_keeps_it(bench: MetricsBench) -> None:  # noqa: F811
    metric = f"{bench.namespace()} load"
    bench.put(metric, [100, 100, 100, 2, 4])
    bench.at(6)
    above_average = {"math": "m - AVG(m)", "metrics": {"m": {"metric": metric}}, "window": 120, "below": 9}
    plain = {"metric": metric, "window": 300, "below": 999}
    checks = [check_of("metric", spec, f"g{number}") for number, spec in enumerate((above_average, plain))]
    samples = bench.checker().measure_all([(check, bench.context()) for check in checks])
    assert [sample.value for sample in samples if sample] == [1.0, 4.0]
    assert len(bench.calls) == 2


def test_every_region_of_the_leg_is_asked_and_the_worst_counts(bench: MetricsBench) -> None:  # noqa: F811
    metric, other = f"{bench.namespace()} errors", "eu-west-1"
    bench.put(metric, [1.0], {"Place": REGION})
    bench.put(metric, [9.0], {"Place": other}, region=other)
    bench.at(2)
    spec = {"metric": metric, "dimensions": {"Place": "${region}"}, "below": 5}
    both = replace(bench.context(), regions=(REGION, other))
    sample = bench.checker().measure(check_of("metric", spec), both)
    assert sample is not None
    assert (sample.outcome, sample.value) == (Verdict.FAILED, 9.0)
    assert "(eu-west-1) is 9" in sample.reason
    assert bench.measure("metric", {**spec, "region": REGION}).outcome is Verdict.PASSED


def test_names_are_changed_outside_of_quotes_only() -> None:
    assert renamed("FILL(m1, 0) + m10 / m1", {"m1": "m7", "m10": "m8"}) == "FILL(m7, 0) + m8 / m7"
    assert renamed("LABEL(m1, 'm1 m2')", {"m1": "x"}) == "LABEL(x, 'm1 m2')"


# --- what only AWS answers ---------------------------------------------------------------------------

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
QUERY = MetricQuery.of(MetricStat("Shop", "errors", "Sum"), REGION, 60, int(AT.timestamp()), int(AT.timestamp()) + 120)


def answered(*pages: dict[str, Any], query: MetricQuery = QUERY) -> tuple[MetricSeries, FakeClock]:
    nobody, clock = aws_at(NOWHERE), FakeClock(AT)
    with Stubber(nobody.client("cloudwatch", REGION)) as stub:
        for page in pages:
            stub.add_response("get_metric_data", page)
        series = CloudWatchMetrics(nobody, clock).read([query])[query]
        stub.assert_no_pending_responses()
    return series, clock


def result(values: Sequence[float], status: str = "Complete", first: int = 0, **more: Any) -> dict[str, Any]:
    times = [AT + timedelta(minutes=first + number) for number in range(len(values))]
    return {"Id": "q0", "Label": "errors", "Timestamps": times, "Values": list(values), "StatusCode": status, **more}


def test_pages_are_put_together_each_call_a_second_after_the_last() -> None:
    first = {"MetricDataResults": [result([1], "PartialData")], "NextToken": "more"}
    series, clock = answered(first, {"MetricDataResults": [result([2], first=1)]})
    assert [value for _, value in series.points] == [1, 2]
    assert series.problem == ""
    assert clock.now() - AT == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ({"MetricDataResults": [result([1], "PartialData")]}, "only a part of the data"),
        ({"MetricDataResults": [result([1], "InternalError")]}, "InternalError"),
        ({"MetricDataResults": [result([], "Forbidden")]}, "Forbidden"),
        ({"MetricDataResults": []}, "did not answer"),
        (
            {"MetricDataResults": [result([1])], "Messages": [{"Code": "MaxMetricsExceeded", "Value": "too many"}]},
            "MaxMetricsExceeded: too many",
        ),
        (
            {"MetricDataResults": [result([1], Messages=[{"Code": "ArithmeticError", "Value": "by zero"}])]},
            "ArithmeticError: by zero",
        ),
        ({"MetricDataResults": [result([1]), result([2], Label="other")]}, "2 series"),
    ],
)
def test_what_cannot_be_relied_on_is_a_problem(page: dict[str, Any], problem: str) -> None:
    series, _ = answered(page)
    assert problem in series.problem


def test_duplicates_count_once_and_other_times_not_at_all() -> None:
    page = {"MetricDataResults": [result([1, 2], first=-1), result([2, 5, 9])]}
    series, _ = answered(page)
    assert [value for _, value in series.points] == [2, 5]


def test_a_failure_outweighs_what_is_no_number() -> None:
    points = [[0, 500.0], [60, "NaN"]]
    seen = {"series": [{"region": REGION, "start": 0, "end": 120, "period": 60, "points": points}]}
    found = assess(check_of("metric", {"metric": "Shop errors", "window": 120, "below": 1}), seen)
    assert (found.outcome, found.value) == (Verdict.FAILED, 500.0)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_never_passes_and_can_be_recorded(number: float) -> None:
    nobody, clock = aws_at(NOWHERE), FakeClock(AT + timedelta(minutes=3))
    with Stubber(nobody.client("cloudwatch", REGION)) as stub:
        stub.add_response("get_metric_data", {"MetricDataResults": [result([1, number])]})
        checker = MetricChecker(CloudWatchMetrics(nobody, clock), clock)
        spec = {"metric": "Shop errors", "window": 120, "above": -1e300}
        sample = checker.measure(check_of("metric", spec), context())
    assert sample is not None
    assert sample.outcome is Verdict.ERROR
    assert "no number to judge" in sample.reason
    assert sample.seen is not None
    assert assess(check_of("metric", spec), json.loads(canonical(sample.seen))).reason == sample.reason


def test_a_clock_that_is_set_back_makes_nobody_wait_longer_than_a_turn() -> None:
    class Jumping(FakeClock):
        def back(self, duration: timedelta) -> None:
            self._now -= duration

    nobody, clock = aws_at(NOWHERE), Jumping(AT)
    with Stubber(nobody.client("cloudwatch", REGION)) as stub:
        for _ in range(2):
            stub.add_response("get_metric_data", {"MetricDataResults": [result([1])]})
        metrics = CloudWatchMetrics(nobody, clock)
        metrics.read([QUERY])
        clock.back(timedelta(hours=3))
        before = clock.now()
        metrics.read([QUERY])
    assert clock.now() - before == timedelta(seconds=1)


def test_where_time_stands_still_nobody_waits_for_a_turn_that_never_comes() -> None:
    nobody, clock = aws_at(NOWHERE), DeferredClock(lambda: FollowingClock(lambda: (AT, 0.0)))
    with Stubber(nobody.client("cloudwatch", REGION)) as stub:
        for _ in range(2):
            stub.add_response("get_metric_data", {"MetricDataResults": [result([1])]})
        metrics = CloudWatchMetrics(nobody, clock)
        found = [metrics.read([QUERY])[QUERY].problem for _ in range(2)]
    assert found == ["", ""]
