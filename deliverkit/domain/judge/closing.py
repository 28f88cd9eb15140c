"""The verdict when the bake time is over: one exact look for harm, then the evidence of no harm, else not enough."""

from __future__ import annotations

import math
from typing import Any

from deliverkit.domain.gate import Verdict
from deliverkit.domain.judge import wording
from deliverkit.domain.judge.evidence import State, threshold
from deliverkit.domain.judge.interval import bounds
from deliverkit.domain.judge.passing import Mark, blind
from deliverkit.domain.judge.planning import Traffic, requests_to_fail, requests_to_pass
from deliverkit.domain.judge.rules import Rules, SeriesKind

Totals = tuple[float, float, float, float]

WINDOW = 2.2
"""The last window has so many times the requests that show "no harm" with an even chance: a chance of about 95 %."""

_NEAR = 1e-6
"""Plans are made for shares that are this far from 0 and 1."""


def close(rules: Rules, state: State, seen: str) -> tuple[Verdict, str, dict[str, Any]]:
    """Verdict, reason and further numbers for a comparison that has not failed and is not empty."""
    if state.without_requests:
        reason = f"Not enough evidence: {seen}. {_sign_words(rules, state)} {wording.GIVE_COUNTS}"
        return Verdict.INCONCLUSIVE, reason, {}
    numbers: dict[str, Any] = bounds(rules, state)
    p_end = state.end_look.p_value(rules.tolerate, state.dispersion, rules.dispersion)
    enough = rules.alpha / 2.0 / rules.metrics
    numbers |= {"p_end": p_end, "p_end_limit": enough}
    if p_end <= enough:
        odds = "1 in " + (f"{1.0 / p_end:,.0f}" if p_end > 1e-15 else "10^15 or more")
        what = wording.allowed(rules)
        told = f"The candidate is worse than {what}: {seen}. The chance of that much without harm is {odds}"
        return Verdict.FAILED, f"{told}; {wording.percent(enough)} suffices at the end of the bake.", numbers
    if rules.harm == 0.0 and rules.ratio <= 1.0:
        why = "Without a harm that matters nothing can pass: say from which rise on a release is harmful."
        return Verdict.INCONCLUSIVE, f"No proof of harm: {seen}. {why}", numbers
    return _passed_or_open(rules, state, seen, numbers)


def _passed_or_open(
    rules: Rules, state: State, seen: str, numbers: dict[str, Any]
) -> tuple[Verdict, str, dict[str, Any]]:
    phi = state.dispersion.careful(rules.dispersion)
    needed = math.log(1.0 / rules.alpha)
    whole = state.passing.evidence(phi)
    window = _last_window(rules, state, phi)
    last = state.passing.evidence(phi, window) if window else whole
    numbers |= {"pass_evidence": whole, "pass_threshold": needed, "pass_evidence_last": last}
    if window is not None and state.at is not None:
        numbers["last_window_seconds"] = state.at - window.at
    less = f"less than {wording.asked(rules)}"
    if state.evidence >= needed / 2.0:
        return (
            Verdict.INCONCLUSIVE,
            f"Harm is suspected, not proved: {seen}. {_missing(rules, state, numbers)}",
            numbers,
        )
    numbers["blind_seconds"] = unseen = _blind_seconds(rules, state, window, phi)
    if doubt := _doubt(rules, state, window, phi):
        return Verdict.INCONCLUSIVE, f"{doubt}: {seen}.", numbers
    if whole >= needed and last >= needed:
        evidence = wording.chances(min(whole, last))
        told = f"The candidate's {_noun(rules)} is {less}: {seen}. The evidence is {evidence}."
        late = f"Harm that began in the last {wording.duration(unseen)} could not have been seen."
        return Verdict.PASSED, f"{told} {late}", numbers
    what = "of the last requests" if whole >= needed else "of no harm"
    told = f"the evidence {what} is {wording.chances(min(whole, last))}, {wording.chances(needed)} is needed"
    reason = f"Not enough evidence that the candidate's {_noun(rules)} is {less}: {seen}; {told}."
    return Verdict.INCONCLUSIVE, f"{reason} {_missing(rules, state, numbers)}", numbers


def _noun(rules: Rules) -> str:
    return "rate" if rules.kind is SeriesKind.COUNT else "share"


def _doubt(rules: Rules, state: State, window: Mark | None, phi: float) -> str:
    """Why a pass would not be honest, whatever the evidence; empty when nothing stands against it."""
    x1, _, x0, _ = state.totals
    if rules.kind is SeriesKind.COUNT and x1 + x0 == 0.0:
        return "Neither arm counted a single event, so nothing shows that any were counted"
    if state.at is None or state.first_at is None or state.seen_at is None:
        return ""
    since = state.first_at if window is None else window.at
    silence = state.at - state.seen_at
    if silence > (state.at - since) / 2.0:
        return (
            f"For the last {wording.duration(silence)} not both arms had requests; late harm would not have been seen"
        )
    y1, m1, y0, m0 = state.dispersion.last or (0.0, 1.0, 0.0, 1.0)
    if rules.kind is not SeriesKind.COUNT and y1 >= m1 and y0 < m0:
        # However few they are: a bake that ends like that is not over.
        return f"At the last look all {wording.number(m1)} requests of the candidate were bad; over the whole bake"
    margin, variance = _margin(rules, state), 2.0 * _share(state) * phi
    mark = state.passing.worst_stretch(state.totals, margin, variance, window)
    if mark is None:
        return ""
    seen = wording.both_arms(rules, minus(state.totals, mark.totals))
    return f"The last {wording.duration(state.at - mark.at)} look like harm ({seen}); over the whole bake"


def minus(now: Totals, before: Totals) -> Totals:
    """What came since: events and requests of the candidate and of the baseline."""
    return now[0] - before[0], now[1] - before[1], now[2] - before[2], now[3] - before[3]


def _share(state: State) -> float:
    """The share of events in both arms together; of none at all, that of half an event."""
    x1, n1, x0, n0 = state.totals
    return max(x1 + x0, 0.5) / (n1 + n0)


def _margin(rules: Rules, state: State) -> float:
    """The rise over the baseline's share that must not pass."""
    _, _, x0, n0 = state.totals
    return max((rules.ratio - 1.0) * x0 / n0 + rules.harm, 1e-9)


def _last_window(rules: Rules, state: State, phi: float) -> Mark | None:
    """The last requests that have to show "no harm" alone: as few as suffice for it, going by the baseline's share."""
    _, n1, _, n0 = state.totals
    needed = _to_pass(rules, state) * phi * WINDOW
    return state.passing.last_window(needed * 2.0 * n0 / (n1 + n0)) if math.isfinite(needed) else None


def _to_pass(rules: Rules, state: State, harm: float = 0.0) -> float:
    return requests_to_pass(rules, _traffic(state), harm)


def _traffic(state: State) -> Traffic:
    _, n1, x0, n0 = state.totals
    return Traffic(rate=1.0, base=min(x0 / n0, 1.0 - _NEAR), share=min(max(n1 / (n1 + n0), _NEAR), 1.0 - _NEAR))


def _blind_seconds(rules: Rules, state: State, window: Mark | None, phi: float) -> float:
    """How late harm of twice the margin can begin and pass unseen with a chance of more than one in a hundred."""
    if state.at is None or state.first_at is None:
        return 0.0
    margin = _margin(rules, state)
    requests = blind(margin, 2.0 * (_share(state) + margin) * phi)
    since = state.first_at if window is None else window.at
    rate = state.passing.requests * (state.looks - 1) / state.looks / max(state.at - state.first_at, 1e-9)
    return min(requests / rate if rate else math.inf, (state.at - since) / 2.0)


def _missing(rules: Rules, state: State, numbers: dict[str, Any]) -> str:
    """How many more requests a verdict needs, and how long they take at the traffic seen; adds both to `numbers`."""
    if rules.kind is SeriesKind.COUNT:
        return "More time would tell."
    x1, n1, x0, n0 = state.totals
    phi = state.dispersion.careful(rules.dispersion)
    rise = x1 / n1 - rules.tolerated_ratio * x0 / n0
    done = 1.0 - max(min(numbers["pass_evidence"], numbers["pass_evidence_last"]), 0.0) / numbers["pass_threshold"]
    ways = [("a pass", _to_pass(rules, state, max(x1 / n1 - x0 / n0, 0.0)), max(done, 0.0))]
    if rise > rules.tolerate:
        left = 1.0 - max(state.evidence, 0.0) / threshold(rules, without_requests=state.without_requests)
        ways.append(("a failure", requests_to_fail(rules, _traffic(state), rise), max(left, 0.0)))
    verdict, needed, left = min(ways, key=lambda way: way[1] * way[2])
    more = max(needed * phi - n1, needed * phi * left)
    if not math.isfinite(more):
        return "At this difference no number of requests would pass it; more would fail it or show less harm."
    missing = math.ceil(max(more, 1.0) * (n1 + n0) / n1)
    numbers["requests_missing"] = missing
    span = state.at - state.first_at if state.at is not None and state.first_at is not None else 0.0
    told = f"About {missing:,} more requests in both arms together are needed for {verdict}"
    if span <= 0.0:
        return told + "."
    ticks = max(state.looks - 1, 1)
    seconds = missing / ((n1 + n0) * ticks / state.looks / span)
    numbers["seconds_missing"] = seconds
    return f"{told}: {wording.duration(seconds)} at the traffic seen."


def _sign_words(rules: Rules, state: State) -> str:
    signs = state.signs
    odds = wording.chances(state.evidence)
    needed = wording.chances(threshold(rules, without_requests=state.without_requests))
    ticks = signs.worse + signs.better
    return f"The candidate was worse in {signs.worse} of {ticks} ticks that differ: {odds}, {needed} is needed."
