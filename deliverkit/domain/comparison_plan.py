"""What a comparison can see with the traffic at hand: how long a verdict takes, and what a bake time suffices for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deliverkit.domain.judge.planning import (
    SURE,
    Traffic,
    requests_to_fail,
    requests_to_pass,
    smallest_harm,
    smallest_margin,
)
from deliverkit.domain.judge.rules import Rules

RISES = (0.001, 0.005, 0.01, 0.05)
"""Sizes of harm that a plan tells of, beside the margin."""
BAKES = (300.0, 900.0, 1800.0, 3600.0, 14_400.0)
"""Bake times that a plan tells of, in seconds, beside the planned one."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a verdict needs.

    Attributes:
        requests: Requests of the candidate, for an even chance; infinite where no number suffices.
        seconds: The time in which they come.
        surely: The time in which enough come for four of five; for a pass the same as `seconds`.
    """

    requests: float
    seconds: float
    surely: float


@dataclass(frozen=True, slots=True)
class Reach:
    """What a bake time is long enough for.

    Attributes:
        seconds: The bake time.
        requests: Requests of the candidate in it.
        fails: The smallest rise that fails four of five rollouts; None where none does.
        passes: The smallest `harm` that a harmless release passes by, with an even chance; None for none.
    """

    seconds: float
    requests: float
    fails: float | None
    passes: float | None


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """A plan.

    Attributes:
        rules: What is asked.
        traffic: What comes in.
        own: What the planned bake time is long enough for.
        to_pass: What it takes to pass without harm.
        to_fail: What it takes to fail, by the size of the harm, ascending.
        reaches: The same of several bake times, ascending.
    """

    rules: Rules
    traffic: Traffic
    own: Reach
    to_pass: Needs
    to_fail: tuple[tuple[float, Needs], ...]
    reaches: tuple[Reach, ...]


def planned(
    rules: Rules, traffic: Traffic, *, rises: Sequence[float] = RISES, bakes: Sequence[float] = BAKES
) -> ComparisonPlan:
    """The plan of a comparison that runs for `rules.bake`.

    Args:
        rules: What is asked.
        traffic: What comes in.
        rises: Sizes of harm to tell of, beside the margin.
        bakes: Bake times to tell of, in seconds, beside the planned one.
    """
    sizes = sorted({each for each in (*rises, rules.harm) if each > 0 and traffic.base + each <= 1})
    return ComparisonPlan(
        rules,
        traffic,
        _reach(rules, traffic, rules.bake),
        _needs(requests_to_pass(rules, traffic), traffic, 1.0),
        tuple((size, _needs(requests_to_fail(rules, traffic, size), traffic, SURE)) for size in sizes),
        tuple(_reach(rules, traffic, each) for each in sorted({*bakes, rules.bake})),
    )


def _needs(requests: float, traffic: Traffic, factor: float) -> Needs:
    seconds = requests / (traffic.rate * traffic.share)
    return Needs(requests, seconds, seconds * factor)


def _reach(rules: Rules, traffic: Traffic, seconds: float) -> Reach:
    most = 1.0 - traffic.base
    fails, passes = smallest_harm(rules, traffic, seconds), smallest_margin(rules, traffic, seconds)
    requests = math.floor(traffic.rate * traffic.share * seconds)
    return Reach(seconds, requests, fails if fails < most else None, passes if passes < most else None)
