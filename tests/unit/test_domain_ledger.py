"""Whoever changes, drops or reorders a recorded event is found out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.domain.ledger import Draft, Event, canonical, decode, digest_of, encode, seal, verify
from deliverkit.errors import IntegrityError

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PAYLOADS = st.lists(st.dictionaries(st.text(), JSON, max_size=3), min_size=1, max_size=6)


def chain(payloads: list[dict[str, Any]]) -> list[Event]:
    events: list[Event] = []
    for number, payload in enumerate(payloads):
        last = events[-1] if events else None
        at = AT + timedelta(seconds=number)
        events.append(seal(Draft("thing.happened", payload), stream="s", after=last, actor="me", at=at))
    return events


@given(PAYLOADS)
def test_a_chain_verifies_and_survives_storage(payloads: list[dict[str, Any]]) -> None:
    events = chain(payloads)
    assert verify("s", events) == len(events)
    assert [decode(encode(event)) for event in events] == events


@given(PAYLOADS, st.data())
def test_any_change_is_noticed(payloads: list[dict[str, Any]], data: st.DataObject) -> None:
    events = chain(payloads)
    position = data.draw(st.integers(0, len(events) - 1))
    changed = data.draw(
        st.sampled_from(
            [
                {"payload": {"other": "payload"}},
                {"actor": "somebody else"},
                {"kind": "another.kind"},
                {"at": AT + timedelta(days=1)},
                {"sequence": 99},
                {"stream": "t"},
                {"previous": "sha256:" + "f" * 64},
            ]
        )
    )
    events[position] = replace(events[position], **changed)
    with pytest.raises(IntegrityError):
        verify("s", events)


@given(PAYLOADS.filter(lambda payloads: len(payloads) > 1), st.data())
def test_a_missing_or_moved_event_is_noticed(payloads: list[dict[str, Any]], data: st.DataObject) -> None:
    events = chain(payloads)
    position = data.draw(st.integers(0, len(events) - 2))
    with pytest.raises(IntegrityError, match="missing or out of place"):
        verify("s", [*events[:position], *events[position + 1 :]])
    swapped = [*events]
    swapped[position], swapped[position + 1] = swapped[position + 1], swapped[position]
    with pytest.raises(IntegrityError):
        verify("s", swapped)


def test_a_message_names_the_damaged_event() -> None:
    events = chain([{}, {}, {}])
    events[1] = replace(events[1], actor="mallory")
    with pytest.raises(IntegrityError, match=r"event 2 \(thing.happened\) of s was changed after it was recorded"):
        verify("s", events)


def test_an_empty_stream_verifies() -> None:
    assert verify("s", []) == 0


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"at": 5}', b"\xff", b'{"at": "2026-01-05T09:00:00+00:00"}'])
def test_what_is_no_event_is_refused(document: bytes) -> None:
    with pytest.raises(IntegrityError, match="not an event document"):
        decode(document)


@given(JSON)
def test_the_canonical_form_is_one_spelling(value: Any) -> None:
    again = json.loads(canonical(value))
    assert canonical(again) == canonical(value)
    assert digest_of(again) == digest_of(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_know_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)
