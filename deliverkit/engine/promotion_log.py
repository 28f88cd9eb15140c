"""One promotion's stream: opening it, reading it as a rollout, adding to it."""

from __future__ import annotations

from collections.abc import Callable

from deliverkit.domain.folding import apply, fold
from deliverkit.domain.ledger import Draft, Event
from deliverkit.domain.plan import Plan
from deliverkit.domain.rollout import Rollout
from deliverkit.engine.stream_log import StreamLog, open_stream
from deliverkit.errors import NotFoundError
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
    """Record a new promotion and give its id: the environment and a number, `production-12`."""

    def opened(promotion_id: str) -> Draft:
        return Draft("promotion.opened", {"id": promotion_id, "plan": plan.to_json(), "plan_digest": plan.digest})

    return open_stream(ledger, PREFIX, plan.environment, opened, requested_by=plan.requested_by, clock=clock)


class PromotionLog(StreamLog[Rollout]):
    """The stream of one promotion, read as a rollout."""

    def __init__(self, ledger: Ledger, promotion_id: str, *, clock: Clock, identity: IdentityProvider) -> None:
        """Read the stream; who we are is asked when something is recorded.

        Raises:
            NotFoundError: If there is no such promotion.
            IntegrityError: If an event was changed, dropped or moved since it was recorded.
        """
        missing = NotFoundError(f"there is no promotion {promotion_id}", hint="deliverkit status lists them")
        stream = stream_of(promotion_id)
        super().__init__(ledger, stream, fold=fold, apply=apply, missing=missing, clock=clock, identity=identity)

    @property
    def rollout(self) -> Rollout:
        """The state after every event read so far."""
        return self.state
