"""Expressions of Logs Insights queries and what they come to. Pure."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from deliverkit.sandbox.logs.functions import FUNCTIONS
from deliverkit.sandbox.logs.values import Moment, Value, is_equal, is_true, number, order, plain


class Row(Protocol):
    """Something that has fields."""

    def get(self, name: str) -> Value:
        """The value of a field; None when it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the query."""

    value: Value


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of single values."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Floor:
    """`bin`, `datefloor` or, when it rounds up, `dateceil`."""

    moment: Node
    milliseconds: int
    rounds_up: bool = False


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions with an operator between them."""

    symbol: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    condition: Node


@dataclass(frozen=True, slots=True)
class Like:
    """Whether a value contains a text, or what a regular expression matches."""

    value: Node
    pattern: re.Pattern[str] | str


@dataclass(frozen=True, slots=True)
class In:
    """Whether a value is one of several."""

    value: Node
    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function of the values of many rows.

    Attributes:
        name: In lower case.
        value: What is taken of each row; None for the rows themselves.
        percent: Of `pct`.
    """

    name: str
    value: Node | None
    percent: float = 0.0


Node = Literal | Field | Call | Floor | Binary | Not | Like | In | Aggregate


def _divided(one: float, other: float) -> float:
    return one / other


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "%": math.fmod,
    "^": operator.pow,
}
_ORDERS: Mapping[str, Callable[[int], bool]] = {
    "<": lambda found: found < 0,
    "<=": lambda found: found <= 0,
    ">": lambda found: found > 0,
    ">=": lambda found: found >= 0,
}


def evaluate(node: Node, row: Row, aggregates: Mapping[Aggregate, Value] | None = None) -> Value:
    """What an expression comes to for a row.

    Args:
        node: The expression.
        row: Its fields.
        aggregates: What the aggregates in it came to.
    """
    found: Value
    match node:
        case Literal(value):
            found = value
        case Field(name):
            found = row.get(name)
        case Aggregate():
            found = (aggregates or {}).get(node)
        case _:
            found = _operation(node, lambda operand: evaluate(operand, row, aggregates))
    return found


def _operation(node: Call | Floor | Not | Like | In | Binary, come_to: Callable[[Node], Value]) -> Value:
    match node:
        case Call(name, args):
            return FUNCTIONS[name].call(*map(come_to, args))
        case Floor(moment, milliseconds, rounds_up):
            return _floor(number(come_to(moment)), milliseconds, rounds_up=rounds_up)
        case Not(condition):
            return not is_true(come_to(condition))
        case Like(value, pattern):
            return _is_like(come_to(value), pattern)
        case In(value, options):
            found = come_to(value)
            return any(is_equal(found, come_to(each)) for each in options)
        case Binary(symbol, left, right):
            return _binary(symbol, come_to(left), lambda: come_to(right))


def parts(node: Node) -> Iterator[Node]:
    """The expression and all that it is made of."""
    yield node
    match node:
        case Call(_, children) | In(_, children):
            below = children
        case Binary(_, left, right):
            below = (left, right)
        case _:
            below = ()
    match node:
        case Floor(inner) | Not(inner) | Like(inner) | In(inner) | Aggregate(_, inner) if inner is not None:
            below = (inner, *below)
    for each in below:
        yield from parts(each)


def _floor(milliseconds: float | None, width: int, *, rounds_up: bool) -> Value:
    if milliseconds is None:
        return None
    rounded = -(-int(milliseconds) // width) if rounds_up else int(milliseconds) // width
    return Moment(rounded * width)


def _is_like(value: Value, pattern: re.Pattern[str] | str) -> bool:
    if value is None:
        return False
    return pattern in plain(value) if isinstance(pattern, str) else pattern.search(plain(value)) is not None


def _binary(symbol: str, left: Value, right: Callable[[], Value]) -> Value:
    if symbol == "and":
        return is_true(left) and is_true(right())
    if symbol == "or":
        return is_true(left) or is_true(right())
    other = right()
    if symbol in {"=", "!="}:
        return is_equal(left, other) == (symbol == "=")
    if symbol in _ORDERS:
        found = order(left, other)
        return found is not None and _ORDERS[symbol](found)
    return _computed(symbol, number(left), number(other))


def _computed(symbol: str, left: float | None, right: float | None) -> Value:
    if left is None or right is None:
        return None
    try:
        found = _ARITHMETIC[symbol](left, right)
    except (ArithmeticError, ValueError):
        return None
    # Of a negative number a root is complex.
    return found if not isinstance(found, complex) and math.isfinite(found) else None
