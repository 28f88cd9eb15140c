"""Laws of the judge on simulated rollouts: what it promises of chance, with fixed seeds and the bench's own traffic."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "benches"))

import judge_ours as ours
import judge_traffic as traffic
from judge_traffic import Bursts, Harm, Setting, constant, cycle, steady, stepped

LOOKS = 72
SHARE = stepped(*(0.05, 0.2) * 10)


def judged(setting: Setting, harm: Harm, runs: int, looks: int = LOOKS) -> list[ours.Judged]:
    """Rollouts whose bake is over after some looks."""
    drawn = traffic.draw(setting, harm, np.random.default_rng(20), runs)
    rules = replace(ours.rules_for(setting), bake=looks * setting.tick)
    begun = traffic.Traffic(*(tuple(arm[:, :looks] for arm in counts) for counts in (drawn.errors, drawn.requests)))
    return [ours.judged(rules, rollout) for rollout in ours.looks_of(begun, setting.tick)]


def failed(found: list[ours.Judged]) -> int:
    return sum(each.verdict == "failed" for each in found)


@pytest.mark.parametrize(
    "setting",
    [
        constant(100, 0.01),
        constant(10, 0.001),
        constant(100, 0.3),
        constant(100, 0.01, bursts=Bursts(10)),
        constant(1000, 0.01, bursts=Bursts(30)),
        constant(100, 0.01, bursts=Bursts(5, retried=True)),
        constant(100, 0.01, bursts=Bursts(30, common=True)),
        constant(100, 0.01, bursts=Bursts(5), dispersion=5.0),
        constant(100, 0.01, ratio=1.2, tolerate=0.002),
        Setting("10:90, bursts", (steady(20), steady(180)), steady(0.01), Bursts(5)),
        Setting("varying split, cycle", (400 * SHARE, 400 * (1 - SHARE)), cycle(0.002, 0.02)),
    ],
    ids=lambda setting: f"{setting.name}-{setting.bursts.phi:g}-{setting.tolerate:g}",
)
def test_no_more_than_alpha_of_the_harmless_are_failed_with_looks_at_every_tick(setting: Setting) -> None:
    runs = 50
    assert failed(judged(setting, traffic.NONE, runs)) <= binom.ppf(0.999, runs, setting.alpha)


def test_two_arms_without_any_error_are_never_failed() -> None:
    assert failed(judged(constant(100, 0.0), traffic.NONE, 20)) == 0


@pytest.mark.parametrize("onset", [0.0, 0.1, 0.15, 0.18])
def test_harm_of_twice_the_margin_does_not_pass_whenever_it_begins(onset: float) -> None:
    setting = constant(100, 0.01, margin=0.01, alpha=0.01)
    found = judged(setting, Harm(0.02, onset=onset), 25)
    assert not [each for each in found if each.verdict == "passed"]
    if not onset:
        healthy = judged(setting, traffic.NONE, 25)
        assert sum(each.verdict == "passed" for each in healthy) >= 15


def test_five_points_of_harm_are_found_within_ten_seconds() -> None:
    for tick, dispersion in ((1.0, None), (5.0, 1.0)):
        setting = constant(100, 0.01, tick=tick, dispersion=dispersion)
        assert np.median([each.failed_at for each in judged(setting, Harm(0.05), 40)]) < 10


def test_harm_is_found_however_late_it_begins_and_whatever_bursts_there_were() -> None:
    late = judged(constant(100, 0.01), Harm(0.05, onset=0.18), 25)
    assert failed(late) == 25
    assert all(each.failed_at > 0.18 * traffic.TICKS * traffic.TICK for each in late)
    assert failed(judged(constant(100, 0.01, bursts=Bursts(5)), Harm(0.05), 25)) >= 24


def test_small_harm_is_found_by_the_look_at_the_end_more_often_than_without_it() -> None:
    found = judged(constant(100, 0.01), Harm(0.002), 60)
    alone = sum(each.evidence_alone <= traffic.ALPHA for each in found)
    assert failed(found) > alone
    assert failed(found) >= 20
