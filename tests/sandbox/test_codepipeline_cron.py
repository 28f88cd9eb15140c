"""Cron expressions of deployment windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverkit.sandbox.codepipeline.conditions.cron import CronError, parse
from deliverkit.sandbox.codepipeline.conditions.zones import zone_of

BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY = datetime(2026, 3, 28, 12, 0, 1, 5, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "opening"),
    [
        ("* * * * * ?", "2026-03-28T12:00:02"),
        ("0 30 * * * *", "2026-03-28T12:30:00"),
        ("0/15 * * ? * *", "2026-03-28T12:00:15"),
        ("0 0 9 ? * MON-FRI", "2026-03-30T09:00:00"),
        ("* * 9-17 ? * MON-FRI", "2026-03-30T09:00:00"),
        ("0 0 9 ? * 2,4", "2026-03-30T09:00:00"),
        ("0 0 0 L * ?", "2026-03-31T00:00:00"),
        ("0 0 0 L-2 * ?", "2026-03-29T00:00:00"),
        ("0 0 0 LW FEB ?", "2027-02-26T00:00:00"),
        ("0 0 12 15W 8 ?", "2026-08-14T12:00:00"),
        ("0 0 12 1W AUG ?", "2026-08-03T12:00:00"),
        ("0 0 12 31W MAY ?", "2026-05-29T12:00:00"),
        ("0 0 12 ? * FRI#3", "2026-04-17T12:00:00"),
        ("0 0 12 ? * 6L", "2026-04-24T12:00:00"),
        ("0 0 12 ? * L", "2026-04-04T12:00:00"),
        ("0 0 12 1 JAN-MAR/2 ? 2030/5", "2030-01-01T12:00:00"),
        ("0 0 0 29 2 ?", "2028-02-29T00:00:00"),
        ("0 0 0 1 1 ? 2020", None),
        ("0 0 0 30 2 ?", None),
    ],
)
def test_the_next_opening(expression: str, opening: str | None) -> None:
    assert parse(expression).opens_after(SATURDAY, UTC) == (utc(opening) if opening else None)


def test_the_clock_that_is_put_forward_leaves_an_hour_out() -> None:
    assert parse("0 30 2 * * ?").opens_after(utc("2026-03-28T23:00:00"), BERLIN) == utc("2026-03-30T00:30:00")


def test_the_clock_that_is_put_back_repeats_an_hour() -> None:
    half_past_two = parse("0 30 2 * * ?")
    first = half_past_two.opens_after(utc("2026-10-24T12:00:00"), BERLIN)
    assert first == utc("2026-10-25T00:30:00")
    assert half_past_two.opens_after(first + timedelta(seconds=1), BERLIN) == utc("2026-10-25T01:30:00")


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "* * * * * ? 2030 more",
        "60 * * * * ?",
        "* * 24 * * ?",
        "* * * ? * ?",
        "* * * 1 * MON",
        "* * * 32 * ?",
        "* * * * 13 ?",
        "* * * ? * 8",
        "* * * ? * 2#6",
        "* 5-3 * * * ?",
        "* */0 * * * ?",
        "* x * * * ?",
        "* * * * * ? 1969",
        "* * * W * ?",
    ],
)
def test_an_expression_that_cannot_be_read(expression: str) -> None:
    with pytest.raises(CronError):
        parse(expression)


FIELDS = st.tuples(
    st.sampled_from(["0", "*", "5/20", "10-50/7"]),
    st.sampled_from(["0", "*", "*/7", "59"]),
    st.sampled_from(["*", "2", "9-17", "23,0"]),
    st.sampled_from([("*", "?"), ("?", "MON-FRI"), ("L", "?"), ("?", "6L"), ("15W", "?"), ("?", "1#1"), ("1,31", "?")]),
    st.sampled_from(["*", "2", "MAR,OCT"]),
)
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=200, deadline=None)
@given(FIELDS, MOMENTS, st.sampled_from([UTC, BERLIN, ZoneInfo("Asia/Kathmandu")]))
def test_an_opening_is_open_and_nothing_before_it_is(
    fields: tuple[str, str, str, tuple[str, str], str], moment: datetime, zone: ZoneInfo
) -> None:
    second, minute, hour, (day, weekday), month = fields
    window = parse(f"{second} {minute} {hour} {day} {month} {weekday}")
    opening = window.opens_after(moment, zone)
    assert opening is not None
    assert opening >= moment
    assert window.is_open(opening.astimezone(zone))
    assert window.opens_after(opening, zone) == opening
    # Looked at by the second for as long as is bearable: the window stays shut until the opening.
    first = moment.replace(microsecond=0) + timedelta(seconds=1 if moment.microsecond else 0)
    seconds = min(int((opening - first).total_seconds()), 2000)
    assert not any(window.is_open((first + timedelta(seconds=each)).astimezone(zone)) for each in range(seconds))


@pytest.mark.parametrize(
    ("name", "offset"),
    [
        ("UTC", "+00:00"),
        ("UTC+05:30", "+05:30"),
        ("UTC-03:00", "-03:00"),
        ("America/New_York", "-04:00"),
        ("EST", "-05:00"),
        ("PST", "-07:00"),
        ("IST", "+05:30"),
    ],
)
def test_zones_have_places_offsets_and_abbreviations(name: str, offset: str) -> None:
    assert utc("2026-07-01T12:00:00").astimezone(zone_of(name)).isoformat()[-6:] == offset


@pytest.mark.parametrize("name", ["UTC+19:00", "UTC+05:99", "Mars/Base", "XYZ", "", "../../etc/passwd"])
def test_other_names_are_no_zones(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone_of(name)
