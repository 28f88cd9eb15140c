"""The course of a job when something goes wrong: nothing is told that is not so, and nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from worker_memory import Records, Source, Work

from deliverkit.domain.worker_job import FailureType, JobPhase, JobRecord, Offer, Report
from deliverkit.engine.job_course import Course, WorkerPace
from deliverkit.errors import ConflictError, DeniedError, NotFoundError, UnreachableError, UsageError
from deliverkit.testing import FakeClock
from deliverkit.worker_ports import Claim

PACE = WorkerPace()
AWAY, DENIED = UnreachableError("Jenkins does not answer"), DeniedError("access denied (401)")
GONE = NotFoundError("there is no job shop")
FULL = OSError(28, "No space left on device")


class Case:
    """A course with everything around it."""

    def __init__(self, work: Work, *, phase: JobPhase = JobPhase.CLAIMING, **script: Sequence[Any]) -> None:
        self.clock, self.work, self.told = FakeClock(), work, list[str]()
        self.source, self.records = Source(self.clock, **script), Records()
        self.course = Course(
            JobRecord(Offer("job", "nonce", "", "shop/Build/job"), "test", phase),
            source=self.source,
            records=self.records,
            runner=work,
            clock=self.clock,
            pace=PACE,
            tell=self.told.append,
            is_resumed=phase is not JobPhase.CLAIMING,
        )

    def run(self, duration: timedelta) -> int:
        """Make every step that is due within the time; how many."""
        until, steps = self.clock.now() + duration, 0
        while not self.course.is_over and self.course.due_at <= until:
            self.clock.sleep_until(self.course.due_at)
            self.course.step()
            steps += 1
            assert steps < 100_000
        if not self.course.is_over:
            self.clock.sleep_until(until)
        return steps


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


# --- claims ----------------------------------------------------------------------------------------


def test_a_claim_whose_answer_was_lost_is_kept_when_the_next_one_is_denied() -> None:
    case = Case(Work(), acknowledge=[AWAY, DENIED, DENIED, Claim.OURS])
    case.run(timedelta(seconds=1))
    assert case.records.kept["job"].phase is JobPhase.CLAIMING
    case.run(minutes(5))
    assert case.source.reports["job"].summary == "done"
    assert case.source.claims == [False, True, True, True]


def test_a_first_claim_that_is_denied_is_let_go() -> None:
    case = Case(Work(), acknowledge=[DENIED])
    case.run(minutes(1))
    assert (case.course.is_over, case.course.is_refused, case.records.kept) == (True, True, {})


def test_a_job_in_doubt_is_watched_and_failed_only_after_a_long_time() -> None:
    doubt = Report.of_failure(FailureType.SYSTEM_UNAVAILABLE, "in doubt")
    case = Case(Work(begin=[doubt]), acknowledge=[AWAY, Claim.UNCLEAR])
    case.run(PACE.doubt - minutes(1))
    assert (case.source.sent, case.course.is_watched) == ([], True)
    assert sum("watched until" in each for each in case.told) == 1
    assert case.records.kept["job"].doubtful_since, "the next worker goes on from there"
    case.run(minutes(2))
    assert case.source.reports["job"].failure is FailureType.SYSTEM_UNAVAILABLE


def test_a_job_in_doubt_that_another_worker_finishes_is_let_go() -> None:
    case = Case(Work(begin=[FULL], stop=[""]), acknowledge=[AWAY, Claim.UNCLEAR], is_wanted=[True] * 9 + [False])
    case.run(minutes(30))
    assert (case.course.is_over, case.source.sent) == (True, [])
    assert case.told[-1].endswith("the action has ended without us: nothing of it runs")


def test_what_a_build_in_doubt_ended_with_is_told_at_once() -> None:
    failed = Report.of_failure(FailureType.JOB_FAILED, "shop #1: FAILURE")
    case = Case(Work(begin=[None], look=[failed]), acknowledge=[AWAY, Claim.UNCLEAR])
    case.run(minutes(1))
    assert case.source.reports["job"] == failed


# --- trouble on the way ----------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [AWAY, DENIED, FULL, GONE], ids=["away", "denied", "fault", "missing"])
def test_trouble_that_passes_fails_nothing(trouble: Exception) -> None:
    case = Case(Work(begin=[None], look=[None, trouble, trouble, None, Report("done")]))
    case.run(minutes(9))
    assert (case.source.reports["job"].summary, case.work.stops) == ("done", 0)


@pytest.mark.parametrize(
    ("trouble", "failure"),
    [
        pytest.param(AWAY, FailureType.SYSTEM_UNAVAILABLE, id="away"),
        pytest.param(DENIED, FailureType.PERMISSION, id="denied"),
        pytest.param(FULL, FailureType.SYSTEM_UNAVAILABLE, id="fault"),
        pytest.param(GONE, FailureType.JOB_FAILED, id="missing"),
    ],
)
def test_trouble_that_stays_ends_the_work_before_its_action_is_failed(trouble: Exception, failure: FailureType) -> None:
    case = Case(Work(begin=[None], look=[None, trouble]))
    case.run(PACE.patience)
    assert case.source.sent == []
    case.run(minutes(2))
    report = case.source.reports["job"]
    assert (report.failure, case.work.stops) == (failure, 1)
    assert report.summary.endswith("; the work is stopped")


def test_work_that_cannot_be_stopped_is_not_called_stopped() -> None:
    case = Case(Work(begin=[None], look=[AWAY], stop=[AWAY]))
    case.run(minutes(12))
    assert "its work may go on, it could not be stopped: Jenkins" in case.source.reports["job"].summary


def test_work_that_may_have_been_begun_before_is_not_given_up_at_the_first_refusal() -> None:
    case = Case(Work(begin=[DENIED, None], look=[Report("done")]), phase=JobPhase.CLAIMED)
    case.run(minutes(1))
    assert case.source.reports["job"].summary == "done"
    fresh = Case(Work(begin=[DENIED]))
    fresh.run(minutes(1))
    assert (fresh.source.reports["job"].failure, fresh.work.stops) == (FailureType.PERMISSION, 0)


# --- not wanted any more ---------------------------------------------------------------------------


def test_work_that_is_not_wanted_stays_on_record_until_it_is_stopped() -> None:
    case = Case(Work(begin=[None], stop=[AWAY] * 20 + ["shop #1 was told to stop"]), is_wanted=[False])
    case.run(minutes(15))
    assert (case.course.is_over, list(case.records.kept)) == (False, ["job"])
    assert not case.course.hand_back()
    case.run(minutes(15))
    assert case.told[-1].endswith("the action has ended without us: shop #1 was told to stop")
    assert case.course.is_over


def test_work_that_outlives_every_attempt_is_told_as_such() -> None:
    case = Case(Work(begin=[None], stop=[ConflictError("it outlives SIGKILL: 4711")]), is_wanted=[False])
    case.run(minutes(12))
    assert case.told[-1].endswith("its work may go on, it could not be stopped: it outlives SIGKILL: 4711")


def test_a_look_at_executions_that_fails_keeps_no_work_from_going_on() -> None:
    case = Case(Work(begin=[None], look=[None] * 20 + [Report("done")]), is_wanted=[AWAY])
    case.run(minutes(3))
    assert case.source.reports["job"].summary == "done"


# --- reports ---------------------------------------------------------------------------------------


def test_a_report_that_is_refused_for_ever_is_sent_less_and_less() -> None:
    case = Case(Work(), report=[UsageError("not acceptable")])
    case.run(minutes(60))
    assert case.source.sent[1].failure is FailureType.CONFIGURATION
    assert 50 < len(case.source.sent) < 80
    assert list(case.records.kept) == ["job"]


def test_a_bug_ends_no_step_in_silence() -> None:
    case = Case(Work(), details=[KeyError("data")])
    assert case.run(minutes(9)) < 30
    assert "KeyError" in case.told[-1]
    case.run(minutes(3))
    assert "internal error of the worker: KeyError" in case.source.reports["job"].summary
