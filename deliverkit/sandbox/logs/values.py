"""Values of a Logs Insights query: texts, numbers, moments, truths, or nothing. Pure.

Fields of log events have no types: a text that reads as a number compares as one. What the user guide leaves open is
decided here: a truth of JSON shows as 1 or 0, and what is missing equals nothing, so that only `!=` and `not` hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PARTS = re.compile(r"\d+|\D+")
_TRUTHS = {"true": True, "false": False}


class Moment(int):
    """Milliseconds since the epoch that show as a date: `@timestamp`, and what `bin` makes."""


Value = str | float | int | bool | None


def number(value: Value) -> float | None:
    """The value as a number; None when it is none."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return None if value is None else float(value)


def text(value: Value) -> str:
    """How a value shows in the results."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Moment):
        moment = datetime.fromtimestamp(value / 1000, UTC)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{value % 1000:03d}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(Decimal(repr(value)), "f")
    return "" if value is None else str(value)


def plain(value: Value) -> str:
    """A value as functions of texts see it: moments as milliseconds."""
    return str(int(value)) if isinstance(value, Moment) else text(value)


def is_true(value: Value) -> bool:
    """Whether a condition of this value holds."""
    if isinstance(value, str):
        return _TRUTHS.get(value.lower(), number(value) not in (None, 0.0))
    return bool(value)


def is_equal(one: Value, other: Value) -> bool:
    """Whether two values are the same; what is missing is the same as nothing."""
    if one is None or other is None:
        return False
    one, other = _as_truth(one, other), _as_truth(other, one)
    if plain(one) == plain(other):
        return True
    numbers = number(one), number(other)
    return None not in numbers and numbers[0] == numbers[1]


def _as_truth(value: Value, beside: Value) -> Value:
    return _TRUTHS.get(value.lower(), value) if isinstance(value, str) and isinstance(beside, bool) else value


def order(one: Value, other: Value) -> int | None:
    """Below, equal to or above zero as the first is to the second; None for what cannot be compared.

    Numbers compare with numbers, and other texts with other texts, by their characters.
    """
    if one is None or other is None:
        return None
    numbers = number(one), number(other)
    if numbers[0] is not None and numbers[1] is not None:
        return (numbers[0] > numbers[1]) - (numbers[0] < numbers[1])
    if numbers != (None, None):
        return None
    texts = plain(one), plain(other)
    return (texts[0] > texts[1]) - (texts[0] < texts[1])


SortKey = tuple[int, float, Sequence[tuple[int, int, str]]]


def sort_key(value: Value) -> SortKey:
    """Where a value stands in an ascending order (user guide, "sort").

    Texts come before numbers; in a text, runs of digits compare by their length and then their value. What is missing
    comes first, which the guide does not say.
    """
    if value is None:
        return 0, 0.0, ()
    found = number(value)
    if found is not None and not math.isnan(found):
        return 2, found, ()
    return 1, 0.0, tuple(_part(part) for part in _PARTS.findall(plain(value)))


def _part(part: str) -> tuple[int, int, str]:
    return (0, len(part), part) if part.isdecimal() else (1, 0, part)
