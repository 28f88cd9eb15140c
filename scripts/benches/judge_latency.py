"""Response times with a heavy tail: what the judge and its peers make of a slower candidate."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import judge_contestants as contestants
import numpy as np
import numpy.typing as npt
from judge_ours import judged
from judge_traffic import ALPHA, MINUTE, TICK, TICKS

from deliverkit.domain.judge.looks import Look, Tally
from deliverkit.domain.judge.rules import Rules, SeriesKind

Seconds = npt.NDArray[np.float64]
Column = npt.NDArray[np.float64]

FAMILY = "latency"
MEDIAN, SIGMA = 0.1, 0.8
TAIL_SHARE, TAIL_FROM, TAIL_INDEX = 0.01, 0.3, 1.2
"""One request of a hundred takes 0.3 s up to minutes: Pareto's distribution, whose variance is infinite."""
SLOW = 0.5
"""What our judge counts as slow when it is told a limit: about 2.8 % of the usual requests."""
RESOLUTION = 0.02
"""Response times come as a histogram of buckets that are 2 % wide."""
TOO_SLOW = 1.2
"""The threshold's limit: each minute's p99 below so many times the usual one."""
OURS = ("ours, whole distribution", "ours, share slower than 0.5 s")
PEERS = ("p99 < 1.2 x the usual, each minute", "Kayenta on p50 and p99, once", "Kayenta, each minute")


@dataclass(frozen=True, slots=True)
class Slowness:
    """One row.

    Attributes:
        runs: How many rollouts.
        rate: Requests a second of each arm.
        factor: On all of the candidate's response times.
        share: Of the candidate's requests that take `extra` seconds longer.
        extra: Those seconds.
    """

    runs: int
    rate: float
    factor: float = 1.0
    share: float = 0.0
    extra: float = 0.0

    @property
    def is_harmless(self) -> bool:
        """Whether both arms are alike."""
        return self.factor == 1.0 and not self.share

    @property
    def name(self) -> str:
        """For people, and what `--row` looks at."""
        said = "no harm" if self.is_harmless else f"all x {self.factor:g}"
        if self.share:
            said = f"{100 * self.share:g} % take {self.extra:g} s longer"
        return f"{FAMILY}: {self.rate:g}/s, {said}"


def rows(runs: int) -> tuple[Slowness, ...]:
    """All rows; such a rollout takes as long to simulate as ten others."""
    few = max(runs // 10, 2)
    return tuple(
        row
        for rate, size in ((10.0, few), (100.0, max(few // 3, 2)))
        for row in (
            Slowness(size, rate),
            Slowness(size, rate, factor=1.1),
            Slowness(size, rate, factor=1.25),
            Slowness(size, rate, share=0.01, extra=1.0),
        )
    )


@dataclass(frozen=True, slots=True)
class Result:
    """Seconds until each contestant failed a rollout, infinity if it did not; one entry a rollout."""

    failed_at: dict[str, Column]


def run(row: Slowness, seed: int, chunk: int) -> Result:
    """Some rollouts."""
    random = np.random.default_rng([seed, zlib.crc32(row.name.encode()), chunk])
    usual = float(np.quantile(_usual(np.random.default_rng(1), 1_000_000), 0.99))
    rules = (
        Rules(kind=SeriesKind.LATENCY, harm=0.01, alpha=ALPHA),
        Rules(kind=SeriesKind.LATENCY, harm=0.01, alpha=ALPHA, slower_than=SLOW),
    )
    found: dict[str, list[float]] = {name: [] for name in (*OURS, *PEERS)}
    for _ in range(row.runs):
        ticks = [_both(row, random) for _ in range(TICKS)]
        looks = [Look(TICK * number, _tally(zero), _tally(one)) for number, (one, zero) in enumerate(ticks, 1)]
        for name, asked in zip(OURS, rules, strict=True):
            found[name].append(judged(asked, looks).failed_at)
        for name, minute in zip(PEERS, _peers(ticks, usual), strict=True):
            found[name].append(60.0 * minute)
    return Result({name: np.array(times) for name, times in found.items()})


def joined(parts: list[Result]) -> Result:
    """Chunks as one."""
    return Result({name: np.concatenate([part.failed_at[name] for part in parts]) for name in parts[0].failed_at})


def _peers(ticks: list[tuple[Seconds, Seconds]], usual: float) -> Iterator[float]:
    minutes = [
        [np.concatenate([tick[arm] for tick in ticks[begin : begin + MINUTE]]) for begin in range(0, TICKS, MINUTE)]
        for arm in (0, 1)
    ]
    tails, middles = (
        [np.array([[np.quantile(minute, level) for minute in arm]]) for arm in minutes] for level in (0.99, 0.5)
    )
    yield float(contestants.threshold(tails[0], TOO_SLOW * usual)[0])
    both = [contestants.kayenta(*tails), contestants.kayenta(*middles)]
    yield min(float(each.once[0]) for each in both)
    yield min(float(each.each_minute[0]) for each in both)


def _both(row: Slowness, random: np.random.Generator) -> tuple[Seconds, Seconds]:
    candidate, baseline = (_usual(random, max(1, random.poisson(row.rate * TICK))) for _ in range(2))
    late = random.random(len(candidate)) < row.share
    return candidate * row.factor + late * row.extra, baseline


def _usual(random: np.random.Generator, size: int) -> Seconds:
    body = MEDIAN * np.exp(SIGMA * random.standard_normal(size))
    tail = TAIL_FROM * (1.0 + random.pareto(TAIL_INDEX, size))
    times: Seconds = np.where(random.random(size) < TAIL_SHARE, tail, body)
    return times


def _tally(seconds: Seconds) -> Tally:
    width = math.log1p(RESOLUTION)
    buckets, requests = np.unique(np.ceil(np.log(seconds) / width), return_counts=True)
    bounds = np.exp(buckets * width)
    pairs = tuple(zip(bounds.tolist(), map(float, requests.tolist()), strict=True))
    return Tally(requests=float(len(seconds)), latencies=pairs)
