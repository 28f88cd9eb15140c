"""What the traffic can show, before the rollout."""

from __future__ import annotations

import math

import pytest

from deliverkit.domain.judge.planning import Traffic, requests_to_fail, requests_to_pass, smallest_harm, smallest_margin
from deliverkit.domain.judge.rules import Rules


def test_no_errors_at_all_pass_by_the_rule_of_three():
    needed = requests_to_pass(Rules(harm=0.01, alpha=0.05), Traffic(rate=10, base=0.0))
    assert 300 <= needed <= 450


def test_more_traffic_and_more_time_show_smaller_harm():
    rules = Rules()
    small = smallest_harm(rules, Traffic(rate=20, base=0.01), 1800)
    large = smallest_harm(rules, Traffic(rate=200, base=0.01), 1800)
    longer = smallest_harm(rules, Traffic(rate=200, base=0.01), 7200)
    assert 0.01 > small > large > longer > 0.0
    assert small / large == pytest.approx(math.sqrt(10), rel=0.3)


def test_half_a_point_on_one_percent_takes_about_what_simulations_took():
    """100 requests/s and arm: the simulated median of the full rule was 120 s."""
    assert requests_to_fail(Rules(), Traffic(rate=200, base=0.01), 0.005) / 100 == pytest.approx(120, rel=0.25)


def test_an_unequal_split_needs_more_time():
    rules = Rules()
    fair, small = Traffic(rate=100, base=0.01, share=0.5), Traffic(rate=100, base=0.01, share=0.1)
    assert requests_to_fail(rules, small, 0.01) / 0.1 > requests_to_fail(rules, fair, 0.01) / 0.5


def test_what_cannot_be_shown_is_infinite():
    assert requests_to_pass(Rules(harm=0.0), Traffic(rate=10, base=0.01)) == math.inf
    assert requests_to_pass(Rules(harm=0.01), Traffic(rate=10, base=0.01), harm=0.02) == math.inf
    assert requests_to_fail(Rules(tolerate=0.02), Traffic(rate=10, base=0.01), 0.01) == math.inf
    assert smallest_margin(Rules(), Traffic(rate=0.001, base=0.01), 60) > 0.9


@pytest.mark.parametrize("wrong", [{"rate": 0}, {"base": -0.1}, {"base": math.nan}, {"share": 1.0}])
def test_traffic_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Traffic(**{"rate": 1.0, "base": 0.0, **wrong})
