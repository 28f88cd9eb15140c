"""Asking a build server for a build exactly once, and following it to its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from deliverkit.build_ports import BuildServer
from deliverkit.domain.build import REQUEST, Build, BuildPhase, BuildRequest, BuildView, QueueItem
from deliverkit.errors import ConflictError, DeliverkitError, DeniedError, NotFoundError, UnreachableError
from deliverkit.ports import Clock

LogListener = Callable[[str], None]
"""Takes the log as it comes; a piece may end in the middle of a line."""
LookListener = Callable[[BuildView, datetime], None]
TroubleListener = Callable[[UnreachableError, datetime], None]

_TRIES = 5
"""Looks at the log of an ended build that may find nothing before it is left alone."""


@dataclass(frozen=True, slots=True)
class BuildPace:
    """How fast a build is followed, and what is borne on the way.

    Attributes:
        look: Time from one look to the next.
        patience: How long the server may be unreachable, as when it restarts, before the follower gives up.
        backoff_limit: Longest pause between two attempts while it is.
        grace: How long a build that the server named may not be found yet, or for a while not be found again.
        doubt: How long to wait for a request to appear whose answer was lost, before it is made once more.
    """

    look: timedelta = timedelta(seconds=5)
    patience: timedelta = timedelta(minutes=10)
    backoff_limit: timedelta = timedelta(seconds=30)
    grace: timedelta = timedelta(minutes=1)
    doubt: timedelta = timedelta(seconds=45)


class Building:
    """One request for a build: made once, found again by its id, followed to its end.

    A request that an earlier process made under the same id is taken up where it is. Whoever keeps `view.item` and
    `view.build.number` can begin there, which saves looking for it.
    """

    def __init__(
        self,
        server: BuildServer,
        request: BuildRequest,
        *,
        clock: Clock,
        pace: BuildPace | None = None,
        item: int = 0,
        number: int | None = None,
        may_ask: bool = True,
        was_asked: bool = False,
    ) -> None:
        """Take what is wanted and what is known of it; nothing is contacted yet.

        Args:
            server: Who is asked.
            request: What for.
            clock: Time.
            pace: How fast it is followed.
            item: Its queue item, where an earlier view told it.
            number: Its build, where an earlier view told it.
            may_ask: False to take up only what was asked for before.
            was_asked: Somebody else has asked for it: it is looked for as long as after a lost answer, and only then
                asked for once more.
        """
        self._server = server
        self._request = request
        self._clock = clock
        self._pace = pace or BuildPace()
        self._item = item
        self._number = number
        self._may_ask = may_ask
        self._view = BuildView(request, BuildPhase.WAITING, item=item)
        self._asked_at: datetime | None = clock.now() if was_asked else None
        self._missing_since: datetime | None = None
        self._unreachable_since: datetime | None = None
        self._was_met = self._is_known()  # an earlier view came from somewhere
        self._has_lost_it = False
        self._offset = 0
        self._fruitless = 0

    @property
    def view(self) -> BuildView:
        """What was seen last."""
        return self._view

    @property
    def may_be_asked(self) -> bool:
        """True when the server has got the request, or may have."""
        return self._asked_at is not None or self._is_known()

    # --- asking ------------------------------------------------------------------------------------

    def begin(self) -> BuildView:
        """Ask for the build, unless that was done before, also by a process that has died since.

        Raises:
            NotFoundError: If there is no such job, or, where nothing may be asked for, no such request.
            UsageError: If the job does not take one of the parameters.
            ConflictError: If the job is disabled.
            UnreachableError: If the server does not answer; the request may have been made, and is found again.
        """
        if self._is_known() or self._take_up() or self._is_in_doubt():
            return self._view
        if not self._may_ask:
            raise self._unknown()
        self._asked_at = self._clock.now()
        try:
            self._item = self._server.trigger(self._request.job, self._request.given)
        except DeliverkitError as error:
            if isinstance(error, DeniedError) or not isinstance(error, UnreachableError):
                self._asked_at = None  # it was refused, beyond doubt
            raise
        return self._see(BuildPhase.WAITING, why="in the queue")

    def attach(self) -> BuildView:
        """Take up a request that was made before; ask for nothing.

        Raises:
            NotFoundError: If there is no such job, or the server does not know the request.
            UnreachableError: If the server does not answer.
        """
        if not (self._is_known() or self._take_up()):
            raise self._unknown()
        return self._view

    def _unknown(self) -> NotFoundError:
        return NotFoundError(
            f"no build of {self._request.job} was asked for as {self._request.id}, or it was removed since",
            hint=f"deliverkit jenkins status {self._request.job}",
        )

    def _is_known(self) -> bool:
        return bool(self._item or self._number)

    def _take_up(self) -> bool:
        """Look for the request itself, which proves more than any answer.

        Raises:
            ConflictError: If it was made with other parameters: whoever may build the job can use its name, and what
                such a build says is no answer to us.
        """
        found = self._server.find(self._request.job, REQUEST, self._request.id)
        if found is not None:
            self._require_same(found)
        if isinstance(found, Build):
            self._adopt(found)
        elif isinstance(found, QueueItem):
            self._item = found.number
            self._see(BuildPhase.WAITING, why=found.why)
        return found is not None

    def _require_same(self, found: Build | QueueItem) -> None:
        given = self._request.given
        others = sorted(name for name, value in given.items() if found.parameters.get(name, value) != value)
        if others:
            label = found.label if isinstance(found, Build) else f"queue item {found.number}"
            raise ConflictError(
                f"{self._request.job}: {label} has the name of this request, {self._request.id}, and another "
                f"{', '.join(others)}: somebody else asked for it",
                hint=f"deliverkit jenkins status {self._request.job}",
            )

    def _is_in_doubt(self) -> bool:
        """True while a request may still be on its way whose answer was lost."""
        if self._asked_at is None or self._clock.now() - self._asked_at >= self._pace.doubt:
            return False
        self._see(BuildPhase.WAITING, why="the answer to the request was lost; looking for it")
        return True

    # --- looking -----------------------------------------------------------------------------------

    def look(self) -> BuildView:
        """Look once, and ask for the build before when it was not asked for yet; never waits.

        Raises:
            NotFoundError: If job or build are gone.
            UsageError: As `begin`.
            ConflictError: As `begin`.
            UnreachableError: If the server does not answer now.
        """
        if self._view.phase is BuildPhase.ENDED:
            return self._view
        if self._number is not None:
            return self._look_at_build(self._number)
        if self._item:
            return self._look_in_queue()
        return self.begin()

    def _look_in_queue(self) -> BuildView:
        try:
            item = self._server.queued(self._item)
        except NotFoundError:
            return self._look_behind_queue()
        if item.parameters.get(REQUEST, self._request.id) != self._request.id:
            return self._look_behind_queue()
        if item.is_cancelled:
            return self._see(BuildPhase.ENDED, why="somebody took the request out of the queue")
        if item.build is None:
            return self._see(BuildPhase.WAITING, why=item.why)
        self._number = item.build
        return self._look_at_build(item.build)

    def _look_behind_queue(self) -> BuildView:
        """The queue forgets what left it five minutes ago; and all that waits when the server crashes."""
        build = self._server.became(self._request.job, self._item)
        if build is not None and self._is_ours(build):
            return self._adopt(build)
        if self._has_lost_it:
            raise NotFoundError(
                f"{self._request.job}: the request {self._request.id} was lost twice",
                hint=f"deliverkit jenkins status {self._request.job}",
            )
        self._has_lost_it, self._item = True, 0
        return self.begin()

    def _look_at_build(self, number: int) -> BuildView:
        try:
            build = self._server.observe(self._request.job, number)
        except NotFoundError:
            return self._miss(number)
        self._missing_since = None
        return self._adopt(build)

    def _miss(self, number: int) -> BuildView:
        """For a moment after the queue has named it, and after a restart, a build is not found."""
        now = self._clock.now()
        self._missing_since = self._missing_since or now
        if now - self._missing_since >= self._pace.grace:
            raise NotFoundError(
                f"{self._request.job} #{number} is gone: the build was removed, or never began",
                hint=f"deliverkit jenkins status {self._request.job}",
            )
        return self._see(BuildPhase.WAITING, why=f"#{number} cannot be found for the moment")

    def _is_ours(self, build: Build) -> bool:
        return build.parameters.get(REQUEST, self._request.id) == self._request.id

    def _adopt(self, build: Build) -> BuildView:
        self._number = build.number
        phase = BuildPhase.ENDED if build.is_over else BuildPhase.RUNNING
        return self._see(phase, build=build)

    def _see(self, phase: BuildPhase, *, build: Build | None = None, why: str = "") -> BuildView:
        item = self._item or (build.queue_item if build else 0)
        self._view = BuildView(self._request, phase, item, build or self._view.build, why)
        return self._view

    # --- following ---------------------------------------------------------------------------------

    def follow(
        self,
        *,
        timeout: timedelta,
        log: LogListener | None = None,
        on_look: LookListener | None = None,
        on_trouble: TroubleListener | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> BuildView:
        """Ask for the build when that was not done yet, and follow it until it has ended or time is up.

        Args:
            timeout: From now on; after it the build goes on alone.
            log: Is given the build's log.
            on_look: Is given each look and its time, the last one after the end of the log.
            on_trouble: Is given what is borne, and when.
            is_stopped: True when somebody wants the following to end; the build goes on.

        Returns:
            What was seen last: `phase` tells whether it is the end.

        Raises:
            DeniedError: If the server does not let us in any more.
            NotFoundError: If job or build are gone.
            UsageError: As `begin`.
            ConflictError: As `begin`.
            UnreachableError: If the server stayed unreachable beyond patience, or if there was none from the
                beginning; the build may go on.
        """
        deadline = self._clock.now() + timeout
        while True:
            now = self._clock.now()
            try:
                is_done = self._turn(log, on_look, now)
            except UnreachableError as error:
                self._bear(error, now)
                is_done = False
                if on_trouble:
                    on_trouble(error, now)
            if is_done or now >= deadline or is_stopped():
                return self._view
            pause = self._pace.look if self._unreachable_since is None else self._pause(now)
            self._clock.sleep_until(min(now + pause, deadline))

    def _turn(self, log: LogListener | None, on_look: LookListener | None, now: datetime) -> bool:
        """Look and hand the log on; True when nothing more will come."""
        view = self.look()
        self._was_met = True
        is_over = view.phase is BuildPhase.ENDED
        if on_look and not is_over:
            on_look(view, now)
        is_told = self._pour(view, log)
        self._unreachable_since = None
        if on_look and is_over:
            on_look(view, now)
        return is_over and is_told

    def _bear(self, error: UnreachableError, now: datetime) -> None:
        """A server that restarts is away for minutes; beyond patience it is something else.

        Raises:
            UnreachableError: The error itself, if waiting helps nothing; what it came to, if patience has ended.
        """
        if isinstance(error, DeniedError) or not (error.may_pass or self._was_met):
            raise error
        since = self._unreachable_since = self._unreachable_since or now
        if now - since >= self._pace.patience:
            message = f"{error.message} (for {(now - since).total_seconds():.0f} s)"
            raise UnreachableError(message, hint=error.hint) from error

    def _pause(self, now: datetime) -> timedelta:
        waited = now - (self._unreachable_since or now)
        return min(max(self._pace.look, waited), self._pace.backoff_limit)

    def _pour(self, view: BuildView, log: LogListener | None) -> bool:
        """Hand on what the log has gained; True when it is complete, or nobody wants it."""
        if log is None or view.build is None:
            return True
        is_over = view.phase is BuildPhase.ENDED
        while True:
            try:
                piece = self._server.log(view.build.job, view.build.number, self._offset)
            except NotFoundError:
                return self._is_fruitless(is_over=is_over)
            if piece.text:
                log(piece.text)
            has_grown, self._offset = piece.next != self._offset, piece.next
            if not piece.has_more:
                return True
            if not (is_over and has_grown):
                return self._is_fruitless(is_over=is_over)

    def _is_fruitless(self, *, is_over: bool) -> bool:
        self._fruitless += is_over
        return self._fruitless >= _TRIES

    # --- ending ------------------------------------------------------------------------------------

    def stop(self) -> BuildView:
        """Ask the server to end the build, or to forget the request; harmless when it has ended.

        Raises:
            NotFoundError: If job or build are gone, or it was never asked for.
            UnreachableError: If the server does not answer, or may yet get the request.
        """
        self._may_ask = False
        if not (self._is_known() or self._take_up()):
            if self._is_in_doubt():
                raise UnreachableError(f"{self._request.job}: {self._view.why}")
            raise self._unknown()
        if self._number is None:
            self._server.cancel(self._item)
        self.look()  # it may have become a build meanwhile, or have ended
        if self._number is not None and self._view.phase is not BuildPhase.ENDED:
            self._server.stop(self._request.job, self._number)
        return self._view
