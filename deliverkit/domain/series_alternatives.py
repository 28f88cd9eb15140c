"""What would have changed a verdict: the same looks judged again, under margins a step up or down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from deliverkit.domain.gate import Verdict
from deliverkit.domain.judge.comparison import Comparison
from deliverkit.domain.judge.looks import Look
from deliverkit.domain.judge.rules import Rules, SeriesKind
from deliverkit.domain.series_judging import SeriesJudgement

LOOK_LIMIT = 720
"""Looks that are judged again: an hour of them every 5 s. More would take longer than the answer is worth."""
_SHARES = tuple(step * 10.0**power for power in (-4, -3, -2, -1) for step in (1, 2, 5))
_FACTORS = (1.05, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0)


class Alternative(NamedTuple):
    """Another rule and what it comes to.

    Attributes:
        option: The option of the command line, with its value.
        verdict: What it would have been.
    """

    option: str
    verdict: Verdict


def alternatives(judged: SeriesJudgement) -> tuple[Alternative, ...]:
    """The nearest margins, of round numbers, under which the verdict would have been another; empty for none found."""
    rules, verdict = judged.rules, judged.verdict
    looks = [Look(each.at, each.baseline, each.candidate) for each in judged.looks if each.baseline and each.candidate]
    if not 0 < len(looks) <= LOOK_LIMIT or (rules.harm == 0 and rules.ratio <= 1 and verdict is not Verdict.FAILED):
        return ()

    def judged_again(other: Rules) -> Verdict:
        found = _verdict(other, looks)
        return Verdict.INCONCLUSIVE if judged.silence and found is Verdict.PASSED else found

    found = _first(_steps(rules, verdict), lambda step: judged_again(step[1]) is not verdict)
    if found is None:
        return ()
    option, changed = found
    return (Alternative(option, judged_again(changed)),)


def _steps(rules: Rules, verdict: Verdict) -> list[tuple[str, Rules]]:
    """Other rules, from the nearest on, along which the verdict changes once."""
    if verdict is Verdict.FAILED:
        larger = [each for each in _SHARES if each > rules.tolerate and rules.kind is not SeriesKind.COUNT]
        return [(f"--tolerate {_percent(each)}", replace(rules, tolerate=each)) for each in larger]
    is_passed = verdict is Verdict.PASSED
    if rules.kind is SeriesKind.COUNT:
        factors = [each for each in _FACTORS if (each < rules.ratio) == is_passed and each != rules.ratio]
        steps = [(f"--harm {_percent(each - 1)}", replace(rules, ratio=each)) for each in factors]
    else:
        shares = [each for each in _SHARES if (each < rules.harm) == is_passed and each != rules.harm]
        steps = [(f"--harm {_percent(each)}", replace(rules, harm=each)) for each in shares]
    return steps[::-1] if is_passed else steps


def _first(
    steps: Sequence[tuple[str, Rules]], is_changed: Callable[[tuple[str, Rules]], bool]
) -> tuple[str, Rules] | None:
    """The first step that changes the verdict, by halving."""
    low, high = 0, len(steps)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_changed(steps[middle]) else (middle + 1, high)
    return steps[low] if low < len(steps) else None


def _verdict(rules: Rules, looks: Sequence[Look]) -> Verdict:
    comparison = Comparison(rules)
    for look in looks:
        comparison = comparison.including(look)
        if comparison.state.failure is not None:
            return Verdict.FAILED
    return comparison.at_end().verdict or Verdict.INCONCLUSIVE


def _percent(share: float) -> str:
    return f"{share * 100:.3g}%"
