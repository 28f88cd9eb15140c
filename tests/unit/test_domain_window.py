"""Windows follow the clocks of their own place, over midnight and through both changes of the clocks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deliverkit.domain.window import DAYS, parse_window

LONDON = ZoneInfo("Europe/London")
OFFICE = parse_window("Mon-Thu 09:00-16:00 Europe/London")


def at(text: str, zone: str = "Europe/London", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-02 08:59:59", False),  # a Monday
        ("2026-03-02 09:00:00", True),
        ("2026-03-02 15:59:59", True),
        ("2026-03-02 16:00:00", False),
        ("2026-03-05 12:00:00", True),  # Thursday
        ("2026-03-06 12:00:00", False),  # Friday
        ("2026-07-06 09:00:00", True),  # in summer time too
        ("2026-07-06 16:00:00", False),
    ],
)
def test_office_hours(moment: str, is_open: bool) -> None:
    assert OFFICE.is_open(at(moment)) is is_open
    assert OFFICE.is_open(at(moment).astimezone(ZoneInfo("Asia/Tokyo"))) is is_open


@pytest.mark.parametrize(
    ("text", "moment", "is_open"),
    [
        ("Mon,Wed 10:00-11:00 UTC", "2026-03-02 10:30", True),
        ("Mon,Wed 10:00-11:00 UTC", "2026-03-03 10:30", False),
        ("Mon,Wed-Fri 10:00-11:00 UTC", "2026-03-06 10:30", True),
        ("Fri-Mon 10:00-11:00 UTC", "2026-03-01 10:30", True),
        ("Fri-Mon 10:00-11:00 UTC", "2026-03-03 10:30", False),
        ("Sun 00:00-24:00 UTC", "2026-03-01 23:59:59", True),
        ("Sun 00:00-24:00 UTC", "2026-03-02 00:00", False),
        ("Fri 22:00-04:00 UTC", "2026-03-06 23:00", True),
        ("Fri 22:00-04:00 UTC", "2026-03-07 03:59", True),  # Friday's night ends on Saturday
        ("Fri 22:00-04:00 UTC", "2026-03-07 04:00", False),
        ("Fri 22:00-04:00 UTC", "2026-03-06 03:00", False),  # that would be Thursday's night
        ("Sun 22:00-00:00 UTC", "2026-03-01 23:59", True),
        ("  Mon   10:00-11:00   UTC ", "2026-03-02 10:30", True),
    ],
)
def test_forms(text: str, moment: str, is_open: bool) -> None:
    assert parse_window(text).is_open(at(moment, "UTC")) is is_open


def test_the_next_opening_is_told_in_the_clock_time_of_the_place() -> None:
    opening = OFFICE.next_opening(at("2026-03-05 16:00"))
    assert opening == at("2026-03-09 09:00")
    assert opening.tzinfo == LONDON


def test_the_next_opening_keeps_its_clock_time_over_the_change() -> None:
    # The clocks go forward on Sunday, 29 March 2026: Monday's 09:00 is one hour earlier in UTC.
    before, after = at("2026-03-23 09:00"), at("2026-03-30 09:00")
    assert OFFICE.next_opening(at("2026-03-26 17:00")) == after
    assert after.astimezone(UTC) - before.astimezone(UTC) == timedelta(days=7, hours=-1)


def test_while_open_the_next_opening_is_now() -> None:
    now = at("2026-03-02 10:00")
    assert OFFICE.next_opening(now) == now


def test_an_opening_that_the_change_of_clocks_skips_is_the_change_itself() -> None:
    # 01:00 to 02:00 does not exist in London on 29 March 2026.
    window = parse_window("Sun 01:30-03:00 Europe/London")
    opening = window.next_opening(at("2026-03-28 12:00"))
    assert opening.astimezone(UTC) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert (opening.hour, opening.minute) == (2, 0)


def test_a_window_that_the_change_swallows_opens_a_week_later() -> None:
    window = parse_window("Sun 01:10-01:50 Europe/London")
    assert window.next_opening(at("2026-03-28 12:00")) == at("2026-04-05 01:10")
    assert not window.is_open(datetime(2026, 3, 29, 1, 30, tzinfo=UTC))


def test_hours_that_happen_twice_are_open_once() -> None:
    # 01:00 to 02:00 happens twice in London on 25 October 2026.
    window = parse_window("Sun 01:15-01:45 Europe/London")
    assert window.is_open(at("2026-10-25 01:30", fold=0))
    assert not window.is_open(at("2026-10-25 01:30", fold=1))
    assert window.next_opening(at("2026-10-25 01:50", fold=0)) == at("2026-11-01 01:15")


def test_a_day_that_a_place_left_out() -> None:
    # Samoa had no 30 December 2011, a Friday.
    window = parse_window("Fri 09:00-16:00 Pacific/Apia")
    assert window.next_opening(at("2011-12-29 20:00", "Pacific/Apia")) == at("2012-01-06 09:00", "Pacific/Apia")


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("", "'' is not a window: write days, hours and time zone, such as Mon-Thu 09:00-16:00 Europe/London"),
        ("Mon-Thu 09:00-16:00", "is not a window"),
        ("Mon - Thu 09:00-16:00 UTC", "is not a window"),
        ("Mo-Thu 09:00-16:00 UTC", "'Mo' is not a day: write Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
        ("Mon- 09:00-16:00 UTC", "'' is not a day"),
        ("Mon,,Tue 09:00-16:00 UTC", "'' is not a day"),
        ("Mon-Tue-Wed 09:00-16:00 UTC", "'Tue-Wed' is not a day"),
        ("Mon 9:00-16:00 UTC", "'9:00-16:00' are not hours: write HH:MM-HH:MM, as in 09:00-16:00"),
        ("Mon 09:00-16:60 UTC", "are not hours"),
        ("Mon 24:00-25:00 UTC", "are not hours"),
        ("Mon 09:00-24:30 UTC", "the day ends at 24:00"),
        ("Mon 09:00-09:00 UTC", "is never open: 00:00-24:00 is the whole day"),
        ("Mon 09:00-16:00 Europe/Lodnon", "'Europe/Lodnon' is not a time zone: did you mean Europe/London"),
        ("Mon 09:00-16:00 Europe", "'Europe' is not a time zone"),
        ("Mon 09:00-16:00 ../../etc/passwd", "is not a time zone"),
        ("Mon 09:00-16:00 Xyzzyqwkj", "write a name such as Europe/London or UTC"),
    ],
)
def test_anything_else_is_refused(text: str, clause: str) -> None:
    with pytest.raises(ValueError, match=re.escape(clause)):
        parse_window(text)


ZONES = st.sampled_from(["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
MINUTES = st.integers(0, 1439)
MOMENTS = st.integers(0, 60 * 24 * 730).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def text_of(days: set[int], opens: int, closes: int, zone: str) -> str:
    hours = f"{opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}"
    return f"{','.join(DAYS[day] for day in sorted(days))} {hours} {zone}"


@given(st.sets(st.integers(0, 6), min_size=1), MINUTES, MINUTES, ZONES, MOMENTS)
def test_it_is_open_at_its_next_opening_and_not_before(
    days: set[int], opens: int, closes: int, zone: str, moment: datetime
) -> None:
    assume(opens != closes)
    window = parse_window(text_of(days, opens, closes, zone))
    opening = window.next_opening(moment)
    assert window.is_open(opening)
    assert moment <= opening <= moment + timedelta(days=16)
    if opening > moment:
        assert not window.is_open(opening - timedelta(microseconds=1))
        gap = opening - moment
        assert not any(window.is_open(moment + gap * share / 20) for share in range(20))


@given(st.sets(st.integers(0, 6), min_size=1), MINUTES, MINUTES, MOMENTS)
def test_without_changing_clocks_it_is_the_plain_reading_of_the_clock(
    days: set[int], opens: int, closes: int, moment: datetime
) -> None:
    assume(opens != closes)
    clock, day = moment.hour * 60 + moment.minute, moment.weekday()
    if opens < closes:
        expected = day in days and opens <= clock < closes
    else:
        expected = (day in days and clock >= opens) or ((day - 1) % 7 in days and clock < closes)
    assert parse_window(text_of(days, opens, closes, "UTC")).is_open(moment) is expected
