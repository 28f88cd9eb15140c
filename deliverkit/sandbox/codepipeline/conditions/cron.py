"""Cron expressions with seconds and an optional year, as the DeploymentWindow rule reads them.

Fields: seconds, minutes, hours, day of month, month, day of week, year (CodePipeline user guide, DeploymentWindow rule
reference; the language is Quartz's). Days of the week count from 1 = Sunday.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

FIRST_YEAR, LAST_YEAR = 1970, 2199
LOOKS_AHEAD = 30
"""Years in which an opening is looked for; 29 February on a given weekday comes back within 28, but for 2100."""
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SATURDAY = 7


class CronError(ValueError):
    """The expression cannot be read."""


@dataclass(frozen=True, slots=True)
class Cron:
    """One expression, read.

    Attributes:
        seconds: Values that match.
        minutes: Values that match.
        hours: Values that match.
        days: The field of the day of the month.
        months: Values that match.
        weekdays: The field of the day of the week.
        years: Values that match.
    """

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]

    def is_open(self, moment: datetime) -> bool:
        """True when the local moment lies in the window."""
        return (
            moment.second in self.seconds
            and moment.minute in self.minutes
            and moment.hour in self.hours
            and self._has_day(moment.date())
        )

    def opens_after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """The first second of the window at or after a moment, in the same zone as the moment; None if it never opens.

        Args:
            moment: An aware moment.
            zone: Whose clock the expression is about. Hours that a change of clocks leaves out never open.
        """
        day = moment.astimezone(zone).date()
        last = min(LAST_YEAR, day.year + LOOKS_AHEAD)
        while day.year <= last:
            if day.year not in self.years:
                day = date(day.year + 1, 1, 1)
                continue
            found = self._opens_on(day, moment, zone) if self._has_day(day) else None
            if found is not None:
                return found.astimezone(moment.tzinfo)
            day += timedelta(days=1)
        return None

    def _opens_on(self, day: date, moment: datetime, zone: tzinfo) -> datetime | None:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                # Both passages of an hour that a change of clocks repeats.
                for fold in (0, 1):
                    begin = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone, fold=fold)
                    if begin.astimezone(UTC) + timedelta(minutes=1) <= moment or not _exists(begin):
                        continue
                    for second in sorted(self.seconds):
                        found = begin.replace(second=second)
                        if found >= moment:
                            return found
        return None

    def _has_day(self, day: date) -> bool:
        return (
            day.year in self.years
            and day.month in self.months
            and (self.days == "?" or any(_is_day(each, day) for each in self.days.split(",")))
            and (self.weekdays == "?" or any(_is_weekday(each, day) for each in self.weekdays.split(",")))
        )


def parse(expression: str) -> Cron:
    """Read an expression.

    Raises:
        CronError: With what is wrong.
    """
    fields = expression.upper().split()
    if len(fields) not in (6, 7):
        raise CronError(f"the cron expression '{expression}' has {len(fields)} fields; it needs 6, or 7 with the year")
    seconds, minutes, hours, days, months, weekdays, *year = fields
    if days == "?" and weekdays == "?":
        raise CronError("'?' can only be given for the day of the month or the day of the week, not for both")
    if days not in "*?" and weekdays not in "*?":
        raise CronError("a day of the month and a day of the week cannot both be given; one of them must be '?'")
    return Cron(
        seconds=_values(seconds, 0, 59),
        minutes=_values(minutes, 0, 59),
        hours=_values(hours, 0, 23),
        days=_checked(days, _DAY, 1, 31),
        months=_values(_numbered(months, _MONTHS), 1, 12),
        weekdays=_checked(_numbered(weekdays, _WEEKDAYS), _WEEKDAY, 1, 7),
        years=_values(year[0] if year else "*", FIRST_YEAR, LAST_YEAR),
    )


# --- fields of plain numbers ----------------------------------------------------------------------


def _values(field: str, least: int, greatest: int) -> frozenset[int]:
    return frozenset(value for part in field.split(",") for value in _range(part, least, greatest))


def _range(part: str, least: int, greatest: int) -> range:
    """What `*`, `5`, `5-9`, `*/15`, `5/15` or `5-30/5` stands for."""
    match = re.fullmatch(r"(?:(\*)|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
    if match is None:
        raise CronError(f"'{part}' is not a value between {least} and {greatest}")
    star, first, last, step = match.groups()
    begin = least if star else int(first)
    end = int(last) if last else (greatest if star or step else begin)
    if not (least <= begin <= end <= greatest) or step == "0":
        raise CronError(f"'{part}' does not lie between {least} and {greatest}")
    return range(begin, end + 1, int(step or 1))


def _numbered(field: str, names: Sequence[str]) -> str:
    for number, name in enumerate(names, 1):
        field = field.replace(name, str(number))
    return field


# --- fields of days -------------------------------------------------------------------------------

_DAY = re.compile(r"L(-\d+)?|LW|\d+W")
_WEEKDAY = re.compile(r"L|[1-7]L|[1-7]#[1-5]")


def _checked(field: str, special: re.Pattern[str], least: int, greatest: int) -> str:
    if field != "?":
        for part in field.split(","):
            if not special.fullmatch(part):
                _range(part, least, greatest)
    return field


def _is_day(part: str, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if part == "LW":
        return day.day == _nearest_weekday(day, last)
    if part.startswith("L"):
        return day.day == last - int(part[2:] or 0)
    if part.endswith("W"):
        wanted = int(part[:-1])
        return wanted <= last and day.day == _nearest_weekday(day, wanted)
    return day.day in _range(part, 1, 31)


def _nearest_weekday(month: date, wanted: int) -> int:
    """The working day nearest to a day, within its month."""
    last = calendar.monthrange(month.year, month.month)[1]
    match month.replace(day=wanted).weekday():
        case calendar.SATURDAY:
            return wanted - 1 if wanted > 1 else wanted + 2
        case calendar.SUNDAY:
            return wanted + 1 if wanted < last else wanted - 2
        case _:
            return wanted


def _is_weekday(part: str, day: date) -> bool:
    weekday = day.isoweekday() % 7 + 1
    if part == "L":
        return weekday == _SATURDAY
    if part.endswith("L"):
        last = calendar.monthrange(day.year, day.month)[1]
        return weekday == int(part[:-1]) and day.day > last - 7
    if "#" in part:
        wanted, _, nth = part.partition("#")
        return weekday == int(wanted) and (day.day - 1) // 7 + 1 == int(nth)
    return weekday in _range(part, 1, 7)


def _exists(local: datetime) -> bool:
    """False for the times that a change of clocks leaves out."""
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None, fold=0)
