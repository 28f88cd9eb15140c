"""The words of a Logs Insights query. Pure.

Source: CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from deliverkit.sandbox.logs.errors import QueryError

_SPACE = re.compile(r"(?:\s+|#[^\n]*)+")
_SEGMENT = r"(?:[A-Za-z_]\w*|`[^`]+`)"
_FIELD = re.compile(rf"@?{_SEGMENT}(?:\.(?:\w+|`[^`]+`))*")
_PERIOD = re.compile(r"(\d+)([A-Za-z]+)\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"' + "|" + r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_SYMBOL = re.compile(r"<=|>=|!=|=~|[-+*/^%=<>(),|\[\]]")
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class Kind(Enum):
    """What a word is."""

    NAME = "a name"
    QUOTED_NAME = "a name in backticks"
    NUMBER = "a number"
    PERIOD = "a period"
    TEXT = "a text"
    SYMBOL = "a symbol"
    END = "the end of the query"


@dataclass(frozen=True, slots=True)
class Token:
    """One word.

    Attributes:
        kind: What it is.
        text: Without quotes and backticks.
        start: Its first character in the query.
        end: The character behind it.
    """

    kind: Kind
    text: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """True for one of these keywords, in capitals or not."""
        return self.kind is Kind.NAME and self.text.lower() in words

    def is_symbol(self, *symbols: str) -> bool:
        """True for one of these symbols."""
        return self.kind is Kind.SYMBOL and self.text in symbols


def token_at(query: str, position: int) -> Token:
    """The first word from a position on.

    Raises:
        QueryError: If there is no word.
    """
    space = _SPACE.match(query, position)
    start = space.end() if space else position
    if start >= len(query):
        return Token(Kind.END, "", start, start)
    if match := _TEXT.match(query, start):
        return Token(Kind.TEXT, _unescaped(match[1] if match[1] is not None else match[2]), start, match.end())
    if match := _FIELD.match(query, start):
        kind = Kind.QUOTED_NAME if "`" in match[0] else Kind.NAME
        return Token(kind, match[0].replace("`", ""), start, match.end())
    for kind, pattern in ((Kind.PERIOD, _PERIOD), (Kind.NUMBER, _NUMBER), (Kind.SYMBOL, _SYMBOL)):
        if match := pattern.match(query, start):
            return Token(kind, match[0], start, match.end())
    raise QueryError(f"unexpected symbol found {query[start]}", start, start + 1)


def regex_at(query: str, position: int) -> tuple[re.Pattern[str], int] | None:
    """The regular expression `/.../` that stands at a position, and where it ends; None when there is none.

    Raises:
        QueryError: If it is not one that can be used here.
    """
    space = _SPACE.match(query, position)
    match = _REGEX.match(query, space.end() if space else position)
    if match is None:
        return None
    source = re.sub(r"\(\?<(?![=!])", "(?P<", match[1].replace("\\/", "/"))
    try:
        return re.compile(source), match.end()
    except re.error as error:
        raise QueryError(f"invalid regular expression: {error}", match.start(), match.end()) from error


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), text)
