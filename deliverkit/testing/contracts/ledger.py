"""What every `Ledger` must do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from deliverkit.domain.ledger import GENESIS, Draft, Event, verify
from deliverkit.errors import ConflictError
from deliverkit.ports import Ledger

AT = datetime(2026, 1, 5, 9, 0, 0, 123456, tzinfo=UTC)
ACTOR = "arn:aws:iam::123456789012:user/developer"
STREAM = "promotions/production-1"


def add(ledger: Ledger, after: Event | None, kind: str = "thing.happened", stream: str = STREAM) -> Event:
    """One more event on a stream."""
    return ledger.append(stream, after, Draft(kind, {"n": 1}), actor=ACTOR, at=AT)


def insist(ledger: Ledger, kind: str, stream: str = STREAM) -> int:
    """Append after whatever is last, however often the race is lost; the number of races lost."""
    lost = 0
    while True:
        events = ledger.read(stream)
        try:
            add(ledger, events[-1] if events else None, kind, stream)
        except ConflictError:
            lost += 1
        else:
            return lost


class LedgerContract:
    """Subclass it and give a fixture `ledger`: an empty one for every test."""

    @pytest.fixture
    def ledger(self) -> Ledger:
        """An empty ledger."""
        raise NotImplementedError("the subclass gives the ledger")

    def test_an_unknown_stream_is_empty(self, ledger: Ledger) -> None:
        """Reading what nobody wrote is no error."""
        assert ledger.read(STREAM) == ()
        assert ledger.streams("") == ()

    def test_the_first_event_stands_on_genesis(self, ledger: Ledger) -> None:
        """The first place is 1."""
        event = add(ledger, None)
        assert (event.sequence, event.previous, event.stream) == (1, GENESIS, STREAM)

    def test_what_was_appended_is_what_is_read(self, ledger: Ledger) -> None:
        """Every field survives: microseconds, time zones, nested and non-ASCII payloads."""
        payload = {"text": 'ä \u2028 \U0001f680 "\\', "nested": [{"deep": None}, 1, 2.5, True], "empty": {}}
        local = AT.astimezone(timezone(timedelta(hours=5, minutes=45)))
        event = ledger.append(STREAM, None, Draft("thing.happened", payload), actor=ACTOR, at=local)
        (read,) = ledger.read(STREAM)
        assert read == event
        assert (read.payload, read.at, read.actor, read.kind) == (payload, AT, ACTOR, "thing.happened")

    def test_events_form_a_chain(self, ledger: Ledger) -> None:
        """Each names its predecessor, and the whole verifies."""
        first = add(ledger, None)
        second = add(ledger, first)
        third = add(ledger, second)
        assert (second.previous, third.previous) == (first.digest, second.digest)
        assert verify(STREAM, ledger.read(STREAM)) == 3

    def test_reading_goes_on_where_it_ended(self, ledger: Ledger) -> None:
        """`after` is exclusive, and beyond the end there is nothing."""
        events: list[Event] = []
        for _ in range(12):
            events.append(add(ledger, events[-1] if events else None))
        assert ledger.read(STREAM, 9) == tuple(events[9:])
        assert ledger.read(STREAM, 12) == ()
        assert ledger.read(STREAM, 99) == ()

    def test_a_place_is_taken_once(self, ledger: Ledger) -> None:
        """Whoever comes second learns it, and leaves no trace."""
        first = add(ledger, None)
        second = add(ledger, first, "winner.came")
        with pytest.raises(ConflictError):
            add(ledger, None, "loser.came")
        with pytest.raises(ConflictError):
            add(ledger, first, "loser.came")
        assert ledger.read(STREAM) == (first, second)

    def test_the_same_event_twice_is_a_conflict_too(self, ledger: Ledger) -> None:
        """Two writers that say the same in the same microsecond are still two: only one has recorded it."""
        add(ledger, None)
        with pytest.raises(ConflictError):
            add(ledger, None)

    def test_streams_are_apart(self, ledger: Ledger) -> None:
        """One stream's name may begin with the other's."""
        one = add(ledger, None, stream="promotions/production-1")
        twelve = add(ledger, None, stream="promotions/production-12")
        add(ledger, twelve, stream="promotions/production-12")
        assert ledger.read("promotions/production-1") == (one,)
        assert len(ledger.read("promotions/production-12")) == 2

    def test_streams_are_listed_by_prefix(self, ledger: Ledger) -> None:
        """Sorted, each once, and only those that begin so."""
        for stream in ("promotions/staging-1", "promotions/dev-2", "application", "promotions/dev-1"):
            add(ledger, add(ledger, None, stream=stream), stream=stream)
        assert ledger.streams("promotions/") == ("promotions/dev-1", "promotions/dev-2", "promotions/staging-1")
        assert ledger.streams("promotions/dev-") == ("promotions/dev-1", "promotions/dev-2")
        assert ledger.streams("") == (
            "application",
            "promotions/dev-1",
            "promotions/dev-2",
            "promotions/staging-1",
        )
        assert ledger.streams("nothing/") == ()

    def test_racing_threads_lose_nothing(self, ledger: Ledger) -> None:
        """Four writers, each event exactly once, no gap, one chain."""
        kinds = [f"writer{writer}.said{n}" for writer in range(4) for n in range(3)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda kind: insist(ledger, kind), kinds))
        events = ledger.read(STREAM)
        assert verify(STREAM, events) == len(kinds)
        assert sorted(event.kind for event in events) == sorted(kinds)
