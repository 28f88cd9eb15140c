"""One promotion's stream: opening it, reading it as a rollout, adding to it."""

from __future__ import annotations

from collections.abc import Callable

from deliverkit.domain.folding import apply, fold
from deliverkit.domain.ledger import Draft, Event, verify, verify_link
from deliverkit.domain.plan import Plan
from deliverkit.domain.rollout import Rollout
from deliverkit.errors import ConflictError, NotFoundError
from deliverkit.ports import Clock, IdentityProvider, Ledger

PREFIX = "promotions/"
Listener = Callable[[Event, Rollout], None]


def stream_of(promotion_id: str) -> str:
    """Name of a promotion's stream."""
    return PREFIX + promotion_id


def promotion_ids(ledger: Ledger) -> tuple[str, ...]:
    """Every promotion on record, in no meaningful order."""
    return tuple(name.removeprefix(PREFIX) for name in ledger.streams(PREFIX))


def open_promotion(ledger: Ledger, plan: Plan, *, clock: Clock) -> str:
    """Record a new promotion and give its id: the environment and a number, `production-12`.

    The first event is the reservation of the id: of two processes that take the same number, one moves on to the next.
    """
    number = 1 + len(ledger.streams(f"{PREFIX}{plan.environment}-"))
    while True:
        promotion_id = f"{plan.environment}-{number}"
        draft = Draft("promotion.opened", {"id": promotion_id, "plan": plan.to_json(), "plan_digest": plan.digest})
        try:
            ledger.append(stream_of(promotion_id), None, draft, actor=plan.requested_by, at=clock.now())
        except ConflictError:
            number += 1
        else:
            return promotion_id


class PromotionLog:
    """The stream of one promotion, read as a rollout.

    Attributes:
        rollout: The state after every event read so far.
    """

    def __init__(self, ledger: Ledger, promotion_id: str, *, clock: Clock, identity: IdentityProvider) -> None:
        """Read the stream; who we are is asked when something is recorded.

        Raises:
            NotFoundError: If there is no such promotion.
            IntegrityError: If an event was changed, dropped or moved since it was recorded.
        """
        self._ledger = ledger
        self._clock = clock
        self._identity = identity
        self._listeners: list[Listener] = []
        self._stream = stream_of(promotion_id)
        events = ledger.read(self._stream)
        if not events:
            raise NotFoundError(f"there is no promotion {promotion_id}", hint="deliverkit status lists them")
        verify(self._stream, events)
        self.rollout = fold(events)

    def listen(self, listener: Listener) -> None:
        """Hear every event from now on, whoever recorded it."""
        self._listeners.append(listener)

    def sync(self) -> Rollout:
        """The state with everything that others have recorded since."""
        for event in self._ledger.read(self._stream, self.rollout.last.sequence):
            verify_link(self._stream, self.rollout.last, event)
            self._take(event)
        return self.rollout

    def record(self, draft: Draft) -> Rollout:
        """The state after one more event.

        Raises:
            ConflictError: If somebody else recorded an event meanwhile: `sync` and decide again.
        """
        actor = self._identity.whoami().arn
        event = self._ledger.append(self._stream, self.rollout.last, draft, actor=actor, at=self._clock.now())
        return self._take(event)

    def insist(self, make: Callable[[Rollout], Draft | None]) -> Rollout:
        """Record what `make` says of the newest state, again after every lost race; None records nothing."""
        while True:
            draft = make(self.sync())
            if draft is None:
                return self.rollout
            try:
                return self.record(draft)
            except ConflictError:
                continue

    def _take(self, event: Event) -> Rollout:
        self.rollout = apply(self.rollout, event)
        for listener in self._listeners:
            listener(event, self.rollout)
        return self.rollout
