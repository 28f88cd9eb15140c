"""Runs of the judge's suite, spread over processes; each chunk has its own seed, so their number changes nothing."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace

import judge_contestants as contestants
import judge_ours as ours
import numpy as np
import numpy.typing as npt
from judge_traffic import Harm, Setting, draw

Column = npt.NDArray[np.float64]
CHUNK = 50


@dataclass(frozen=True, slots=True)
class Case:
    """One row: rollouts of one setting with one harm.

    Attributes:
        family: The family's name.
        setting: The traffic.
        harm: What is done to it.
        runs: How many rollouts.
        with_peers: Whether the peers judge it as well.
        is_counted: Whether it counts for the goals.
    """

    family: str
    setting: Setting
    harm: Harm
    runs: int
    with_peers: bool = True
    is_counted: bool = True

    @property
    def name(self) -> str:
        """For people, and what `--row` looks at."""
        return f"{self.family}: {self.setting.name}, {self.harm.name}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case; one entry a rollout.

    Attributes:
        verdicts: Our last verdict.
        failed_at: Seconds until our failure; infinity without.
        strength: The smallest alpha with which ours would have failed it.
        alone: The same without the look at the end.
        minutes: The candidate's share of errors in each minute, for the thresholds.
        once: Minute at which Kayenta failed it, looking once.
        each_minute: The same when it looks each minute.
    """

    verdicts: tuple[str, ...]
    failed_at: Column
    strength: Column
    alone: Column
    minutes: Column
    once: Column
    each_minute: Column

    @property
    def runs(self) -> int:
        """How many rollouts."""
        return len(self.verdicts)

    def share(self, verdict: str) -> float:
        """Of the rollouts with that verdict."""
        return self.verdicts.count(verdict) / self.runs


def run(case: Case, seed: int, chunk: int) -> Result:
    """Some of a case's rollouts."""
    random = np.random.default_rng([seed, zlib.crc32(case.name.encode()), chunk])
    traffic = draw(case.setting, case.harm, random, case.runs)
    rules = ours.rules_for(case.setting)
    judged = [ours.judged(rules, looks) for looks in ours.looks_of(traffic, case.setting.tick)]
    candidate, baseline = traffic.by_minute()
    never = np.full(case.runs, contestants.NEVER)
    peers = contestants.kayenta(candidate, baseline) if case.with_peers else contestants.Kayenta(never, never)
    return Result(
        tuple(each.verdict for each in judged),
        np.array([each.failed_at for each in judged]),
        np.array([each.strength for each in judged]),
        np.array([each.evidence_alone for each in judged]),
        candidate,
        peers.once,
        peers.each_minute,
    )


def run_all(cases: Sequence[Case], seed: int, jobs: int) -> dict[Case, Result]:
    """Everything, with what is done told on stderr."""
    found: dict[Case, dict[int, Result]] = {case: {} for case in cases}
    with ProcessPoolExecutor(jobs) as pool:
        running = {}
        for case in cases:
            for chunk, begin in enumerate(range(0, case.runs, CHUNK)):
                part = replace(case, runs=min(CHUNK, case.runs - begin))
                running[pool.submit(run, part, seed, chunk)] = case, chunk
        total, done = sum(case.runs for case in cases), 0
        for future in as_completed(running):
            case, chunk = running.pop(future)
            found[case][chunk] = future.result()
            done += found[case][chunk].runs
            _tell(done, found[case][chunk].runs, total)
    return {case: joined([parts[chunk] for chunk in sorted(parts)]) for case, parts in found.items()}


def _tell(done: int, more: int, total: int) -> None:
    """Each twentieth part of the way, one line."""
    if 20 * done // total > 20 * (done - more) // total:
        sys.stderr.write(f"judge: {done:,} of {total:,} rollouts\n")


def joined(parts: Iterable[Result]) -> Result:
    """Chunks as one."""
    parts = list(parts)
    columns = ("failed_at", "strength", "alone", "minutes", "once", "each_minute")
    return Result(
        tuple(verdict for part in parts for verdict in part.verdicts),
        *(np.concatenate([getattr(part, column) for part in parts]) for column in columns),
    )
