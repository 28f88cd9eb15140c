"""Verdicts of comparisons: the published anchor, silence, little traffic, bursts, counts, rates and response times."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random

import pytest

from deliverkit.domain.gate import Verdict
from deliverkit.domain.judge.comparison import Comparison
from deliverkit.domain.judge.looks import Look, Tally
from deliverkit.domain.judge.rules import Rules, SeriesKind

ANCHOR = (0.0, 0.048, 0.0, 0.18, 0.089, 0.0, 0.098, 0.035, 0.0, 0.0)


def judged(rules: Rules, ticks, every: float = 5.0) -> Comparison:
    """Ticks of (x1, n1, x0, n0)."""
    comparison = Comparison(rules)
    for number, (x1, n1, x0, n0) in enumerate(ticks, start=1):
        comparison = comparison.including(Look(number * every, Tally(x0, n0), Tally(x1, n1)))
    return comparison


def anchor(requests: float, **rules) -> Comparison:
    return judged(Rules(**rules), [(round(rate * requests), requests, 0, requests) for rate in ANCHOR])


def steady(rules: Rules, rate: float, looks: int, requests: int = 500, harm: float = 0.0, seed: int = 1) -> Comparison:
    generator = random.Random(seed)

    def draw(share: float) -> int:
        return sum(generator.random() < share for _ in range(requests))

    return judged(rules, [(draw(rate + harm), requests, draw(rate), requests) for _ in range(looks)])


# The anchor: ten zeros in the baseline; Kayenta passes the candidate.


def test_the_anchor_fails_at_the_second_tick_if_requests_are_known_to_be_independent():
    raw = []
    comparison = Comparison(Rules(bake=600.0))
    for number, rate in enumerate(ANCHOR, start=1):
        comparison = comparison.including(Look(5.0 * number, Tally(0, 1000), Tally(round(1000 * rate), 1000)))
        raw.append(comparison.at_look().numbers["raw_evidence"])
    assert [evidence >= math.log(200) for evidence in raw] == [False] + [True] * 9
    assert raw[-1] == pytest.approx(math.log(3e132), abs=1.0)


@pytest.mark.parametrize("requests", [20, 100, 1000])
def test_the_anchor_fails_though_its_errors_come_in_bursts(requests):
    finding = anchor(requests).at_end()
    assert finding.verdict is Verdict.FAILED
    assert f"of {10 * requests:,} requests failed" in finding.reason or "suffices" in finding.reason


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_anchor_fails_early_with_many_requests(alpha):
    comparison = anchor(1000, alpha=alpha)
    assert comparison.at_look().verdict is Verdict.FAILED
    assert comparison.at_look().numbers["failed_at"] <= 35.0
    assert any("bursts" in warning for warning in comparison.at_look().warnings)


def test_the_anchor_with_twenty_requests_a_tick_has_the_published_odds():
    harmless = judged(Rules(), [(x, 20, 0, 20) for x in (0, 1, 0, 4, 2, 0, 2, 1, 0, 0)])
    # Half of the stake is on the start (204 to 1 by itself), the other half on restarts, none of which was due.
    assert math.exp(harmless.state.raw_evidence) == pytest.approx(204 / 2 + 0.5, rel=0.02)
    assert harmless.state.end_look.p_value(0.0, harmless.state.dispersion, 1.0) >= 0.00098


@pytest.mark.parametrize(("alpha", "verdict"), [(0.05, Verdict.FAILED), (0.01, Verdict.INCONCLUSIVE)])
def test_rates_without_requests_are_judged_by_signs_and_ask_for_counts(alpha, verdict):
    finding = judged(Rules(alpha=alpha, harm=0.01), [(rate, None, 0.0, None) for rate in ANCHOR]).at_end()
    assert finding.verdict is verdict
    assert any("Give the number of requests" in warning for warning in finding.warnings)


def test_response_times_without_requests_are_told_in_seconds():
    finding = judged(Rules(kind=SeriesKind.LATENCY), [(0.3, None, 0.2, None)] * 3).at_end()
    assert "the candidate shows 0.3 s, the baseline 0.2 s" in finding.reason


@pytest.mark.parametrize("requests", [20, 1000])
def test_two_series_of_zeros_never_fail_and_pass_only_with_enough_requests(requests):
    comparison = judged(Rules(harm=0.01), [(0, requests, 0, requests)] * 10)
    assert comparison.state.raw_evidence <= 0.0
    finding = comparison.at_end()
    assert finding.verdict is (Verdict.PASSED if requests == 1000 else Verdict.INCONCLUSIVE)
    if requests == 20:
        assert finding.numbers["requests_missing"] > 100
        assert "more requests" in finding.reason


# Silence is no health.


@pytest.mark.parametrize("arm", ["candidate", "baseline", "both"])
def test_an_arm_without_requests_is_an_error(arm):
    n1, n0 = (0 if arm in {"candidate", "both"} else 1000), (0 if arm in {"baseline", "both"} else 1000)
    finding = judged(Rules(harm=0.01), [(0, n1, 0, n0)] * 20).at_end()
    assert finding.verdict is Verdict.ERROR
    assert "No data" in finding.reason
    assert Comparison(Rules(harm=0.01)).at_end().verdict is Verdict.ERROR


def test_an_arm_that_falls_silent_does_not_pass():
    talking = judged(Rules(harm=0.01), [(0, 1000, 0, 1000)] * 20)
    assert talking.at_end().verdict is Verdict.PASSED
    silent = talking
    for number in range(21, 61):
        silent = silent.including(Look(5.0 * number, Tally(0, 1000), Tally(0, 0)))
    assert silent.at_end().verdict is Verdict.INCONCLUSIVE
    assert "not both arms had requests" in silent.at_end().reason


def test_counts_of_nothing_do_not_pass():
    rules = Rules(kind=SeriesKind.COUNT, harm=0.5)
    assert judged(rules, [(0, None, 0, None)] * 200).at_end().verdict is Verdict.INCONCLUSIVE


def test_without_a_harm_nothing_passes():
    finding = judged(Rules(), [(0, 10_000, 0, 10_000)] * 50).at_end()
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "from which rise on" in finding.reason


# Looks that are none.


@pytest.mark.parametrize(
    ("tally", "told"),
    [
        (Tally(math.nan, 10), "events nan"),
        (Tally(math.inf, 10), "events inf"),
        (Tally(-1, 10), "events -1"),
        (Tally(1, math.nan), "requests nan"),
        (Tally(11, 10), "11 events out of 10 requests"),
        (Tally(latencies=((-0.1, 1),)), "response time -0.1"),
    ],
)
def test_numbers_that_are_none_are_refused_by_name(tally, told):
    with pytest.raises(ValueError, match="look at 5, candidate: ") as refusal:
        Look(5.0, Tally(0, 10), tally)
    assert told in str(refusal.value)


def test_late_and_repeated_looks_are_refused():
    comparison = judged(Rules(), [(0, 10, 0, 10)] * 3)
    for at in (15.0, 12.0):
        with pytest.raises(ValueError, match=f"look at {at:g}: a look at 15 is already in"):
            comparison.including(Look(at, Tally(0, 10), Tally(0, 10)))
    with pytest.raises(ValueError, match="not a finite number"):
        Look(math.nan, Tally(0, 10), Tally(0, 10))


def test_requests_are_counted_everywhere_or_nowhere():
    with pytest.raises(ValueError, match="only one of the arms"):
        Comparison(Rules()).including(Look(5.0, Tally(0, 10), Tally(0)))
    with pytest.raises(ValueError, match="others do not"):
        judged(Rules(), [(0, 10, 0, 10)]).including(Look(9.0, Tally(0.1), Tally(0.2)))


def test_response_times_are_given_everywhere_or_nowhere():
    comparison = Comparison(Rules(kind=SeriesKind.LATENCY))
    for look in latency_looks(1.0, 2, 20):
        comparison = comparison.including(look)
    with pytest.raises(ValueError, match="look at 20: some looks have response times, others only counts"):
        comparison.including(Look(20.0, Tally(1, 10), Tally(1, 10)))


def test_numbers_beyond_all_measure_are_judged_without_a_crash():
    huge = [(1e15, 1e15, 1e15, 1e15), (0, 1, 1e-9, 5), (5, 1e12, 1e12, 1e12), (1e-9, 1e-9, 3, 4)] * 3
    for rules in (Rules(harm=1e-9, tolerate=1e-9), Rules(tolerated_ratio=0.1, ratio=0.5, harm=0.01), Rules(harm=5.0)):
        finding = judged(rules, huge).at_end()
        assert finding.verdict is not None
        assert all(math.isfinite(value) for value in finding.numbers.values())


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"harm": -0.1}, {"harm": math.nan}, {"candidate_share": (0.9, 0.1)}])
def test_rules_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Rules(**wrong)


# Time to detection and power; the figures are seeded.


def test_five_points_are_found_within_ten_seconds_of_one_second_ticks():
    times = []
    for seed in range(40):
        generator = random.Random(seed)
        comparison, number = Comparison(Rules()), 0
        while comparison.state.failure is None and number < 60:
            number += 1
            x1, x0 = (sum(generator.random() < share for _ in range(100)) for share in (0.06, 0.01))
            comparison = comparison.including(Look(float(number), Tally(x0, 100), Tally(x1, 100)))
        times.append(number)
    assert sorted(times)[20] < 10


def test_a_known_dispersion_finds_them_in_one_tick_of_five_seconds():
    times = []
    for seed in range(40):
        comparison = steady(Rules(dispersion=1.0), 0.01, 3, harm=0.05, seed=seed)
        times.append(comparison.at_look().numbers.get("failed_at", 99.0))
    assert sorted(times)[20] < 10.0


def test_harm_that_sets_in_late_is_found_in_three_ticks():
    clean = [(5, 500, 5, 500), (4, 500, 6, 500)] * 150
    harmed = judged(Rules(), [*clean, *[(30, 500, 5, 500)] * 3])
    assert harmed.at_look().verdict is Verdict.FAILED
    assert harmed.at_look().numbers["failed_at"] - 1500.0 <= 15.0


def test_harm_in_the_last_window_does_not_pass():
    clean = [(5, 500, 5, 500), (4, 500, 6, 500)] * 170
    rules = Rules(harm=0.01, alpha=0.01)
    assert judged(rules, clean).at_end().verdict is Verdict.PASSED
    late = judged(rules, [*clean, *[(15, 500, 5, 500)] * 20]).at_end()
    assert late.verdict is not Verdict.PASSED


@pytest.mark.parametrize(("ticks", "passes"), [(0, True), (4, False), (36, False)])
def test_harm_of_twice_the_margin_does_not_pass_if_it_begins_a_few_seconds_before_the_end(ticks, passes):
    """360 ticks of 5 s, onset at 99 % and at 90 %; what is seen of harm is its mean."""
    generator = random.Random(4)
    clean = [(generator.choice((3, 5, 7)), 500, generator.choice((3, 5, 7)), 500) for _ in range(360 - ticks)]
    finding = judged(Rules(harm=0.01, alpha=0.01), [*clean, *[(15, 500, 5, 500)] * ticks]).at_end()
    assert (finding.verdict is Verdict.PASSED) is passes
    if passes:
        assert 5.0 < finding.numbers["blind_seconds"] < 30.0
    else:
        assert "look like harm" in finding.reason or finding.verdict is Verdict.FAILED


def test_a_bake_that_ends_with_nothing_but_failures_does_not_pass():
    clean = [(0, 1000, 0, 1000)] * 20
    assert judged(Rules(harm=0.05), clean).at_end().verdict is Verdict.PASSED
    finding = judged(Rules(harm=0.05), [*clean, (1, 1, 0, 1)]).at_end()
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "At the last look all 1 requests of the candidate were bad" in finding.reason


def test_a_pass_says_what_could_not_have_been_seen():
    finding = steady(Rules(harm=0.02), 0.01, 40).at_end()
    assert finding.verdict is Verdict.PASSED
    assert "could not have been seen" in finding.reason
    assert finding.numbers["harm_low"] < 0.0 < finding.numbers["harm_high"] < 0.02


def test_a_small_harm_is_found_by_the_look_at_the_end():
    comparison = judged(Rules(dispersion=1.0), [(8, 500, 5, 500), (5, 500, 5, 500)] * 20)
    finding = comparison.at_end()
    assert comparison.at_look().verdict is None
    assert finding.verdict is Verdict.FAILED
    assert finding.numbers["p_end"] <= 0.025
    assert "suffices at the end of the bake" in finding.reason


def test_the_interval_covers_the_true_rise():
    missed = 0
    for seed in range(40):
        numbers = steady(Rules(harm=0.02, alpha=0.1), 0.05, 12, requests=200, harm=0.03, seed=seed).at_end().numbers
        missed += not numbers["harm_low"] <= 0.03 <= numbers["harm_high"]
        assert numbers["harm_low"] < numbers["harm_high"]
    assert missed <= 4


def test_several_metrics_share_alpha():
    ticks = [(8, 500, 5, 500), (5, 500, 5, 500)] * 20
    assert judged(Rules(dispersion=1.0, metrics=20, harm=0.01), ticks).at_end().verdict is not Verdict.FAILED


def test_a_tolerated_rise_does_not_fail():
    ticks = [(10, 500, 5, 500), (9, 500, 5, 500), (10, 500, 4, 500)] * 60
    assert judged(Rules(), ticks).at_end().verdict is Verdict.FAILED
    assert judged(Rules(tolerate=0.01, harm=0.02), ticks).at_end().verdict is not Verdict.FAILED
    assert judged(Rules(tolerated_ratio=2.0, ratio=2.0, harm=0.02), ticks).at_end().verdict is not Verdict.FAILED


def test_a_cycle_common_to_both_arms_and_a_split_that_varies_with_it_are_no_harm():
    generator = random.Random(5)
    ticks = []
    for number in range(360):
        share = 0.002 + 0.018 * math.sin(math.pi * number / 360) ** 2
        n1 = round(400 * (0.05 + 0.15 * number / 360))
        ticks.append(
            (
                *(sum(generator.random() < share for _ in range(n1)), n1),
                *(sum(generator.random() < share for _ in range(400 - n1)), 400 - n1),
            )
        )
    for tolerate in (0.0, 0.001):
        assert judged(Rules(tolerate=tolerate, harm=0.02), ticks).at_end().verdict is not Verdict.FAILED


def test_bursts_are_told_and_do_not_fail():
    generator = random.Random(2)
    ticks = [
        (*(30 if generator.random() < 0.15 else 0, 500), *(30 if generator.random() < 0.15 else 0, 500))
        for _ in range(200)
    ]
    finding = judged(Rules(harm=0.01), ticks).at_end()
    assert finding.verdict is not Verdict.FAILED
    assert finding.numbers["dispersion"] > 10
    assert any("bursts" in warning for warning in finding.warnings)


def test_counts_are_weighed_by_the_split():
    fair = [(1, None, 9, None), (2, None, 18, None)] * 30
    rules = Rules(kind=SeriesKind.COUNT, candidate_share=(0.1, 0.1), ratio=1.5, harm=0.0)
    assert judged(rules, fair).at_end().verdict is not Verdict.FAILED
    assert judged(dataclasses.replace(rules, candidate_share=(0.02, 0.02)), fair).at_end().verdict is Verdict.FAILED
    band = dataclasses.replace(rules, candidate_share=(0.02, 0.1))
    assert judged(band, fair).at_end().verdict is Verdict.INCONCLUSIVE
    healthy = dataclasses.replace(rules, ratio=2.0)
    assert judged(healthy, [(5, None, 45, None), (4, None, 50, None)] * 30).at_end().verdict is Verdict.PASSED


def latency_looks(slowdown: float, looks: int, samples: int, seed: int = 1):
    generator = random.Random(seed)
    for number in range(1, looks + 1):
        yield Look(
            5.0 * number,
            Tally.of_latencies(generator.lognormvariate(-2.0, 0.8) for _ in range(samples)),
            Tally.of_latencies(slowdown * generator.lognormvariate(-2.0, 0.8) for _ in range(samples)),
        )


@pytest.mark.parametrize(("slowdown", "fails"), [(1.0, False), (1.4, True)])
def test_whole_distributions_of_response_times(slowdown, fails):
    for rules in (Rules(kind=SeriesKind.LATENCY, harm=0.05), Rules(kind=SeriesKind.LATENCY, slower_than=0.3)):
        comparison = Comparison(rules)
        for look in latency_looks(slowdown, 60, 60):
            comparison = comparison.including(look)
        assert (comparison.at_end().verdict is Verdict.FAILED) is fails


def test_a_slowdown_that_is_allowed_does_not_fail():
    comparison = Comparison(Rules(kind=SeriesKind.LATENCY, slowdown=1.4))
    for look in latency_looks(1.35, 60, 60):
        comparison = comparison.including(look)
    assert comparison.at_end().verdict is not Verdict.FAILED


def test_the_state_stays_small_however_long_it_runs():
    comparison = Comparison(Rules(bake=600.0, harm=0.01))
    for number in range(1, 801):
        comparison = comparison.including(Look(60.0 * number, Tally(1, 100), Tally(1, 100)))
    assert len(comparison.state.harm.restarts) <= 60
    assert len(comparison.state.passing.marks) <= 32
    assert comparison.state.harm.claimed <= 0.5


def test_records_of_something_else_are_refused():
    with pytest.raises(ValueError, match="no record of a comparison"):
        Comparison.from_json(Rules(), {"looks": "many"})


def test_an_e_value_says_what_it_would_have_taken():
    finding = judged(Rules(harm=0.005), [(1, 100, 1, 100)] * 12).at_end()
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.numbers["requests_missing"] > 0
    assert finding.numbers["seconds_missing"] > 0
    assert list(itertools.islice(finding.warnings, 1)) == []
