"""The worker's loop: it asks for jobs as long as it has room, and steps those that it has in hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from deliverkit.domain.worker_job import JobPhase, JobRecord, Offer
from deliverkit.engine.job_course import Course, WorkerPace
from deliverkit.errors import DeliverkitError, DeniedError, UnreachableError
from deliverkit.ports import Clock
from deliverkit.worker_ports import JobRecords, JobSource, Runner

PARTING = 5.0
"""Real seconds for handing jobs back when the worker is told to end: Jenkins waits 20 s in all, and others less."""
_GROWTH = 1.5


class Worker:
    """Does jobs until it is told to end.

    Long work keeps it from nothing: every step of a job is made on a thread of its own, and the loop only looks.
    """

    def __init__(
        self,
        source: JobSource,
        *,
        records: JobRecords,
        runner: Runner,
        clock: Clock,
        pace: WorkerPace,
        chance: Callable[[], float],
        limit: int,
        tell: Callable[[str], None],
    ) -> None:
        """Take everybody who has to do with jobs.

        Args:
            source: Where jobs come from.
            records: What a worker that died here had in hand, and what this one has.
            runner: Who does the work.
            clock: Time.
            pace: How fast.
            chance: Gives numbers from 0 to 1, so that workers which were started together do not poll together.
            limit: Jobs in hand at a time.
            tell: Takes a line for people at every change.
        """
        self._source, self._records, self._runner = source, records, runner
        self._clock, self._pace, self._chance = clock, pace, chance
        self._limit, self._tell = limit, tell
        self._courses: dict[str, Course] = {}
        self._steps: dict[str, threading.Thread] = {}
        self._poll_at = clock.now()
        self._pause = pace.busy
        self._is_answered = False
        self._is_away = False
        self._strange: set[str] = set()

    def run(self, *, is_once: bool = False) -> None:
        """Work; with `is_once` only until nothing is in hand and nothing is offered.

        What is only watched is not in hand: it takes no room, and stays on record.

        Raises:
            UsageError: If there is no such action type, or it wants to be asked for in another way.
            DeniedError: If the first question is refused.
        """
        self._resume()
        try:
            while not (self._turn() and is_once):
                self._clock.sleep_until(self._clock.now() + self._pace.nap)
        except BaseException:
            self._part()
            raise
        self._tell_left()

    def _turn(self) -> bool:
        """One turn; True when there is nothing to do."""
        self._collect()
        is_empty = self._poll() if self._is_due() else False
        self._dispatch()
        return is_empty and not self._in_hand

    def _resume(self) -> None:
        for record in self._records.all():
            if record.work != self._runner.kind and record.phase is not JobPhase.REPORTING:
                told = (
                    f"{record.offer.label} ({record.offer.job_id[:8]}): stays on record, a {record.work} does its work"
                )
                self._tell(f"{told}; start the worker as it was started then")
                continue
            course = self._course(record, is_resumed=True)
            self._courses[record.offer.job_id] = course
            self._tell(f"{course.label}: taken up again, it was {record.phase}")

    # --- polling -----------------------------------------------------------------------------------

    @property
    def _room(self) -> int:
        return self._limit - self._in_hand

    @property
    def _in_hand(self) -> int:
        return sum(not course.is_watched for course in self._courses.values())

    def _is_due(self) -> bool:
        return self._room > 0 and self._clock.now() >= self._poll_at

    def _poll(self) -> bool:
        """Ask for jobs; True when there are none."""
        try:
            # Jobs that are left to others are shown to us all the same, in front of those that we could do.
            offers = self._source.poll(self._room + len(self._strange))
        except UnreachableError as error:
            if isinstance(error, DeniedError) and not self._is_answered:
                raise
            self._wait_out(error)
            return False
        if self._is_away:
            self._tell("CodePipeline answers again")
        self._is_answered, self._is_away = True, False
        self._strange &= {offer.job_id for offer in offers}
        known = len(self._strange)
        taken = [offer for offer in offers if self._takes(offer)][: self._room]
        for offer in taken:
            self._courses[offer.job_id] = self._course(JobRecord(offer, self._runner.kind), is_resumed=False)
        is_empty = not taken and len(self._strange) == known
        self._pace_on(is_empty=is_empty)
        return is_empty

    def _takes(self, offer: Offer) -> bool:
        if offer.job_id in self._courses or offer.job_id in self._strange:
            return False
        if self._runner.takes(offer):
            return True
        self._strange.add(offer.job_id)
        self._tell(f"{offer.label} ({offer.job_id[:8]}): left to the kind of worker that began it")
        return False

    def _pace_on(self, *, is_empty: bool) -> None:
        self._pause = min(self._pause * _GROWTH, self._pace.idle_limit) if is_empty else self._pace.busy
        self._poll_at = self._clock.now() + self._jittered(self._pause)

    def _wait_out(self, error: UnreachableError) -> None:
        if not self._is_away:
            self._tell(f"{error.message}; polling goes on")
        self._is_away = True
        self._pause = min(self._pause * 2, self._pace.backoff_limit)
        self._poll_at = self._clock.now() + self._jittered(self._pause)

    def _jittered(self, pause: timedelta) -> timedelta:
        return pause * (0.75 + 0.5 * self._chance())

    # --- jobs in hand ------------------------------------------------------------------------------

    def _course(self, record: JobRecord, *, is_resumed: bool) -> Course:
        return Course(
            record,
            source=self._source,
            records=self._records,
            runner=self._runner,
            clock=self._clock,
            pace=self._pace,
            tell=self._tell,
            is_resumed=is_resumed,
        )

    def _collect(self) -> None:
        for job_id, step in tuple(self._steps.items()):
            if not step.is_alive():
                del self._steps[job_id]
        for job_id, course in tuple(self._courses.items()):
            if course.is_over and job_id not in self._steps:
                del self._courses[job_id]
                pause = self._pace.backoff_limit if course.is_refused else self._pace.busy
                self._poll_at = self._clock.now() + pause

    def _dispatch(self) -> None:
        now = self._clock.now()
        for job_id, course in self._courses.items():
            if job_id not in self._steps and course.due_at <= now:
                # On the books before it runs: whoever parts in between must not touch its job.
                self._steps[job_id] = thread = threading.Thread(target=course.step, daemon=True)
                thread.start()

    def _part(self) -> None:
        """Hand back what others can go on with, and leave the rest on record, within seconds."""
        partings = [
            threading.Thread(target=self._hand_back, args=(course, self._steps.get(job_id)), daemon=True)
            for job_id, course in self._courses.items()
        ]
        for each in partings:
            each.start()
        # No thread keeps the process: what is not recorded when the time is over will be done again.
        for each in partings:
            each.join(PARTING / len(partings))
        self._tell_left()

    def _tell_left(self) -> None:
        left = [course.label for course in self._courses.values() if not course.is_over]
        if left:
            self._tell(f"on record, to be taken up by the next worker here: {', '.join(left)}")

    def _hand_back(self, course: Course, step: threading.Thread | None) -> None:
        """Hand a job back when the step that is being made has ended; one that takes long is interrupted by our end."""
        if step is not None:
            if step.ident is not None:  # it was begun
                step.join(PARTING)
            if step.is_alive():
                return
        try:
            course.hand_back()
        except (DeliverkitError, OSError) as error:
            self._tell(f"{course.label}: {error}")
