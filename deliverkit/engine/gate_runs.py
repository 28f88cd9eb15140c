"""Runs of gates from the outside: begin one, watch it from anywhere, give it up; each of them twice does no harm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from deliverkit.check_ports import Asked, CheckContext
from deliverkit.domain.gate_run import (
    GatePlan,
    GateRun,
    apply_to_run,
    differences,
    due_in,
    fold_run,
    opened,
    react_to,
    stopping,
)
from deliverkit.domain.ledger import Event
from deliverkit.engine import promotion_log
from deliverkit.engine.driving import DriversSeat
from deliverkit.engine.measuring import Gatekeeper
from deliverkit.engine.pacing import Pace
from deliverkit.engine.stream_log import StreamLog, open_stream
from deliverkit.errors import ConflictError, NotFoundError, UnreachableError, UsageError
from deliverkit.ports import Clock, Drivers, IdentityProvider, Ledger, LockService

PREFIX = "gates/"
Listener = Callable[[Event, GateRun], None]
Tick = Callable[[GateRun, datetime], None]


class GateRuns:
    """Everything that can be done to runs of gates, by any process that reaches the ledger."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        locks: LockService,
        gatekeeper: Callable[[], Gatekeeper],
        drivers: Drivers,
        clock: Clock,
        identity: IdentityProvider,
        pace: Callable[[], Pace],
    ) -> None:
        """Take the collaborators; what measures is made when something is measured."""
        self._ledger = ledger
        self._locks = locks
        self._gatekeeper = gatekeeper
        self._drivers = drivers
        self._clock = clock
        self._identity = identity
        self._pace = pace

    def open(self, plan: GatePlan, *, name: str = "") -> str:
        """Record a run and give its id; nothing has been measured yet.

        Args:
            plan: What it asks.
            name: Its id, so that whoever opens it a second time finds the first; empty for the next free number.

        Raises:
            UsageError: If it is the id of a promotion.
            ConflictError: If a run of that name asks something else.
        """
        if name:
            return self._open_once(plan, name)
        return open_stream(
            self._ledger,
            PREFIX,
            f"gates-{plan.environment}",
            lambda run_id: opened(run_id, plan),
            requested_by=plan.requested_by,
            clock=self._clock,
        )

    def _open_once(self, plan: GatePlan, name: str) -> str:
        if self._ledger.read(promotion_log.stream_of(name)):
            raise UsageError(f"{name} is a promotion's id already", hint="give the run another --id")
        draft, now = opened(name, plan), self._clock.now()
        try:
            self._ledger.append(PREFIX + name, None, draft, actor=plan.requested_by, at=now)
        except ConflictError:
            found = self.show(name).plan
            if apart := differences(found, plan):
                message = f"the run of gates {name} is there and asks something else: {'; '.join(apart)}"
                raise ConflictError(message, hint="give the new run another --id") from None
        return name

    def show(self, run_id: str) -> GateRun:
        """The run as recorded so far.

        Raises:
            NotFoundError: If there is no such run.
        """
        return self._log(run_id).state

    def listed(self) -> tuple[GateRun, ...]:
        """Every run on record, the oldest first; reads all of them."""
        found = (self.show(stream.removeprefix(PREFIX)) for stream in self._ledger.streams(PREFIX))
        return tuple(sorted(found, key=lambda run: run.opened_at))

    def stop(self, run_id: str, reason: str) -> GateRun:
        """Give a run up; whoever drives it ends. Harmless when it was given up before, or has come to its verdict.

        Raises:
            NotFoundError: If there is no such run.
        """
        return self._log(run_id).insist(lambda run: stopping(run, reason))

    def watch(
        self,
        run_id: str,
        *,
        timeout: timedelta | None = None,
        listener: Listener | None = None,
        on_tick: Tick | None = None,
    ) -> GateRun:
        """Drive a run, or follow the process that drives it, until it is over or time is up.

        Args:
            run_id: Which one.
            timeout: Ends the watching, not the run.
            listener: Hears every event.
            on_tick: Called once in each turn of the loop, for heartbeats.

        Raises:
            NotFoundError: If there is no such run.
            UnreachableError: If the ledger does not answer; the run can be resumed.
        """
        log, pace = self._log(run_id), self._pace()
        if listener:
            log.listen(listener)
        seat = DriversSeat(
            PREFIX + run_id, "drives the gates", log, locks=self._locks, drivers=self._drivers, ttl=pace.lease
        )
        gates = self._gatekeeper()
        deadline = self._clock.now() + timeout if timeout is not None else None
        try:
            return _Loop(log, gates, seat, clock=self._clock, pace=pace, on_tick=on_tick).run(deadline)
        except UnreachableError as error:
            # Both: how to mend it, and how to go on then.
            error.hint = "; then: ".join(filter(None, (error.hint, f"deliverkit gate resume {run_id}")))
            raise
        finally:
            gates.close()
            seat.let_go()

    def _log(self, run_id: str) -> StreamLog[GateRun]:
        missing = NotFoundError(f"there is no run of gates {run_id}", hint="deliverkit gate run GATE --to ENVIRONMENT")
        return StreamLog(
            self._ledger,
            PREFIX + run_id,
            fold=fold_run,
            apply=apply_to_run,
            missing=missing,
            clock=self._clock,
            identity=self._identity,
        )


class _Loop:
    """The loop of one run: judge, measure all that is due side by side, wait for what falls due next."""

    def __init__(
        self,
        log: StreamLog[GateRun],
        gates: Gatekeeper,
        seat: DriversSeat,
        *,
        clock: Clock,
        pace: Pace,
        on_tick: Tick | None,
    ) -> None:
        self._log = log
        self._gates = gates
        self._seat = seat
        self._clock = clock
        self._pace = pace
        self._on_tick = on_tick
        self._synced_at: datetime | None = None

    def run(self, deadline: datetime | None) -> GateRun:
        while True:
            now = self._clock.now()
            run = self._newest(now)
            is_driving = not run.is_over and self._seat.hold(now)
            run = self._log.state  # whoever takes the seat says so, and begins to watch anew
            if is_driving and self._log.record_all(react_to(run, (), now)):
                continue
            if run.is_over or (deadline is not None and now >= deadline):
                return run
            if self._on_tick:
                self._on_tick(run, now)
            if not (is_driving and self._measure(run, now)):
                wake = self._wake_at(run, now) if is_driving else now + self._pace.look
                self._clock.sleep_until(min(wake, deadline) if deadline else wake)

    def _newest(self, now: datetime) -> GateRun:
        """What others recorded is looked for now and then: whoever drives is nearly alone with its stream."""
        if self._synced_at is not None and now < self._synced_at + self._pace.look:
            return self._log.state
        self._synced_at = now
        return self._log.sync()

    def _measure(self, run: GateRun, now: datetime) -> bool:
        """Take what is due; False when nothing came of it, so that asking again at once would not help."""
        asked = [(check, at) for check, at in due_in(run) if at <= now]
        if not asked:
            return False
        context = _context(run, [check.key for check, _ in asked])
        questions: list[Asked] = [(check, context) for check, _ in asked]
        return self._log.record_all(react_to(run, self._gates.measure(questions), self._clock.now()))

    def _wake_at(self, run: GateRun, now: datetime) -> datetime:
        ahead = [at for _, at in due_in(run) if at > now]
        end = [run.until] if run.until > now else []
        return min([now + self._pace.look, *ahead, *end])


def _context(run: GateRun, keys: list[str]) -> CheckContext:
    """What the checks of a run may ask about."""
    plan = run.plan
    states = {key: run.analysis(key).state for key in keys}
    return CheckContext(
        values={**plan.values, "promotion.id": run.id},
        endpoint=plan.endpoint,
        regions=plan.regions,
        application=plan.application,
        group=plan.group,
        samples={key: run.sample(key) for key in keys},
        since=run.since,
        until=run.until,
        states={key: state for key, state in states.items() if state is not None},
    )
