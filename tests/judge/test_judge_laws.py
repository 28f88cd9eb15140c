"""Laws that hold for any series of looks."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from deliverkit.domain.gate import Verdict
from deliverkit.domain.judge.comparison import Comparison
from deliverkit.domain.judge.looks import Look, Tally
from deliverkit.domain.judge.rules import Rules, SeriesKind

RULES = st.sampled_from(
    [
        Rules(harm=0.05),
        Rules(harm=0.3, alpha=0.2),
        Rules(harm=0.2, tolerate=0.01, alpha=0.2, bake=300.0),
        Rules(harm=0.2, alpha=0.2, dispersion=2.0, bake=90.0),
        Rules(ratio=1.5, alpha=0.2),
    ]
)


@st.composite
def tallies(draw, most=200):
    requests = draw(st.integers(0, most))
    return Tally(float(draw(st.integers(0, requests))), float(requests))


STEPS = st.lists(st.tuples(st.sampled_from([1.0, 5.0, 61.0]), tallies(), tallies()), max_size=16)


def run(rules, steps):
    comparison, at = Comparison(rules), 0.0
    for step, baseline, candidate in steps:
        at += step
        comparison = comparison.including(Look(at, baseline, candidate))
    return comparison


@given(RULES, STEPS, st.integers(1, 200), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_a_failing_tick_never_makes_a_pass(rules, steps, requests, ticks):
    failing = (5.0, Tally(0.0, float(requests)), Tally(float(requests), float(requests)))
    after = run(rules, [*steps, *[failing] * ticks]).at_end().verdict
    assert after is not Verdict.PASSED


@given(RULES, st.lists(st.tuples(st.sampled_from([1.0, 5.0, 61.0]), tallies()), max_size=24))
@settings(max_examples=40, deadline=None)
def test_identical_series_never_fail(rules, steps):
    comparison = run(rules, [(step, tally, tally) for step, tally in steps])
    assert comparison.at_look().verdict is None
    assert comparison.at_end().verdict is not Verdict.FAILED


@given(RULES, STEPS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_an_arm_without_data_never_passes(rules, steps, is_candidate):
    nothing = Tally(0.0, 0.0)
    emptied = [(step, zero, nothing) if is_candidate else (step, nothing, one) for step, zero, one in steps]
    assert run(rules, emptied).at_end().verdict is Verdict.ERROR


@given(RULES, STEPS, st.integers(0, 25))
@settings(max_examples=40, deadline=None)
def test_a_resumed_comparison_goes_on_bit_for_bit(rules, steps, cut):
    whole = run(rules, steps)
    half = run(rules, steps[:cut])
    resumed = Comparison.from_json(rules, json.loads(json.dumps(half.to_json())))
    assert resumed == half
    at = sum(step for step, _, _ in steps[:cut])
    for step, baseline, candidate in steps[cut:]:
        at += step
        resumed = resumed.including(Look(at, baseline, candidate))
    assert resumed == whole
    assert resumed.at_end() == whole.at_end()


@given(st.lists(st.lists(st.tuples(st.floats(0.001, 5.0), st.integers(1, 9)), max_size=9), max_size=8), st.randoms())
@settings(max_examples=20, deadline=None)
def test_the_order_of_requests_within_a_tick_is_irrelevant(ticks, generator):
    comparisons = []
    for is_shuffled in (False, True):
        comparison = Comparison(Rules(kind=SeriesKind.LATENCY, harm=0.2))
        for number, samples in enumerate(ticks, start=1):
            arms = [[(seconds, float(count)) for seconds, count in part] for part in (samples[::2], samples[1::2])]
            if is_shuffled:
                for arm in arms:
                    generator.shuffle(arm)
            baseline, candidate = (Tally(latencies=tuple(arm)) for arm in arms)
            comparison = comparison.including(Look(float(number), baseline, candidate)) if all(arms) else comparison
        comparisons.append(comparison)
    assert comparisons[0] == comparisons[1]
    assert comparisons[0].at_end() == comparisons[1].at_end()


@given(RULES, STEPS)
@settings(max_examples=40, deadline=None)
def test_a_failure_stands(rules, steps):
    comparison, at, has_failed = Comparison(rules), 0.0, False
    for step, baseline, candidate in steps:
        at += step
        comparison = comparison.including(Look(at, baseline, candidate))
        has_failed = has_failed or comparison.at_look().verdict is Verdict.FAILED
        assert (comparison.at_look().verdict is Verdict.FAILED) is has_failed
