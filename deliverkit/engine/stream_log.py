"""One stream of the ledger, read as the state its events add up to, and added to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from deliverkit.domain.ledger import Draft, Event, verify, verify_link
from deliverkit.errors import ConflictError, NotFoundError
from deliverkit.ports import Clock, IdentityProvider, Ledger


class Folded(Protocol):
    """What the events of a stream add up to."""

    @property
    def last(self) -> Event:
        """The last event folded."""
        ...


State = TypeVar("State", bound=Folded)


class StreamLog(Generic[State]):
    """A stream, read as its state.

    Attributes:
        state: The state after every event read so far.
    """

    def __init__(
        self,
        ledger: Ledger,
        stream: str,
        *,
        fold: Callable[[Iterable[Event]], State],
        apply: Callable[[State, Event], State],
        missing: NotFoundError,
        clock: Clock,
        identity: IdentityProvider,
    ) -> None:
        """Read the stream; who we are is asked when something is recorded.

        Raises:
            NotFoundError: `missing`, if the stream has no events.
            IntegrityError: If an event was changed, dropped or moved since it was recorded.
        """
        self._ledger = ledger
        self._stream = stream
        self._apply = apply
        self._clock = clock
        self._identity = identity
        self._listeners: list[Callable[[Event, State], None]] = []
        events = ledger.read(stream)
        if not events:
            raise missing
        verify(stream, events)
        self.state = fold(events)

    def listen(self, listener: Callable[[Event, State], None]) -> None:
        """Hear every event from now on, whoever recorded it."""
        self._listeners.append(listener)

    def sync(self) -> State:
        """The state with everything that others have recorded since."""
        for event in self._ledger.read(self._stream, self.state.last.sequence):
            verify_link(self._stream, self.state.last, event)
            self._take(event)
        return self.state

    def record(self, draft: Draft) -> State:
        """The state after one more event.

        Raises:
            ConflictError: If somebody else recorded an event meanwhile: `sync` and decide again.
        """
        actor = self._identity.whoami().arn
        event = self._ledger.append(self._stream, self.state.last, draft, actor=actor, at=self._clock.now())
        return self._take(event)

    def record_all(self, drafts: Iterable[Draft]) -> bool:
        """Record several events, as far as nobody else writes meanwhile; False when there was nothing to record."""
        listed = tuple(drafts)
        try:
            for draft in listed:
                self.record(draft)
        except ConflictError:
            # Somebody else wrote: an approver, an abort, or a process that took over. Read on, decide again.
            self.sync()
        return bool(listed)

    def insist(self, make: Callable[[State], Draft | None]) -> State:
        """Record what `make` says of the newest state, again after every lost race; None records nothing."""
        while True:
            draft = make(self.sync())
            if draft is None:
                return self.state
            try:
                return self.record(draft)
            except ConflictError:
                continue

    def attach(self, draft: Draft) -> None:
        """Record a change of drivers, whatever others record meanwhile: it fences the one before."""
        self.insist(lambda _: draft)

    def _take(self, event: Event) -> State:
        self.state = self._apply(self.state, event)
        for listener in self._listeners:
            listener(event, self.state)
        return self.state


def open_stream(
    ledger: Ledger,
    prefix: str,
    name: str,
    make: Callable[[str], Draft],
    *,
    requested_by: str,
    clock: Clock,
) -> str:
    """Record the first event of a new stream and give its id: a name and a number, `production-12`.

    The first event is the reservation of the id: of two processes that take the same number, one moves on to the next.

    Args:
        ledger: Where.
        prefix: Of the streams of that sort: `promotions/`.
        name: What ids begin with.
        make: The event, from the id.
        requested_by: AWS identity ARN of whoever asks.
        clock: Dates the event.
    """
    number = 1 + len(ledger.streams(f"{prefix}{name}-"))
    while True:
        found = f"{name}-{number}"
        try:
            ledger.append(prefix + found, None, make(found), actor=requested_by, at=clock.now())
        except ConflictError:
            number += 1
        else:
            return found
