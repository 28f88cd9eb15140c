"""What a worker has to do with, in memory: nothing outlives a test, and nothing takes time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from deliverkit.domain.worker_job import JobRecord, Offer, Report, WorkerJob
from deliverkit.testing import FakeClock
from deliverkit.worker_ports import Claim


class EndError(Exception):
    """Ends the loop from within."""


class Source:
    """Jobs in memory; `answers` are what polls find, one after the other, and the last one ends the loop.

    `script` has what other calls answer at first, by their names; exceptions are raised.
    """

    def __init__(self, clock: FakeClock, *answers: Sequence[str] | Exception, **script: Sequence[Any]) -> None:
        self.clock, self.answers = clock, list(answers)
        self.script = {name: list(each) for name, each in script.items()}
        self.polled_at: list[datetime] = []
        self.asked_for: list[int] = []
        self.claims: list[bool] = []
        self.sent: list[Report] = []
        self.reports: dict[str, Report] = {}

    def poll(self, limit: int) -> Sequence[Offer]:
        self.polled_at.append(self.clock.now())
        self.asked_for.append(limit)
        if not self.answers:
            raise EndError
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [Offer(each, "nonce", "", f"shop/Build/{each}") for each in answer]

    def acknowledge(self, offer: Offer, *, is_repeated: bool = False) -> Claim:
        self.claims.append(is_repeated)
        return scripted(self.script.get("acknowledge"), Claim.OURS)

    def details(self, job_id: str) -> WorkerJob:
        job = WorkerJob(job_id, "shop", "Build", job_id, "execution", f"attempt-{job_id}")
        return scripted(self.script.get("details"), job)

    def report(self, job_id: str, report: Report) -> None:
        self.sent.append(report)
        scripted(self.script.get("report"), None)
        self.reports[job_id] = report

    def is_wanted(self, job: WorkerJob) -> bool:
        return scripted(self.script.get("is_wanted"), True)

    @property
    def pauses(self) -> list[float]:
        times = self.polled_at
        return [(late - early).total_seconds() for early, late in itertools.pairwise(times)]


class Records:
    """Nothing outlives these tests."""

    def __init__(self) -> None:
        self.kept: dict[str, JobRecord] = {}

    def all(self) -> Iterable[JobRecord]:
        return []

    def save(self, record: JobRecord) -> None:
        self.kept[record.offer.job_id] = record

    def drop(self, job_id: str) -> None:
        self.kept.pop(job_id, None)

    def room(self, job_id: str) -> Path:
        raise AssertionError(job_id)


class Work:
    """Work that is over as soon as it begins, unless `begin` says something else; `script` as in `Source`."""

    kind = "test"

    def __init__(
        self, begin: Callable[[WorkerJob], Report | None] = lambda _: Report("done"), /, **script: Sequence[Any]
    ) -> None:
        self._begin = begin
        self.script = {name: list(each) for name, each in script.items()}
        self.stops = 0

    def takes(self, offer: Offer) -> bool:
        return True

    def begin(self, job: WorkerJob, *, is_doubtful: bool) -> Report | None:
        return scripted(self.script["begin"], None) if "begin" in self.script else self._begin(job)

    def look(self, job: WorkerJob) -> Report | None:
        return scripted(self.script.get("look"), None)

    def stop(self, job: WorkerJob) -> str:
        self.stops += 1
        return scripted(self.script.get("stop"), "the work is stopped")

    def hand_back(self, job: WorkerJob) -> Report | None:
        return None


def scripted(answers: list[Any] | None, otherwise: Any) -> Any:
    """The next answer, of which the last one stays; exceptions are raised."""
    answer = otherwise if not answers else answers[0] if len(answers) == 1 else answers.pop(0)
    if isinstance(answer, Exception):
        raise answer
    return answer
