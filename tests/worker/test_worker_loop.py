"""The worker's loop by a clock that stands still: how often it asks, and what keeps it from asking."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest
from worker_memory import EndError, Records, Source, Work

from deliverkit.domain.worker_job import Report, WorkerJob
from deliverkit.engine.job_course import WorkerPace
from deliverkit.engine.working import Worker
from deliverkit.errors import DeniedError, UnreachableError, UsageError
from deliverkit.testing import FakeClock


def worker(
    source: Source, *, limit: int = 1, chance: float = 0.5, told: list[str] | None = None, **work: Work
) -> Worker:
    return Worker(
        source,
        records=Records(),
        runner=work.get("work", Work()),
        clock=source.clock,
        pace=WorkerPace(),
        chance=lambda: chance,
        limit=limit,
        tell=(told if told is not None else []).append,
    )


@pytest.mark.parametrize(("chance", "first", "last"), [(0.0, 1.0, 11.25), (0.5, 1.5, 15.0), (1.0, 2.0, 18.75)])
def test_idle_workers_ask_less_and_less_and_not_together(chance: float, first: float, last: float) -> None:
    source = Source(FakeClock(), *[()] * 20)
    with pytest.raises(EndError):
        worker(source, chance=chance).run()
    nap = WorkerPace().nap.total_seconds()
    assert first - nap <= source.pauses[0] <= first + nap
    assert last <= source.pauses[-1] <= last + nap
    assert source.pauses == sorted(source.pauses)


def test_throttling_makes_pauses_longer_and_ends_nothing() -> None:
    told: list[str] = []
    source = Source(FakeClock(), *[UnreachableError("rate exceeded")] * 9, (), ())
    with pytest.raises(EndError):
        worker(source, told=told).run()
    assert source.pauses[0] < 3
    assert 60 <= source.pauses[7] <= 61
    assert told[:2] == ["rate exceeded; polling goes on", "CodePipeline answers again"]


def test_a_refusal_ends_a_worker_at_its_start_and_not_later() -> None:
    source = Source(FakeClock(), DeniedError("no permission"))
    with pytest.raises(DeniedError):
        worker(source).run()
    source = Source(FakeClock(), (), DeniedError("expired"), ())
    with pytest.raises(EndError):
        worker(source).run()
    source = Source(FakeClock(), (), UsageError("the type is gone"))
    with pytest.raises(UsageError):
        worker(source).run()


def test_long_work_keeps_from_nothing_and_no_more_jobs_are_taken_than_there_is_room_for() -> None:
    is_free, is_done = threading.Event(), threading.Event()

    def begin(job: WorkerJob) -> Report:
        if job.id == "long":
            assert is_free.wait(20)
        else:
            is_done.set()
        return Report("done")

    clock = _QuickClock()
    source = Source(clock, ("long",), ("short",), ())
    loop = worker(source, limit=2, work=Work(begin))
    running = threading.Thread(target=lambda: loop.run(is_once=True))
    running.start()
    assert is_done.wait(20), "while the other one is worked on"
    is_free.set()
    source.answers += [()] * 1000
    running.join(20)
    assert not running.is_alive()
    assert set(source.reports) == {"long", "short"}
    assert source.asked_for[:2] == [2, 1]


class _QuickClock(FakeClock):
    """A hundred times as fast as real time, for steps are made by real threads."""

    def sleep_until(self, moment: datetime) -> None:
        threading.Event().wait(max((moment - self.now()).total_seconds() / 100, 0.001))
        super().sleep_until(moment)
