"""Findings in plain English, for a release manager."""

from __future__ import annotations

import math

from deliverkit.domain.judge.dispersion import NOTEWORTHY
from deliverkit.domain.judge.exceedance import COUNTED, LEVELS
from deliverkit.domain.judge.rules import Rules, SeriesKind

GIVE_COUNTS = "Only rates are known. Give the number of requests of each tick: it tells far more."


def both_arms(rules: Rules, totals: tuple[float, float, float, float], *, without_requests: bool = False) -> str:
    """What both arms showed: "candidate 48 of 1,000 requests failed (4.8 %), baseline 0 of 1,000 (0 %)"."""
    x1, n1, x0, n0 = totals
    if without_requests:
        one, zero = (
            f"{x / n:.3g} s" if rules.kind is SeriesKind.LATENCY else percent(x / n) for x, n in ((x1, n1), (x0, n0))
        )
        return f"on average the candidate shows {one}, the baseline {zero}"
    if rules.kind is SeriesKind.COUNT:
        return f"candidate {number(x1)} events, baseline {number(x0)}"
    verb = f"were {slow(rules)}" if rules.kind is SeriesKind.LATENCY else "failed"
    arms = (("candidate", f" requests {verb}", x1, n1), ("baseline", "", x0, n0))
    return ", ".join(f"{arm} {number(x)} of {number(n)}{what} ({percent(x / n)})" for arm, what, x, n in arms)


def slow(rules: Rules) -> str:
    """What counts as slow, as words that follow "requests": above the limit, or else above a quantile of the past."""
    if rules.slower_than is not None:
        return f"slower than {rules.slower_than * 1000:g} ms"
    level = f"slower than {100 * LEVELS[COUNTED]:g} % of earlier ones"
    return f"{level} (those of the candidate by {rules.slowdown:g} times)" if rules.slowdown > 1 else level


def chances(log_odds: float) -> str:
    """Evidence as odds: "1,200 to 1"."""
    if log_odds > math.log(1e15):
        return f"10^{log_odds / math.log(10):.0f} to 1"
    odds = math.exp(log_odds)
    return f"{odds:,.0f} to 1" if odds >= 10 else f"{odds:.2g} to 1"


def percent(share: float) -> str:
    """A share as percentage, with three significant digits."""
    return f"{100.0 * share:.3g} %"


def number(count: float) -> str:
    """A count with thousands separated."""
    return f"{count:,.0f}" if abs(count - round(count)) < 1e-9 else f"{count:,.2f}"


def duration(seconds: float) -> str:
    """A time to wait, rounded: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def allowed(rules: Rules) -> str:
    """The rise that does not fail, as words that follow "worse than"."""
    if rules.tolerate == 0.0 and rules.tolerated_ratio == 1.0:
        return "the baseline"
    return f"{_baseline(rules)}{_margin(rules.tolerated_ratio, rules.tolerate, rules.kind)}"


def asked(rules: Rules) -> str:
    """The margin of a pass, as words that follow "less than"."""
    return f"{_baseline(rules)}{_margin(rules.ratio, rules.harm, rules.kind)}"


def _baseline(rules: Rules) -> str:
    return "the baseline's rate" if rules.kind is SeriesKind.COUNT else "the baseline's share"


def _margin(ratio: float, rise: float, kind: SeriesKind) -> str:
    factor = f" times {ratio:g}" if ratio != 1.0 else ""
    unit = f"{rise:g} events" if kind is SeriesKind.COUNT else f"{100.0 * rise:.3g} percentage points"
    return factor + (f" plus {unit}" if rise else "")


def bursts(phi: float | None) -> tuple[str, ...]:
    """The warning that errors come in bursts; empty when they do not."""
    if phi is None or phi <= NOTEWORTHY:
        return ()
    told = f"Errors come in bursts: from tick to tick they vary {phi:.1f} times as much as independent requests would."
    return (f"{told} The evidence is divided by about that.",)
