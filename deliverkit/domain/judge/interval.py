"""Between which bounds the true rise lies: the margins that the bets reject, from either side.

With bets on p1 <= p0 + delta the evidence falls as delta grows, so the margins rejected are those below a bound that
bisection finds without running the bets again; the bets on no harm give the upper bound. Valid at any time from below
and read once from above. Bursts are allowed for as everywhere (divided by phi).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from deliverkit.domain.judge.betting import STAKES
from deliverkit.domain.judge.evidence import State
from deliverkit.domain.judge.logs import log_mean
from deliverkit.domain.judge.rules import Rules, SeriesKind

_HALVINGS = 50


def harm_interval(rules: Rules, state: State, phi: float) -> tuple[float, float] | None:
    """The lowest and the highest rise that the looks leave possible, each at confidence 1 - alpha.

    None where the margins of the two sides have different factors, or no requests were counted.
    """
    requests = state.totals[1]
    if rules.ratio != rules.tolerated_ratio or rules.kind is SeriesKind.COUNT or requests <= 0.0:
        return None
    enough = math.log(1.0 / rules.alpha)
    no_harm = [total - rules.harm * stake * requests for total, stake in zip(state.passing.sums, STAKES, strict=True)]

    def is_below(rise: float) -> bool:
        bets = zip(state.gains, state.drags, strict=True)
        return log_mean([(gain - rise * drag) / phi for gain, drag in bets]) >= enough

    def is_above(rise: float) -> bool:
        bets = zip(no_harm, STAKES, strict=True)
        return log_mean([(gain + rise * stake * requests) / phi for gain, stake in bets]) >= enough

    return _edge(is_below), -_edge(lambda rise: is_above(-rise))


def bounds(rules: Rules, state: State) -> dict[str, float]:
    """The interval as numbers of a finding, `harm_low` and `harm_high`; empty where there is none."""
    if state.without_requests:
        return {}
    interval = harm_interval(rules, state, state.dispersion.careful(rules.dispersion))
    return {"harm_low": interval[0], "harm_high": interval[1]} if interval else {}


def _edge(is_rejected: Callable[[float], bool]) -> float:
    """The largest margin from -1 to 1 that is rejected; -1 when none is."""
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if is_rejected(middle) else (low, middle)
    return low
