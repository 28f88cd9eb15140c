"""Two series judged tick by tick, as a gate would have judged them while they came in."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

from deliverkit.domain.gate import Verdict
from deliverkit.domain.judge.comparison import Comparison
from deliverkit.domain.judge.finding import Finding
from deliverkit.domain.judge.looks import Look, Tally
from deliverkit.domain.judge.rules import Rules, SeriesKind
from deliverkit.domain.series import Moments, Pairing, Series, Tick, as_text, distinct, pairing_of, ticks, usual_step
from deliverkit.domain.series_looks import Meaning, meaning_of
from deliverkit.errors import UsageError

LOOK_LIMIT = 10_000
"""Looks at two series, unless the user chose the width of a tick: more would show nothing more, and take minutes."""
MOST_LOOKS = 100_000
"""Looks at two series, even if the user chose."""
_STEPS_OF_SILENCE, _SHARE_OF_SILENCE = 3, 0.1
"""How long one arm may be silent while the other goes on, in steps and as a share of the whole, and still pass."""
_TIMES_TO_DOUBT, _EVENTS_TO_DOUBT = 2, 20
"""So many times the events of the other arm, and so many at least, make an assumed split of the traffic doubtful."""
_WIDTHS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 86_400)


class Seen(NamedTuple):
    """One look, with the verdict had the bake been watched until then.

    Attributes:
        at: Its moment, seconds.
        verdict: `inconclusive` while it is open.
        finding: Grounds of the verdict.
        baseline: What the arm showed; None where it has no row, or was not compared.
        candidate: The same of the other arm.
    """

    at: float
    verdict: Verdict
    finding: Finding
    baseline: Tally | None
    candidate: Tally | None

    @property
    def numbers(self) -> Mapping[str, Any]:
        """Those of the finding."""
        return self.finding.numbers


@dataclass(frozen=True, slots=True)
class SeriesJudgement:
    """What the judge says of two series.

    Attributes:
        rules: What was asked.
        end: The final verdict and its grounds.
        looks: One for each moment, or tick, in order of time.
        failed_at: The moment at which evidence sufficed to fail; None where only the end tells, or it did not fail.
        pairing: How the rows were matched.
        moments: How the files write moments.
        notes: What people should know of how the files were read.
        silence: Where one arm fell silent, which forbids a pass; empty for nowhere.
        assumes_split: Whether events were compared by a split of the traffic that nobody named.
    """

    rules: Rules
    end: Finding
    looks: tuple[Seen, ...]
    failed_at: float | None
    pairing: Pairing
    moments: Moments
    notes: tuple[str, ...]
    silence: str = ""
    assumes_split: bool = False

    @property
    def has_requests(self) -> bool:
        """Whether the files say how many requests there were, so that shares are known and not only rates."""
        tallies = (tally for each in self.looks for tally in (each.baseline, each.candidate) if tally)
        return any(tally.requests is not None for tally in tallies)

    @property
    def verdict(self) -> Verdict:
        """The final one, never open."""
        return self.end.verdict or Verdict.INCONCLUSIVE


def judge_series(
    baseline: Series, candidate: Series, rules: Rules, width: float | None = None, *, knows_split: bool = True
) -> SeriesJudgement:
    """Judge two series.

    Args:
        baseline: The old.
        candidate: The new.
        rules: What is asked; `bake` is taken from the rows.
        width: Seconds of a tick; None for each distinct moment by itself where that can be.
        knows_split: False where `candidate_share` of the rules is an assumption.

    Raises:
        UsageError: If rows contradict the kind, or each other; the message names file and line. Or there are too many
            looks.
    """
    meaning = meaning_of(rules.kind, baseline, candidate)
    _refuse_margin(rules, meaning)
    pairing = pairing_of(baseline, candidate, width)
    if width is None:
        pairing = _bounded(pairing, baseline, candidate)
    elif pairing.shared + pairing.alone > MOST_LOOKS:
        raise UsageError(
            f"ticks of {width:g} s make {pairing.shared + pairing.alone:,} looks, more than {MOST_LOOKS:,}",
            hint=f"--every {math.ceil(_span(baseline, candidate) / LOOK_LIMIT)}s",
        )
    rules = replace(rules, kind=meaning.kind, bake=_span(baseline, candidate))
    looks, comparison = [], Comparison(rules)
    failed_at: float | None = None
    for tick, look in _looks(meaning, baseline, candidate, pairing.width):
        if look is not None:
            comparison = comparison.including(look)
        finding = comparison.at_look()
        if finding.verdict is Verdict.FAILED and failed_at is None:
            failed_at = tick.at
        verdict = Verdict.INCONCLUSIVE if failed_at is None else Verdict.FAILED
        looks.append(Seen(tick.at, verdict, finding, look.baseline if look else None, look.candidate if look else None))
    silence = _silence(baseline, candidate)
    assumes_split = meaning.kind is SeriesKind.COUNT and not knows_split
    end = _ended(comparison, baseline, candidate, pairing, silence)
    if assumes_split:
        end = replace(end, warnings=(*end.warnings, *_doubt_of_split(end, rules)))
    if looks:
        looks[-1] = looks[-1]._replace(verdict=end.verdict or Verdict.INCONCLUSIVE, finding=end)
    moments = (candidate if len(candidate) else baseline).moments
    notes = _notes(meaning, pairing, baseline, candidate)
    return SeriesJudgement(rules, end, tuple(looks), failed_at, pairing, moments, notes, silence, assumes_split)


def _refuse_margin(rules: Rules, meaning: Meaning) -> None:
    """See that the margin means what it says.

    Raises:
        UsageError: If it is a number of events, and events are compared as shares of requests.
    """
    if rules.kind is SeriesKind.COUNT and meaning.kind is SeriesKind.ERRORS and rules.harm:
        raise UsageError(
            f"--harm {rules.harm:g} is a number of events, and with a column n they are compared as shares of n",
            hint="--kind errors --harm 0.5%, a rise of the share; or with --kind count 20%, a part of the baseline's",
        )


def _doubt_of_split(end: Finding, rules: Rules) -> tuple[str, ...]:
    """The warning that events are so differently many that the traffic may not be split as was assumed."""
    new, old = (float(end.numbers.get(f"{arm}_events", 0.0)) for arm in ("candidate", "baseline"))
    few, many = sorted((new, old))
    if many < _EVENTS_TO_DOUBT or many < _TIMES_TO_DOUBT * few:
        return ()
    told = f"The candidate has {new:,.0f} events and the baseline {old:,.0f}; nobody said how the traffic is split, and"
    return (f"{told} {as_split(rules.candidate_share)} was assumed. If it is another: --split CANDIDATE:BASELINE.",)


def as_split(share: tuple[float, float]) -> str:
    """The candidate's share of the traffic as people type it: `50:50`, or `8:92-12:88`."""
    return "-".join(f"{100 * each:g}:{100 * (1 - each):g}" for each in dict.fromkeys(share))


def _looks(meaning: Meaning, baseline: Series, candidate: Series, width: float) -> Iterator[tuple[Tick, Look | None]]:
    for tick in ticks(baseline, candidate, width):
        yield tick, meaning.look(tick)


def _ended(comparison: Comparison, baseline: Series, candidate: Series, pairing: Pairing, silence: str) -> Finding:
    """The final finding; where nothing could be compared, in words about the files."""
    for arm in (baseline, candidate):
        if not len(arm):
            return Finding(Verdict.ERROR, f"No data: {arm.name} has no rows, so there is nothing to compare.")
    if not pairing.shared:
        return Finding(
            Verdict.ERROR,
            f"No data to compare: {baseline.name} and {candidate.name} have no moment in common "
            f"({_reach(baseline)}; {_reach(candidate)}).",
        )
    end = comparison.at_end()
    if silence and end.verdict is Verdict.PASSED:
        reason = f"What was not seen cannot pass: {silence}. Otherwise: {end.reason}"
        return replace(end, verdict=Verdict.INCONCLUSIVE, reason=reason)
    return end


def _silence(baseline: Series, candidate: Series) -> str:
    """Where one arm fell silent while the other went on, as a clause; empty where none did for long.

    What stopped to report may have stopped to work: that is no pass.
    """
    step = max(usual_step(baseline), usual_step(candidate))
    for arm, other in ((candidate, baseline), (baseline, candidate)):
        if not len(arm) or not len(other):
            continue
        first, last = max(arm.at[0], other.at[0]), other.at[-1]
        allowed = max(_STEPS_OF_SILENCE * step, _SHARE_OF_SILENCE * (last - first))
        for before, after in pairwise((*arm.at, math.inf)):
            if min(after, last) - max(before, first) <= allowed:
                continue
            if bisect_left(other.at, after) > bisect_right(other.at, before):
                until = f" until {as_text(after, arm.moments)}" if after < math.inf else ""
                return f"{arm.name} has no rows after {as_text(before, arm.moments)}{until}, and {other.name} goes on"
    return ""


def _reach(series: Series) -> str:
    first, last = as_text(series.at[0], series.moments), as_text(series.at[-1], series.moments)
    return f"{series.name} goes from {first} to {last}"


def _bounded(pairing: Pairing, baseline: Series, candidate: Series) -> Pairing:
    """The pairing with ticks as wide as it takes to have not more looks than `LOOK_LIMIT`."""
    if pairing.shared + pairing.alone <= LOOK_LIMIT:
        return pairing
    span = _span(baseline, candidate)
    width = next((each for each in _WIDTHS if each > pairing.width and span / each <= LOOK_LIMIT), span / LOOK_LIMIT)
    return replace(pairing_of(baseline, candidate, width), is_guessed=True)


def _span(baseline: Series, candidate: Series) -> float:
    """Seconds from the first row to the end of the last one, at least one step."""
    ends = [each for arm in (baseline, candidate) if len(arm) for each in (arm.at[0], arm.at[-1])]
    step = max(usual_step(baseline), usual_step(candidate)) or 1.0
    return max(ends) - min(ends) + step if ends else step


def _notes(meaning: Meaning, pairing: Pairing, baseline: Series, candidate: Series) -> tuple[str, ...]:
    notes = [
        f"{arm.name}: rows were not in order of time, and have been sorted"
        for arm in (baseline, candidate)
        if not arm.is_sorted
    ]
    if pairing.is_guessed:
        notes.append(f"rows were added up in ticks of {pairing.width:g} s; --every sets another width")
    if pairing.alone and len(baseline) and len(candidate):
        ticks_all = pairing.alone + pairing.shared
        notes.append(
            f"{pairing.alone:,} of {ticks_all:,} moments have rows of one arm only, and were not compared "
            f"({distinct(baseline):,} moments in {baseline.name}, {distinct(candidate):,} in {candidate.name})"
        )
    has_all = len(baseline) and len(candidate)
    return (*notes, meaning.note) if meaning.note and has_all else tuple(notes)
