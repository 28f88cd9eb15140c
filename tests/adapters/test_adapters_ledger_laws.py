"""Laws of every ledger: however writers interleave, the chain stays whole and nobody's event is lost or doubled."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deliverkit.adapters.aws.ledger_s3 import S3Ledger
from deliverkit.adapters.leases import has_expired
from deliverkit.adapters.ledger_sqlite import SqliteLedger
from deliverkit.domain.ledger import Draft, Event, verify
from deliverkit.errors import ConflictError, LockedError
from deliverkit.ports import Lease, Ledger
from deliverkit.testing import MemoryLedger, MemoryLocks

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_STREAMS = itertools.count()

json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Lone surrogates are no text in any encoding.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)
steps = st.lists(
    st.tuples(st.sampled_from(["ann", "bob", "cid"]), st.sampled_from(["read", "append"])), min_size=1, max_size=25
)


class Writer:
    """Knows the stream as far as it has read; appends after that, whatever others did meanwhile."""

    def __init__(self, name: str, ledger: Ledger, stream: str) -> None:
        self.name, self.ledger, self.stream = name, ledger, stream
        self.known: list[Event] = []
        self.recorded: list[Event] = []
        self.refused = 0

    def read(self) -> None:
        self.known += self.ledger.read(self.stream, len(self.known))

    def append(self) -> None:
        draft = Draft("said", {"by": self.name, "n": len(self.recorded)})
        after = self.known[-1] if self.known else None
        try:
            event = self.ledger.append(self.stream, after, draft, actor=self.name, at=AT)
        except ConflictError:
            self.refused += 1
        else:
            self.known.append(event)
            self.recorded.append(event)


def assert_whole(ledger: Ledger, plan: list[tuple[str, str]]) -> None:
    stream = f"laws/{next(_STREAMS)}"
    writers = {name: Writer(name, ledger, stream) for name in ("ann", "bob", "cid")}
    for name, act in plan:
        getattr(writers[name], act)()
    events = ledger.read(stream)
    assert verify(stream, events) == len(events)
    recorded = [event for writer in writers.values() for event in writer.recorded]
    assert sorted(recorded, key=lambda event: event.sequence) == list(events)
    attempts = sum(act == "append" for _, act in plan)
    assert len(events) + sum(writer.refused for writer in writers.values()) == attempts
    for writer in writers.values():
        assert tuple(writer.known) == events[: len(writer.known)]
        writer.read()
        before = len(writer.recorded)
        writer.append()
        assert len(writer.recorded) == before + 1, "whoever has read everything may write"
        for other in writers.values():
            other.read()
        events = ledger.read(stream)


@given(steps)
def test_memory_stays_whole_however_writers_interleave(plan: list[tuple[str, str]]) -> None:
    assert_whole(MemoryLedger(), plan)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, Ledger]:
    path = tmp_path_factory.mktemp("laws") / "ledger.db"
    return SqliteLedger(path), SqliteLedger(path)


@given(steps)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sqlite_stays_whole_however_writers_interleave(sqlite, plan: list[tuple[str, str]]) -> None:
    assert_whole(Alternating(*sqlite), plan)


@given(steps)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_s3_stays_whole_however_writers_interleave(laws_ledger, plan: list[tuple[str, str]]) -> None:
    assert_whole(laws_ledger, plan)


@pytest.fixture(scope="module")
def laws_ledger(aws) -> S3Ledger:
    aws.client("s3").create_bucket(Bucket="laws")
    return S3Ledger(aws, bucket="laws", prefix="x", page_size=4)


class Alternating:
    """Every call goes to the next of several ledgers, as if from another process."""

    def __init__(self, *ledgers: Ledger) -> None:
        self._ledgers = itertools.cycle(ledgers)

    def append(self, *args, **kwargs) -> Event:
        return next(self._ledgers).append(*args, **kwargs)

    def read(self, *args) -> tuple[Event, ...]:
        return next(self._ledgers).read(*args)


@given(st.dictionaries(st.text("abc_", max_size=4), json, max_size=4), st.timedeltas(timedelta(0), timedelta(days=9)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_payload_is_read_as_it_was_recorded(sqlite, payload: dict, age: timedelta) -> None:
    stream = f"payloads/{next(_STREAMS)}"
    for ledger in (sqlite[0], MemoryLedger()):
        event = ledger.append(stream, None, Draft("said", payload), actor="me", at=AT - age)
        assert ledger.read(stream) == (event,)
        assert event.payload == payload
        assert event.at == AT - age


moves = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cid"]),
        st.sampled_from(["acquire", "acquire for ever", "renew", "release"]),
        st.integers(0, 20),
    ),
    max_size=40,
)


def is_refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except LockedError:
        return True
    return False


@given(moves)
def test_a_lease_has_one_holder_and_growing_tokens(plan: list[tuple[str, str, int]]) -> None:
    """Only a free or expired lease changes hands; only the present turn renews; no token serves two turns."""
    locks, now, ttl = MemoryLocks(), AT, timedelta(seconds=10)
    turns: dict[str, Lease] = {}
    holder_of: dict[int, str] = {}
    for name, act, seconds in plan:
        now += timedelta(seconds=seconds)
        present, mine = locks.show("x"), turns.get(name)
        if act.startswith("acquire"):
            term = None if act.endswith("ever") else ttl
            is_free = present is None or present.holder == name or has_expired(present, now)
            take = partial(locks.acquire, "x", holder=name, ttl=term, now=now, reason="")
            assert is_refused(take) is not is_free
            if is_free:
                turns[name] = lease = take()
                assert holder_of.setdefault(lease.token, name) == name
                assert lease.token == max(holder_of)
        elif mine and act == "renew":
            is_mine = present is not None and (present.holder, present.token) == (name, mine.token)
            assert is_refused(partial(locks.renew, mine, ttl=ttl, now=now)) is not is_mine
        elif mine:
            locks.release(mine)
            is_mine = present is not None and (present.holder, present.token) == (name, mine.token)
            assert locks.show("x") == (None if is_mine else present)
