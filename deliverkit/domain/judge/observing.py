"""From a look to what the tests count: events and requests of each arm, and the bets of the tick."""

from __future__ import annotations

from dataclasses import dataclass

from deliverkit.domain.judge.exceedance import (
    COUNTED,
    Histogram,
    above,
    exceedance_bets,
    exceedances,
    requests_of,
)
from deliverkit.domain.judge.looks import Look, Tally
from deliverkit.domain.judge.rules import Rules, SeriesKind


@dataclass(frozen=True, slots=True)
class Counts:
    """What both arms showed in a tick, as the tests take it.

    Attributes:
        x1: Events of the candidate.
        n1: Its requests; for counts without denominators its share of the traffic, the highest.
        x0: Events of the baseline.
        n0: Its requests or share.
        bets: Log gains of bets on harm where they are not made on these counts (whole distributions).
        lowest: The candidate's lowest share and the baseline's highest; None where requests are counted.
    """

    x1: float
    n1: float
    x0: float
    n0: float
    bets: tuple[float, ...] = ()
    lowest: tuple[float, float] | None = None


def has_rates_only(rules: Rules, look: Look) -> bool:
    """Whether the look has shares without the requests they are shares of.

    Raises:
        ValueError: Only one of the arms counts requests.
    """
    arms = (look.baseline, look.candidate)
    without = [each.requests is None and not each.latencies for each in arms]
    if any(without) and not all(without):
        raise ValueError(f"look at {look.at:g}: only one of the arms says how many requests it had")
    return all(without) and rules.kind is not SeriesKind.COUNT


def counts_of(rules: Rules, look: Look, past: Histogram) -> Counts | None:
    """What the tests take from a look; None when nothing can be compared.

    That is when an arm had no requests, and for the first look at whole distributions, which only sets the thresholds.
    """
    if rules.kind is SeriesKind.COUNT and look.candidate.requests is None:
        low, high = rules.candidate_share
        return Counts(look.candidate.events, high, look.baseline.events, 1.0 - high, lowest=(low, 1.0 - low))
    n1, n0 = _requests(look.candidate), _requests(look.baseline)
    if not n1 or not n0:
        return None
    if judges_distributions(rules, look):
        return _distributions(rules, look, past, n1, n0)
    return Counts(_events(look.candidate, rules), n1, _events(look.baseline, rules), n0)


def judges_distributions(rules: Rules, look: Look) -> bool:
    """Whether whole distributions of response times are compared."""
    has_times = bool(look.candidate.latencies or look.baseline.latencies)
    return rules.kind is SeriesKind.LATENCY and rules.slower_than is None and has_times


def _distributions(rules: Rules, look: Look, past: Histogram, n1: float, n0: float) -> Counts | None:
    thresholds = past.quantiles()
    if not thresholds:
        return None
    counts = exceedances(look, thresholds, rules.slowdown)
    x1, x0 = counts[COUNTED]
    return Counts(x1, n1, x0, n0, bets=tuple(exceedance_bets(counts, n1, n0)))


def _requests(tally: Tally) -> float:
    if tally.latencies:
        return requests_of(tally.latencies)
    return tally.requests or 0.0


def _events(tally: Tally, rules: Rules) -> float:
    if tally.latencies and rules.slower_than is not None:
        return above(tally.latencies, rules.slower_than)
    return tally.events
