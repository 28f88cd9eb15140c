"""Functions of single values in Logs Insights. Pure.

Source: CloudWatch Logs User Guide, "Boolean, comparison, numeric, datetime, and other functions". What gets a value
that it cannot use gives nothing, as does what gets nothing.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from deliverkit.sandbox.logs.values import Moment, Value, is_true, number, plain

Function = Callable[..., Value]
MANY = 100


@dataclass(frozen=True, slots=True)
class Signature:
    """A function and how many values it takes.

    Attributes:
        call: The function.
        least: Fewest values.
        most: Most values.
    """

    call: Function
    least: int
    most: int


def _numeric(call: Callable[..., float | None]) -> Function:
    def function(*values: Value) -> Value:
        numbers = [number(value) for value in values]
        try:
            return None if None in numbers else call(*numbers)
        except (ValueError, OverflowError, ZeroDivisionError):
            return None

    return function


def _of_text(call: Callable[..., Value]) -> Function:
    def function(first: Value, *rest: Value) -> Value:
        return None if first is None or None in rest else call(plain(first), *rest)

    return function


def _substring(found: str, begin: Value, length: Value = None) -> Value:
    """The index begins at 0, as in the user guide's example: substr("xyZfooxyZ", 3, 3) is "foo"."""
    start, count = number(begin), number(length)
    if start is None or start < 0:
        return None
    return found[int(start) :] if count is None else found[int(start) : int(start) + int(count)]


def _trimmed(strip: Callable[[str, str | None], str]) -> Function:
    return _of_text(lambda found, which=None: strip(found, None if which is None else plain(which)))


def _address(kind: type[object], found: str) -> Value:
    try:
        return isinstance(ipaddress.ip_address(found), kind)
    except ValueError:
        return False


def _in_subnet(found: str, subnet: Value) -> Value:
    try:
        return ipaddress.ip_address(found) in ipaddress.ip_network(plain(subnet), strict=False)
    except (ValueError, TypeError):
        return False


def _moment(value: Value) -> Value:
    found = number(value)
    return None if found is None else Moment(int(found))


def _milliseconds(value: Value) -> Value:
    found = number(value)
    return None if found is None else int(found)


FUNCTIONS: Mapping[str, Signature] = {
    "abs": Signature(_numeric(abs), 1, 1),
    "ceil": Signature(_numeric(math.ceil), 1, 1),
    "floor": Signature(_numeric(math.floor), 1, 1),
    "log": Signature(_numeric(math.log), 1, 1),
    "sqrt": Signature(_numeric(math.sqrt), 1, 1),
    "greatest": Signature(_numeric(lambda *values: max(values)), 1, MANY),
    "least": Signature(_numeric(lambda *values: min(values)), 1, MANY),
    "frommillis": Signature(_moment, 1, 1),
    "tomillis": Signature(_milliseconds, 1, 1),
    "ispresent": Signature(lambda value: value is not None, 1, 1),
    "coalesce": Signature(lambda *values: next((each for each in values if each is not None), None), 1, MANY),
    "if": Signature(lambda condition, yes, no: yes if is_true(condition) else no, 3, 3),
    "isempty": Signature(lambda value: value is None or plain(value) == "", 1, 1),
    "isblank": Signature(lambda value: value is None or not plain(value).strip(), 1, 1),
    "concat": Signature(lambda *values: "".join(plain(each) for each in values), 1, MANY),
    "trim": Signature(_trimmed(str.strip), 1, 2),
    "ltrim": Signature(_trimmed(str.lstrip), 1, 2),
    "rtrim": Signature(_trimmed(str.rstrip), 1, 2),
    "strlen": Signature(_of_text(len), 1, 1),
    "toupper": Signature(_of_text(str.upper), 1, 1),
    "tolower": Signature(_of_text(str.lower), 1, 1),
    "substr": Signature(_of_text(_substring), 2, 3),
    "replace": Signature(_of_text(lambda found, old, new: found.replace(plain(old), plain(new))), 3, 3),
    "strcontains": Signature(_of_text(lambda found, part: int(plain(part) in found)), 2, 2),
    "isvalidip": Signature(_of_text(partial(_address, object)), 1, 1),
    "isvalidipv4": Signature(_of_text(partial(_address, ipaddress.IPv4Address)), 1, 1),
    "isvalidipv6": Signature(_of_text(partial(_address, ipaddress.IPv6Address)), 1, 1),
    "isipinsubnet": Signature(_of_text(_in_subnet), 2, 2),
    "isipv4insubnet": Signature(_of_text(_in_subnet), 2, 2),
    "isipv6insubnet": Signature(_of_text(_in_subnet), 2, 2),
}
"""By their names in lower case: capitals do not matter."""
