"""Our judge on simulated rollouts, as it ships: looks in, verdicts out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from judge_traffic import TICKS, Setting, Traffic

from deliverkit.domain.gate import Verdict
from deliverkit.domain.judge.comparison import Comparison
from deliverkit.domain.judge.finding import Finding
from deliverkit.domain.judge.looks import Look, Tally
from deliverkit.domain.judge.rules import Rules

CERTAIN = 40.0
"""Log evidence at which a rollout is not followed any further: no alpha that is asked for is as small as exp(-40)."""
NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Judged:
    """One rollout.

    Attributes:
        verdict: The last one.
        failed_at: Seconds until the failure, infinity without one.
        strength: The smallest alpha with which it would have been failed; above 1 without any evidence.
        evidence_alone: The same without the look at the end.
    """

    verdict: str
    failed_at: float
    strength: float
    evidence_alone: float


def rules_for(setting: Setting) -> Rules:
    """What a release manager would ask in this setting."""
    return Rules(
        harm=setting.margin,
        ratio=setting.ratio,
        tolerate=setting.tolerate,
        tolerated_ratio=setting.ratio,
        alpha=setting.alpha,
        bake=setting.tick * TICKS,
        dispersion=setting.dispersion,
    )


def looks_of(traffic: Traffic, tick: float) -> Iterator[list[Look]]:
    """Each rollout's looks."""
    columns = [each.tolist() for each in (*traffic.errors, *traffic.requests)]
    for errors, others, requests, asked in zip(*columns, strict=True):
        yield [
            Look(tick * number, Tally(float(x0), float(n0)), Tally(float(x1), float(n1)))
            for number, (x1, x0, n1, n0) in enumerate(zip(errors, others, requests, asked, strict=True), 1)
        ]


def judged(rules: Rules, looks: list[Look]) -> Judged:
    """The verdict with continuous looking and the look at the end."""
    comparison = Comparison(rules)
    peak = 0.0
    for look in looks:
        comparison = comparison.including(look)
        peak = max(peak, comparison.state.evidence)
        if peak > CERTAIN:
            break
    end = comparison.at_end()
    alone = _alpha(rules, end, peak)
    failed_at = NEVER
    if end.verdict is Verdict.FAILED:
        failed_at = end.numbers.get("failed_at", looks[-1].at)
    strength = alone if peak > CERTAIN else min(alone, 2.0 * _p_end(comparison))
    return Judged(str(end.verdict), failed_at, strength, alone)


def _alpha(rules: Rules, end: Finding, peak: float) -> float:
    """The alpha whose threshold the highest evidence just reaches."""
    return rules.alpha * math.exp(end.numbers["threshold"] - peak)


def _p_end(comparison: Comparison) -> float:
    """What the look at the end says also where an earlier one had failed: it is asked under a stricter alpha."""
    state = replace(comparison.state, failure=None)
    found = Comparison(replace(comparison.rules, alpha=math.exp(-CERTAIN)), state).at_end()
    return float(found.numbers.get("p_end", NEVER))
