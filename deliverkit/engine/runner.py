"""The one loop that waits: drive a promotion, or follow the process that drives it and take over when that one dies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from deliverkit.domain.conduct import intend, react
from deliverkit.domain.effects import Fact, Intent, Measure, Measured
from deliverkit.domain.rollout import Rollout
from deliverkit.engine.driving import DriversSeat
from deliverkit.engine.executor import Executor
from deliverkit.engine.pacing import Pace
from deliverkit.engine.promotion_log import PromotionLog
from deliverkit.errors import UnreachableError
from deliverkit.ports import Clock, Drivers, LockService

StopWhen = Callable[[Rollout], bool]
Tick = Callable[[Rollout, datetime], None]


class Runner:
    """Drives one promotion until a condition holds, it is closed, or a deadline passes."""

    def __init__(
        self,
        log: PromotionLog,
        executor: Executor,
        *,
        locks: LockService,
        drivers: Drivers,
        clock: Clock,
        pace: Pace,
        on_tick: Tick | None = None,
    ) -> None:
        """Take the promotion's log, the executor and time."""
        self._log = log
        self._executor = executor
        self._seat = DriversSeat(
            f"promotions/{log.rollout.id}", "drives the promotion", log, locks=locks, drivers=drivers, ttl=pace.lease
        )
        self._clock = clock
        self._pace = pace
        self._on_tick = on_tick
        self._looked_at: datetime | None = None
        self._unreachable_since: datetime | None = None

    def run(self, stop_when: StopWhen, *, deadline: datetime | None = None) -> Rollout:
        """Drive or follow until the condition holds; give the lease back in any case.

        Raises:
            UnreachableError: If AWS stayed unreachable beyond patience.
            FencedError: If another process took over and we cannot follow it either.
        """
        try:
            return self._loop(stop_when, deadline)
        except UnreachableError as error:
            error.hint = error.hint or f"deliverkit resume {self._log.rollout.id}"
            raise
        finally:
            self._executor.close()
            self._seat.let_go()

    def _loop(self, stop_when: StopWhen, deadline: datetime | None) -> Rollout:
        facts: tuple[Fact, ...] = ()
        while True:
            now = self._clock.now()
            rollout = self._log.sync()
            is_driving = not rollout.is_closed and self._seat.hold(now)
            rollout = self._log.rollout  # whoever takes the seat says so, and begins to watch anew
            batch, rest = _next_batch(facts)
            if is_driving and (self._log.record_all(react(rollout, batch, now)) or rest):
                facts = rest
                continue
            # Whoever attaches sees the remote side once before being told that a human is needed.
            has_looked = self._looked_at is not None or not is_driving
            if rollout.is_closed or (has_looked and stop_when(rollout)) or (deadline is not None and now >= deadline):
                return rollout
            facts = self._turn(rollout, now, is_driving=is_driving, deadline=deadline)

    def _turn(
        self, rollout: Rollout, now: datetime, *, is_driving: bool, deadline: datetime | None
    ) -> tuple[Fact, ...]:
        """Do what the state asks for, or wait when it asks for nothing."""
        if self._on_tick:
            self._on_tick(rollout, now)
        if not is_driving:
            self._sleep(now + self._pace.look, deadline)
            return ()
        intent = intend(rollout, now, looked_at=self._looked_at, pace=self._pace.look)
        if intent.effects:
            facts = self._perform(rollout, intent, now)
            if _says_nothing(facts):
                self._sleep(now + self._pace.look, deadline)
            return facts
        if self._looked_at is None:
            self._looked_at = now
            return ()
        self._sleep(intent.wake_at, deadline)
        return ()

    def _sleep(self, until: datetime, deadline: datetime | None) -> None:
        self._clock.sleep_until(min(until, deadline) if deadline else until)

    # --- acting ------------------------------------------------------------------------------------

    def _perform(self, rollout: Rollout, intent: Intent, now: datetime) -> tuple[Fact, ...]:
        facts: list[Fact] = []
        if any(not isinstance(effect, Measure) for effect in intent.effects):
            self._looked_at = now
        try:
            # One by one, not in a comprehension: facts gathered before an error must not be lost.
            for effect in intent.effects:
                facts.append(self._executor.perform(effect, rollout))  # noqa: PERF401
        except UnreachableError as error:
            self._bear(error, now)
        else:
            self._unreachable_since = None
        return tuple(facts)

    def _bear(self, error: UnreachableError, now: datetime) -> None:
        """Wait longer after each failure in a row, give up beyond patience; the adapters have retried already."""
        since = self._unreachable_since = self._unreachable_since or now
        waited = now - since
        if waited >= self._pace.patience:
            promotion = self._log.rollout.id
            message = (
                f"{error.message} (for {waited.total_seconds():.0f} s); promotion {promotion} is saved where it stands"
            )
            raise UnreachableError(message, hint=f"deliverkit resume {promotion}") from error
        self._clock.sleep_until(now + min(max(self._pace.look, waited), self._pace.backoff_limit))


def _says_nothing(facts: tuple[Fact, ...]) -> bool:
    """True when all that was asked for are measurements that are still being taken: asking at once would not help."""
    return bool(facts) and all(isinstance(fact, Measured) and not fact.measurements for fact in facts)


def _next_batch(facts: tuple[Fact, ...]) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
    """The facts to react to now, and the rest: measurements first, so that all else is judged in their light."""
    measured = tuple(fact for fact in facts if isinstance(fact, Measured))
    if not measured or len(measured) == len(facts):
        return facts, ()
    return measured, tuple(fact for fact in facts if not isinstance(fact, Measured))
