"""Reads the expressions of a Logs Insights query. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from deliverkit.sandbox.logs.errors import QueryError
from deliverkit.sandbox.logs.functions import FUNCTIONS
from deliverkit.sandbox.logs.tokens import Kind, Token, regex_at, token_at
from deliverkit.sandbox.logs.tree import Aggregate, Binary, Call, Field, Floor, In, Like, Literal, Node, Not
from deliverkit.sandbox.logs.values import number

AGGREGATES = frozenset(
    "count count_distinct sum avg min max pct earliest latest sortsfirst sortslast".split()  # noqa: SIM905  (one line)
)
_ROUNDED = frozenset({"bin", "datefloor", "dateceil"})
_WORDS = frozenset({"and", "or", "not", "in", "like", "as", "by"})
_CAPS = {"ms": 1000, "s": 60, "m": 60, "h": 24}
"""The largest number of a unit (user guide, "Datetime functions"); what becomes of a larger one is not documented."""
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONG = {
    "millisecond": "ms",
    "msec": "ms",
    "second": "s",
    "sec": "s",
    "minute": "m",
    "min": "m",
    "hour": "h",
    "hr": "h",
    "day": "d",
}


class Reader:
    """Reads a query from left to right.

    Attributes:
        query: The whole text.
        next: The word that comes next.
    """

    def __init__(self, query: str) -> None:
        self.query = query
        self._is_aggregating = False
        self._end = 0
        self.next = token_at(query, 0)

    # --- words ------------------------------------------------------------------------------------

    def take(self) -> Token:
        """The next word, which is read with that."""
        found = self.next
        self._end = found.end
        self.next = token_at(self.query, found.end)
        return found

    def takes_word(self, *words: str) -> bool:
        """Read one of these keywords if it comes next."""
        found = self.next.is_word(*words)
        if found:
            self.take()
        return found

    def takes_symbol(self, *symbols: str) -> bool:
        """Read one of these symbols if it comes next."""
        found = self.next.is_symbol(*symbols)
        if found:
            self.take()
        return found

    def need_symbol(self, symbol: str) -> None:
        """Read a symbol.

        Raises:
            QueryError: If something else comes.
        """
        if not self.takes_symbol(symbol):
            self.fail(f"expected {symbol}")

    def need_name(self) -> str:
        """Read a field's name.

        Raises:
            QueryError: If something else comes.
        """
        if self.next.kind not in {Kind.NAME, Kind.QUOTED_NAME} or self.next.is_word(*_WORDS):
            self.fail("expected the name of a field")
        return self.take().text

    def fail(self, expected: str) -> NoReturn:
        """Say that the next word cannot stand here.

        Raises:
            QueryError: Always.
        """
        found = self.next
        shown = self.query[found.start : found.end] or "the end of the query"
        raise QueryError(f"unexpected {shown}: {expected}", found.start, max(found.end, found.start + 1))

    def text_since(self, start: int) -> str:
        """What was read since a position, as it stands in the query."""
        return self.query[start : self._end]

    def many(self, read: Callable[[], None]) -> None:
        """Read one or more things with commas between them."""
        read()
        while self.takes_symbol(","):
            read()

    # --- expressions ------------------------------------------------------------------------------

    def expression(self, *, may_aggregate: bool = False) -> Node:
        """Read an expression.

        Args:
            may_aggregate: True where functions of many rows may stand.

        Raises:
            QueryError: If there is none.
        """
        before, self._is_aggregating = self._is_aggregating, may_aggregate
        found = self._or()
        self._is_aggregating = before
        return found

    def _or(self) -> Node:
        found = self._and()
        while self.takes_word("or"):
            found = Binary("or", found, self._and())
        return found

    def _and(self) -> Node:
        found = self._not()
        while self.takes_word("and"):
            found = Binary("and", found, self._not())
        return found

    def _not(self) -> Node:
        return Not(self._not()) if self.takes_word("not") else self._comparison()

    def _comparison(self) -> Node:
        left = self._sum()
        if self.next.is_symbol("=", "!=", "<", "<=", ">", ">="):
            return Binary(self.take().text, left, self._sum())
        if self.next.is_symbol("=~") or self.next.is_word("like", "in"):
            return self._membership(left)
        if self.takes_word("not"):
            if not self.next.is_word("like", "in"):
                self.fail("expected like or in")
            return Not(self._membership(left))
        return left

    def _membership(self, left: Node) -> Node:
        if not self.takes_word("in"):
            self.take()
            return Like(left, self.pattern())
        self.need_symbol("[")
        options: list[Node] = []
        self.many(lambda: options.append(self._sum()))
        self.need_symbol("]")
        return In(left, tuple(options))

    def pattern(self) -> re.Pattern[str] | str:
        """Read a regular expression in slashes, or a text.

        Raises:
            QueryError: If it is neither.
        """
        found = regex_at(self.query, self.next.start)
        if found is not None:
            self._end = found[1]
            self.next = token_at(self.query, found[1])
            return found[0]
        if self.next.kind is not Kind.TEXT:
            self.fail("expected a text or a regular expression in slashes")
        return self.take().text

    def _sum(self) -> Node:
        found = self._product()
        while self.next.is_symbol("+", "-"):
            found = Binary(self.take().text, found, self._product())
        return found

    def _product(self) -> Node:
        found = self._unary()
        while self.next.is_symbol("*", "/", "%"):
            found = Binary(self.take().text, found, self._unary())
        return found

    def _unary(self) -> Node:
        if self.takes_symbol("-"):
            return Binary("-", Literal(0), self._unary())
        found = self._atom()
        return Binary("^", found, self._unary()) if self.takes_symbol("^") else found

    def _atom(self) -> Node:
        if self.takes_symbol("("):
            found = self._or()
            self.need_symbol(")")
            return found
        token = self.next
        if token.kind is Kind.TEXT:
            return Literal(self.take().text)
        if token.kind is Kind.NUMBER:
            return Literal(self.take().text)
        if token.is_word("true", "false"):
            return Literal(self.take().text.lower() == "true")
        name = self.need_name()
        if token.kind is Kind.NAME and self.next.is_symbol("("):
            return self._call(token)
        return Field(name)

    # --- functions --------------------------------------------------------------------------------

    def _call(self, token: Token) -> Node:
        name = token.text.lower()
        self.need_symbol("(")
        if name in AGGREGATES:
            if not self._is_aggregating:
                raise QueryError(f"{token.text} can only be used with stats", token.start, token.end)
            return self._aggregate(name, token)
        if name in _ROUNDED:
            return self._rounded(name)
        if name not in FUNCTIONS:
            raise QueryError(f"the sandbox does not know the function {token.text}", token.start, token.end)
        args = self._args()
        signature = FUNCTIONS[name]
        if not signature.least <= len(args) <= signature.most:
            raise QueryError(f"{token.text} does not take {len(args)} arguments", token.start, self._end)
        return Call(name, args)

    def _args(self) -> tuple[Node, ...]:
        args: list[Node] = []
        if not self.next.is_symbol(")"):
            self.many(lambda: args.append(self._or()))
        self.need_symbol(")")
        return tuple(args)

    def _aggregate(self, name: str, token: Token) -> Aggregate:
        self._is_aggregating = False
        if name == "count" and (self.next.is_symbol(")") or self.takes_symbol("*")):
            self.need_symbol(")")
            self._is_aggregating = True
            return Aggregate(name, None)
        args = self._args()
        self._is_aggregating = True
        percent = number(args[1].value) if len(args) == 2 and isinstance(args[1], Literal) else None
        if len(args) != (2 if name == "pct" else 1) or (name == "pct" and not 0 <= (percent or -1) <= 100):
            raise QueryError(f"{token.text} does not take these arguments", token.start, self._end)
        return Aggregate(name, args[0], percent or 0.0)

    def _rounded(self, name: str) -> Floor:
        moment: Node = Field("@timestamp")
        if name != "bin":
            moment = self._or()
            self.need_symbol(",")
        if self.next.kind is not Kind.PERIOD:
            self.fail("expected a period, such as 5m")
        width = _milliseconds(self.take())
        self.need_symbol(")")
        return Floor(moment, width, name == "dateceil")


def _milliseconds(token: Token) -> int:
    digits = token.text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    word = token.text[len(digits) :].lower()
    unit = _LONG.get(word) or _LONG.get(word.removesuffix("s"), word)
    if unit not in _UNITS:
        raise QueryError(f"the sandbox does not know periods in {word}", token.start, token.end)
    if not 0 < int(digits) <= _CAPS.get(unit, 10_000):
        raise QueryError(f"a period has 1 to {_CAPS.get(unit, 10_000)} {unit}", token.start, token.end)
    return int(digits) * _UNITS[unit]
