"""From deliverkit.yml to measurements: metrics are asked for together, throttling is borne, folding has its laws."""

from __future__ import annotations

import json
import math
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_bench import MetricsBench, aws, aws_at, bench, check_of, context, place  # noqa: F401

from deliverkit.config.loader import load
from deliverkit.domain.checks import assess, carry_on, measurement
from deliverkit.domain.gate import Check, Verdict
from deliverkit.domain.metrics import MetricQuery, MetricSeries
from deliverkit.engine.measuring import Gatekeeper
from deliverkit.engine.metric_gates import KINDS, MetricChecker
from deliverkit.gate_assembly import Checkers, checkers_of
from deliverkit.sandbox.server import Sandbox
from deliverkit.testing.clock import START, FakeClock

CONFIGURATION = """application: shop
release: {version: {literal: "1.0"}, bundle: {path: build}, store: "s3://releases/shop"}
gates:
  errors: {metric: {metric: SPACE errors, window: 2m, below: 5}}
  share:
    metric:
      math: 100 * e / r
      metrics: {e: {metric: SPACE errors}, r: {metric: SPACE requests}}
      window: 2m
      at_most: 1.5%
  budget:
    burn_rate: {objective: 99%, errors: errors, requests: SPACE requests, windows: [{long: 5m, short: 2m, burns: 10}]}
  canary: {compare: {metric: SPACE errors, per: requests, baseline: {Arm: a}, candidate: {Arm: b}}, harm: 1%}
environments:
  dev: {regions: [us-east-1], deploy: {codedeploy: {group: shop-dev}}}
"""


CANARY = check_of(
    "compare",
    {"metric": "Shop errors", "per": "requests", "baseline": {"Arm": "a"}, "candidate": {"Arm": "b"}, "harm": 0.01},
)


def nobody(*_: Any) -> Any:
    raise AssertionError("nobody is asked for that")


def checkers(bench: MetricsBench, folder: Path) -> Checkers:  # noqa: F811
    return checkers_of(
        bench.aws, nobody, nobody, bench.clock, environ={}, folder=folder, releases=nobody, verify=nobody
    )


def test_all_kinds_of_a_configuration_are_measured_in_one_call(bench: MetricsBench, tmp_path: Path) -> None:  # noqa: F811
    space = bench.namespace()
    path = tmp_path / "deliverkit.yml"
    path.write_text(CONFIGURATION.replace("SPACE", space), encoding="utf-8")
    bench.put(f"{space} errors", [1.0] * 6)
    bench.put(f"{space} requests", [100.0] * 6)
    bench.at(6.5)
    checks = [check for gate in load(path).gates.values() for check in gate.checks]
    keeper = Gatekeeper(checkers(bench, tmp_path), clock=bench.clock)
    found = keeper.measure([(check, bench.context(since=bench.hour)) for check in checks])
    assert {sample.gate: sample.outcome for sample in found} == {
        "errors": Verdict.PASSED,
        "share": Verdict.FAILED,
        "budget": Verdict.PASSED,
        "canary": Verdict.INCONCLUSIVE,
    }
    assert len(bench.calls) == 1


def test_throttling_is_borne_and_at_last_an_error(
    bench: MetricsBench,  # noqa: F811
    place: Sandbox,  # noqa: F811
) -> None:
    metric = f"{bench.namespace()} errors"
    bench.put(metric, [1.0])
    bench.at(2)
    spec = {"metric": metric, "below": 5}
    throttle(place, count=1)
    assert bench.measure("metric", spec).outcome is Verdict.PASSED
    throttle(place, count=1)
    bench.aws = aws_at(place.endpoint, repetitions=0)
    sample = bench.measure("metric", spec)
    told(place, "faults/clear", {})
    assert sample.outcome is Verdict.ERROR
    assert "Throttling" in sample.reason


def throttle(place: Sandbox, count: int) -> None:  # noqa: F811
    fault = {"kind": "throttling", "service": "cloudwatch", "operation": "GetMetricData", "count": count}
    told(place, "faults", {"faults": [fault]})


def told(place: Sandbox, path: str, body: Mapping[str, Any]) -> None:  # noqa: F811
    with urllib.request.urlopen(f"{place.endpoint}/_sandbox/{path}", json.dumps(body).encode(), timeout=20) as answer:
        answer.read()


class Answers(dict[MetricQuery, MetricSeries]):
    """Answers to the questions of all checks, which a single check has no reason to go through."""

    def __iter__(self) -> Iterator[MetricQuery]:
        raise AssertionError

    items = keys = values = __iter__  # type: ignore[assignment]


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_reads_its_own_answers_only(kind: str) -> None:
    spec = {
        "metric": {"metric": "A m", "below": 1, "missing_data": "zero"},
        "burn_rate": {"objective": 0.9, "errors": "errors", "requests": "A requests"},
        "compare": CANARY.spec,
    }[kind]
    answers: dict[MetricQuery, MetricSeries] = {}

    class Source:
        def read(self, queries: Collection[MetricQuery]) -> Mapping[MetricQuery, MetricSeries]:
            answers.update(dict.fromkeys(queries, MetricSeries(())))
            return Answers(answers)

    clock = FakeClock()
    sample = MetricChecker(Source(), clock).measure(
        check_of(kind, spec), context(since=START - timedelta(minutes=9), until=START + timedelta(minutes=9))
    )
    assert sample is not None
    assert answers
    assert sample.outcome in {Verdict.PASSED, Verdict.INCONCLUSIVE}


# --- laws of folding ---------------------------------------------------------------------------------

ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 99), st.integers(0, 9), st.integers(0, 99)).map(
        lambda row: [min(row[0], row[1]), row[1], min(row[2], row[3]), row[3]]
    ),
    max_size=12,
)


def folded(check: Check, parts: list[list[list[Any]]], *, is_final: bool = False) -> tuple[Any, Any]:
    """State and last sample of looks that come in several measurements."""
    state, sample = None, None
    for number, looks in enumerate(parts):
        ends = is_final and number == len(parts) - 1
        seen = {"looks": looks, "through": 0, "begin": 0, "origin": 0, "bake": 720, "is_final": ends}
        sample = measurement(check, START, json.loads(json.dumps(seen)), state=state)
        state = carry_on(check, sample, state)
    return state, sample


@given(rows=ROWS, cuts=st.sets(st.integers(0, 12)))
def test_how_looks_are_cut_into_measurements_changes_nothing(rows: list[list[Any]], cuts: set[int]) -> None:
    looks = [[60 * (number + 1), *row] for number, row in enumerate(rows)]
    edges = sorted({0, len(looks), *(cut for cut in cuts if cut < len(looks))})
    parts = [looks[start:stop] for start, stop in pairwise(edges)] or [[]]
    whole, cut = folded(CANARY, [looks], is_final=True), folded(CANARY, parts, is_final=True)
    assert whole[0] == cut[0]
    assert (whole[1].outcome, whole[1].reason, whole[1].value) == (cut[1].outcome, cut[1].reason, cut[1].value)


@given(rows=ROWS.filter(bool))
def test_looks_that_come_twice_count_once(rows: list[list[Any]]) -> None:
    looks = [[60 * (number + 1), *row] for number, row in enumerate(rows)]
    once, twice = folded(CANARY, [looks, []])[0], folded(CANARY, [looks, looks])[0]
    assert once["comparison"] == twice["comparison"]


@given(rows=st.lists(st.tuples(st.just(0), st.just(0), st.integers(0, 5), st.integers(5, 99)).map(list), max_size=9))
def test_without_a_baseline_nothing_ever_passes(rows: list[list[Any]]) -> None:
    looks = [[60 * (number + 1), *row] for number, row in enumerate(rows)]
    assert folded(CANARY, [looks], is_final=True)[1].outcome is Verdict.ERROR


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", -1.0])
def test_what_is_no_count_is_an_error_and_is_not_taken_in(number: Any) -> None:
    before, _ = folded(CANARY, [[[60, 0, 100, 0, 100]]])
    seen = {"looks": [[120, 0, 100, number, 100]], "through": 120, "is_final": True}
    found = assess(CANARY, seen, before)
    assert (found.outcome, found.value, found.state) == (Verdict.ERROR, None, before)


@given(
    points=st.lists(
        st.floats(allow_nan=True, allow_infinity=True).map(lambda value: value if math.isfinite(value) else str(value)),
        max_size=4,
    ),
    limit=st.floats(-1e6, 1e6),
)
def test_no_metric_passes_that_is_missing_or_no_number(points: list[Any], limit: float) -> None:
    series = {"region": "us-east-1", "start": 0, "end": 240, "period": 60}
    seen = {"series": [{**series, "points": [[60 * number, value] for number, value in enumerate(points)]}]}
    found = assess(check_of("metric", {"metric": "A b", "window": 240, "below": limit}), seen)
    is_good = len(points) == 4 and all(not isinstance(value, str) and value < limit for value in points)
    assert (found.outcome is Verdict.PASSED) == is_good


def test_a_check_that_cannot_be_asked_costs_those_beside_it_nothing() -> None:
    class Full:
        def read(self, queries: Collection[MetricQuery]) -> Mapping[MetricQuery, MetricSeries]:
            torn: Any = MetricSeries(points=((0,),))  # type: ignore[arg-type]
            whole = {query: MetricSeries(points=((query.start, 1.0),)) for query in queries}
            return {query: torn if "torn" in str(query) else each for query, each in whole.items()}

    clock = FakeClock(START)
    good = check_of("metric", {"metric": "Shop errors", "statistic": "Sum", "below": 5})
    # A plan made by another version, without the settings that this one reads.
    bad = [Check("g", "", kind, {}) for kind in ("metric", "burn_rate")]
    bad.append(check_of("metric", {"metric": "Shop torn", "statistic": "Sum", "below": 5}))
    found = MetricChecker(Full(), clock).measure_all([(check, context()) for check in (*bad, good)])
    *others, last = [each for each in found if each]
    assert last.outcome is Verdict.PASSED
    assert [each.outcome for each in others] == [Verdict.ERROR] * 3
    told = ["cannot be asked: KeyError: ", "cannot be asked: KeyError: ", "what came back cannot be read: ValueError: "]
    assert [each.reason.startswith(why) for each, why in zip(others, told, strict=True)] == [True] * 3
