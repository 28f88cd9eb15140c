"""Taking measurements: all checks that fall due at once, side by side; those that can ask together, in one question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import timedelta

from deliverkit.background import Crew
from deliverkit.check_ports import Asked, BatchChecker, CheckContext, Checker, Interruptible
from deliverkit.domain.checks import ERROR, measurement, told
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.plan import Leg, Plan
from deliverkit.domain.release import Release
from deliverkit.domain.rollout import Phase, Rollout
from deliverkit.domain.watching import is_before_arrival
from deliverkit.errors import UsageError
from deliverkit.ports import Clock

PARALLEL = 32
"""How many checks are asked at once, as long as they answer soon."""
AT_MOST = 256
"""How many are when some take their time: a thread that waits costs little, a check that is not asked costs more."""
GRACE = timedelta(seconds=2)
"""How long a turn of the loop waits for measurements; those that take longer go on, and a later turn has them."""

_ATTEMPTS = 3
"""Seconds in which what is interrupted has to end."""

Taken = Sequence[Measurement | None]
Work = Callable[[], Taken]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A measurement that is being taken: where it will be among those of its work."""

    work: Future[Taken]
    place: int = 0


class Gatekeeper:
    """Measures checks with the checker of their kind; a slow one holds up neither the others nor the loop.

    Nor does one that raises: that is a measurement, too, an error that says so.
    """

    def __init__(
        self,
        checkers: Callable[[str], Checker],
        *,
        clock: Clock,
        grace: timedelta = GRACE,
        hide: Callable[[str], str] | None = None,
        is_last_resort: bool = False,
    ) -> None:
        """Take what it needs.

        Args:
            checkers: The way to the checker of a kind; raises LookupError for an unknown one.
            clock: Dates what could not be measured.
            grace: How long a turn waits for measurements.
            hide: Masks secrets in what a checker raises; by default what looks like one.
            is_last_resort: True where no other process is awaited that could measure what this one has no way to: it is
                an error of its check.
        """
        self._checker = checkers
        self._clock = clock
        self._grace = grace
        self._hide = hide
        self._is_last_resort = is_last_resort
        self._crew: Crew | None = None
        self._pending: dict[str, _Pending] = {}
        self._refused: dict[str, UsageError] = {}
        self._used: dict[int, Checker] = {}

    def measure(self, asked: Sequence[Asked]) -> tuple[Measurement, ...]:
        """The measurements that have been taken, in the order of their checks; the others are asked for again.

        Raises:
            UsageError: If this process has no way to measure one, and another process may have; not before what else
                was measured meanwhile has been given back.
        """
        try:
            samples = [_sample(each) for each in asked]
            self._forget_unasked(set(samples))
            self._tell_of_refusal()
            fresh = [each for each in asked if _sample(each) not in self._pending]
            self._begin(fresh)
            # What was slow before is only looked at: it holds up nobody twice.
            wait([self._pending[_sample(each)].work for each in fresh], timeout=self._grace.total_seconds())
            if self._crew:
                self._crew.reinforce(AT_MOST)
            taken = [found for found in map(self._taken, samples) if found is not None]
            if not taken:
                self._tell_of_refusal()
        except BaseException:
            self.close()
            raise
        return tuple(taken)

    def close(self) -> None:
        """End what is being measured, soon: SIGTERM leaves little time, so what does not end is left behind."""
        if self._crew:
            self._crew.disband()
        self._crew = None
        self._refused.clear()
        for _ in range(_ATTEMPTS):
            # Again and again: a thread may have been about to begin when it was told to end. And at least once: what
            # was begun elsewhere, a query or a build, goes on although no thread waits for it.
            for checker in self._used.values():
                if isinstance(checker, Interruptible):
                    checker.interrupt()
            # `wait` does not count what was cancelled before it began as done.
            works = {each.work for each in self._pending.values() if not each.work.done()}
            if not works:
                break
            wait(works, timeout=1.0)
        self._pending.clear()
        self._used.clear()

    def _begin(self, asked: Sequence[Asked]) -> None:
        together: dict[int, list[Asked]] = {}
        for each in asked:
            check, context = each
            try:
                checker = self._checker(check.kind)
            except LookupError as error:
                # Fails closed: what nobody can measure is an error, never a pass.
                self._pending[_sample(each)] = _Pending(_done(self._error(check, str(error.args[0]))))
                continue
            self._used[id(checker)] = checker
            if isinstance(checker, BatchChecker):
                together.setdefault(id(checker), []).append(each)
            else:
                work = self._submit([each], _alone(checker, check, context))
                self._pending[_sample(each)] = _Pending(work)
        for key, members in together.items():
            work = self._submit(members, _together(self._used[key], members))
            self._pending |= {_sample(each): _Pending(work, place) for place, each in enumerate(members)}

    def _submit(self, asked: Sequence[Asked], work: Work) -> Future[Taken]:
        if self._crew is None:
            self._crew = Crew(PARALLEL, "deliverkit-check")
        return self._crew.submit(self._guarded(asked, work))

    def _guarded(self, asked: Sequence[Asked], work: Work) -> Work:
        """What is raised in spite of all belongs to the checks that were asked, and to no others."""

        def guarded() -> Taken:
            try:
                return work()
            except UsageError as error:
                if not self._is_last_resort:
                    raise
                return [self._error(check, told(error, self._hide)) for check, _ in asked]
            except Exception as error:  # noqa: BLE001  (whatever it is: nothing was measured, and that is recorded)
                why = f"cannot be measured: {told(error, self._hide)}"
                return [self._error(check, why) for check, _ in asked]

        return guarded

    def _taken(self, sample: str) -> Measurement | None:
        pending = self._pending[sample]
        if not pending.work.done():
            return None
        try:
            found = pending.work.result()[pending.place]
        except UsageError as error:
            # It stays pending, so that the next turn knows.
            self._refused[sample] = error
            return None
        del self._pending[sample]
        return found

    def _tell_of_refusal(self) -> None:
        for error in self._refused.values():
            raise error

    def _forget_unasked(self, asked: set[str]) -> None:
        """A gate that was judged meanwhile is asked for no more."""
        over = [sample for sample, each in self._pending.items() if each.work.done() and sample not in asked]
        for sample in over:
            del self._pending[sample]
            self._refused.pop(sample, None)

    def _error(self, check: Check, why: str) -> Measurement:
        return measurement(check, self._clock.now(), {ERROR: why})


def _sample(asked: Asked) -> str:
    """Names one measurement; the same one until it is on record."""
    check, context = asked
    return context.samples.get(check.key) or check.key


def _done(measurement: Measurement) -> Future[Taken]:
    future: Future[Taken] = Future()
    future.set_result((measurement,))
    return future


def _alone(checker: Checker, check: Check, context: CheckContext) -> Work:
    return lambda: (checker.measure(check, context),)


def _together(checker: Checker, asked: Sequence[Asked]) -> Work:
    assert isinstance(checker, BatchChecker)

    def work() -> Taken:
        return [found for _, found in zip(asked, checker.measure_all(asked), strict=True)]

    return work


def context_for(rollout: Rollout, leg: Leg, release: Release, keys: Iterable[str]) -> CheckContext:
    """What checks of a leg may ask about, with the release that should be healthy."""
    wanted = tuple(keys)
    is_early = is_before_arrival(rollout)
    states = {key: rollout.analysis(key).carried(is_early=is_early) for key in wanted}
    return CheckContext(
        values={**values_for(rollout.plan, leg, release), "promotion.id": rollout.id},
        endpoint=leg.endpoint,
        regions=leg.regions,
        application=leg.application,
        group=leg.group,
        samples={key: rollout.sample(key) for key in wanted},
        since=rollout.since if rollout.phase is Phase.BAKING else rollout.measured_from or rollout.opened_at,
        until=rollout.bake_until if rollout.phase is Phase.BAKING else None,
        states={key: state for key, state in states.items() if state is not None},
    )


def values_for(plan: Plan, leg: Leg, release: Release) -> dict[str, str]:
    """Values of the placeholders that hold for a whole leg."""
    return {
        "application": plan.application,
        "environment": leg.environment,
        "region": leg.regions[0],
        "release.version": release.version,
        "release.digest": release.digest,
        "release.commit": release.source.commit if release.source else "",
    }
