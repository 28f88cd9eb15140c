"""The plan of a comparison for a terminal and as JSON."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from deliverkit.domain.comparison_plan import ComparisonPlan, Needs, Reach
from deliverkit.domain.judge.wording import percent
from deliverkit.reporting.times import duration

_LONGEST = 10 * 365 * 86_400
"""Seconds that nobody waits."""


def told(plan: ComparisonPlan, width: int) -> str:
    """All that there is to say, in at most `width` columns where tables allow."""
    return "\n\n".join(
        (
            textwrap.fill(_sentence(plan), width),
            "\n".join(_failing(plan)),
            "\n".join(_bakes(plan)),
            textwrap.fill(_small_print(plan), width),
        )
    )


def document(plan: ComparisonPlan) -> dict[str, Any]:
    """The same as JSON; null where no number of requests suffices."""
    rules, traffic = plan.rules, plan.traffic
    return {
        "harm": rules.harm,
        "alpha": rules.alpha,
        "ratio": rules.ratio,
        "tolerate": rules.tolerate,
        "rate": traffic.rate,
        "base": traffic.base,
        "dispersion": rules.dispersion,
        "split": traffic.share,
        "bake": rules.bake,
        "every": plan.every,
        "smallest_harm": plan.own.fails,
        "smallest_margin": plan.own.passes,
        "to_pass": _needs_document(plan.to_pass),
        "to_fail": [{"harm": harm, **_needs_document(needs)} for harm, needs in plan.to_fail],
        "bakes": [
            {
                "seconds": reach.seconds,
                "requests": reach.requests,
                "smallest_harm": reach.fails,
                "smallest_margin": reach.passes,
            }
            for reach in plan.reaches
        ],
    }


def _sentence(plan: ComparisonPlan) -> str:
    traffic, own, rules = plan.traffic, plan.own, plan.rules
    what = f"{_rate(traffic.rate)}, of which {percent(traffic.base)} are bad anyhow and {percent(traffic.share)} go to"
    found = (
        f"a rise of {percent(own.fails)} fails four of five rollouts" if own.fails is not None else "no rise is found"
    )
    seen = f"With {what} the candidate, in {_when(own.seconds)} of bake time {found}"
    if not rules.harm:
        return f"{seen}; nothing passes, for --harm is 0."
    if not math.isfinite(plan.to_pass.requests):
        return f"{seen}; nothing passes, however long it bakes."
    if plan.to_pass.seconds <= own.seconds:
        return f"{seen}; a harmless one passes ({percent(rules.harm)} ruled out) after {_when(plan.to_pass.seconds)}."
    return (
        f"{seen}; that is too short to pass: ruling out {percent(rules.harm)} takes {_when(plan.to_pass.seconds)}, or "
        f"name --harm {percent(own.passes).replace(' ', '')}."
        if own.passes is not None
        else f"{seen}; that is too short to pass with any margin."
    )


def _rate(rate: float) -> str:
    for seconds, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if rate * seconds >= 1:
            return f"{rate * seconds:,.4g} requests/{unit}" if rate < 1e4 else f"{rate:,.0f} requests/s"
    return f"{rate * 86_400:.3g} requests/d"


def _failing(plan: ComparisonPlan) -> Iterator[str]:
    rows = [("rise", "candidate's requests", "half fail after", "four of five fail after")]
    rows += [(percent(harm), _count(needs), _when(needs.seconds), _when(needs.surely)) for harm, needs in plan.to_fail]
    return _table(rows)


def _bakes(plan: ComparisonPlan) -> Iterator[str]:
    rows = [("bake time", "candidate's requests", "rise that fails", "--harm that passes")]
    rows += [_row(reach, is_own=reach.seconds == plan.own.seconds) for reach in plan.reaches]
    return _table(rows)


def _row(reach: Reach, *, is_own: bool) -> tuple[str, str, str, str]:
    fails, passes = (percent(each) if each is not None else "none" for each in (reach.fails, reach.passes))
    return (f"{'* ' * is_own}{_when(reach.seconds)}", f"{reach.requests:,.0f}", fails, passes)


def _small_print(plan: ComparisonPlan) -> str:
    return (
        f"alpha {percent(plan.rules.alpha)}, a look every {plan.every:g} s; rises and margins are shares of requests. "
        "This holds for independent requests: bursts of errors make all of it longer, by the over-dispersion that "
        "`deliverkit gate judge` shows."
    )


def _when(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "never"
    return duration(timedelta(seconds=math.ceil(seconds))) if seconds < _LONGEST else "more than 10 years"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "   ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))


def _count(needs: Needs) -> str:
    return f"{needs.requests:,.0f}" if math.isfinite(needs.requests) else "-"


def _needs_document(needs: Needs) -> dict[str, float | None]:
    numbers = {"requests": needs.requests, "seconds": needs.seconds, "seconds_surely": needs.surely}
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
