"""Events and the chain that makes them tamper-evident.

A stream is a sequence of events; each carries the digest of the one before it. Whoever changes, drops or reorders a
recorded event breaks every digest after it, and anybody can see that offline with SHA-256 and a JSON parser.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deliverkit.errors import IntegrityError

Json = Any
_HINT = "compare with the earlier versions that the store keeps of this event, and mend it"
GENESIS = "sha256:" + "0" * 64
"""What the first event of every stream names as its predecessor."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that has not been recorded yet.

    Attributes:
        kind: `noun.past`, such as `gate.failed`.
        payload: JSON-able facts; never secrets.
    """

    kind: str
    payload: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One recorded fact.

    Attributes:
        stream: Name of its stream, such as `promotions/production-12`.
        sequence: Position in the stream, from 1, without gaps.
        at: When it was recorded, UTC, to the microsecond.
        actor: Who recorded it (AWS identity ARN).
        kind: `noun.past`.
        payload: JSON-able facts.
        previous: Digest of the event before it; `GENESIS` for the first.
        digest: `sha256:` over the canonical form of everything above.
    """

    stream: str
    sequence: int
    at: datetime
    actor: str
    kind: str
    payload: Mapping[str, Json]
    previous: str
    digest: str


def seal(draft: Draft, *, stream: str, after: Event | None, actor: str, at: datetime) -> Event:
    """The draft as the event that follows `after`."""
    sequence = after.sequence + 1 if after else 1
    previous = after.digest if after else GENESIS
    # The payload goes through JSON once, so that the digest covers exactly what a reader will see.
    payload = json.loads(canonical(draft.payload))
    digest = _digest(stream, sequence, at, actor, draft.kind, payload, previous)
    return Event(stream, sequence, at, actor, draft.kind, payload, previous, digest)


def canonical(value: Json) -> bytes:
    """The one JSON spelling of a value: sorted keys, no blanks, UTF-8, no NaN.

    Raises:
        ValueError: If a number is not finite.
        TypeError: If the value is not JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(value: Json) -> str:
    """`sha256:` and the hexadecimal digest over the canonical form of a value."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def encode(event: Event) -> bytes:
    """The event as it is stored: one canonical JSON document."""
    return canonical(
        {
            "stream": event.stream,
            "sequence": event.sequence,
            "at": _stamp(event.at),
            "actor": event.actor,
            "kind": event.kind,
            "payload": event.payload,
            "previous": event.previous,
            "digest": event.digest,
        }
    )


def decode(document: bytes) -> Event:
    """The event of a stored document.

    Raises:
        IntegrityError: If it is not an event document.
    """
    try:
        raw = json.loads(document)
        at = datetime.fromisoformat(raw.pop("at")).astimezone(UTC)
        return Event(at=at, **raw)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(
            f"not an event document: {document[:80]!r}", hint="deliverkit ledger verify names the damaged events"
        ) from error


def verify(stream: str, events: Iterable[Event]) -> int:
    """The number of events, after checking that they are one unbroken chain from the first.

    Raises:
        IntegrityError: Naming the first event that does not follow from its predecessor.
    """
    last: Event | None = None
    for event in events:
        verify_link(stream, last, event)
        last = event
    return last.sequence if last else 0


def verify_link(stream: str, last: Event | None, event: Event) -> None:
    """Check that an event follows from the one before it.

    Args:
        stream: The stream it was read from.
        last: The event before it; None for the first.
        event: The event.

    Raises:
        IntegrityError: If it is out of place, names another predecessor, or was changed after it was recorded.
    """
    expected = last.sequence + 1 if last else 1
    place = f"event {event.sequence} ({event.kind}) of {stream}"
    if event.stream != stream or event.sequence != expected:
        raise IntegrityError(
            f"{place}: expected event {expected} of {stream}; an event is missing or out of place", hint=_HINT
        )
    if event.previous != (last.digest if last else GENESIS):
        raise IntegrityError(f"{place} does not follow from the event before it; one of them was changed", hint=_HINT)
    own = _digest(stream, event.sequence, event.at, event.actor, event.kind, event.payload, event.previous)
    if own != event.digest:
        raise IntegrityError(
            f"{place} was changed after it was recorded: its content gives {own}, it says {event.digest}", hint=_HINT
        )


def _digest(stream: str, sequence: int, at: datetime, actor: str, kind: str, payload: Json, previous: str) -> str:
    return digest_of([stream, sequence, _stamp(at), actor, kind, payload, previous])


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
