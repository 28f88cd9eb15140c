"""Runs of the judge's suite, spread over processes; each chunk has its own seed, so their number changes nothing."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import judge_contestants as contestants
import judge_ours as ours
import numpy as np
import numpy.typing as npt
from judge_traffic import Harm, Setting, draw

Column = npt.NDArray[np.float64]
R = TypeVar("R", bound="Row")
P = TypeVar("P")
CHUNK = 25


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


class Row(Protocol):
    """What is simulated: some number of rollouts of one kind."""

    @property
    def runs(self) -> int:
        """How many rollouts."""


def run_all(
    rows: Sequence[R], simulate: Callable[[R, int, int], P], joined: Callable[[list[P]], P], seed: int, jobs: int
) -> dict[R, P]:
    """Simulates rows in chunks, as many at a time as there are jobs, and tells what is done on stderr.

    Args:
        rows: All of them.
        simulate: From a row with the runs of a chunk, the seed and the chunk's number to its part of the result.
        joined: From parts to the result.
        seed: Of the traffic.
        jobs: Processes.
    """
    found: dict[R, dict[int, P]] = {row: {} for row in rows}
    with ProcessPoolExecutor(jobs) as pool:
        running = {}
        for row in rows:
            for chunk, begin in enumerate(range(0, row.runs, CHUNK)):
                part = replace(row, runs=min(CHUNK, row.runs - begin))  # type: ignore[type-var]
                running[pool.submit(simulate, part, seed, chunk)] = row, chunk, part.runs
        total, done = sum(row.runs for row in rows), 0
        for future in as_completed(running):
            row, chunk, runs = running[future]
            found[row][chunk] = future.result()
            done += runs
            _tell(done, runs, total)
    return {row: joined([parts[chunk] for chunk in sorted(parts)]) for row, parts in found.items()}


def _tell(done: int, more: int, total: int) -> None:
    """Each twentieth part of the way, one line."""
    if 20 * done // total > 20 * (done - more) // total:
        sys.stderr.write(f"judge: {done:,} of {total:,} rollouts\n")


def joined(parts: list[Result]) -> Result:
    """Chunks as one."""
    columns = ("failed_at", "strength", "alone", "minutes", "once", "each_minute")
    return Result(
        tuple(verdict for part in parts for verdict in part.verdicts),
        *(np.concatenate([getattr(part, column) for part in parts]) for column in columns),
    )
