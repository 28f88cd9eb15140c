"""A comparison of two series for a terminal: the verdict, a picture, the numbers, and what would change it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import timedelta

from deliverkit.domain.gate import Verdict
from deliverkit.domain.judge.finding import Finding
from deliverkit.domain.judge.rules import Rules, SeriesKind
from deliverkit.domain.series import as_text
from deliverkit.domain.series_judging import SeriesJudgement
from deliverkit.reporting.comparison_chart import Canvas, odds, picture, share
from deliverkit.reporting.terminal_charts import Glyphs
from deliverkit.reporting.times import duration

_COLUMN = 12


def told(judged: SeriesJudgement, *, width: int, glyphs: Glyphs) -> str:
    """All that there is to say, in at most `width` columns."""
    canvas = Canvas(width, glyphs, lambda at: as_text(at, judged.moments))
    slower_than = judged.rules.slower_than if judged.rules.kind is SeriesKind.LATENCY else None
    drawing = picture(judged.looks, canvas, failed_at=judged.failed_at, slower_than=slower_than)
    parts = [_sentence(judged, width)]
    if drawing:
        parts.append("\n".join(drawing))
    rows = [*_facts(judged), *(("change", each) for each in changes(judged.rules, judged.end))]
    rows += [("warning", each) for each in judged.end.warnings]
    parts.append("\n".join(_row(name, value, width) for name, value in rows))
    return "\n\n".join(parts)


def changes(rules: Rules, end: Finding) -> Iterator[str]:
    """What would have changed the verdict, one sentence each."""
    numbers = end.numbers
    low, high = numbers.get("harm_low"), numbers.get("harm_high")
    if end.verdict is Verdict.FAILED and low is not None and low > rules.tolerate:
        yield f"with --tolerate {share(low).replace(' ', '')} it would not have failed: the rise is at least that"
    if end.verdict is Verdict.PASSED and high is not None:
        yield f"with --harm below {share(max(high, 0.0)).replace(' ', '')} it would not have passed"
    if end.verdict is Verdict.INCONCLUSIVE:
        if high is not None and rules.harm and high > rules.harm:
            yield f"with --harm {share(high).replace(' ', '')} it would pass: the rise is at most that"
        if not rules.harm:
            yield "with --harm 0 nothing passes: name the smallest rise that matters, such as --harm 0.5%"
        missing, seconds = numbers.get("requests_missing"), numbers.get("seconds_missing")
        if missing:
            after = f", about {duration(timedelta(seconds=seconds))} more at this traffic" if seconds else ""
            yield f"some {missing:,.0f} more requests in each arm would tell{after}"


def _sentence(judged: SeriesJudgement, width: int) -> str:
    when = ""
    if judged.failed_at is not None:
        place = next(place for place, each in enumerate(judged.looks, start=1) if each.at == judged.failed_at)
        when = f" at {as_text(judged.failed_at, judged.moments)} (look {place:,} of {len(judged.looks):,})"
    return textwrap.fill(f"{judged.verdict.value}{when}: {judged.end.reason}", width)


def _facts(judged: SeriesJudgement) -> Iterator[tuple[str, str]]:
    rules, numbers = judged.rules, judged.end.numbers
    yield "rule", _rule(rules)
    for arm in ("candidate", "baseline"):
        events, requests = numbers.get(f"{arm}_events"), numbers.get(f"{arm}_requests")
        if events is not None and requests:
            what = "slow" if rules.kind is SeriesKind.LATENCY else "bad"
            yield arm, f"{events:,.0f} of {requests:,.0f} requests {what}, {share(events / requests)}"
        elif events is not None:
            yield arm, f"{events:,g} events"
    low, high = numbers.get("harm_low"), numbers.get("harm_high")
    if low is not None and high is not None:
        yield "rise", f"between {share(low)} and {share(high)} of requests"
    if "evidence" in numbers and "threshold" in numbers:
        yield "evidence", f"{odds(numbers['evidence'])} against chance; {odds(numbers['threshold'])} fails"
    if numbers.get("p_end") is not None:
        yield "end", f"one exact look at the end: p = {numbers['p_end']:.3g}"
    if numbers.get("dispersion") is not None:
        yield "bursts", f"over-dispersion {numbers['dispersion']:.3g}; 1 is independent requests"


def _rule(rules: Rules) -> str:
    margin = f"{rules.ratio:g} times the baseline and {share(rules.harm)}" if rules.ratio != 1 else share(rules.harm)
    fails = f"a rise of more than {share(rules.tolerate)}" if rules.tolerate else "any rise"
    return f"passes when a rise by {margin} is ruled out, fails when {fails} is proved; alpha {share(rules.alpha)}"


def _row(name: str, value: str, width: int) -> str:
    return textwrap.fill(value, width, initial_indent=name.ljust(_COLUMN), subsequent_indent=" " * _COLUMN)
