"""Reads metric math: from text to a tree. Pure.

Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics", syntax.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_]\w*)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<sign>&&|\|\||<=|>=|==|!=|[-+*/^()\[\],<>]))"
)
_STRENGTH: Mapping[str, int] = {
    "||": 1,
    "OR": 1,
    "&&": 2,
    "AND": 2,
    **dict.fromkeys(("==", "!=", "<=", ">=", "<", ">"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/"), 5),
    "^": 7,
}
_NEGATION = 6


class ExpressionError(Exception):
    """An expression that CloudWatch would refuse, or that the sandbox does not know."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted text."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """The id of a metric or of another expression, or a word such as REPEAT."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function, an operator by its sign, or `[]` for an array."""

    name: str
    arguments: tuple[Node, ...]


Node = Number | Text | Name | Call


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        ExpressionError: If it is none.
    """
    reader = _Reader(_tokens(text))
    node = reader.expression(0)
    if reader.peek() is not None:
        raise ExpressionError(f"Unexpected '{reader.peek()}' in expression '{text}'")
    return node


def _tokens(text: str) -> list[str]:
    found, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"Error in expression '{text}' at '{text[position:].strip()}'")
        found.append(match.group().strip())
        position = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._position = 0

    def peek(self) -> str | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _take(self) -> str:
        token = self.peek()
        if token is None:
            raise ExpressionError("The expression ends too early")
        self._position += 1
        return token

    def _expect(self, wanted: str) -> None:
        if (found := self._take()) != wanted:
            raise ExpressionError(f"Expected '{wanted}' instead of '{found}'")

    def expression(self, weakest: int) -> Node:
        left = self._operand()
        while (sign := self.peek()) is not None and _STRENGTH.get(sign, -1) > weakest:
            self._take()
            # Powers bind to the right, all else to the left.
            right = self.expression(_STRENGTH[sign] - (sign == "^"))
            left = Call({"OR": "||", "AND": "&&"}.get(sign, sign), (left, right))
        return left

    def _operand(self) -> Node:
        word = self._take()
        if word == "-":
            return Call("*", (Number(-1.0), self.expression(_NEGATION)))
        if word == "(":
            inner = self.expression(0)
            self._expect(")")
            return inner
        if word == "[":
            return Call("[]", self._arguments("]"))
        return self._atom(word)

    def _atom(self, word: str) -> Node:
        if word[0] in "\"'":
            return Text(word[1:-1])
        if word[0].isdigit() or word[0] == ".":
            return Number(float(word))
        if not (word[0].isalpha() or word[0] == "_"):
            raise ExpressionError(f"Unexpected '{word}'")
        if self.peek() != "(":
            return Name(word)
        self._take()
        return Call(word.upper(), self._arguments(")"))

    def _arguments(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while self.peek() != end:
            if found:
                self._expect(",")
            found.append(self.expression(0))
        self._take()
        return tuple(found)
