"""Promotions from the outside: open one, attach to it from anywhere, decide about it, give it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.domain.ledger import Draft
from deliverkit.domain.rollout import AbortMode, Offer, Rollout
from deliverkit.engine.deciding import Ruling, decision_on, offered
from deliverkit.engine.promotion_log import Listener, PromotionLog, open_promotion, promotion_ids
from deliverkit.errors import ConflictError, NotFoundError, UsageError

# What drives a promotion is imported by whoever drives one; looking at promotions is asked for much more often.
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from deliverkit.domain.plan import Plan
    from deliverkit.engine.executor import Executor
    from deliverkit.engine.journal import Journal
    from deliverkit.engine.pacing import Pace
    from deliverkit.engine.preflight import Preflight
    from deliverkit.engine.runner import StopWhen, Tick
    from deliverkit.ports import Clock, Drivers, IdentityProvider, Ledger, LockService

    ExecutorFor = Callable[[Plan], Executor]


class Promotions:
    """Everything that can be done to promotions, by any process that reaches the ledger."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        locks: LockService,
        journal: Journal,
        preflight: Callable[[], Preflight],
        executor_for: ExecutorFor,
        drivers: Drivers,
        clock: Clock,
        identity: IdentityProvider,
        pace: Callable[[], Pace],
    ) -> None:
        """Take the collaborators; who we are, and how fast to turn, is asked when it matters."""
        self._ledger = ledger
        self._locks = locks
        self._journal = journal
        self._preflight = preflight
        self._executor_for = executor_for
        self._drivers = drivers
        self._clock = clock
        self._identity = identity
        self._pace = pace

    def open(self, plan: Plan) -> str:
        """Check the plan, record it and give the promotion's id. Nothing has been deployed yet.

        Raises:
            LockedError: If it must not begin now; nothing was recorded.
            IntegrityError: If its bundle is gone; nothing was recorded.
        """
        self._preflight().check(plan, self._journal.estate())
        return open_promotion(self._ledger, plan, clock=self._clock)

    def run(
        self,
        promotion_id: str,
        *,
        stop_when: StopWhen = lambda rollout: rollout.waits_for_human,
        deadline: datetime | None = None,
        listener: Listener | None = None,
        on_tick: Tick | None = None,
    ) -> Rollout:
        """Drive the promotion, or follow whoever drives it, until it ends or the condition holds.

        Args:
            promotion_id: Which one.
            stop_when: Ends the watching, not the promotion; by default as soon as only a human can move it on.
            deadline: Ends the watching at a moment.
            listener: Hears every event.
            on_tick: Called once in each turn of the loop, for heartbeats.

        Raises:
            NotFoundError: If there is no such promotion.
            UnreachableError: If AWS stayed unreachable beyond patience; the promotion can be resumed.
        """
        from deliverkit.engine.runner import Runner  # noqa: PLC0415

        log = self._log(promotion_id)
        if listener:
            log.listen(listener)
        executor = self._executor_for(log.rollout.plan)
        runner = Runner(
            log,
            executor,
            locks=self._locks,
            drivers=self._drivers,
            clock=self._clock,
            pace=self._pace(),
            on_tick=on_tick,
        )
        return runner.run(stop_when, deadline=deadline)

    def show(self, promotion_id: str) -> Rollout:
        """The promotion as recorded so far.

        Raises:
            NotFoundError: If there is no such promotion.
        """
        return self._log(promotion_id).rollout

    def unfinished(self) -> tuple[Rollout, ...]:
        """Every promotion that is not closed, the oldest first."""
        closed = self._journal.estate().endings
        candidates = (self.show(each) for each in promotion_ids(self._ledger) if each not in closed)
        # One that crashed between the journal and its own last event is in `closed`; filing gave its leases back.
        return tuple(sorted((r for r in candidates if not r.is_closed), key=lambda rollout: rollout.opened_at))

    def newest(self) -> Rollout:
        """The promotion to take when none is named: the only unfinished one, else the one that ended last.

        Raises:
            UsageError: If several are unfinished.
            NotFoundError: If there is none at all.
        """
        unfinished = self.unfinished()
        if len(unfinished) > 1:
            named = ", ".join(rollout.id for rollout in unfinished)
            raise UsageError(f"several promotions are under way: {named}", hint="name one of them")
        if unfinished:
            return unfinished[0]
        endings = list(self._journal.estate().endings)
        if not endings:
            raise NotFoundError("there is no promotion yet", hint="deliverkit promote --to ENVIRONMENT")
        return self.show(endings[-1])

    def decide(self, promotion_id: str, ruling: Ruling) -> Rollout:
        """Record a human decision, once: repeated by the same person, or on a settled question, it adds nothing.

        Raises:
            ConflictError: If nothing waits for a decision, something else does, or the question was settled otherwise.
            IntegrityError: If it was made on another plan.
            RejectedError: If it is a yes to what was rejected.
            NotEntitledError: If this person's decision would not count.
        """
        return self._log(promotion_id).insist(
            lambda rollout: decision_on(rollout, ruling, whoami=self._identity.whoami, now=self._clock.now())
        )

    def offer(self, promotion_id: str, offer: Offer) -> Rollout:
        """Record where else people are asked, so that whoever decides here can answer there; repeated, it adds nothing.

        Raises:
            ConflictError: If that question is not open.
        """
        return self._log(promotion_id).insist(lambda rollout: offered(rollout, offer))

    def abort(self, promotion_id: str, mode: AbortMode) -> Rollout:
        """Record that the promotion is to be given up; whoever drives it acts on it. Harmless when asked before.

        Raises:
            ConflictError: If the promotion has ended.
        """

        def draft(rollout: Rollout) -> Draft | None:
            if rollout.outcome is not None:
                ended = f"{rollout.id} has ended: {rollout.outcome.value}; {rollout.reason}"
                raise ConflictError(ended, hint=f"deliverkit rollback {rollout.plan.environment}")
            return Draft("promotion.aborted", {"mode": mode.value}) if rollout.abort is None else None

        return self._log(promotion_id).insist(draft)

    def _log(self, promotion_id: str) -> PromotionLog:
        return PromotionLog(self._ledger, promotion_id, clock=self._clock, identity=self._identity)
