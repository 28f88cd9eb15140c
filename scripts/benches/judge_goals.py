"""What the judge is wanted to reach, and whether it does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import judge_latency as latency
import numpy as np
from judge_latency import Slowness
from judge_runs import Case, Result
from judge_scores import MISS_FACTOR, PEERS, Score, Share
from judge_suite import AT_ONCE, PASSES
from judge_suite import SOON as AT_ONCE_FAMILY
from judge_traffic import ALPHA

from deliverkit.domain.gate import Verdict
from deliverkit.domain.judge.comparison import Comparison
from deliverkit.domain.judge.finding import Finding
from deliverkit.domain.judge.looks import Look, Tally
from deliverkit.domain.judge.rules import Rules

ANCHOR = (0.0, 0.048, 0.0, 0.18, 0.089, 0.0, 0.098, 0.035, 0.0, 0.0)
"""The candidate's shares of errors in spinnaker/spinnaker#5622, whose baseline had none; Kayenta passes it."""
SOON, WRONG_PASSES, HALF = 10.0, 0.01, 0.5


@dataclass(frozen=True, slots=True)
class Goal:
    """One wish.

    Attributes:
        what: In words.
        wanted: The limit, in words.
        measured: What was found.
        is_met: Whether that is within the limit.
        is_open: Whether it is beyond it, but not by more than two Monte-Carlo errors: more rollouts would tell.
    """

    what: str
    wanted: str
    measured: str
    is_met: bool
    is_open: bool = False

    @property
    def verdict(self) -> str:
        """In a word."""
        return "met" if self.is_met else "open" if self.is_open else "missed"


def goals(
    results: Mapping[Case, Result], scores: Sequence[Score], slowness: Mapping[Slowness, latency.Result]
) -> list[Goal]:
    """All that can be told from these rows."""
    counted = [score for score in scores if score.case.is_counted]
    return [
        *_false_rollbacks(results),
        *_false_rollbacks_for_slowness(slowness),
        *(_misses(peer, counted) for peer in PEERS[1:] if counted),
        *(_rows(peer, counted) for peer in PEERS[1:] if counted),
        *_soon(results),
        *_wrong_passes(results),
        *_certain(),
    ]


def _false_rollbacks(results: Mapping[Case, Result]) -> Iterable[Goal]:
    rows = [(result, case) for case, result in results.items() if not case.harm.points and case.is_counted]
    if not rows:
        return
    shares = [(Share(float(np.isfinite(result.failed_at).mean()), result.runs), case) for result, case in rows]
    worst, case = max(shares, key=lambda each: each[0].value / each[1].setting.alpha)
    above = sum(share.value > case.setting.alpha for share, case in shares)
    said = f"{worst} at worst (alpha {case.setting.alpha:g}, {case.setting.name}); {above} of {len(shares)} rows above"
    surely = sum(share.value - 2 * share.error > case.setting.alpha for share, case in shares)
    said += f", {surely} of them by more than two Monte-Carlo errors" if above else ""
    what = "false rollbacks, every harmless row, a look each tick"
    yield Goal(what, "at most alpha", said, not above, not surely)


def _false_rollbacks_for_slowness(slowness: Mapping[Slowness, latency.Result]) -> Iterable[Goal]:
    rows = {row: result for row, result in slowness.items() if row.is_harmless}
    for name in latency.OURS if rows else ():
        shares = [Share(float(np.isfinite(each.failed_at[name]).mean()), row.runs) for row, each in rows.items()]
        worst = max(shares, key=lambda share: share.value)
        what, is_open = f"false rollbacks for latency; {name}", worst.value - 2 * worst.error <= ALPHA
        yield Goal(what, f"at most {ALPHA:g}", f"{worst} at worst", worst.value <= ALPHA, is_open)


def _misses(peer: str, scores: Sequence[Score]) -> Goal:
    pairs = [match for score in scores for match in score.matches if match.peer == peer]
    theirs = sum(match.misses for match in pairs) / len(pairs)
    ours = sum(match.ours for match in pairs) / len(pairs)
    ratio = ours / theirs if theirs else math.inf
    said = f"{ours:.3f} to {theirs:.3f}: {ratio:.2f}x"
    return Goal(
        f"mean misses to {peer}, {len(pairs)} rows, equal false alarms", f"at most {HALF:g}x", said, ratio <= HALF
    )


def _rows(peer: str, scores: Sequence[Score]) -> Goal:
    pairs = [(match, score.case) for score in scores for match in score.matches if match.peer == peer]
    worse = [each for each in pairs if each[0].is_worse]
    surely = sum(match.is_surely_worse for match, _ in worse)
    said = f"{len(worse)} rows above, {surely} of them by more than two Monte-Carlo errors"
    if worse:
        match, case = max(worse, key=lambda each: each[0].ours - each[0].misses)
        said += f"; most in {case.setting.name}, {case.harm.name}: {match.ours:.3f} to {match.misses:.3f}"
    return Goal(f"misses in each row to {peer}", f"at most {MISS_FACTOR:g}x", said, not worse, not surely)


def _soon(results: Mapping[Case, Result]) -> Iterable[Goal]:
    for said, _, _ in AT_ONCE:
        rows = [
            (float(np.median(result.failed_at)), case)
            for case, result in results.items()
            if case.family == AT_ONCE_FAMILY and case.harm.points and case.setting.name.endswith(said)
        ]
        if rows:
            medians = ", ".join(f"{median:g} s" for median, _ in rows)
            is_met = max(median for median, _ in rows) < SOON
            what = f"5 points at 100 requests/s are found, median; {said}"
            yield Goal(what, f"below {SOON:g} s", f"{medians} at base 0, .1, 1, 2 %", is_met)


def _wrong_passes(results: Mapping[Case, Result]) -> Iterable[Goal]:
    worst: dict[float, float] = {}
    for case, result in results.items():
        if case.family == PASSES and case.harm.points and case.harm.shape == "step":
            worst[case.harm.onset] = max(worst.get(case.harm.onset, 0.0), result.share("passed"))
    if worst:
        said = ", ".join(f"{100 * onset:g} %: {share:.3f}" for onset, share in worst.items())
        is_met = max(worst.values()) <= WRONG_PASSES
        what = "wrong passes, harm of twice the margin, worst row of each onset"
        yield Goal(what, f"at most {WRONG_PASSES:g}", said, is_met)


# --- what chance has no part in ----------------------------------------------------------------------


def _certain() -> Iterable[Goal]:
    requests = 1000.0
    zeros = [(0.0, requests)] * len(ANCHOR)
    anchor = [(share * requests, requests) for share in ANCHOR]
    for what, wanted, is_met, candidate, baseline in (
        ("the anchor case, 1000 requests a tick", "failed", {Verdict.FAILED}, anchor, zeros),
        ("two equal series of zeros", "not failed", set(Verdict) - {Verdict.FAILED}, zeros, zeros),
        ("a candidate without data", "not passed", set(Verdict) - {Verdict.PASSED}, [(0.0, 0.0)] * 10, zeros),
        ("a baseline without data", "not passed", set(Verdict) - {Verdict.PASSED}, zeros, [(0.0, 0.0)] * 10),
    ):
        found = last(Rules(harm=0.01), candidate, baseline)
        yield Goal(what, wanted, str(found.verdict), found.verdict in is_met)


def last(rules: Rules, candidate: Sequence[tuple[float, float]], baseline: Sequence[tuple[float, float]]) -> Finding:
    """What is found at the end of two short series of (errors, requests), a tick each."""
    comparison = Comparison(rules)
    for tick, (one, zero) in enumerate(zip(candidate, baseline, strict=True), 1):
        comparison = comparison.including(Look(5.0 * tick, Tally(*zero), Tally(*one)))
    return comparison.at_end()
