"""The rules of composite alarms: from text to a decision. Pure.

Source: CloudWatch API reference, PutCompositeAlarm.AlarmRule. AT_LEAST is not built and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deliverkit.sandbox.alarms.evaluation import State

LONGEST = 10240
"""Characters of a rule."""
_TOKEN = re.compile(r"\s*(?:(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign>[()])|(?P<word>[^\s()\"']+))")
_FUNCTIONS = frozenset(state.value for state in State)


class RuleError(Exception):
    """A text that is no rule."""


@dataclass(frozen=True, slots=True)
class Constant:
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class Is:
    """Whether an alarm, by name or ARN, is in a state."""

    alarm: str
    state: State


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: Rule


@dataclass(frozen=True, slots=True)
class Both:
    """All of two, or any."""

    left: Rule
    right: Rule
    is_and: bool


Rule = Constant | Is | Not | Both


def parse(text: str) -> Rule:
    """The tree of a rule; NOT binds strongest, then AND, then OR.

    Raises:
        RuleError: If it is none.
    """
    reader = _Reader(text)
    rule = reader.any_of()
    if reader.peek():
        raise RuleError(f"unexpected '{reader.peek()}'")
    return rule


def alarms_in(rule: Rule) -> list[str]:
    """The alarms that a rule names, each once, in their order."""
    match rule:
        case Is(alarm):
            return [alarm]
        case Not(inner):
            return alarms_in(inner)
        case Both(left, right):
            return list(dict.fromkeys([*alarms_in(left), *alarms_in(right)]))
    return []


def holds(rule: Rule, states: Mapping[str, State]) -> bool:
    """Whether a rule holds, given the states of alarms by name and ARN; an alarm that is gone is in no state."""
    match rule:
        case Constant(value):
            return value
        case Is(alarm, state):
            return states.get(alarm) is state
        case Not(inner):
            return not holds(inner, states)
        case Both(left, right, True):
            return holds(left, states) and holds(right, states)
        case Both(left, right):
            return holds(left, states) or holds(right, states)


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise RuleError(f"unexpected '{text[position:].strip()}'")
            self._tokens.append(match.group().strip())
            position = match.end()

    def peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _take(self) -> str:
        if not self._tokens:
            raise RuleError("the rule ends too early")
        return self._tokens.pop(0)

    def any_of(self) -> Rule:
        left = self._all_of()
        while self.peek().upper() == "OR":
            self._take()
            left = Both(left, self._all_of(), is_and=False)
        return left

    def _all_of(self) -> Rule:
        left = self._term()
        while self.peek().upper() == "AND":
            self._take()
            left = Both(left, self._term(), is_and=True)
        return left

    def _term(self) -> Rule:
        word = self._take()
        if word.upper() == "NOT":
            return Not(self._term())
        if word == "(":
            inner = self.any_of()
            self._close()
            return inner
        if word.upper() in {"TRUE", "FALSE"}:
            return Constant(word.upper() == "TRUE")
        if word not in _FUNCTIONS or self._take() != "(":
            raise RuleError(f"unexpected '{word}'")
        alarm = self._take()
        if alarm in {"(", ")"}:
            raise RuleError("the name of an alarm is missing")
        self._close()
        return Is(alarm.strip("\"'"), State(word))

    def _close(self) -> None:
        if (found := self._take()) != ")":
            raise RuleError(f"expected ')' instead of '{found}'")
