"""What the host agent's parser, which is YAML 1.1, makes of a value without quotes.

`yes` is a truth value there, `010` is eight, `1.10` is 1.1 and `1:30` is ninety: none of them reaches the agent as it
was written. Source: YAML 1.1 types, and the scalar scanner of Ruby's Psych, which the agent uses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# No number that anybody means is longer, and Python refuses to convert very long ones.
_LONGEST = 40
_TRUE, _FALSE = frozenset({"yes", "true", "on"}), frozenset({"no", "false", "off"})
_OCTAL = re.compile(r"[-+]?0[0-7_,]+")
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9_,]*)")
_OTHER_BASE = re.compile(r"[-+]?0(?:x[0-9a-fA-F_,]+|b[01_,]+)")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_,]*)?\.[0-9]*(?:[eE][-+][0-9]+)?")
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){1,2}")
_DATE = re.compile(r"[0-9]{4}-(?:1[012]|0[0-9]|[0-9])-(?:[12][0-9]|3[01]|0[0-9]|[0-9])")


@dataclass(frozen=True, slots=True)
class Retyped:
    """What a value became: its kind, in words, and how it reads as a text again."""

    kind: str
    text: str


def retyped(text: str) -> Retyped | None:
    """What a plain value becomes; None when it stays a text."""
    if text.lower() in _TRUE | _FALSE:
        return Retyped("a truth value", "true" if text.lower() in _TRUE else "false")
    if len(text) > _LONGEST or not text:
        return None
    if text[0] == ":" and len(text) > 1:
        return Retyped("a symbol", text[1:].strip("\"'"))
    if _DATE.fullmatch(text):
        return Retyped("a date, which newer agents refuse", text)
    number = _number(text)
    return None if number is None else Retyped("a number", number)


def _number(text: str) -> str | None:
    digits = re.sub("[_,]", "", text)
    if not re.search("[0-9]", digits):
        return None
    if _OCTAL.fullmatch(text):
        return str(int(digits, 8))
    if _WHOLE.fullmatch(text):
        return str(int(digits))
    if _OTHER_BASE.fullmatch(text):
        return _other_base(digits)
    if _SIXTIES.fullmatch(text):
        return str(_sixties(digits))
    return str(float(digits)) if _FLOAT.fullmatch(text) else None


def _other_base(digits: str) -> str | None:
    try:
        return str(int(digits, 0))
    except ValueError:  # nothing but separators behind 0x
        return None


def _sixties(digits: str) -> int:
    total = 0
    for part in digits.lstrip("+-").split(":"):
        total = total * 60 + int(part)
    return -total if digits.startswith("-") else total
