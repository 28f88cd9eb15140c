"""Whether an event matches a rule's pattern. Pure.

Source: EventBridge User Guide, "Comparison operators for use in event patterns". A pattern names fields; each must
match one of the values given for it. An array in the event matches when any of its elements does.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

Pattern = Mapping[str, Any]
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
_ABSENT: Any = object()


def matches(pattern: Pattern, event: Any) -> bool:
    """True when the event, or an object within it, has everything that the pattern asks for."""
    if isinstance(event, list):
        return any(matches(pattern, each) for each in event)
    return all(_field_matches(name, wanted, event) for name, wanted in pattern.items())


def _field_matches(name: str, wanted: Any, event: Any) -> bool:
    # A field that is really called $or can not be told from the operator; the guide reserves the name.
    if name == "$or" and isinstance(wanted, list):
        return any(matches(each, event) for each in wanted)
    found = event.get(name, _ABSENT) if isinstance(event, Mapping) else _ABSENT
    if isinstance(wanted, Mapping):
        return matches(wanted, {} if found is _ABSENT else found)
    return any(_any_value_matches(each, found) for each in wanted)


def _any_value_matches(wanted: Any, found: Any) -> bool:
    values = [found] if not isinstance(found, list) else found or [_ABSENT]
    if isinstance(wanted, Mapping) and "exists" in wanted:
        # `exists` works on leaves alone: an object does not count as a value.
        is_there = any(value is not _ABSENT and not isinstance(value, Mapping) for value in values)
        return is_there == bool(wanted["exists"])
    return any(value is not _ABSENT and _matches_value(wanted, value) for value in values)


def _matches_value(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return _is_same(wanted, value)
    return all(_OPERATORS.get(name, _never)(argument, value) for name, argument in wanted.items())


def _never(_argument: Any, _value: Any) -> bool:
    return False


def _is_same(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    return bool(wanted == value)


def _on_text(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    """An operator on text whose argument may be one text, a list, or `{"equals-ignore-case": text}`."""

    def check(argument: Any, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        if isinstance(argument, Mapping):
            folded = argument.get("equals-ignore-case", ())
            return any(test(each.casefold(), value.casefold()) for each in _listed(folded))
        return any(test(each, value) for each in _listed(argument))

    return check


def _listed(argument: Any) -> Sequence[Any]:
    return argument if isinstance(argument, list) else [argument]


def _numeric(argument: Sequence[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    pairs = zip(argument[::2], argument[1::2], strict=False)
    return all(_COMPARISONS[name](value, limit) for name, limit in pairs)


def _anything_but(argument: Any, value: Any) -> bool:
    if isinstance(argument, Mapping):
        return not _matches_value(argument, value)
    return not any(_is_same(each, value) for each in _listed(argument))


def _cidr(argument: str, value: Any) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(argument, strict=False)
    except ValueError:
        return False


@cache
def _wildcard(pattern: str) -> re.Pattern[str]:
    pieces = re.findall(r"\\[*\\]|\*|[^*\\]+|\\", pattern)
    shown = (".*" if piece == "*" else re.escape(piece[-1] if piece in {r"\*", r"\\"} else piece) for piece in pieces)
    return re.compile("".join(shown), re.DOTALL)


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "prefix": _on_text(lambda wanted, value: value.startswith(wanted)),
    "suffix": _on_text(lambda wanted, value: value.endswith(wanted)),
    "equals-ignore-case": _on_text(lambda wanted, value: value.casefold() == wanted.casefold()),
    "wildcard": _on_text(lambda wanted, value: _wildcard(wanted).fullmatch(value) is not None),
    "numeric": _numeric,
    "anything-but": _anything_but,
    "cidr": _cidr,
}
