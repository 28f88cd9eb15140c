"""The course of one job: claimed, worked on, reported; after every step a process that dies is followed by another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from deliverkit.domain.worker_job import FailureType, JobPhase, JobRecord, Report, WorkerJob
from deliverkit.errors import (
    ConflictError,
    DeliverkitError,
    DeniedError,
    IntegrityError,
    NotFoundError,
    UnreachableError,
    UsageError,
)
from deliverkit.ports import Clock
from deliverkit.worker_ports import Claim, JobRecords, JobSource, Runner


@dataclass(frozen=True, slots=True)
class WorkerPace:
    """How fast a worker turns.

    Attributes:
        nap: Time from one turn of the loop to the next.
        look: Time from one look at running work to the next.
        busy: Time to the next poll after one that brought jobs.
        idle_limit: Longest time between two polls when there is nothing to do.
        backoff_limit: Longest time between two attempts while AWS does not answer.
        wanted: Time from one look at whether the action still waits for us to the next.
        patience: How long what the work needs may be unreachable before the job fails for it.
    """

    nap: timedelta = timedelta(milliseconds=250)
    look: timedelta = timedelta(seconds=5)
    busy: timedelta = timedelta(seconds=1)
    idle_limit: timedelta = timedelta(seconds=15)
    backoff_limit: timedelta = timedelta(seconds=60)
    wanted: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(minutes=10)


class Course:
    """One job in hand. Only one thread at a time may step it.

    Attributes:
        record: What is on record of it.
        is_over: True once nothing is left to do.
        is_refused: True when CodePipeline does not let us claim jobs.
        due_at: When the next step is to be made.
    """

    def __init__(
        self,
        record: JobRecord,
        *,
        source: JobSource,
        records: JobRecords,
        runner: Runner,
        clock: Clock,
        pace: WorkerPace,
        tell: Callable[[str], None],
        is_resumed: bool = False,
    ) -> None:
        """Take the job and everybody who has to do with it."""
        self.record = record
        self.is_over = self.is_refused = False
        self.due_at = clock.now()
        self._source, self._records, self._runner = source, records, runner
        self._clock, self._pace, self._tell = clock, pace, tell
        self._is_repeated = is_resumed
        self._job: WorkerJob | None = None
        self._is_begun = False
        self._failing_since: datetime | None = None
        self._pause = timedelta(0)
        self._asked_at = clock.now()

    @property
    def label(self) -> str:
        """For people: where the job comes from, and the first digits of its id."""
        return f"{self.record.offer.label} ({self.record.offer.job_id[:8]})"

    def step(self) -> None:
        """Do the next thing; raises nothing."""
        try:
            self._step()
            self._failing_since, self._pause = None, timedelta(0)
        except (DeliverkitError, OSError) as error:
            self._back_off(error)

    def hand_back(self) -> bool:
        """Let another worker go on, if one can; False when only this machine can.

        Raises:
            UnreachableError: If CodePipeline does not answer; the next worker with these records tells it.
        """
        if self.is_over or self._job is None or not self._is_begun or self.record.phase is not JobPhase.CLAIMED:
            return False
        report = self._runner.hand_back(self._job)
        if report is None:
            return False
        self._keep(self.record.reporting(report))
        self._send(report)
        return True

    # --- steps -------------------------------------------------------------------------------------

    def _step(self) -> None:
        if self.record.phase is JobPhase.CLAIMING:
            self._claim()
        elif self.record.phase is JobPhase.CLAIMED:
            self._work()
        elif self.record.report is not None:
            self._send(self.record.report)

    def _claim(self) -> None:
        self._records.save(self.record)  # before CodePipeline counts on us
        try:
            claim = self._source.acknowledge(self.record.offer, is_repeated=self._is_repeated)
        except DeniedError as error:
            self.is_refused = True
            self._end(f"not claimed: {_reason(error)}")
            return
        except NotFoundError:
            self._end("gone before it could be claimed")
            return
        except UnreachableError:
            self._is_repeated = True
            raise
        if claim in {Claim.LOST, Claim.UNHEARD}:
            self._drop()
            return
        is_doubtful = claim is Claim.UNCLEAR
        doubt = "; whether it is ours CodePipeline did not say clearly" if is_doubtful else ""
        self._keep(self.record.claimed(is_doubtful=is_doubtful))
        self._tell(f"{self.label}: claimed{doubt}")

    def _work(self) -> None:
        job = self._known()
        if job is None or not self._is_wanted(job):
            return
        try:
            if not self._is_begun:
                report = self._runner.begin(job, is_doubtful=self.record.is_doubtful)
                self._is_begun = True
            else:
                report = self._runner.look(job)
        except UnreachableError as error:
            report = self._given_up(error)
        except (DeliverkitError, OSError) as error:
            report = Report.of_failure(_failure(error), _reason(error))
        except Exception as error:  # noqa: BLE001  (a bug must not leave the action waiting for a day)
            report = Report.of_failure(FailureType.SYSTEM_UNAVAILABLE, f"internal error of the worker: {error!r}")
        if report is None:
            self.due_at = self._clock.now() + self._pace.look
            return
        self._keep(self.record.reporting(report))
        self._send(report)

    def _known(self) -> WorkerJob | None:
        if self._job is None:
            try:
                self._job = self._source.details(self.record.offer.job_id)
            except NotFoundError:
                self._end("CodePipeline does not know it any more")
        return self._job

    def _is_wanted(self, job: WorkerJob) -> bool:
        now = self._clock.now()
        if now < self._asked_at + self._pace.wanted and not self._is_repeated:
            return True
        self._asked_at, self._is_repeated = now, False
        if self._source.is_wanted(job):
            return True
        self._runner.stop(job)
        self._end("the action has ended without us: the work is stopped")
        return False

    def _given_up(self, error: UnreachableError) -> Report:
        """What is told when patience ends; until then the error goes on, and the step is repeated."""
        since = self._failing_since or self._clock.now()
        if isinstance(error, DeniedError):
            return Report.of_failure(FailureType.PERMISSION, _reason(error))
        if self._clock.now() - since < self._pace.patience:
            raise error
        return Report.of_failure(FailureType.SYSTEM_UNAVAILABLE, _reason(error))

    def _send(self, report: Report) -> None:
        try:
            self._source.report(self.record.offer.job_id, report)
        except (ConflictError, NotFoundError):
            self._end("the action has ended without us: the result is not wanted any more")
        except UsageError as error:
            # What is not accepted now never will be; that it is so has to be told in its place.
            refused = Report.of_failure(FailureType.CONFIGURATION, f"the result was refused: {error.message}")
            self._keep(self.record.reporting(refused))
        else:
            self._end(_told(report))

    # --- the record --------------------------------------------------------------------------------

    def _keep(self, record: JobRecord) -> None:
        self._records.save(record)
        self.record = record
        self.due_at = self._clock.now()

    def _end(self, why: str) -> None:
        self._tell(f"{self.label}: {why}")
        self._drop()

    def _drop(self) -> None:
        self._records.drop(self.record.offer.job_id)
        self.is_over = True

    def _back_off(self, error: DeliverkitError | OSError) -> None:
        now = self._clock.now()
        if self._failing_since is None and not self.is_over:
            self._tell(f"{self.label}: {_reason(error)}; trying again")
            self._failing_since = now
        self._pause = min(max(self._pause * 2, self._pace.busy), self._pace.backoff_limit)
        self.due_at = now + self._pause


def _failure(error: DeliverkitError | OSError) -> FailureType:
    if isinstance(error, IntegrityError):
        return FailureType.REVISION_UNAVAILABLE
    if isinstance(error, UsageError | NotFoundError | ConflictError):
        return FailureType.CONFIGURATION
    return FailureType.SYSTEM_UNAVAILABLE if isinstance(error, OSError) else FailureType.JOB_FAILED


def _reason(error: DeliverkitError | OSError) -> str:
    if isinstance(error, OSError):
        return f"the worker's machine: {error}"
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _told(report: Report) -> str:
    if not report.is_final:
        return f"handed back with a continuation token: {report.summary}"
    kind = report.failure.value if report.failure else "succeeded"
    return f"{kind}: {report.summary.splitlines()[0]}"
