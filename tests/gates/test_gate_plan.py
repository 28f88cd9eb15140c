"""`deliverkit gate plan`: what the traffic at hand can show, and whether the judge then does as planned."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from series_files import gate

from deliverkit.domain.judge.comparison import Comparison
from deliverkit.domain.judge.looks import Look, Tally
from deliverkit.domain.judge.rules import Rules

CONFIGURATION = """application: shop
release:
  bundle: {path: build/}
  store: s3://shop-releases/shop
gates:
  up: {http: {url: "${endpoint}/"}}
  both: {compare: {metric: AWS/ApplicationELB Errors, per: RequestCount}, harm: 1%}
  canary:
    compare: {metric: AWS/ApplicationELB Errors, per: RequestCount, candidate_share: 10%, period: 10s}
    harm: 1%
    alpha: 2%
  counts: {compare: {metric: Shop Exceptions}, harm: 5}
environments:
  dev:
    deploy: {codedeploy: {group: shop-dev}}
    gates: {after: [both]}
    bake_time: 10m
  production:
    from: dev
    deploy: {codedeploy: {group: shop-prod}}
    gates: {during: [both, up]}
    bake_time: 2h
"""


def planned(*words: str) -> Any:
    return gate("plan", *words, "--output", "json").document


def test_more_traffic_time_or_margin_show_more(own_signals: None) -> None:
    usual = planned("--rate", "100/s", "--base", "1%", "--bake", "30m", "--harm", "0.5%")
    for words in (("--rate", "200/s"), ("--bake", "1h"), ("--alpha", "10%"), ("--base", "0.1%"), ("--dispersion", "1")):
        assert planned(*words)["smallest_harm"] < usual["smallest_harm"], words
    for words in (("--rate", "200/s"), ("--harm", "1%"), ("--base", "0.1%")):
        assert planned(*words)["to_pass"]["seconds"] < usual["to_pass"]["seconds"], words
    assert planned("--split", "10:90")["smallest_harm"] > usual["smallest_harm"]
    sizes = [each["smallest_harm"] for each in usual["bakes"]]
    assert sizes == sorted(sizes, reverse=True)
    times = [each["seconds"] for each in usual["to_fail"]]
    assert times == sorted(times, reverse=True)


def test_traffic_is_the_same_in_any_unit(own_signals: None) -> None:
    assert planned("--rate", "100/s") == planned("--rate", "6,000/min") == planned("--rate", "360000/h") == planned()


def test_the_sentence_says_what_the_bake_time_is_long_enough_for(own_signals: None) -> None:
    words = " ".join(gate("plan", "--rate", "100/s", "--base", "1%").out.split())
    assert words.startswith(
        "With 100 requests/s, of which 1 % are bad anyhow and 50 % go to the candidate, in 30 min of"
    )
    assert "a harmless one passes (0.5 % ruled out) after " in words
    assert "that is too short to pass: ruling out 0.5 % takes " in " ".join(gate("plan", "--rate", "1/s").out.split())
    assert "no rise is found" in " ".join(gate("plan", "--rate", "1/h").out.split())
    assert "nothing passes, for --harm is 0" in " ".join(gate("plan", "--harm", "0").out.split())
    assert "* 30 min" in gate("plan").out


def test_a_gate_of_the_configuration_has_the_bake_time_of_its_longest_environment(
    nowhere: Path, own_signals: None
) -> None:
    (nowhere / "deliverkit.yml").write_text(CONFIGURATION, encoding="utf-8")
    assert planned("both")["bake"] == 7200.0
    assert planned("both", "--bake", "5m")["bake"] == 300.0
    assert planned("canary")["bake"] == 1800.0
    unknown = gate("plan", "pu")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err == (
        "error: there is no gate pu; the configuration has up, both, canary, counts\n  next: deliverkit gate plan up\n"
    )


def test_a_gate_that_compares_is_planned_by_its_own_rules(nowhere: Path, own_signals: None) -> None:
    (nowhere / "deliverkit.yml").write_text(CONFIGURATION, encoding="utf-8")
    ran = gate("plan", "canary", "--output", "json")
    assert {name: ran.document[name] for name in ("harm", "alpha", "split", "every", "bake")} == {
        "harm": 0.01,
        "alpha": 0.02,
        "split": 0.1,
        "every": 10.0,
        "bake": 1800.0,
    }
    assert ran.document["dispersion"] is None
    assert ran.err == ""
    typed = planned("canary", "--harm", "2%", "--alpha", "5%", "--split", "50:50", "--every", "1m")
    assert [typed[name] for name in ("harm", "alpha", "split", "every")] == [0.02, 0.05, 0.5, 60.0]


def test_a_gate_that_compares_no_shares_has_no_plan(nowhere: Path, own_signals: None) -> None:
    (nowhere / "deliverkit.yml").write_text(CONFIGURATION, encoding="utf-8")
    nothing, counts = gate("plan", "up"), gate("plan", "counts")
    assert (nothing.code, nothing.out) == (counts.code, counts.out) == (2, "")
    assert nothing.err == "error: gate up compares nothing\n  next: deliverkit gate plan --bake 2h\n"
    assert "gate counts compares only numbers of events, and plans are of shares" in counts.err


def test_without_a_gate_no_configuration_is_needed(nowhere: Path, own_signals: None) -> None:
    assert gate("plan").code == 0
    assert "there is no deliverkit.yml" in gate("plan", "up").err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--rate", "many"), "'many' is no traffic: write 100/s, 6000/min or 1000000/h"),
        (("--rate", "0/s"), "'0/s' is no traffic"),
        (("--rate", "100"), "'100' is no traffic: write 100/s"),
        (("--every", "2h"), "a look every 7200 s never comes in 1800 s of bake time"),
        (("--base", "100%"), "with a base of 100 % nothing can get worse"),
        (("--base", "2"), "'2' is no share of all requests"),
        (("--bake", "30"), "30 has no unit"),
        (("--harm", "200%"), "--harm 2 is more than all requests"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(own_signals: None, words: tuple[str, ...], problem: str) -> None:
    ran = gate("plan", *words)
    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.err


def test_rollouts_fail_about_as_soon_as_planned(own_signals: None) -> None:
    """Half of them within the planned time, give or take a third; with seeded traffic, as it would come."""
    (plan,) = [each for each in planned("--base", "1%", "--rate", "200/s")["to_fail"] if each["harm"] == 0.01]
    draw = random.Random(7)
    times = sorted(_failed_after(draw, limit=6 * plan["seconds"]) for _ in range(15))
    assert 0.5 * plan["seconds"] <= times[len(times) // 2] <= 1.5 * plan["seconds"]


def _failed_after(draw: random.Random, limit: float) -> float:
    comparison, at = Comparison(Rules(harm=0.005)), 0.0
    while comparison.state.failure is None and at < limit:
        at += 5.0
        old, new = (float(sum(draw.random() < share for _ in range(500))) for share in (0.01, 0.02))
        comparison = comparison.including(Look(at, Tally(old, 500.0), Tally(new, 500.0)))
    return at
