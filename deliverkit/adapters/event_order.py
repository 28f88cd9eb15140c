"""Reading events from a store: a gap is found at once, not only when somebody verifies the chain."""

from __future__ import annotations

from collections.abc import Iterable

from deliverkit.domain.ledger import Event, decode
from deliverkit.errors import IntegrityError


def decoded(stream: str, after: int, documents: Iterable[tuple[int, bytes]]) -> tuple[Event, ...]:
    """The events of stored documents, each with the place it was stored at.

    Raises:
        IntegrityError: If an event is missing, lies at another's place, or is no event at all. State folded from a
            stream with a hole in it would be wrong without anybody noticing.
    """
    events = []
    for expected, (place, document) in enumerate(documents, start=after + 1):
        if place != expected:
            raise IntegrityError(f"event {expected} of {stream} is missing: event {place} follows", hint=_HINT)
        event = decode(document)
        if (event.stream, event.sequence) != (stream, place):
            claimed = f"event {event.sequence} of {event.stream}"
            raise IntegrityError(f"where event {place} of {stream} should be lies {claimed}", hint=_HINT)
        events.append(event)
    return tuple(events)


_HINT = "deliverkit ledger verify"
