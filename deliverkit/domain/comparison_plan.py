"""What a comparison can see with the traffic at hand: how long a verdict takes, and what a bake time suffices for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deliverkit.domain.judge.dispersion import LIMIT, Dispersion
from deliverkit.domain.judge.planning import (
    COST,
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
_HALVINGS = 40


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
        every: Seconds from look to look.
        own: What the planned bake time is long enough for.
        to_pass: What it takes to pass without harm.
        to_fail: What it takes to fail, by the size of the harm, ascending.
        reaches: The same of several bake times, ascending.
    """

    rules: Rules
    traffic: Traffic
    every: float
    own: Reach
    to_pass: Needs
    to_fail: tuple[tuple[float, Needs], ...]
    reaches: tuple[Reach, ...]


def planned(
    rules: Rules, traffic: Traffic, *, every: float, rises: Sequence[float] = RISES, bakes: Sequence[float] = BAKES
) -> ComparisonPlan:
    """The plan of a comparison that runs for `rules.bake`.

    Args:
        rules: What is asked.
        traffic: What comes in.
        every: Seconds from look to look.
        rises: Sizes of harm to tell of, beside the margin.
        bakes: Bake times to tell of, in seconds, beside the planned one.
    """
    sizes = sorted({each for each in (*rises, rules.harm) if each > 0 and traffic.base + each <= 1})
    pace = Pace(rules, traffic, every)
    return ComparisonPlan(
        rules,
        traffic,
        every,
        _reach(pace, rules.bake),
        _needs(pace, requests_to_pass(rules, traffic), 1.0, pace.passing),
        tuple((size, _needs(pace, requests_to_fail(rules, traffic, size), SURE, pace.failing)) for size in sizes),
        tuple(_reach(pace, each) for each in sorted({*bakes, rules.bake})),
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """How the burst guard stretches the time to a verdict: few looks have not shown yet whether errors come in bursts.

    Attributes:
        rules: What is asked.
        traffic: What comes in.
        every: Seconds from look to look.
    """

    rules: Rules
    traffic: Traffic
    every: float

    @property
    def per_look(self) -> float:
        """Requests of the candidate from look to look."""
        return self.traffic.rate * self.traffic.share * self.every

    def failing(self, looks: int) -> float:
        """How many times the requests a failure takes if it is to come after so many looks, in calm traffic."""
        guard, enough = Dispersion(looks), math.log(2.0 * self.rules.metrics / self.rules.alpha)
        needed = enough * LIMIT  # that much convinces whatever the bursts
        phi = guard.careful(self.rules.dispersion)
        if guard.tempered(needed / phi, self.rules.dispersion) < enough:
            return (needed + COST) / (enough + COST)
        low, high = enough, needed
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            is_enough = guard.tempered(middle / phi, self.rules.dispersion) >= enough
            low, high = (low, middle) if is_enough else (middle, high)
        return (high + COST) / (enough + COST)

    def passing(self, looks: int) -> float:
        """The same for a pass."""
        return Dispersion(looks).careful(self.rules.dispersion)


def _needs(pace: Pace, requests: float, factor: float, stretch: Callable[[int], float]) -> Needs:
    if not math.isfinite(requests):
        return Needs(requests, requests, requests)
    even, surely = (_looks(pace, requests * each, stretch) for each in (1.0, factor))
    return Needs(even * pace.per_look, even * pace.every, surely * pace.every)


def _looks(pace: Pace, requests: float, stretch: Callable[[int], float]) -> int:
    """The first look by which enough requests have come; more looks are never told that they are too many."""
    low, high = 1, 2
    while high * pace.per_look < requests * stretch(high):
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle * pace.per_look >= requests * stretch(middle) else (middle + 1, high)
    return low


def _reach(pace: Pace, seconds: float) -> Reach:
    looks = max(1, round(seconds / pace.every))
    most = 1.0 - pace.traffic.base
    fails = smallest_harm(pace.rules, pace.traffic, seconds / pace.failing(looks))
    passes = smallest_margin(pace.rules, pace.traffic, seconds / pace.passing(looks))
    requests = math.floor(pace.per_look / pace.every * seconds)
    return Reach(seconds, requests, fails if fails < most else None, passes if passes < most else None)
