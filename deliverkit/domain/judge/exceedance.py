"""Whole distributions of response times: who exceeds quantiles of the past more often?

For each level q the threshold is the pooled q-quantile of *earlier* ticks, so that it is fixed before the tick that it
judges; then requests above it are counted in each arm (candidate: above `slowdown` times it). Only ranks matter, so
heavy tails do no harm. Quantiles come from a histogram with buckets of 2 %: a threshold may lie up to 2 % above the
quantile, which costs nothing in validity (any threshold fixed beforehand will do); the counting itself is exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from deliverkit.domain.judge.likelihood import likelihood_bets
from deliverkit.domain.judge.looks import Look

LEVELS = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
ODDS = (1.1, 1.3, 1.7, 3.0, 8.0)
COUNTED = 3
"""The level (0.95) whose exceedances also serve the look at the end, the burst guard and the evidence of no harm."""
WIDTH = math.log(1.02)
_FASTEST = 1e-6
"""Seconds; what is faster counts as this."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Response times of both arms so far.

    Attributes:
        buckets: (number of the bucket, requests), sorted; bucket i ends at exp(i * `WIDTH`) seconds.
    """

    buckets: tuple[tuple[int, float], ...] = ()

    def including(self, samples: Iterable[tuple[float, float]]) -> Histogram:
        """With more (seconds, requests)."""
        counts = dict(self.buckets)
        for seconds, requests in samples:
            bucket = math.ceil(math.log(max(seconds, _FASTEST)) / WIDTH)
            counts[bucket] = counts.get(bucket, 0.0) + requests
        return Histogram(tuple(sorted(counts.items())))

    def quantiles(self) -> list[float]:
        """For each of `LEVELS` the end of the bucket that holds the quantile, in seconds; empty without samples."""
        whole = math.fsum(requests for _, requests in self.buckets)
        ends, seen, rest = [], 0.0, iter(self.buckets)
        bucket = 0
        for level in LEVELS if whole else ():
            while seen < level * whole:
                bucket, requests = next(rest)
                seen += requests
            ends.append(math.exp(bucket * WIDTH))
        return ends


def exceedances(look: Look, thresholds: list[float], slowdown: float) -> list[tuple[float, float]]:
    """For each threshold: requests of the candidate above `slowdown` times it, of the baseline above it."""
    one, zero = look.candidate.latencies, look.baseline.latencies
    return [(above(one, slowdown * threshold), above(zero, threshold)) for threshold in thresholds]


def exceedance_bets(counts: list[tuple[float, float]], n1: float, n0: float) -> list[float]:
    """The log gain of each bet: every level with every odds ratio."""
    bets: list[float] = []
    for level, (x1, x0) in zip(LEVELS, counts, strict=True):
        bets += likelihood_bets(x1, n1, x0, n0, 1.0 - level, 1.0, 0.0, ODDS)
    return bets


def requests_of(latencies: tuple[tuple[float, float], ...]) -> float:
    """How many requests a tally of latencies holds."""
    return math.fsum(requests for _, requests in latencies)


def above(latencies: tuple[tuple[float, float], ...], threshold: float) -> float:
    """Requests slower than that many seconds."""
    return math.fsum(requests for seconds, requests in latencies if seconds > threshold)
