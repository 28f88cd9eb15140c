"""One stream of the ledger, read as the state its events add up to, and added to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from deliverkit.domain.gate import key_of
from deliverkit.domain.ledger import Draft, Event, seal, verify, verify_link
from deliverkit.errors import ConflictError, NotFoundError
from deliverkit.ports import Clock, IdentityProvider, Ledger


class Folded(Protocol):
    """What the events of a stream add up to."""

    @property
    def last(self) -> Event:
        """The last event folded."""
        ...

    def sample(self, key: str) -> str:
        """Names the next measurement of a check, the same one until it is on record or no longer wanted."""
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
        self._read_on()
        return self.state

    def _read_on(self) -> list[Event]:
        events = list(self._ledger.read(self._stream, self.state.last.sequence))
        for event in events:
            verify_link(self._stream, self.state.last, event)
            self._take(event)
        return events

    def record(self, draft: Draft) -> State:
        """The state after one more event.

        Raises:
            ConflictError: If somebody else recorded an event meanwhile: `sync` and decide again.
            IntegrityError: If nobody could read the event; it is not recorded.
        """
        actor, at, last = self._identity.whoami().arn, self._clock.now(), self.state.last
        # What cannot be read would make the stream unreadable for good, so that is tried first.
        self._apply(self.state, seal(draft, stream=self._stream, after=last, actor=actor, at=at))
        return self._take(self._ledger.append(self._stream, last, draft, actor=actor, at=at))

    def record_all(self, drafts: Iterable[Draft]) -> bool:
        """Record several events; False when there was nothing to record.

        When somebody else writes meanwhile, decisions have to be made again. What was measured is still true, so that
        it is recorded behind that.
        """
        listed = list(drafts)
        remaining = listed
        while remaining:
            try:
                self.record(remaining[0])
            except ConflictError:
                # Somebody else wrote: an approver, an abort, or a process that took over.
                before = self.state
                is_fenced = any(event.kind == "driver.attached" for event in self._read_on())
                remaining = [] if is_fenced else list(_still_wanted(remaining, before, self.state))
            else:
                remaining = remaining[1:]
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


def _still_wanted(drafts: Iterable[Draft], before: Folded, now: Folded) -> Iterator[Draft]:
    """The measurements among the drafts that have not been recorded meanwhile, and that count as they did."""
    for draft in drafts:
        if draft.kind == "gate.measured":
            keyed = [(key_of(each["gate"], each.get("check", "")), each) for each in draft.payload["measurements"]]
            if wanted := [each for key, each in keyed if before.sample(key) == now.sample(key)]:
                yield Draft(draft.kind, {"measurements": wanted})


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
