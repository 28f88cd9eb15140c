"""Simulated rollouts for the judge's bench: what two arms serve while a release bakes, tick by tick."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Shares = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

ALPHA = 0.05
"""The chance of a wrong failure that our judge is told to keep."""
TICK = 5.0
"""Seconds from one look to the next."""
TICKS = 360
"""Looks in a bake of 30 minutes."""
MINUTE = 12
"""Ticks in a minute, the interval of the peers."""
INSTANCES = 50


@dataclass(frozen=True, slots=True)
class Bursts:
    """Errors that come together.

    Attributes:
        phi: Variance of a tick's errors over that of independent requests, at least 1.
        common: True if both arms see the same bursts.
        lasting: Ticks that a burst lasts.
        retried: True if each failure is repeated (geometric numbers of mean (phi + 1) / 2), no share moves.
    """

    phi: float = 1.0
    common: bool = False
    lasting: int = 1
    retried: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What the traffic is like before anything is done to it.

    Attributes:
        name: For people.
        rates: Requests a second of (candidate, baseline), at each tick.
        base: Share of requests that fail, at each tick.
        bursts: How errors cluster.
        margin: The rise that our judge must not pass.
        ratio: Relative part of the rise that is tolerated.
        tolerate: Absolute part of it.
        tick: Seconds from look to look; a bake is always so many looks, whatever they take.
        dispersion: What is known of bursts beforehand, as phi; None if nothing is.
        alpha: What our judge is told to keep.
    """

    name: str
    rates: tuple[Shares, Shares]
    base: Shares
    bursts: Bursts = field(default_factory=Bursts)
    margin: float = 0.01
    ratio: float = 1.0
    tolerate: float = 0.0
    tick: float = TICK
    dispersion: float | None = None
    alpha: float = ALPHA

    @property
    def peak(self) -> float:
        """The share a person would put down as normal: what a fixed threshold starts from."""
        return float(self.base.max())


@dataclass(frozen=True, slots=True)
class Harm:
    """What the release does to the candidate.

    Attributes:
        points: Rise of the share of requests that fail, as a share (0.01 = one percentage point).
        shape: `step`, `leak` (from nothing to `points` over the bake), `instance` (one of fifty, by so much that the
            whole arm rises by `points`), `flapping` (that, in one minute of five).
        onset: Part of the bake that is over when it begins.
    """

    points: float = 0.0
    shape: str = "step"
    onset: float = 0.0

    @property
    def name(self) -> str:
        """For people."""
        if not self.points:
            return "no harm"
        said = f"+{100 * self.points:g} pp"
        said += {"step": "", "leak": ", leaking in", "instance": ", one instance of fifty"}.get(
            self.shape, ", one instance of fifty, one minute of five"
        )
        return said + (f", from {100 * self.onset:g} % of the bake" if self.onset else "")

    def path(self) -> Shares:
        """The rise at each tick."""
        ticks = np.arange(TICKS)
        size = {
            "leak": self.points * (ticks + 1) / TICKS,
            "flapping": np.where((ticks // MINUTE) % 5 == 4, self.points, 0.0),
        }.get(self.shape, np.full(TICKS, self.points))
        rise: Shares = np.where(ticks >= round(self.onset * TICKS), size, 0.0)
        return rise


NONE = Harm()


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counts of both arms: errors and requests, each of shape (runs, ticks)."""

    errors: tuple[Counts, Counts]
    requests: tuple[Counts, Counts]

    def by_minute(self) -> tuple[Shares, Shares]:
        """Each minute's share of errors of (candidate, baseline): (runs, minutes), NaN where nothing was asked."""
        found = []
        for errors, requests in zip(self.errors, self.requests, strict=True):
            sums = [each.reshape(len(each), -1, MINUTE).sum(axis=2) for each in (errors, requests)]
            found.append(np.divide(sums[0], sums[1], out=np.full(sums[0].shape, math.nan), where=sums[1] > 0))
        return found[0], found[1]


def draw(setting: Setting, harm: Harm, random: np.random.Generator, runs: int) -> Traffic:
    """Simulates rollouts.

    Returns:
        `runs` of them.
    """
    requests = [random.poisson(rate * setting.tick, (runs, TICKS)) for rate in setting.rates]
    rise = harm.path()
    # A relative tolerance that is used up to its end is the edge of what must not be failed.
    edge = (setting.ratio - 1) * setting.base + setting.tolerate
    candidate = setting.base + edge + rise
    if harm.shape in ("instance", "flapping"):
        errors = [_of_instances(setting.base, rise, requests[0], random), random.binomial(requests[1], setting.base)]
    elif setting.bursts.phi == 1:
        errors = [random.binomial(requests[0], candidate), random.binomial(requests[1], setting.base)]
    elif setting.bursts.common:
        shares = _moving(setting.base, setting.bursts, requests[1], random)
        both = (np.minimum(shares + edge + rise, 1.0), shares)
        errors = [random.binomial(asked, share) for asked, share in zip(requests, both, strict=True)]
    elif setting.bursts.retried:
        errors = [
            _retried(asked, share, setting.bursts.phi, random)
            for asked, share in zip(requests, (candidate, setting.base), strict=True)
        ]
    else:
        errors = [
            random.binomial(asked, _moving(share, setting.bursts, asked, random))
            for asked, share in zip(requests, (candidate, setting.base), strict=True)
        ]
    return Traffic((errors[0], errors[1]), (requests[0], requests[1]))


def _of_instances(base: Shares, rise: Shares, requests: Counts, random: np.random.Generator) -> Counts:
    bad = random.binomial(requests, 1 / INSTANCES)
    share = np.minimum(base + INSTANCES * rise, 1.0)
    errors: Counts = random.binomial(requests - bad, base) + random.binomial(bad, share)
    return errors


def _moving(share: Shares, bursts: Bursts, requests: Counts, random: np.random.Generator) -> Shares:
    """Shares of a beta distribution, such that counts out of `requests` have `phi` times the binomial variance."""
    typical = np.maximum(requests.mean(axis=0), 2.0)
    correlation = np.minimum((bursts.phi - 1) / (typical - 1), 0.9)
    weight = 1 / correlation - 1
    held = random.beta(
        np.maximum(share * weight, 1e-9)[:: bursts.lasting],
        ((1 - share) * weight)[:: bursts.lasting],
        (len(requests), len(share[:: bursts.lasting])),
    )
    moving: Shares = np.repeat(held, bursts.lasting, axis=1)[:, : len(share)]
    return np.where(share > 0, moving, 0.0)


def _retried(requests: Counts, share: Shares, phi: float, random: np.random.Generator) -> Counts:
    """Failures that are tried again some times: for geometric numbers of mean m, phi = 2 m - 1."""
    mean = (phi + 1) / 2
    first = random.binomial(requests, share / mean)
    # The sum of k geometric numbers is k plus a negative binomial one.
    again = random.negative_binomial(np.maximum(first, 1), 1 / mean)
    errors: Counts = np.minimum(np.where(first > 0, first + again, 0), requests)
    return errors


# --- settings --------------------------------------------------------------------------------------


def steady(value: float) -> Shares:
    """The same at each tick."""
    return np.full(TICKS, value)


def constant(rate: float, base: float, **others: object) -> Setting:
    """A steady setting: `rate` requests a second in each arm, of which the share `base` fails."""
    name = f"{rate:g}/s, {100 * base:g} %"
    return Setting(name, (steady(rate), steady(rate)), steady(base), **others)  # type: ignore[arg-type]


def cycle(low: float, high: float) -> Shares:
    """A day pressed into the bake: from low to high and back."""
    swing: Shares = low + (high - low) * np.sin(np.pi * np.arange(TICKS) / TICKS) ** 2
    return swing


def stepped(*values: float) -> Shares:
    """As many equal stretches as there are values."""
    return np.repeat(np.array(values), math.ceil(TICKS / len(values)))[:TICKS]
