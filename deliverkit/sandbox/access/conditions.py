"""Condition operators of IAM policies (IAM user guide, "IAM JSON policy elements: Condition operators")."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

Keys = Mapping[str, Sequence[str]]
"""Values of condition keys, by key in lower case; a key that is absent is not there."""
Compare = Callable[[str, str], bool]


def all_hold(condition: Mapping[str, Any], keys: Keys) -> bool:
    """True when every operator of a statement's Condition holds; one that is not known never does."""
    return all(
        _holds(operator, str(key), as_list(wanted), keys)
        for operator, wanted_by_key in condition.items()
        for key, wanted in wanted_by_key.items()
    )


def as_list(value: Any) -> list[str]:
    """IAM lets a single value stand for a list of one."""
    values = value if isinstance(value, list) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def matches(pattern: str, text: str) -> bool:
    """True when a text fits a pattern with `*` and `?`; brackets mean themselves."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _holds(operator: str, key: str, wanted: Sequence[str], keys: Keys) -> bool:
    quantifier, _, name = operator.rpartition(":")
    is_optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    found = keys.get(key.lower())
    if name == "Null":
        return (found is None) == (wanted[0] == "true")
    is_negated = name in _NEGATIVES
    compare = _OPERATORS.get(_NEGATIVES.get(name, name))
    if compare is None:
        return False
    if not found:
        return is_optional or is_negated or quantifier == "ForAllValues"
    hits = [any(_safely(compare, value, each) for each in wanted) != is_negated for value in found]
    return any(hits) if quantifier == "ForAnyValue" else all(hits)


def _safely(compare: Compare, value: str, wanted: str) -> bool:
    try:
        return compare(value, wanted)
    except ValueError:  # what is not a number, a date or an address compares with none
        return False


def _moment(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _arn_like(value: str, wanted: str) -> bool:
    # Each of the six parts is matched for itself, so that a `*` does not reach over a colon.
    values, patterns = value.split(":", 5), wanted.split(":", 5)
    return len(values) == len(patterns) and all(map(matches, patterns, values))


def _is_in_network(value: str, wanted: str) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)


_OPERATORS: Mapping[str, Compare] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": lambda value, wanted: matches(wanted, value),
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "IpAddress": _is_in_network,
    "NumericEquals": lambda value, wanted: float(value) == float(wanted),
    "NumericLessThan": lambda value, wanted: float(value) < float(wanted),
    "NumericLessThanEquals": lambda value, wanted: float(value) <= float(wanted),
    "NumericGreaterThan": lambda value, wanted: float(value) > float(wanted),
    "NumericGreaterThanEquals": lambda value, wanted: float(value) >= float(wanted),
    "DateEquals": lambda value, wanted: _moment(value) == _moment(wanted),
    "DateLessThan": lambda value, wanted: _moment(value) < _moment(wanted),
    "DateLessThanEquals": lambda value, wanted: _moment(value) <= _moment(wanted),
    "DateGreaterThan": lambda value, wanted: _moment(value) > _moment(wanted),
    "DateGreaterThanEquals": lambda value, wanted: _moment(value) >= _moment(wanted),
}
_NEGATIVES: Mapping[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}
