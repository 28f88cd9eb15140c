"""Windows: the hours of the week in which an environment may be deployed, in the clock time of its own place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EXAMPLE = "Mon-Thu 09:00-16:00 Europe/London"

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24):([0-5]\d)", re.ASCII)
_DAY = timedelta(days=1)
_SEARCHED = 16
"""Days to look ahead: two weeks, for a change of the clocks may swallow one week's opening altogether."""


@dataclass(frozen=True, slots=True)
class Window:
    """Opening hours that repeat every week.

    Attributes:
        days: Weekdays on which it opens, Monday is 0.
        opens: Minutes after midnight, clock time of the zone.
        closes: Minutes after the same midnight; more than 1440 when it stays open over midnight.
        zone: Name of the time zone.

    A clock time that occurs twice (the clocks go back) is the first of the two, for opening and for closing; one that
    does not exist (they go forward) is the moment of the change.
    """

    days: frozenset[int]
    opens: int
    closes: int
    zone: str

    def is_open(self, at: datetime) -> bool:
        """True when deploying is allowed at that moment, which must carry a time zone."""
        return any(opening <= at < closing for opening, closing in self._around(at))

    def next_opening(self, at: datetime) -> datetime:
        """The first moment from then on at which deploying is allowed, in the window's zone: `at` itself while open."""
        zone = _zone(self.zone)
        moments = (max(opening, at) for opening, closing in self._around(at) if closing > at)
        return next(moments).astimezone(zone)

    def _around(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Openings and closings in UTC, in order, from the day before yesterday on."""
        zone = _zone(self.zone)
        first = at.astimezone(zone).date() - 2 * _DAY
        for day in (first + number * _DAY for number in range(_SEARCHED + 2)):
            opening, closing = _moment(day, self.opens, zone), _moment(day, self.closes, zone)
            if day.weekday() in self.days and opening < closing:
                yield opening, closing


@lru_cache(maxsize=64)
def parse_window(text: str) -> Window:
    """The window that a text describes.

    Args:
        text: Days, hours and time zone: `Mon-Thu 09:00-16:00 Europe/London`. Days are a range, a list (`Mon,Wed`) or
            both; `22:00-04:00` stays open over midnight and belongs to the day on which it opens; the day's end is
            `24:00`.

    Raises:
        ValueError: If it is anything else; the message is a clause that says what was expected.
    """
    words = text.split()
    if len(words) != 3:
        raise ValueError(f"{text!r} is not a window: write days, hours and time zone, such as {EXAMPLE}")
    days, hours, zone = words
    opens, closes = _hours(hours)
    chosen = _days(days)
    _zone(zone)  # raises when there is none of that name
    return Window(chosen, opens, closes, zone)


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = _day(first), _day(last if "-" in part else first)
        days.update((begin + number) % 7 for number in range((end - begin) % 7 + 1))
    return frozenset(days)


def _day(name: str) -> int:
    if name not in DAYS:
        raise ValueError(f"{name!r} is not a day: write {', '.join(DAYS)}, as in Mon-Thu or Mon,Wed")
    return DAYS.index(name)


def _hours(text: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} are not hours: write HH:MM-HH:MM, as in 09:00-16:00")
    opens = int(match[1]) * 60 + int(match[2])
    closes = int(match[3]) * 60 + int(match[4])
    if closes > 1440:
        raise ValueError(f"{text!r} are not hours: the day ends at 24:00")
    if opens == closes:
        raise ValueError(f"{text!r} is never open: 00:00-24:00 is the whole day")
    return opens, closes if closes > opens else closes + 1440


def _zone(name: str) -> tzinfo:
    import zoneinfo  # noqa: PLC0415  (few configurations have windows)

    try:
        return zoneinfo.ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        import difflib  # noqa: PLC0415  (only mistakes pay for it)

        known = zoneinfo.available_timezones()
        if not known:
            advice = "this machine has no time zone database, `pip install tzdata` brings one"
        else:
            near = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {near[0]}" if near else "write a name such as Europe/London or UTC"
        raise ValueError(f"{name!r} is not a time zone: {advice}") from error


def _moment(day: date, minutes: int, zone: tzinfo) -> datetime:
    """The UTC moment of a clock time; minutes past 1440 belong to the day after."""
    days, rest = divmod(minutes, 1440)
    clock = datetime.combine(day + days * _DAY, time(rest // 60, rest % 60), tzinfo=zone)
    moment = clock.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == clock.replace(tzinfo=None):
        return moment
    return _change_between(clock.replace(fold=1).astimezone(UTC), moment, zone)


def _change_between(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """When the clocks change between two moments, to the second."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
