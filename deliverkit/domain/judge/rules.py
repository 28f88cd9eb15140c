"""What a comparison of candidate and baseline asks: which series, which margin, how sure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

HALF_AN_HOUR = 1800.0
"""Seconds of bake time that are planned with where nobody says otherwise."""


class SeriesKind(StrEnum):
    """What is compared."""

    ERRORS = "errors"
    """Failed requests out of requests; without the number of requests: rates, which tell far less."""
    COUNT = "count"
    """Events without a denominator; the arms' shares of the traffic stand for it."""
    LATENCY = "latency"
    """Response times: the share slower than a limit, or the whole distribution."""


@dataclass(frozen=True, slots=True)
class Rules:
    """One comparison.

    The candidate's true share of bad requests is written p1, the baseline's p0.

    Attributes:
        kind: What is compared.
        harm: The smallest rise that must not pass (p1 = ratio * p0 + harm), as a share of requests: 0.005 is half a
            percentage point. For counts: events per tick and unit of traffic. 0 forbids a pass: nobody can prove "not
            worse at all".
        ratio: The factor on the baseline's share that belongs to the margin of `harm`; 1.2 is 20 % more.
        tolerate: The rise that is never a failure (p1 <= tolerated_ratio * p0 + tolerate); by default any proven rise
            fails.
        tolerated_ratio: The factor that is never a failure.
        alpha: The chance of a wrong failure, over all looks together, and that of a wrong pass.
        metrics: How many comparisons share `alpha` (e-Bonferroni for failures; passes need no correction).
        slower_than: For latency: seconds above which a request counts as slow. None compares whole distributions.
        slowdown: For whole distributions of latency: the factor on the baseline's response times that is no harm.
        candidate_share: The candidate's share of the traffic, lowest and highest, where requests are not counted.
        bake: Seconds for which the comparison is planned to run; only the power of late detection depends on it.
        dispersion: The over-dispersion known from the past (variance of counts per tick over that of independent
            requests), for instance of the baseline before the rollout; None learns it from the looks alone, which
            makes the first looks careful.
    """

    kind: SeriesKind = SeriesKind.ERRORS
    harm: float = 0.0
    ratio: float = 1.0
    tolerate: float = 0.0
    tolerated_ratio: float = 1.0
    alpha: float = 0.05
    metrics: int = 1
    slower_than: float | None = None
    slowdown: float = 1.0
    candidate_share: tuple[float, float] = (0.5, 0.5)
    bake: float = HALF_AN_HOUR
    dispersion: float | None = None

    def __post_init__(self) -> None:
        """Refuse what means nothing.

        Raises:
            ValueError: A number is out of its range; the message names it.
        """
        low, high = self.candidate_share
        for name, value, holds in (
            ("harm", self.harm, self.harm >= 0),
            ("ratio", self.ratio, self.ratio > 0),
            ("tolerate", self.tolerate, self.tolerate >= 0),
            ("tolerated_ratio", self.tolerated_ratio, self.tolerated_ratio > 0),
            ("alpha", self.alpha, 0 < self.alpha < 1),
            ("metrics", self.metrics, self.metrics >= 1),
            ("slower_than", self.slower_than or 0.0, self.slower_than is None or self.slower_than > 0),
            ("slowdown", self.slowdown, self.slowdown >= 1),
            ("candidate_share", low, 0 < low <= high < 1),
            ("candidate_share", high, 0 < low <= high < 1),
            ("bake", self.bake, self.bake > 0),
            ("dispersion", self.dispersion or 1.0, self.dispersion is None or self.dispersion >= 1),
        ):
            if not math.isfinite(value) or not holds:
                raise ValueError(f"{name}: {value!r} is out of range")
