"""A comparison of two series for a terminal: the verdict, a picture, the numbers, and what would change it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from deliverkit.domain.judge.rules import Rules, SeriesKind
from deliverkit.domain.judge.wording import allowed, asked, chances, percent, slow
from deliverkit.domain.series import as_text
from deliverkit.domain.series_alternatives import Alternative
from deliverkit.domain.series_judging import SeriesJudgement, as_split
from deliverkit.reporting.comparison_chart import Canvas, picture
from deliverkit.reporting.terminal_charts import Glyphs

_COLUMN = 12


def told(judged: SeriesJudgement, others: Sequence[Alternative], *, width: int, glyphs: Glyphs) -> str:
    """All that there is to say.

    Args:
        judged: What the judge says.
        others: What would have changed it.
        width: Columns, which are kept to from 60 on.
        glyphs: What to draw with.
    """
    canvas = Canvas(width, glyphs, lambda at: as_text(at, judged.moments))
    slower_than = judged.rules.slower_than if judged.rules.kind is SeriesKind.LATENCY else None
    drawing = picture(judged.looks, canvas, failed_at=judged.failed_at, slower_than=slower_than)
    parts = [_sentence(judged, width)]
    if drawing:
        parts.append("\n".join(drawing))
    rows = [*_facts(judged), *(("change", change(each)) for each in others)]
    rows += [("warning", each) for each in judged.end.warnings]
    parts.append("\n".join(_row(name, value, width) for name, value in rows))
    return "\n\n".join(parts)


def change(other: Alternative) -> str:
    """What would have changed the verdict, as a sentence."""
    return f"with {other.option} the verdict would be {other.verdict.value}"


def _sentence(judged: SeriesJudgement, width: int) -> str:
    when = ""
    if judged.failed_at is not None:
        place = next(place for place, each in enumerate(judged.looks, start=1) if each.at == judged.failed_at)
        when = f" at {as_text(judged.failed_at, judged.moments)} (look {place:,} of {len(judged.looks):,})"
    return textwrap.fill(f"{judged.verdict.value}{when}: {judged.end.reason}", width)


def _facts(judged: SeriesJudgement) -> Iterator[tuple[str, str]]:
    rules, numbers = judged.rules, judged.end.numbers
    split = f"; traffic {as_split(rules.candidate_share)}" if rules.kind is SeriesKind.COUNT else ""
    yield "rule", f"{_rule(rules)}{split}{' (assumed; --split)' if judged.assumes_split else ''}"
    if numbers.get("looks") == numbers.get("skipped"):
        return
    for arm in ("candidate", "baseline"):
        events, requests = numbers.get(f"{arm}_events"), numbers.get(f"{arm}_requests")
        if rules.kind is SeriesKind.COUNT and events is not None:
            yield arm, f"{events:,g} events"
        elif events is not None and requests and judged.has_requests:
            what = slow(rules) if rules.kind is SeriesKind.LATENCY else "bad"
            yield arm, f"{events:,.0f} of {requests:,.0f} requests {what}, {percent(events / requests)}"
    low, high = numbers.get("harm_low"), numbers.get("harm_high")
    if low is not None and high is not None:
        yield "rise", f"between {percent(low)} and {percent(high)} of all requests"
    if "evidence" in numbers and "threshold" in numbers:
        yield "evidence", f"{chances(numbers['evidence'])} against chance; {chances(numbers['threshold'])} fails"
    if numbers.get("p_end") is not None:
        yield "end", f"one exact look at the end: p = {numbers['p_end']:.3g}"
    if numbers.get("dispersion") is not None:
        yield "bursts", f"over-dispersion {numbers['dispersion']:.3g}; 1 is independent requests"


def _rule(rules: Rules) -> str:
    """What passes and what fails, in a line."""
    passes = f"less than {asked(rules)} passes" if rules.harm or rules.ratio > 1 else "nothing passes"
    return f"{passes}, worse than {allowed(rules)} fails; alpha {percent(rules.alpha)}"


def _row(name: str, value: str, width: int) -> str:
    return textwrap.fill(value, width, initial_indent=name.ljust(_COLUMN), subsequent_indent=" " * _COLUMN)
