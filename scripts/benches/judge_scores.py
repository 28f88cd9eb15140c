"""What the judge's runs come to: false rollbacks, misses, times, and misses at equal false alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import judge_contestants as contestants
import numpy as np
import numpy.typing as npt
from judge_runs import Case, Result
from judge_traffic import ALPHA

Column = npt.NDArray[np.float64]
PEERS = ("threshold, failureLimit 0", "threshold of an oracle", "Kayenta once", "Kayenta each minute")
MISS_FACTOR = 1.1


@dataclass(frozen=True, slots=True)
class Share:
    """A simulated share with its Monte-Carlo error."""

    value: float
    runs: int

    @property
    def error(self) -> float:
        """One standard error; where nothing or all was found, that of the rule of three."""
        if self.value in (0.0, 1.0):
            return 1 / self.runs
        return math.sqrt(self.value * (1 - self.value) / self.runs)

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.error:.3f}"


@dataclass(frozen=True, slots=True)
class Match:
    """A peer beside ours on one row, ours with the alpha at which both fail as many harmless rollouts.

    Attributes:
        peer: Its name.
        false_alarms: Of the peer, on the same traffic without the harm.
        misses: The peer's.
        median: Its median seconds until failure.
        ours: Our misses at equal realised false alarms.
        error: Standard error of the difference of misses; both judged the same rollouts.
    """

    peer: str
    false_alarms: float
    misses: float
    median: float
    ours: float
    error: float

    @property
    def is_worse(self) -> bool:
        """More than 1.1 times the peer's misses."""
        return self.ours > MISS_FACTOR * self.misses

    @property
    def is_surely_worse(self) -> bool:
        """That, beyond two Monte-Carlo errors."""
        return self.ours - 2 * self.error > MISS_FACTOR * self.misses


@dataclass(frozen=True, slots=True)
class Score:
    """One harmful row.

    Attributes:
        case: The row.
        misses: Ours, as it ships.
        median: Our median seconds until failure; infinity if fewer than half were failed.
        passed: Share that ours passed.
        matches: Ours beside each peer.
        bound: Misses of thresholds whose limit and failureLimit an oracle tuned; it knows the base, which nobody does.
    """

    case: Case
    misses: Share
    median: float
    passed: float
    matches: tuple[Match, ...]
    bound: float


def scored(results: Mapping[Case, Result]) -> list[Score]:
    """All harmful rows that the peers judged too."""
    harmless = {case.setting: result for case, result in results.items() if not case.harm.points}
    return [
        score(case, result, harmless[case.setting])
        for case, result in results.items()
        if case.harm.points and case.with_peers and case.setting in harmless
    ]


def score(case: Case, result: Result, harmless: Result) -> Score:
    """One row."""
    limit = case.setting.peak + case.harm.points / 2
    best, failure_limit = contestants.tuned(harmless.minutes, ALPHA, (0,))[0]
    peers = (
        [contestants.threshold(each.minutes, limit) for each in (harmless, result)],
        [contestants.threshold(each.minutes, best, failure_limit) for each in (harmless, result)],
        [harmless.once, result.once],
        [harmless.each_minute, result.each_minute],
    )
    matches = tuple(_match(name, times, result, harmless) for name, times in zip(PEERS, peers, strict=True))
    bound = min(
        _missed(contestants.threshold(result.minutes, *tuned)).mean()
        for tuned in contestants.tuned(harmless.minutes, ALPHA)
    )
    missed = _missed(result.failed_at)
    median = float(np.median(result.failed_at))
    share = Share(float(missed.mean()), result.runs)
    return Score(case, share, median, result.share("passed"), matches, float(bound))


def _match(peer: str, times: list[Column], result: Result, harmless: Result) -> Match:
    harmless_at, failed_at = times
    alarms = float(np.isfinite(harmless_at).mean())
    theirs, ours = _missed(failed_at), result.strength > matched_alpha(harmless.strength, alarms)
    difference = ours.astype(float) - MISS_FACTOR * theirs
    error = float(difference.std() / math.sqrt(result.runs))
    median = 60 * float(np.median(failed_at))
    return Match(peer, alarms, float(theirs.mean()), median, float(ours.mean()), error)


def matched_alpha(strengths: Column, false_alarms: float) -> float:
    """The largest alpha at which ours fails no more of the harmless than the peer did.

    Where even our usual alpha fails fewer it stays with that unless the peer fails more than it allows: a row without
    any false alarm shall not be judged at alpha 1.
    """
    allowed = round(false_alarms * len(strengths))
    most = 1.0 if false_alarms > ALPHA else ALPHA
    if allowed >= len(strengths):
        return math.inf
    return min(float(np.nextafter(np.sort(strengths)[allowed], 0.0)), most)


def _missed(failed_at: Column) -> npt.NDArray[np.bool_]:
    missed: npt.NDArray[np.bool_] = ~np.isfinite(failed_at)
    return missed
