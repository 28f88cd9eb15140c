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
        doubt: How long a job that may be another worker's is only watched before this one fails it.
    """

    nap: timedelta = timedelta(milliseconds=250)
    look: timedelta = timedelta(seconds=5)
    busy: timedelta = timedelta(seconds=1)
    idle_limit: timedelta = timedelta(seconds=15)
    backoff_limit: timedelta = timedelta(seconds=60)
    wanted: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(minutes=10)
    doubt: timedelta = timedelta(hours=4)


class Course:
    """One job in hand. Only one thread at a time may step it.

    Attributes:
        record: What is on record of it.
        is_over: True once nothing is left to do.
        is_refused: True when CodePipeline does not let us claim jobs.
        is_watched: True while nothing is done for the job, which may be another worker's, but to see how it ends.
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
        self.is_over = self.is_refused = self.is_watched = False
        self.due_at = clock.now()
        self._source, self._records, self._runner = source, records, runner
        self._clock, self._pace, self._tell = clock, pace, tell
        self._is_repeated = is_resumed
        self._job: WorkerJob | None = None
        self._is_begun = self._is_unwanted = False
        # Whoever had the job before may have begun its work.
        self._may_run = is_resumed or bool(record.offer.continuation)
        self._failing_since: datetime | None = None
        self._troubled_since: datetime | None = None
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
        except Exception as error:  # noqa: BLE001  (a thread that a bug ended would be begun anew at once, for ever)
            self._back_off(error)

    def hand_back(self) -> bool:
        """Let another worker go on, if one can; False when only this machine can.

        Raises:
            UnreachableError: If CodePipeline does not answer; the next worker with these records tells it.
        """
        if self.is_over or self._is_unwanted or self._job is None or not self._is_begun:
            return False
        if self.record.phase is not JobPhase.CLAIMED:
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
            if self._is_repeated:
                raise  # an earlier attempt may have got it: nobody else would do it
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
        doubtful_since = self._clock.now() if claim is Claim.UNCLEAR else None
        doubt = "; whether it is ours CodePipeline did not say clearly" if doubtful_since else ""
        self._keep(self.record.claimed(doubtful_since=doubtful_since))
        self._tell(f"{self.label}: claimed{doubt}")

    def _work(self) -> None:
        job = self._known()
        if job is None or not self._is_wanted(job):
            return
        report, is_given_up = self._outcome(job)
        is_withheld = self._is_withheld(report)
        if report is None or is_withheld:
            self.due_at = self._clock.now() + self._pace.look
            return
        if is_given_up:
            report = report.followed_by(self._ended(job))
        self._keep(self.record.reporting(report))
        self._send(report)

    def _outcome(self, job: WorkerJob) -> tuple[Report | None, bool]:
        """What is to be told, if anything; and whether we gave up work that may be under way.

        Raises:
            Exception: What is borne for a while, because it may pass; the step is then repeated.
        """
        may_run, self._may_run = self._may_run, True
        try:
            report = self._runner.look(job) if self._is_begun else self._begun(job)
        except Exception as error:
            # A job or a build that was there is missing while a server comes up, or somebody moves a folder.
            is_missing = may_run and isinstance(error, NotFoundError)
            is_passing = is_missing or isinstance(error, UnreachableError | OSError)
            # Where nothing can have begun, a refusal is told at once.
            is_borne = may_run or not isinstance(error, DeniedError | OSError)
            if is_passing and is_borne and self._is_patient():
                raise
            kind = FailureType.JOB_FAILED if is_missing else _failure(error)
            return Report.of_failure(kind, job.masked(_reason(error))), may_run
        self._troubled_since = None
        return report, False

    def _begun(self, job: WorkerJob) -> Report | None:
        report = self._runner.begin(job, is_doubtful=self.record.doubtful_since is not None)
        self._is_begun = report is None
        return report

    def _is_patient(self) -> bool:
        """False once what goes wrong has gone wrong for too long."""
        now = self._clock.now()
        self._troubled_since = self._troubled_since or now
        return now - self._troubled_since < self._pace.patience

    def _is_withheld(self, report: Report | None) -> bool:
        """Whether to say nothing: a failure of ours would fail an action on which another worker may be working.

        What became of the work itself is the same for whoever has the job.
        """
        since, failure = self.record.doubtful_since, report.failure if report else None
        if since is None or failure in {None, FailureType.JOB_FAILED}:
            self.is_watched = False
            return False
        now, until = self._clock.now(), since + self._pace.doubt
        if now < until and not self.is_watched:
            self._tell(f"{self.label}: watched until {until:%Y-%m-%d %H:%M} UTC: it may be another worker's")
        self.is_watched = now < until
        return self.is_watched

    def _ended(self, job: WorkerJob) -> str:
        """End work that we give up, before anybody reads that it failed; what became of it."""
        try:
            return self._runner.stop(job)
        except Exception as error:  # noqa: BLE001  (it must not keep the failure from being told)
            return f"its work may go on, it could not be stopped: {_reason(error)}"

    def _known(self) -> WorkerJob | None:
        if self._job is None:
            try:
                self._job = self._source.details(self.record.offer.job_id)
            except NotFoundError:
                self._end("CodePipeline does not know it any more")
            except DeliverkitError:
                raise
            except Exception as error:
                # A bug of ours, or an answer that nobody expected, must not leave the action waiting for a day.
                report = Report.of_failure(_failure(error), _reason(error))
                if self._is_patient() or self._is_withheld(report):
                    raise
                told = "; its work may go on: nobody knows what it is" if self._may_run else ""
                self._keep(self.record.reporting(report.followed_by(told.removeprefix("; "))))
        return self._job

    def _is_wanted(self, job: WorkerJob) -> bool:
        now = self._clock.now()
        if self._is_unwanted:
            self._abandon(job)
            return False
        if now < self._asked_at + self._pace.wanted and not self._is_repeated:
            return True
        try:
            self._is_unwanted = not self._source.is_wanted(job)
        except UnreachableError:
            if self._is_repeated:
                raise  # nothing is taken up again before it is known
        self._asked_at, self._is_repeated = now, False
        if self._is_unwanted:
            self._abandon(job)
        return not self._is_unwanted

    def _abandon(self, job: WorkerJob) -> None:
        """End work that is not wanted; as long as that may still come about, the job stays on record.

        Raises:
            UnreachableError: If where the work is done does not answer.
            DeliverkitError: If it could not be stopped yet.
            OSError: If nobody can tell yet whether it goes on.
        """
        try:
            became = self._runner.stop(job) or "nothing of it runs"
        except (DeliverkitError, OSError) as error:
            is_away = isinstance(error, UnreachableError) and not isinstance(error, DeniedError)
            if is_away or self._is_patient():
                raise
            became = f"its work may go on, it could not be stopped: {_reason(error)}"
        self._end(f"the action has ended without us: {became}")

    def _send(self, report: Report) -> None:
        try:
            self._source.report(self.record.offer.job_id, report)
        except (ConflictError, NotFoundError):
            self._end("the action has ended without us: the result is not wanted any more")
        except UsageError as error:
            if report.summary.startswith(_REFUSED):
                raise
            # What is not accepted now never will be; that it is so has to be told in its place.
            self._tell(f"{self.label}: {_REFUSED} ({_told(report)}): {error.message}")
            refused = Report.of_failure(FailureType.CONFIGURATION, f"{_REFUSED}: {error.message}")
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

    def _back_off(self, error: Exception) -> None:
        now = self._clock.now()
        if self._failing_since is None and not self.is_over:
            self._tell(f"{self.label}: {_reason(error)}; trying again")
            self._failing_since = now
        self._pause = min(max(self._pause * 2, self._pace.busy), self._pace.backoff_limit)
        self.due_at = now + self._pause


_REFUSED = "the result was refused"


def _failure(error: Exception) -> FailureType:
    if isinstance(error, DeniedError):
        return FailureType.PERMISSION
    if isinstance(error, IntegrityError):
        return FailureType.REVISION_UNAVAILABLE
    if isinstance(error, UsageError | NotFoundError | ConflictError):
        return FailureType.CONFIGURATION
    is_ours = isinstance(error, DeliverkitError) and not isinstance(error, UnreachableError)
    return FailureType.JOB_FAILED if is_ours else FailureType.SYSTEM_UNAVAILABLE


def _reason(error: Exception) -> str:
    if isinstance(error, DeliverkitError):
        return f"{error.message}; {error.hint}" if error.hint else error.message
    if isinstance(error, OSError):
        return f"the worker's machine: {error}"
    return f"internal error of the worker: {error!r}"


def _told(report: Report) -> str:
    if not report.is_final:
        return f"handed back with a continuation token: {report.summary}"
    kind = report.failure.value if report.failure else "succeeded"
    return f"{kind}: {report.summary.splitlines()[0]}"
