"""A canary compared with its baseline, look after look, through a sandbox's CloudWatch."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from metrics_bench import MetricsBench, aws, bench, check_of, place  # noqa: F401

from deliverkit.domain.analysis import Analysis, judge
from deliverkit.domain.checks import Assessment, assess, carry_on
from deliverkit.domain.gate import Check, Measurement, Policy, Verdict
from deliverkit.domain.ledger import canonical

BLUE, GREEN = {"TargetGroup": "blue"}, {"TargetGroup": "green"}
LONG = timedelta(minutes=30)


@dataclass
class Watch:
    """A comparison that is measured again and again, with what it has come to."""

    bench: MetricsBench
    check: Check
    since: timedelta = timedelta(0)
    bake: timedelta | None = LONG
    analysis: Analysis = field(default_factory=lambda: Analysis("canary"))
    samples: list[Measurement] = field(default_factory=list)

    def look(self, minute: float) -> Measurement:
        """Measure at a minute, as a process that has just taken over does: the state is what the record folds to."""
        self.bench.at(minute)
        since = self.bench.hour + self.since
        state = None
        for sample in self.samples:
            state = carry_on(self.check, json_trip(sample), state)
        context = self.bench.context(
            since=since, until=since + self.bake if self.bake else None, states={self.check.key: state} if state else {}
        )
        sample = self.bench.checker().measure(self.check, context)
        assert sample is not None
        assert state == self.analysis.state
        self.samples.append(sample)
        self.analysis = self.analysis.including(sample, self.check)
        return sample

    def until_it_ends(self, every: float = 1, start: float = 1) -> Measurement:
        """Look until there is a verdict."""
        for number in itertools.count():
            minute = start + number * every
            assert minute < 60, self.samples[-1]
            sample = self.look(minute)
            if not sample.is_open:
                return sample
        raise AssertionError

    @property
    def periods(self) -> list[int]:
        """The ends of all periods that were taken."""
        return [row[0] for sample in self.samples if sample.seen for row in sample.seen.get("looks", ())]


def json_trip(sample: Measurement) -> Measurement:
    """The sample as a ledger gives it back."""
    return replace(sample, seen=json.loads(canonical(sample.seen)) if sample.seen is not None else None)


def canary(space: str, **more: Any) -> Check:
    spec = {
        "metric": f"{space} errors",
        "per": "requests",
        "kind": "errors",
        "baseline": BLUE,
        "candidate": GREEN,
        "harm": 0.02,
        "alpha": 0.01,
        "metrics": 1,
        **more,
    }
    return check_of("compare", {key: value for key, value in spec.items() if value is not None}, "canary")


Traffic = Callable[[int], tuple[float, float]]
"""Errors and requests of a minute."""


def steady(share: float, requests: float = 1000, seed: int = 1) -> Traffic:
    chance = random.Random(seed)
    return lambda _minute: (float(sum(chance.random() < share for _ in range(int(requests)))), requests)


def serve(
    bench: MetricsBench,  # noqa: F811
    space: str,
    arms: Mapping[str, Traffic],
    minutes: range = range(32),
) -> None:
    for group, traffic in arms.items():
        by_minute = {minute: traffic(minute) for minute in minutes}
        dimensions = {"TargetGroup": group} if group else {}
        errors = {minute: errors for minute, (errors, requests) in by_minute.items() if errors and requests}
        bench.put(f"{space} errors", errors, dimensions)
        bench.put(f"{space} requests", {minute: n for minute, (_, n) in by_minute.items() if n}, dimensions)


# --- side by side ------------------------------------------------------------------------------------


def test_a_release_that_is_no_worse_passes_when_the_bake_time_is_over(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, {"blue": steady(0.01, seed=1), "green": steady(0.01, seed=2)})
    watch = Watch(bench, canary(space))
    sample = watch.until_it_ends()
    assert sample.outcome is Verdict.PASSED, sample.reason
    assert watch.samples[0].is_open
    assert len(watch.periods) == len(set(watch.periods)) == 30
    assert sample.at - bench.hour == timedelta(minutes=31)  # the last period, and what its data are given to arrive
    verdict = judge(watch.analysis, Policy(), waited=timedelta(minutes=1), now=sample.at)
    assert verdict is not None
    assert verdict.verdict is Verdict.PASSED
    # Asked again, it does not look again.
    again = watch.look(33)
    assert (again.outcome, again.reason) == (sample.outcome, sample.reason)


def test_a_release_that_is_worse_fails_as_soon_as_that_is_certain(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, {"blue": steady(0.01), "green": lambda minute: (10.0 if minute < 3 else 80.0, 1000.0)})
    watch = Watch(bench, canary(space))
    sample = watch.until_it_ends()
    assert sample.outcome is Verdict.FAILED
    assert sample.at - bench.hour <= timedelta(minutes=10)
    assert "worse" in sample.reason
    assert sample.value is not None
    assert sample.value > 0


def test_too_little_traffic_is_inconclusive_and_never_a_pass(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, {"blue": lambda _: (0.0, 5.0), "green": lambda _: (0.0, 5.0)})
    sample = Watch(bench, canary(space, harm=0.005)).until_it_ends(every=5)
    assert sample.outcome is Verdict.INCONCLUSIVE
    assert not sample.is_open


@pytest.mark.parametrize("absent", ["blue", "green"])
def test_an_arm_without_data_never_passes(bench: MetricsBench, absent: str) -> None:  # noqa: F811
    space = bench.namespace()
    there = {"blue": "green", "green": "blue"}[absent]
    serve(bench, space, {there: steady(0.01)})
    sample = Watch(bench, canary(space)).until_it_ends(every=5)
    assert sample.outcome is Verdict.ERROR
    assert ("baseline" if absent == "blue" else "candidate") in sample.reason


@pytest.mark.parametrize(
    ("metric", "more", "outcome"),
    [
        ("errros", {}, Verdict.ERROR),
        ("errros", {"missing_data": "error"}, Verdict.ERROR),
        ("errors", {"missing_data": "zero"}, Verdict.PASSED),
    ],
)
def test_errors_that_never_had_data_are_none_only_where_that_is_said(
    bench: MetricsBench,  # noqa: F811
    metric: str,
    more: dict[str, Any],
    outcome: Verdict,
) -> None:
    space = bench.namespace()
    serve(bench, space, {"blue": lambda _: (0.0, 1000.0), "green": lambda _: (0.0, 1000.0)})
    sample = Watch(bench, canary(space, metric=f"{space} {metric}", **more)).until_it_ends(every=5)
    assert sample.outcome is outcome, sample.reason
    if outcome is Verdict.ERROR:
        assert f"{space} {metric} has no data at all, though there are requests: does it exist?" in sample.reason


def test_one_arm_with_errors_shows_that_the_metric_exists(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, {"blue": lambda minute: (float(minute == 3), 1000.0), "green": lambda _: (0.0, 1000.0)})
    sample = Watch(bench, canary(space)).until_it_ends(every=5)
    assert sample.outcome is Verdict.PASSED, sample.reason


@pytest.mark.parametrize(("name", "outcome"), [("5XX", Verdict.PASSED), ("5xx", Verdict.ERROR)])
def test_counts_that_load_balancers_report_only_when_there_are_some_are_known(name: str, outcome: Verdict) -> None:
    check = canary("AWS/ApplicationELB", metric=f"AWS/ApplicationELB HTTPCode_Target_{name}_Count", per="RequestCount")
    looks = [[60 * (number + 1), None, 2000.0, None, 2000.0] for number in range(30)]
    seen = {"looks": looks, "through": 1800, "begin": 0, "origin": 0, "bake": 1800, "is_final": True}
    assert assess(check, seen).outcome is outcome
    strict = replace(check, spec={**check.spec, "missing_data": "error"})
    assert assess(strict, seen).outcome is Verdict.ERROR
    recorded_before = {**seen, "looks": [[end, 0.0, n0, 0.0, n1] for end, _, n0, _, n1 in looks]}
    assert assess(check, recorded_before).outcome is Verdict.PASSED


def test_a_candidate_that_vanishes_is_waited_for_and_then_skipped(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, {"blue": steady(0.01), "green": lambda minute: (0.0, 1000.0 if minute < 5 else 0.0)})
    watch = Watch(bench, canary(space))
    watch.look(6)
    assert len(watch.periods) == 5
    watch.look(8.9)
    assert len(watch.periods) == 5
    watch.look(9)  # minute 5 ended three minutes ago
    assert len(watch.periods) == 6
    last = watch.until_it_ends(start=10)
    # The end waits for the last period as long as for any other.
    assert last.at - bench.hour == timedelta(minutes=33)
    assert "25 of 30 ticks were skipped" in last.reason


def test_late_data_are_taken_once_and_none_is_lost(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    watch = Watch(bench, canary(space))
    serve(bench, space, {"blue": steady(0.01)}, range(10))
    serve(bench, space, {"green": steady(0.01)}, range(4))
    watch.look(5)
    assert len(watch.periods) == 4
    watch.look(6)
    assert len(watch.periods) == 4
    serve(bench, space, {"green": steady(0.01)}, range(4, 8))
    watch.look(7)
    assert len(watch.periods) == 6
    # What comes after a period was taken changes nothing any more.
    bench.put(f"{space} errors", {1: 500.0}, GREEN)
    watch.look(8)
    assert watch.samples[-1].outcome is Verdict.INCONCLUSIVE
    assert watch.periods == [int((bench.hour + timedelta(minutes=1 + n)).timestamp()) for n in range(7)]


def test_errors_that_arrive_before_their_requests_are_asked_for_again(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, {"blue": steady(0.01), "green": steady(0.01)}, range(1, 5))
    bench.put(f"{space} requests", {0: 1000.0}, BLUE)
    bench.put(f"{space} requests", {0: 10.0}, GREEN)
    bench.put(f"{space} errors", {0: 11.0}, GREEN)
    watch = Watch(bench, canary(space))
    sample = watch.look(3)
    assert sample.outcome is Verdict.ERROR
    assert "11 events out of 10 requests" in sample.reason
    bench.put(f"{space} requests", {0: 990.0}, GREEN)
    assert watch.look(3.5).is_open
    assert watch.analysis.state["comparison"]["looks"] == 2


def test_whoever_takes_over_goes_on_bit_for_bit(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, {"blue": steady(0.01), "green": steady(0.02, seed=3)})
    # `look` folds the record anew each time; here one process sees all in one step.
    many, one = Watch(bench, canary(space)), Watch(bench, canary(space))
    for minute in (2.5, 3, 7, 7.5, 20):
        many.look(minute)
    one.look(20)
    assert many.analysis.state["comparison"] == one.analysis.state["comparison"]
    assert many.samples[-1].reason == one.samples[-1].reason


def test_a_clock_that_is_set_back_takes_no_period_twice(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, {"blue": steady(0.01), "green": steady(0.01)})
    watch = Watch(bench, canary(space))
    watch.look(10)
    bench.clock._now -= timedelta(minutes=6)
    watch.look(4)
    assert len(watch.periods) == 9
    watch.look(12)
    assert len(watch.periods) == len(set(watch.periods)) == 11


def test_warming_up_is_not_compared_and_a_time_of_its_own_ends_it(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    cold: Traffic = lambda minute: (500.0, 1000.0) if minute < 4 else (10.0, 1000.0)  # noqa: E731
    serve(bench, space, {"blue": steady(0.01), "green": cold})
    watch = Watch(bench, canary(space, warm_up=240, harm=0.05, **{"for": 600}), bake=None)
    sample = watch.until_it_ends()
    assert sample.outcome is Verdict.PASSED, sample.reason
    assert watch.periods == [int((bench.hour + timedelta(minutes=5 + n)).timestamp()) for n in range(10)]


def test_slow_requests_are_counted_by_the_percentile_rank(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    cloudwatch = bench.aws.client("cloudwatch")
    for group, slow in (("blue", 1), ("green", 30)):
        cloudwatch.put_metric_data(
            Namespace=space,
            MetricData=[
                {
                    "MetricName": "time",
                    "Dimensions": [{"Name": "TargetGroup", "Value": group}],
                    "Timestamp": bench.hour + timedelta(minutes=minute),
                    "Values": [0.1, 0.9],
                    "Counts": [100.0 - slow, float(slow)],
                }
                for minute in range(10)
            ],
        )
    check = canary(space, metric=f"{space} time", per=None, kind="latency", slower_than=0.3)
    watch = Watch(bench, check)
    sample = watch.until_it_ends()
    assert sample.seen is not None
    assert watch.samples[-1].outcome is Verdict.FAILED
    rows = [row[1:] for each in watch.samples if each.seen for row in each.seen["looks"]]
    assert rows[0] == [1, 100.0, 30, 100.0]


def test_counts_without_requests_use_the_share_of_the_traffic(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    bench.put(f"{space} errors", [20.0] * 20, BLUE)
    bench.put(f"{space} errors", [22.0] * 20, GREEN)
    check = canary(space, per=None, kind="count", candidate_share=[0.1, 0.1])
    sample = Watch(bench, check).until_it_ends()
    assert sample.outcome is Verdict.FAILED


def test_comparisons_of_a_gate_share_the_chance_of_a_wrong_failure(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, {"blue": lambda _: (10.0, 1000.0), "green": lambda _: (30.0, 1000.0)})
    alone, shared = Watch(bench, canary(space)), Watch(bench, canary(space, metrics=1_000_000))
    alone.until_it_ends()
    bench.clock._now = bench.hour
    shared.until_it_ends()
    assert alone.samples[-1].at < shared.samples[-1].at


def test_regions_are_counted_together_where_both_arms_have_requests(bench: MetricsBench) -> None:  # noqa: F811
    space, other = bench.namespace(), "eu-west-1"
    serve(bench, space, {"blue": lambda _: (1.0, 100.0), "green": lambda _: (2.0, 100.0)})
    for group, minutes, (errors, requests) in (("blue", 30, (3.0, 50.0)), ("green", 2, (4.0, 60.0))):
        bench.put(f"{space} errors", [errors] * minutes, {"TargetGroup": group}, region=other)
        bench.put(f"{space} requests", [requests] * minutes, {"TargetGroup": group}, region=other)
    bench.at(9)
    context = replace(bench.context(since=bench.hour, until=bench.hour + LONG), regions=("us-east-1", other))
    sample = bench.checker().measure(canary(space), context)
    assert sample is not None
    assert sample.seen is not None
    # The other region's candidate vanished: those periods were waited for, and then it was left out.
    assert [row[1:] for row in sample.seen["looks"]] == [[4.0, 150.0, 6.0, 160.0]] * 2 + [[1.0, 100.0, 2.0, 100.0]] * 4


def test_a_region_that_never_had_data_is_no_pass(bench: MetricsBench) -> None:  # noqa: F811
    space, other = bench.namespace(), "eu-west-1"
    serve(bench, space, {"blue": steady(0.01), "green": steady(0.01)})
    bench.put(f"{space} requests", [1000.0] * 32, BLUE, region=other)
    bench.put(f"{space} requests", {1: 1000.0}, GREEN, region=other)
    ends, check, states = list[Assessment](), canary(space), dict[str, Any]()
    for regions in (("us-east-1", other), ("us-east-1", "ap-south-1")):
        bench.clock._now, state = bench.hour, None
        for minute in (10, 20, 40):
            bench.at(minute)
            made = bench.context(since=bench.hour, until=bench.hour + LONG, states={check.key: state} if state else {})
            found = bench.checker().measure(check, replace(made, regions=regions))
            assert found is not None
            state = carry_on(check, json_trip(found), state)
            ends.append(Assessment(found.outcome, found.reason))
        states[regions[1]] = state
    # Where the candidate was there for a minute, the others of its minutes are skipped.
    assert ends[2].outcome is Verdict.PASSED, ends[2].reason
    assert ends[5].outcome is Verdict.ERROR
    assert "baseline in ap-south-1 and candidate in ap-south-1" in ends[5].reason
    assert states[other]["regions"] == {"us-east-1": [True, True], other: [True, True]}


def test_a_bake_time_without_a_whole_period_is_an_error_at_its_end(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, {"blue": steady(0.01), "green": steady(0.01)})
    watch = Watch(bench, canary(space, warm_up=120), bake=timedelta(minutes=2.5))
    assert watch.look(2).is_open
    sample = watch.look(2.5)
    assert (sample.outcome, sample.is_open) == (Verdict.ERROR, False)
    assert "give it more time than `warm_up` and a period" in sample.reason


# --- before and after --------------------------------------------------------------------------------


def before_and_after(space: str, **more: Any) -> Check:
    return canary(space, baseline=None, candidate=None, gap=120, **more)


def test_without_a_second_arm_the_time_before_is_the_baseline_and_that_is_said(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    traffic: Traffic = lambda minute: (500.0, 1000.0) if 28 <= minute < 30 else (10.0, 1000.0)  # noqa: E731
    serve(bench, space, {"": traffic}, range(60))
    # The release arrived at minute 30; two minutes before it, it was arriving, and all went wrong.
    watch = Watch(bench, before_and_after(space, harm=0.05), since=timedelta(minutes=30), bake=timedelta(minutes=20))
    sample = watch.until_it_ends(start=30)
    assert sample.outcome is Verdict.PASSED, sample.reason
    assert "before and after, not side by side: a daily cycle is not told apart" in sample.reason
    assert {tuple(row[1:]) for each in watch.samples if each.seen for row in each.seen["looks"]} == {
        (10.0, 1000.0, 10.0, 1000.0)
    }


def test_a_release_that_is_worse_than_the_time_before_fails(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, {"": lambda minute: (10.0 if minute < 30 else 60.0, 1000.0)}, range(60))
    watch = Watch(bench, before_and_after(space), since=timedelta(minutes=30), bake=timedelta(minutes=20))
    sample = watch.until_it_ends(start=30)
    assert sample.outcome is Verdict.FAILED
    assert sample.at - bench.hour <= timedelta(minutes=35)


def test_while_the_release_is_on_its_way_nothing_is_compared(bench: MetricsBench) -> None:  # noqa: F811
    watch = Watch(bench, before_and_after(bench.namespace()), bake=None)
    sample = watch.look(5)
    assert sample.is_open
    assert "waits for the bake time" in sample.reason
    assert watch.analysis.state is None
