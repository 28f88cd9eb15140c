"""What is remembered of the looks, and how a look is folded in. Its size does not grow with their number."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from deliverkit.domain.judge.betting import RATIOS, harm_bets, pass_bets
from deliverkit.domain.judge.dispersion import LIMIT, Dispersion
from deliverkit.domain.judge.endlook import EndLook
from deliverkit.domain.judge.exceedance import Histogram
from deliverkit.domain.judge.harm import COPIES, Harm
from deliverkit.domain.judge.likelihood import FROM_SHARE, likelihood_bets
from deliverkit.domain.judge.looks import Look
from deliverkit.domain.judge.observing import Counts, counts_of, has_rates_only, judges_distributions
from deliverkit.domain.judge.passing import Passing
from deliverkit.domain.judge.rules import Rules, SeriesKind
from deliverkit.domain.judge.signs import Signs

RESTART_EVERY = 60.0
"""Seconds from one restart to the next; longer where the planned time would need more than `COPIES`."""
_NOTHING = (0.0,) * len(RATIOS)


@dataclass(frozen=True, slots=True)
class Failure:
    """The look at which the evidence of harm sufficed.

    Attributes:
        at: Its time.
        evidence: Log of the e-value then, bursts allowed for.
        totals: Events and requests then: candidate, baseline.
    """

    at: float
    evidence: float
    totals: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class State:
    """The record of a comparison.

    Attributes:
        first_at: Time of the first look; None before it.
        at: Time of the last look.
        seen_at: Time of the last look that was not skipped.
        looks: Looks taken in, with the skipped ones.
        skipped: Looks in which an arm had no requests.
        without_requests: Whether the looks are rates of unknown numbers of requests.
        totals: Events and requests so far: candidate, baseline.
        gains: Log of each affine bet at margin 0, for the interval.
        drags: What each unit of margin takes off it.
        harm: Bets on harm.
        passing: Bets on no harm.
        dispersion: The burst guard.
        end_look: Sums for the look at the end.
        signs: Which arm was the worse, tick by tick.
        past: Response times so far, where whole distributions are compared.
        evidence: Log of the e-value for harm now, bursts allowed for.
        raw_evidence: The same for independent requests.
        failure: Set once the evidence sufficed.
    """

    first_at: float | None = None
    at: float | None = None
    seen_at: float | None = None
    looks: int = 0
    skipped: int = 0
    without_requests: bool = False
    totals: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    gains: tuple[float, ...] = _NOTHING
    drags: tuple[float, ...] = _NOTHING
    harm: Harm = field(default_factory=Harm)
    passing: Passing = field(default_factory=Passing)
    dispersion: Dispersion = field(default_factory=Dispersion)
    end_look: EndLook = field(default_factory=EndLook)
    signs: Signs = field(default_factory=Signs)
    past: Histogram = field(default_factory=Histogram)
    evidence: float = 0.0
    raw_evidence: float = 0.0
    failure: Failure | None = None


def threshold(rules: Rules, *, without_requests: bool = False) -> float:
    """The log evidence that fails at a look: half of alpha, the other half is for the end (rates have no end look)."""
    return math.log((1.0 if without_requests else 2.0) * rules.metrics / rules.alpha)


def folded(rules: Rules, state: State, look: Look) -> State:
    """The state with one more look.

    Raises:
        ValueError: The look is not later than the last one, or counts otherwise than others did; the message names it.
    """
    if state.at is not None and look.at <= state.at:
        raise ValueError(f"look at {look.at:g}: a look at {state.at:g} is already in; looks come in order, each once")
    rates = has_rates_only(rules, look)
    if state.looks > state.skipped and rates is not state.without_requests:
        raise ValueError(f"look at {look.at:g}: some looks say how many requests there were, others do not")
    counts = None if rates else counts_of(rules, look, state.past)
    changes: dict[str, Any] = {"at": look.at, "looks": state.looks + 1}
    if state.first_at is None:
        changes["first_at"] = look.at
    if judges_distributions(rules, look):
        changes["past"] = state.past.including((*look.baseline.latencies, *look.candidate.latencies))
    if not rates and counts is None:
        return replace(state, **changes, skipped=state.skipped + 1)
    changes |= _with_counts(rules, state, look, counts) if counts else _with_rates(state, look)
    if state.failure is None and changes["evidence"] >= threshold(rules, without_requests=rates):
        changes["failure"] = Failure(look.at, changes["evidence"], changes["totals"])
    return replace(state, **changes, seen_at=look.at)


def _with_rates(state: State, look: Look) -> dict[str, Any]:
    one, zero = look.candidate.events, look.baseline.events
    signs = state.signs.including(one, zero)
    x1, n1, x0, n0 = state.totals
    evidence = signs.evidence()
    return {
        "without_requests": True,
        "signs": signs,
        "totals": (x1 + one, n1 + 1.0, x0 + zero, n0 + 1.0),
        "evidence": evidence,
        "raw_evidence": evidence,
    }


def _with_counts(rules: Rules, state: State, look: Look, counts: Counts) -> dict[str, Any]:
    x1, n1, x0, n0 = counts.x1, counts.n1, counts.x0, counts.n0
    rho, delta = rules.tolerated_ratio, rules.tolerate
    gains, drags = harm_bets(x1, n1, x0, n0, rho)
    bets = counts.bets or _bets(rules, state, counts, gains, drags)
    if state.harm.sums and len(state.harm.sums) != len(bets):
        raise ValueError(f"look at {look.at:g}: some looks have response times, others only counts")
    harm = _restarted(rules, state, look).including(bets)
    dispersion = state.dispersion.including(x1, n1, x0, n0, is_share=rules.kind is not SeriesKind.COUNT)
    evidence, raw = guarded(harm, dispersion, rules.dispersion)
    y1, m1, y0, m0 = state.totals
    before = look.at if state.at is None else state.at
    return {
        "totals": (y1 + x1, m1 + n1, y0 + x0, m0 + n0),
        "gains": tuple([a + b for a, b in zip(state.gains, gains, strict=True)]),
        "drags": tuple([a + b for a, b in zip(state.drags, drags, strict=True)]),
        "harm": harm,
        "passing": state.passing.including(before, 2.0 * n1 * n0 / (n1 + n0), _pass_bets(rules, counts), state.totals),
        "dispersion": dispersion,
        "end_look": state.end_look.including(x1, n1, x0, n0, rho, delta),
        "signs": state.signs.including(x1 / n1, x0 / n0),
        "evidence": evidence,
        "raw_evidence": raw,
    }


def guarded(harm: Harm, dispersion: Dispersion, known: float | None) -> tuple[float, float]:
    """Log evidence of harm, first with bursts allowed for, then as if requests were independent."""
    raw = harm.evidence()
    if raw <= 0.0:
        return raw, raw
    phi = dispersion.careful(known)
    learned = dispersion.tempered(harm.evidence(phi), known)
    # The mean of powers is at most the power of the mean: most of the time that decides without a sum.
    if raw / LIMIT > learned:
        learned = max(learned, harm.evidence(LIMIT))
    return min(raw, learned), raw


def _bets(rules: Rules, state: State, counts: Counts, gains: list[float], drags: list[float]) -> list[float]:
    """Which bets are made is decided by earlier ticks alone, so each tick's factor keeps its mean of at most 1."""
    events1, requests1, events0, requests0 = state.totals
    is_common = rules.kind is not SeriesKind.COUNT and events1 + events0 > FROM_SHARE * (requests1 + requests0)
    if is_common and requests0 > 0.0:
        base = (events0 + 0.5) / (requests0 + 1.0)
        rho, delta = rules.tolerated_ratio, rules.tolerate
        return likelihood_bets(counts.x1, counts.n1, counts.x0, counts.n0, base, rho, delta)
    return [gain - rules.tolerate * drag for gain, drag in zip(gains, drags, strict=True)]


def _pass_bets(rules: Rules, counts: Counts) -> list[float]:
    n1, n0 = counts.lowest or (counts.n1, counts.n0)
    gains, lifts = pass_bets(counts.x1, n1, counts.x0, n0, rules.ratio)
    return [gain + rules.harm * lift for gain, lift in zip(gains, lifts, strict=True)]


def _restarted(rules: Rules, state: State, look: Look) -> Harm:
    if state.first_at is None:
        return state.harm
    every = max(RESTART_EVERY, rules.bake / COPIES)
    due = math.floor((look.at - state.first_at) / every)
    return state.harm.restarted(due, math.ceil(rules.bake / every) - 1)
