"""How fast an error budget burns, over pairs of windows, through a sandbox's CloudWatch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from metrics_bench import MetricsBench, aws, bench, check_of, place  # noqa: F401

from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Verdict

OBJECTIVE = {"objective": 0.999}
HOUR = 60
"""Minutes."""


def slo(space: str, **more: Any) -> dict[str, Any]:
    return {**OBJECTIVE, "errors": "errors", "requests": f"{space} requests", **more}


def short(space: str, **more: Any) -> dict[str, Any]:
    """With one pair only, of ten minutes and two."""
    return slo(space, windows=[{"long": 600, "short": 120, "burns": 10}], **more)


def test_the_workbooks_windows_pass_a_service_that_keeps_its_objective(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.put(f"{space} requests", [1000.0] * 7 * HOUR)
    bench.put(f"{space} errors", dict.fromkeys(range(0, 7 * HOUR, 2), 1.0))
    bench.at(7 * HOUR + 1)
    sample = bench.measure("burn_rate", slo(space))
    assert sample.outcome is Verdict.PASSED
    assert sample.value == pytest.approx(0.5)
    assert "50% of the budget of the last 3d is left (210 of 420 errors spent)" in sample.reason
    assert len(bench.calls) == 1


def test_it_fails_when_both_windows_of_a_pair_burn(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.put(f"{space} requests", [1000.0] * HOUR)
    bench.put(f"{space} errors", dict.fromkeys(range(30, 60), 60.0))
    bench.at(HOUR + 1)
    sample = bench.measure("burn_rate", slo(space))
    assert sample.outcome is Verdict.FAILED
    assert "burns at 30.0 times in 1h (1800 of 60000 requests) and 60.0 times in 5m" in sample.reason
    assert "allowed are 14.4 times of 0.1 %" in sample.reason
    assert sample.value == pytest.approx(30)


def test_errors_that_never_had_data_are_none_only_where_that_is_said(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.put(f"{space} requests", [1000.0] * 12)
    bench.at(13)
    sample = bench.measure("burn_rate", short(space, errors="errros"))
    assert sample.outcome is Verdict.ERROR
    assert sample.reason == (
        f"{space} errros has no data at all, though there are requests: does it exist? "
        "One that is reported only when there is something to count needs `missing_data: zero`."
    )
    assert bench.measure("burn_rate", short(space, missing_data="zero")).outcome is Verdict.PASSED
    bench.put(f"{space} errors", {4: 1.0})
    assert bench.measure("burn_rate", short(space)).outcome is Verdict.PASSED


def test_a_region_without_requests_is_not_hidden_by_the_others(bench: MetricsBench) -> None:  # noqa: F811
    space, other = bench.namespace(), "eu-west-1"
    bench.put(f"{space} requests", [1000.0] * 12)
    bench.put(f"{space} errors", [0.0] * 12)
    bench.at(13)
    check, both = check_of("burn_rate", short(space)), replace(bench.context(), regions=("us-east-1", other))
    found = bench.checker().measure(check, both)
    assert found is not None
    assert (found.outcome, found.reason) == (
        Verdict.INCONCLUSIVE,
        "no request in eu-west-1 in 2m: nobody knows how it fares there",
    )
    bench.put(f"{space} requests", [1.0] * 12, region=other)
    found = bench.checker().measure(check, both)
    assert found is not None
    assert found.outcome is Verdict.PASSED
    # An outage in one region is told, whatever is known of the other.
    bench.put(f"{space} errors", {10: 900.0, 11: 900.0})
    found = bench.checker().measure(check, replace(both, regions=("us-east-1", "ap-south-1")))
    assert found is not None
    assert found.outcome is Verdict.FAILED


def test_an_outage_that_is_over_does_not_fail(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.put(f"{space} requests", [1000.0] * 12)
    bench.put(f"{space} errors", dict.fromkeys(range(4, 8), 100.0))
    bench.at(13)
    assert bench.measure("burn_rate", short(space)).outcome is Verdict.PASSED
    bench.put(f"{space} errors", dict.fromkeys((10, 11), 100.0))
    assert bench.measure("burn_rate", short(space)).outcome is Verdict.FAILED


def test_good_requests_may_be_counted_instead(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.put(f"{space} requests", [1000.0] * 10)
    bench.put(f"{space} good", [980.0] * 10)
    bench.at(11)
    spec = {key: value for key, value in short(space, good="good").items() if key != "errors"}
    assert bench.measure("burn_rate", spec).value == pytest.approx(20)


def test_no_traffic_is_inconclusive_and_says_what_is_missing(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.at(11)
    sample = bench.measure("burn_rate", short(space))
    assert (sample.outcome, sample.value) == (Verdict.INCONCLUSIVE, None)
    assert sample.reason == "0 requests in 2m say nothing: 1 more are needed"


def test_traffic_that_vanishes_is_inconclusive(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.put(f"{space} requests", [1000.0] * 5)
    bench.at(11)
    assert bench.measure("burn_rate", short(space)).outcome is Verdict.INCONCLUSIVE


def test_little_traffic_is_told_and_may_be_refused(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.put(f"{space} requests", [10.0] * 10)
    bench.put(f"{space} errors", {1: 0.0})
    bench.at(11)
    assert "fewer than 100 requests in 2m a single error is an alarm" in bench.measure("burn_rate", short(space)).reason
    bench.put(f"{space} errors", {9: 1.0, 5: 1.0})
    assert bench.measure("burn_rate", short(space)).outcome is Verdict.FAILED
    sample = bench.measure("burn_rate", short(space, requests_needed=100))
    assert sample.outcome is Verdict.INCONCLUSIVE
    assert "80 more are needed" in sample.reason


def test_more_errors_than_requests_are_an_error(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.put(f"{space} requests", [10.0] * 10)
    bench.put(f"{space} errors", [20.0] * 10)
    bench.at(11)
    sample = bench.measure("burn_rate", short(space))
    assert sample.outcome is Verdict.ERROR
    assert "the metrics do not belong together" in sample.reason


def test_windows_are_shortened_to_the_bake_time_if_asked(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.put(f"{space} requests", [1000.0] * 30)
    bench.put(f"{space} errors", dict.fromkeys(range(25, 30), 500.0))
    bench.at(31)
    spec = slo(space, scale_to_bake=True, windows=[{"long": 7200, "short": 1200, "burns": 20}])
    bake = {"since": bench.hour, "until": bench.hour + timedelta(minutes=30)}
    sample = bench.measure("burn_rate", spec, **bake)
    assert sample.outcome is Verdict.FAILED
    assert "in 30m (2500 of 30000 requests)" in sample.reason
    assert "times in 5m (2500 of 5000)" in sample.reason
    unknown = bench.measure("burn_rate", spec)
    assert (unknown.outcome, unknown.reason) == (Verdict.ERROR, "scale_to_bake: the bake time is not known here")


def test_one_that_takes_over_measures_the_same_and_a_record_is_judged_under_other_rules(
    bench: MetricsBench,  # noqa: F811
) -> None:
    space = bench.namespace()
    bench.put(f"{space} requests", [1000.0] * 10)
    bench.put(f"{space} errors", [15.0] * 10)
    bench.at(11)
    sample = bench.measure("burn_rate", short(space))
    assert sample == bench.measure("burn_rate", short(space))
    assert sample.seen is not None
    looser = check_of("burn_rate", {**short(space), "objective": 0.99})
    assert assess(looser, sample.seen).outcome is Verdict.PASSED
    others = check_of("burn_rate", slo(space))
    assert "were not measured" in assess(others, sample.seen).reason
    assert assess(others, sample.seen).outcome is Verdict.ERROR


@pytest.mark.parametrize("objective", [0, 1, 1.5, -1, float("nan")])
def test_an_objective_without_a_budget_is_an_error(objective: float) -> None:
    windows = {str(seconds): {"bad": 0.0, "total": 1000.0} for seconds in (120, 600)}
    found = assess(check_of("burn_rate", {**short("Shop"), "objective": objective}), {"windows": windows})
    assert found.outcome is Verdict.ERROR
