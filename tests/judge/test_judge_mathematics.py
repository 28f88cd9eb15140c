"""What the judge's bets are worth on average under their null, by enumeration, and its tails against scipy's."""

from __future__ import annotations

import itertools
import math
import random

import pytest
import scipy.special
import scipy.stats

from deliverkit.domain.judge.betting import harm_bets, pass_bets
from deliverkit.domain.judge.dispersion import Dispersion
from deliverkit.domain.judge.endlook import EndLook
from deliverkit.domain.judge.harm import Harm
from deliverkit.domain.judge.likelihood import likelihood_bets
from deliverkit.domain.judge.signs import Signs
from deliverkit.domain.judge.special import binomial_tail, incomplete_beta, student_tail

MARGINS = [(1.0, 0.0), (1.0, 0.02), (1.5, 0.0), (1.2, 0.01)]
ARMS = [(8, 8), (3, 12), (12, 2)]


def binomial(x: int, n: int, p: float) -> float:
    return math.comb(n, x) * p**x * (1.0 - p) ** (n - x)


def expected(bets, n1: int, n0: int, p1: float, p0: float) -> list[float]:
    """The exact mean of each bet when arms have those shares."""
    rows = [
        [binomial(x1, n1, p1) * binomial(x0, n0, p0) * math.exp(gain) for gain in bets(x1, x0)]
        for x1, x0 in itertools.product(range(n1 + 1), range(n0 + 1))
    ]
    return [math.fsum(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(("rho", "delta"), MARGINS)
@pytest.mark.parametrize(("n1", "n0"), ARMS)
@pytest.mark.parametrize("p0", [0.0, 0.05, 0.4])
def test_no_bet_on_harm_gains_on_average_on_the_edge_of_its_null(n1, n0, p0, rho, delta):
    def bets(x1, x0):
        gains, drags = harm_bets(x1, n1, x0, n0, rho)
        return [gain - delta * drag for gain, drag in zip(gains, drags, strict=True)]

    assert max(expected(bets, n1, n0, rho * p0 + delta, p0)) <= 1.0 + 1e-12


@pytest.mark.parametrize(("rho", "delta"), MARGINS)
@pytest.mark.parametrize(("n1", "n0"), ARMS)
@pytest.mark.parametrize("p0", [0.0, 0.05, 0.4])
def test_no_bet_on_no_harm_gains_on_average_on_the_edge_of_its_null(n1, n0, p0, rho, delta):
    def bets(x1, x0):
        gains, lifts = pass_bets(x1, n1, x0, n0, rho)
        return [gain + delta * lift for gain, lift in zip(gains, lifts, strict=True)]

    assert max(expected(bets, n1, n0, rho * p0 + delta, p0)) <= 1.0 + 1e-12


@pytest.mark.parametrize(("rho", "delta"), MARGINS)
@pytest.mark.parametrize(("n1", "n0"), ARMS)
@pytest.mark.parametrize("guess", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("p0", [0.05, 0.3, 0.6])
def test_no_likelihood_bet_gains_on_average_wherever_the_null_is_true(n1, n0, guess, p0, rho, delta):
    def bets(x1, x0):
        return likelihood_bets(x1, n1, x0, n0, guess, rho, delta)

    assert max(expected(bets, n1, n0, rho * p0 + delta, p0)) <= 1.0 + 1e-9


def test_likelihood_bets_gain_more_than_affine_ones_where_shares_are_high():
    def growth(gains):
        return max(gains)

    affine, _ = harm_bets(550, 1000, 500, 1000, 1.0)
    assert growth(likelihood_bets(550, 1000, 500, 1000, 0.5, 1.0, 0.0)) > 1.8 * growth(affine)


@pytest.mark.parametrize("guess", [0.0, 1e-12, 1.0 - 1e-16, 1.0])
@pytest.mark.parametrize(("rho", "delta"), MARGINS)
def test_likelihood_bets_are_numbers_also_at_the_ends_of_the_scale(guess, rho, delta):
    for x1, x0 in itertools.product((0.0, 1e12), repeat=2):
        assert all(map(math.isfinite, likelihood_bets(x1, 1e12, x0, 1e12, guess, rho, delta)))


def test_signs_gain_nothing_on_average_if_arms_are_alike():
    for ticks in range(1, 9):
        values = [
            math.exp(Signs(worse, ticks - worse, 0).evidence()) * math.comb(ticks, worse) for worse in range(ticks + 1)
        ]
        assert math.fsum(values) / 2**ticks == pytest.approx(1.0)


def test_evidence_with_restarts_gains_nothing_on_average():
    """A restart every other tick of five; every outcome is enumerated, one request per arm and tick, share one half."""
    total = 0.0
    for outcome in itertools.product(((0, 0), (0, 1), (1, 0), (1, 1)), repeat=5):
        harm = Harm()
        for tick, (x1, x0) in enumerate(outcome):
            harm = harm.restarted(tick // 2, 2).including(harm_bets(x1, 1.0, x0, 1.0, 1.0)[0])
        total += math.exp(harm.evidence()) / 4**5
    assert 0.5 < total <= 1.0 + 1e-12


def test_restarts_kept_as_one_sum_are_worth_what_they_are_one_by_one():
    generator, harm = random.Random(5), Harm()
    for tick in range(40):
        x1, x0 = generator.randrange(12), generator.randrange(9)
        harm = harm.restarted(tick // 3, 10).including(harm_bets(x1, 100.0, x0, 100.0, 1.0)[0])
        assert harm.evidence(1.0) == pytest.approx(harm.evidence(1.0 + 1e-12), abs=1e-7)
    assert len(harm.restarts) == 13


def test_a_mean_over_the_copies_begun_so_far_would_gain():
    """Why the weights of restarts are fixed beforehand: stopping at the right moment makes more of it than 1."""

    def best(copies: tuple[float, ...], ticks: int) -> float:
        now = math.fsum(copies) / len(copies) if copies else 1.0
        if not ticks:
            return now
        begun = (*copies, 1.0)
        go_on = math.fsum(0.5 * best(tuple(each * gain for each in begun), ticks - 1) for gain in (1.9, 0.1))
        return max(now, go_on)

    assert best((), 1) == pytest.approx(1.0)
    assert best((), 8) > 1.5


def test_dividing_by_a_dispersion_never_lifts_evidence_above_a_threshold():
    generator = random.Random(3)
    for _ in range(300):
        harm = Harm()
        for tick in range(generator.randrange(1, 9)):
            x1, x0 = generator.randrange(30), generator.randrange(10)
            harm = harm.restarted(tick, 4).including(harm_bets(x1, 100.0, x0, 100.0, 1.0)[0])
        for phi in (1.3, 4.0, 30.0):
            assert harm.evidence(phi) <= max(harm.evidence() / phi, 0.0) + 1e-9


def test_evidence_stays_rare_under_continuous_looking():
    generator = random.Random(7)
    failed = 0
    for _ in range(100):
        harm = Harm()
        for tick in range(60):
            x1, x0 = sum(generator.random() < 0.2 for _ in range(8)), sum(generator.random() < 0.2 for _ in range(8))
            harm = harm.restarted(tick // 12, 4).including(harm_bets(x1, 8.0, x0, 8.0, 1.0)[0])
            if harm.evidence() >= math.log(10.0):
                failed += 1
                break
    assert failed <= 100 * 0.1 + 2.0 * math.sqrt(100 * 0.09)


def test_tails_are_those_of_scipy():
    for a, b, x in itertools.product((0.5, 1.0, 7.3, 450.0), (0.5, 2.0, 31.0), (0.001, 0.3, 0.5, 0.97)):
        assert incomplete_beta(x, a, b) == pytest.approx(scipy.special.betainc(a, b, x), rel=1e-9, abs=1e-300)
    for successes, trials, share in (
        (10, 10, 0.5),
        (48, 60, 0.5),
        (3, 100, 0.1),
        (5050, 10_000, 0.5),
        (2_001_500, 4_000_000, 0.5),
        (0, 9, 0.5),
    ):
        assert binomial_tail(successes, trials, share) == pytest.approx(
            scipy.stats.binom.sf(successes - 1, trials, share), rel=1e-8
        )
    exact = scipy.stats.binom.sf(10_009_999, 20_000_000, 0.5)
    assert binomial_tail(10_010_000, 20_000_000, 0.5) == pytest.approx(exact, rel=1e-3)
    for t, freedom in itertools.product((-2.0, 0.0, 1.0, 4.5), (1.0, 6.2, 300.0)):
        assert student_tail(t, freedom) == pytest.approx(scipy.stats.t.sf(t, freedom), rel=1e-8)
    assert student_tail(2.0, 1e6) == pytest.approx(scipy.stats.norm.sf(2.0), rel=1e-4)


def test_the_look_at_the_end_is_the_exact_binomial_test():
    look, dispersion = EndLook(), Dispersion()
    for x1, x0 in ((6, 2), (5, 1), (7, 2)):
        look = look.including(x1, 100.0, x0, 300.0, 1.0, 0.0)
        dispersion = dispersion.including(x1, 100.0, x0, 300.0, is_share=True)
    exact = scipy.stats.binom.sf(17, 23, 0.25)
    assert look.p_value(0.0, dispersion, 1.0) >= exact
    assert scipy.stats.binom.sf(17, 23, 0.25) == pytest.approx(look._exact(1.0), rel=1e-9)


def test_the_dispersion_of_independent_requests_is_one_and_that_of_bursts_is_theirs():
    generator = random.Random(11)
    plain, bursts, harmed = Dispersion(), Dispersion(), Dispersion()
    for _ in range(1000):
        x1, x0, y1, y0 = (sum(generator.random() < 0.1 for _ in range(40)) for _ in range(4))
        plain = plain.including(x1, 400.0, x0, 400.0, is_share=True)
        bursts = bursts.including(5 * y1, 2000.0, 5 * y0, 2000.0, is_share=True)
        harmed = harmed.including(x1 + 20 + 0.1 * y1, 400.0, x0, 400.0, is_share=True)
    assert plain.estimate(None) == pytest.approx(1.0, abs=0.13)
    assert bursts.estimate(None) == pytest.approx(4.5, abs=0.6)
    assert harmed.estimate(None) == pytest.approx(1.0, abs=0.13)
