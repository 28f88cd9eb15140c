"""Taking measurements: all checks that fall due at once, side by side; those that can ask together, in one question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import timedelta

from deliverkit.background import Crew
from deliverkit.check_ports import Asked, BatchChecker, CheckContext, Checker, Interruptible
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.domain.plan import Leg, Plan
from deliverkit.domain.release import Release
from deliverkit.domain.rollout import Phase, Rollout
from deliverkit.domain.watching import is_before_arrival
from deliverkit.ports import Clock

PARALLEL = 32
GRACE = timedelta(seconds=2)
"""How long a turn of the loop waits for measurements; those that take longer go on, and a later turn has them."""

_ATTEMPTS = 3
"""Seconds in which what is interrupted has to end."""

Taken = Sequence[Measurement | None]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A measurement that is being taken: where it will be among those of its work."""

    work: Future[Taken]
    place: int = 0


class Gatekeeper:
    """Measures checks with the checker of their kind; a slow one holds up neither the others nor the loop."""

    def __init__(self, checkers: Callable[[str], Checker], *, clock: Clock, grace: timedelta = GRACE) -> None:
        """Take the way to the checker of a kind, which raises LookupError for an unknown one, time, and patience."""
        self._checker = checkers
        self._clock = clock
        self._grace = grace
        self._crew: Crew | None = None
        self._pending: dict[str, _Pending] = {}
        self._used: dict[int, Checker] = {}

    def measure(self, asked: Sequence[Asked]) -> tuple[Measurement, ...]:
        """The measurements that have been taken, in the order of their checks; the others are asked for again.

        Raises:
            UsageError: If this process has no way to measure one, and another process may have.
        """
        try:
            fresh = [each for each in asked if _sample(each) not in self._pending]
            self._begin(fresh)
            # What was slow before is only looked at: it holds up nobody twice.
            wait([self._pending[_sample(each)].work for each in fresh], timeout=self._grace.total_seconds())
            taken = [self._taken(_sample(each)) for each in asked]
        except BaseException:
            self.close()
            raise
        self._forget_unasked({_sample(each) for each in asked})
        return tuple(found for found in taken if found is not None)

    def close(self) -> None:
        """End what is being measured, soon: SIGTERM leaves little time, so what does not end is left behind."""
        if self._crew:
            self._crew.disband()
        self._crew = None
        for _ in range(_ATTEMPTS):
            # `wait` does not count what was cancelled before it began as done.
            works = {each.work for each in self._pending.values() if not each.work.done()}
            if not works:
                break
            # Again and again: a thread may have been about to begin when it was told to end.
            for checker in self._used.values():
                if isinstance(checker, Interruptible):
                    checker.interrupt()
            wait(works, timeout=1.0)
        self._pending.clear()

    def _begin(self, asked: Sequence[Asked]) -> None:
        together: dict[int, list[Asked]] = {}
        for each in asked:
            check, context = each
            try:
                checker = self._checker(check.kind)
            except LookupError as error:
                self._pending[_sample(each)] = _Pending(_done(self._unknown(check, error)))
                continue
            self._used[id(checker)] = checker
            if isinstance(checker, BatchChecker):
                together.setdefault(id(checker), []).append(each)
            else:
                self._pending[_sample(each)] = _Pending(self._submit(_alone(checker, check, context)))
        for key, members in together.items():
            work = self._submit(_together(self._used[key], members))
            self._pending |= {_sample(each): _Pending(work, place) for place, each in enumerate(members)}

    def _submit(self, work: Callable[[], Taken]) -> Future[Taken]:
        if self._crew is None:
            self._crew = Crew(PARALLEL, "deliverkit-check")
        return self._crew.submit(work)

    def _taken(self, sample: str) -> Measurement | None:
        pending = self._pending[sample]
        if not pending.work.done():
            return None
        del self._pending[sample]
        return pending.work.result()[pending.place]

    def _forget_unasked(self, asked: set[str]) -> None:
        """A gate that was judged meanwhile is asked for no more."""
        over = [sample for sample, each in self._pending.items() if each.work.done() and sample not in asked]
        for sample in over:
            del self._pending[sample]

    def _unknown(self, check: Check, error: LookupError) -> Measurement:
        """Fails closed: what nobody can measure is an error, never a pass."""
        return Measurement(check.gate, self._clock.now(), Verdict.ERROR, str(error.args[0]), check=check.name)


def _sample(asked: Asked) -> str:
    """Names one measurement; the same one until it is on record."""
    check, context = asked
    return context.samples.get(check.key) or check.key


def _done(measurement: Measurement) -> Future[Taken]:
    future: Future[Taken] = Future()
    future.set_result((measurement,))
    return future


def _alone(checker: Checker, check: Check, context: CheckContext) -> Callable[[], Taken]:
    return lambda: (checker.measure(check, context),)


def _together(checker: Checker, asked: Sequence[Asked]) -> Callable[[], Taken]:
    assert isinstance(checker, BatchChecker)
    return lambda: checker.measure_all(asked)


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
