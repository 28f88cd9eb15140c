"""Whom our judge is compared with: a threshold each minute, as Argo Rollouts counts it, and Kayenta's rank test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Shares = npt.NDArray[np.float64]
Minutes = npt.NDArray[np.float64]
"""The minute at whose end a rollout was failed, infinity if it was not."""

CONFIDENCE = 0.98
TOLERANCE = 0.25
ALLOWED_INCREASE = 1.0
FIRST = 5
"""The first minute at whose end Kayenta looks: with fewer points its interval is not one."""
NEVER = np.inf


# --- a threshold, each minute -----------------------------------------------------------------------


def threshold(candidate: Shares, limit: float, failure_limit: int = 0) -> Minutes:
    """Argo Rollouts' metric with `successCondition: rate < limit`, `interval: 1m` and a failureLimit.

    Source: Argo Rollouts, docs/features/analysis.md: the run fails once more than failureLimit measurements have.
    """
    failures = np.cumsum(candidate >= limit, axis=1) > failure_limit
    return first(failures)


def tuned(harmless: Shares, at_most: float, failure_limits: Sequence[int] = range(6)) -> list[tuple[float, int]]:
    """What somebody who could try a thousand harmless rollouts first would choose.

    Returns:
        For each failureLimit the lowest limit that fails at most that share of the harmless.
    """
    found = []
    for failure_limit in failure_limits:
        # A rollout fails at `limit` iff its (failure_limit + 1)-th highest minute is at or above it.
        decisive = np.sort(harmless, axis=1)[:, -1 - failure_limit]
        allowed = int(at_most * len(decisive))
        limit = np.sort(decisive)[-1 - allowed]
        found.append((float(np.nextafter(limit, np.inf)), failure_limit))
    return found


def first(failed: npt.NDArray[np.bool_], before: int = 0) -> Minutes:
    """The minute of the first True in each row, where column 0 ends the minute `before` + 1."""
    minutes: Minutes = np.where(failed.any(axis=1), before + 1 + failed.argmax(axis=1), NEVER)
    return minutes


# --- Kayenta -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kayenta:
    """NetflixACAJudge's verdicts on one metric whose rise is bad.

    Attributes:
        once: Failed at the end of the bake.
        each_minute: Failed at the first look that says so, from the fifth minute on.
    """

    once: Minutes
    each_minute: Minutes


def kayenta(candidate: Shares, baseline: Shares) -> Kayenta:
    """Both ways of using it."""
    minutes = candidate.shape[1]
    looks = [is_high(candidate[:, :minute], baseline[:, :minute]) for minute in range(FIRST, minutes + 1)]
    verdicts = np.stack(looks, axis=1)
    return Kayenta(np.where(verdicts[:, -1], float(minutes), NEVER), first(verdicts, FIRST - 1))


def is_high(candidate: Shares, baseline: Shares) -> npt.NDArray[np.bool_]:
    """Whether the metric is classified as High.

    Source: spinnaker/kayenta, MannWhitneyClassifier.scala and MannWhitney.scala: the lower end of the Hodges-Lehmann
    interval (normal approximation with continuity and tie correction) is above a quarter of the estimate's size, and
    the mean has risen. The ends are where a step function crosses the quantile, which is at one of the differences.
    """
    size, other = candidate.shape[1], baseline.shape[1]
    differences = (candidate[:, :, None] - baseline[:, None, :]).reshape(len(candidate), -1)
    differences.sort(axis=1)
    # More than this many differences must lie above a shift for the shift to be refused.
    needed = size * other / 2 + 0.5 + NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * _deviation(candidate, baseline)
    place = np.floor(needed).astype(int) + 1
    lower = differences[np.arange(len(differences)), np.maximum(size * other - place, 0)]
    estimate = np.median(differences, axis=1)
    means = candidate.mean(axis=1), baseline.mean(axis=1)
    risen = means[0] > ALLOWED_INCREASE * means[1]
    found: npt.NDArray[np.bool_] = (lower > TOLERANCE * np.abs(estimate)) & risen
    return found


def _deviation(candidate: Shares, baseline: Shares) -> Shares:
    """Of the rank sum, with the ties that are within one arm: what is between them, no shift but a few has."""
    size, other = candidate.shape[1], baseline.shape[1]
    both = size + other
    ties = _ties(candidate) + _ties(baseline)
    deviation: Shares = np.sqrt(size * other / 12 * (both + 1 - ties / (both * (both - 1))))
    return deviation


def _ties(values: Shares) -> Shares:
    """Sum of t^3 - t over groups of t equal values, by row."""
    equal = (values[:, :, None] == values[:, None, :]).sum(axis=2)
    ties: Shares = (equal.astype(float) ** 2 - 1).sum(axis=1)
    return ties
