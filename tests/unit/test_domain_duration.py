"""Lengths of time carry their unit, or are refused with a clause that says how to write them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.domain.duration import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("300ms", timedelta(milliseconds=300)),
        ("0s", timedelta(0)),
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("24h", timedelta(hours=24)),
        ("2d", timedelta(days=2)),
        ("1h30m", timedelta(minutes=90)),
        ("1m5ms", timedelta(minutes=1, milliseconds=5)),
        ("1d2h3m4s5ms", timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)),
        ("3650d", LONGEST),
    ],
)
def test_times_with_units(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("30", "30 has no unit: write 30ms, 30s, 30m or 30h"),
        ("", "'' is not a time: write whole numbers with a unit, such as 500ms, 90s, 1h30m or 2d"),
        ("1.5h", "'1.5h' is not a time"),
        ("-5s", "'-5s' is not a time"),
        ("5 s", "'5 s' is not a time"),
        ("5sec", "'5sec' is not a time"),
        ("5S", "'5S' is not a time"),
        ("٣s", "'٣s' is not a time"),
        ("30m1h", "each unit may stand there once, the larger one first"),
        ("1s1s", "each unit may stand there once, the larger one first"),
        ("3651d", "'3651d' is longer than 3650 days"),
        ("999999999999999d", "is longer than 3650 days"),
        ("9999999999999999999999d", "is not a time"),
    ],
)
def test_anything_else_is_refused(text: str, clause: str) -> None:
    with pytest.raises(ValueError, match=re.escape(clause)):
        parse_duration(text)


@given(st.integers(0, LONGEST // timedelta(milliseconds=1)))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.text(alphabet="0123456789dhms .-", max_size=12))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert parse_duration(format_duration(duration)) == duration


def test_format_takes_the_largest_units() -> None:
    assert format_duration(timedelta(seconds=5400)) == "1h30m"
    assert format_duration(timedelta(0)) == "0s"
    assert format_duration(timedelta(microseconds=1600)) == "2ms"


def test_negative_lengths_have_no_form() -> None:
    with pytest.raises(ValueError, match="negative"):
        format_duration(timedelta(seconds=-1))
