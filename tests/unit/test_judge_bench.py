"""The bench of the judge is fair: traffic is as said, peers judge as their sources do, the docs have its figures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import norm, rankdata

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "benches"))

import judge  # noqa: E402
import judge_contestants as contestants  # noqa: E402
import judge_goals as goals  # noqa: E402
import judge_scores as scores  # noqa: E402
import judge_suite as suite  # noqa: E402
import judge_traffic as traffic  # noqa: E402

Shares = npt.NDArray[np.float64]


def bench(*options: str) -> str:
    command = [sys.executable, str(ROOT / "scripts" / "benches" / "judge.py"), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


# --- traffic --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bursts", "phi"),
    [
        (traffic.Bursts(), 1.0),
        (traffic.Bursts(5), 5.0),
        (traffic.Bursts(30), 30.0),
        (traffic.Bursts(5, common=True), 5.0),
        (traffic.Bursts(5, retried=True), 5.0),
    ],
)
def test_bursts_have_the_mean_and_the_dispersion_that_they_say(bursts: traffic.Bursts, phi: float) -> None:
    setting = traffic.constant(100, 0.01, bursts=bursts)
    drawn = traffic.draw(setting, traffic.NONE, np.random.default_rng(1), 100)
    for errors, requests in zip(drawn.errors, drawn.requests, strict=True):
        assert errors.sum() / requests.sum() == pytest.approx(0.01, rel=0.05)
        expected = requests * 0.01
        assert ((errors - expected) ** 2).sum() / (expected * 0.99).sum() == pytest.approx(phi, rel=0.15)
        assert (errors <= requests).all()


def test_harm_begins_when_it_says_and_is_the_same_size_in_one_instance_of_fifty() -> None:
    setting = traffic.constant(1000, 0.01)
    for harm in (traffic.Harm(0.01, onset=0.75), traffic.Harm(0.01, "instance", 0.75)):
        drawn = traffic.draw(setting, harm, np.random.default_rng(1), 20)
        before, after = np.split(np.arange(traffic.TICKS), [270])
        share = [drawn.errors[0][:, part].sum() / drawn.requests[0][:, part].sum() for part in (before, after)]
        assert share == pytest.approx([0.01, 0.02], rel=0.03)
        assert drawn.errors[1].sum() / drawn.requests[1].sum() == pytest.approx(0.01, rel=0.03)


def test_a_leak_reaches_its_size_at_the_end_and_a_flapping_instance_is_bad_one_minute_of_five() -> None:
    leak = traffic.Harm(0.01, "leak").path()
    assert leak[-1] == pytest.approx(0.01)
    assert leak.mean() == pytest.approx(0.005, rel=0.01)
    flapping = traffic.Harm(0.01, "flapping").path().reshape(-1, traffic.MINUTE)
    assert [minute[0] > 0 for minute in flapping[:10]] == 2 * [False, False, False, False, True]


def test_what_is_tolerated_is_used_up_to_its_end_on_the_edge() -> None:
    setting = traffic.constant(1000, 0.01, ratio=1.2, tolerate=0.002)
    drawn = traffic.draw(setting, traffic.NONE, np.random.default_rng(1), 20)
    assert drawn.errors[0].sum() / drawn.requests[0].sum() == pytest.approx(0.014, rel=0.02)


# --- peers ----------------------------------------------------------------------------------------


def kayenta_by_its_source(candidate: Shares, baseline: Shares) -> bool:
    """MannWhitney.scala, step by step, with bisection in the place of Brent's method."""

    def above(shift: float, quantile: float) -> float:
        ranks = rankdata(np.concatenate([candidate - shift, baseline]))
        size, other = len(candidate), len(baseline)
        sum_ = ranks[:size].sum() - size * (size + 1) / 2 - size * other / 2
        ties = sum(count**3 - count for count in np.unique(ranks, return_counts=True)[1])
        both = size + other
        deviation = np.sqrt(size * other / 12 * (both + 1 - ties / (both * (both - 1))))
        return float((sum_ - np.sign(sum_) * 0.5) / deviation - quantile)

    def root(quantile: float) -> float:
        low, high = candidate.min() - baseline.max(), candidate.max() - baseline.min()
        if above(low, quantile) <= 0:
            return float(low)
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if above(middle, quantile) > 0 else (low, middle)
        return float(high)

    lower = root(norm.ppf(0.99))
    return lower > 0.25 * abs(root(0.0)) + 1e-12 and candidate.mean() > baseline.mean()


@pytest.mark.parametrize("digits", [2, 6])
def test_kayentas_verdict_is_that_of_its_source(digits: int) -> None:
    random = np.random.default_rng(digits)
    candidate = np.round(random.gamma(2.0, 0.018, (60, 12)), digits)
    baseline = np.round(random.gamma(2.0, 0.006, (60, 12)), digits)
    found = contestants.is_high(candidate, baseline)
    assert found.tolist() == [kayenta_by_its_source(*pair) for pair in zip(candidate, baseline, strict=True)]
    assert 10 < found.sum() < 50


def test_kayenta_passes_the_anchor_case_and_ours_fails_it() -> None:
    anchor = np.array([goals.ANCHOR])
    assert not contestants.is_high(anchor, np.zeros_like(anchor)).any()
    assert all(goal.is_met for goal in goals.goals({}, [], {}) if "anchor" in goal.what)


def test_kayenta_once_looks_at_the_end_alone() -> None:
    candidate = np.concatenate([np.full((1, 10), 0.1), np.zeros((1, 20))], axis=1) + np.arange(30) * 1e-6
    found = contestants.kayenta(candidate, np.full((1, 30), 0.01) + np.arange(30) * 1e-7)
    assert found.each_minute.tolist() == [5.0]
    assert found.once.tolist() == [contestants.NEVER]


def test_a_threshold_fails_once_its_failure_limit_is_exceeded() -> None:
    shares = np.array([[0.0, 0.02, 0.0, 0.02, 0.02]])
    assert contestants.threshold(shares, 0.02, 0).tolist() == [2]
    assert contestants.threshold(shares, 0.02, 1).tolist() == [4]
    assert contestants.threshold(shares, 0.02, 3).tolist() == [contestants.NEVER]


def test_an_oracles_thresholds_fail_as_many_of_the_harmless_as_it_may_and_no_more() -> None:
    harmless = np.random.default_rng(3).normal(size=(400, 30))
    for limit, failure_limit in contestants.tuned(harmless, 0.05):
        failed = np.isfinite(contestants.threshold(harmless, limit, failure_limit)).mean()
        assert failed == pytest.approx(0.05)


def test_ours_is_matched_to_fail_as_many_of_the_harmless_as_the_peer_and_no_more() -> None:
    strengths = np.linspace(0.001, 1.0, 1000)
    for alarms in (0.0, 0.003, 0.04, 0.2):
        assert (strengths <= scores.matched_alpha(strengths, alarms)).mean() == pytest.approx(alarms)
    assert scores.matched_alpha(np.full(1000, 2.0), 0.0) == 0.05
    assert scores.matched_alpha(strengths, 1.0) > 1


# --- the command and the page ---------------------------------------------------------------------


def test_a_small_run_gives_the_same_figures_with_any_number_of_processes() -> None:
    options = ("--runs", "6", "--row", "late*: 100/s, 1 %, +1 pp, from [59]0*", "--seed", "3")
    alone = bench(*options, "--jobs", "1")
    assert bench(*options, "--jobs", "2") == alone
    assert bench(*options[:-1], "4", "--jobs", "2") != alone
    assert "| 100/s, 1 %, +1 pp, from 50 % of the bake | 0." in alone
    assert "| false rollbacks, every harmless row" in alone


def test_the_page_has_a_row_for_each_row_of_the_suite() -> None:
    page = judge.PAGE.read_text(encoding="utf-8")
    for case in judge.cases(2):
        begin = case.setting.name
        if case.harm.points and case.family != suite.PASSES:
            begin += f", {case.harm.name}"
        assert f"| {begin} | " in page, begin
