"""Carries a Logs Insights query out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deliverkit.sandbox.logs.aggregates import aggregate
from deliverkit.sandbox.logs.commands import (
    Column,
    Command,
    Dedup,
    Display,
    Fields,
    Filter,
    Limit,
    Parse,
    Sort,
    SortTerm,
    Stats,
)
from deliverkit.sandbox.logs.events import EventRow, MadeRow
from deliverkit.sandbox.logs.tree import Aggregate, Field, evaluate, parts
from deliverkit.sandbox.logs.values import Value, is_true, plain, sort_key, text
from deliverkit.sandbox.moto_logs import LogEvent

DEFAULT_LIMIT = 10_000
_DEFAULT_COLUMNS = ("@timestamp", "@message")
"""What is shown of events when the query does not say."""
AnyRow = EventRow | MadeRow
Result = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a query found.

    Attributes:
        results: Rows of `{"field": ..., "value": ...}`; what is missing in a row is left out.
        matched: Events that passed the filters.
        scanned: Events that were looked at.
        bytes_scanned: The bytes of their messages.
    """

    results: list[Result]
    matched: int
    scanned: int
    bytes_scanned: int


def run(commands: Sequence[Command], events: Sequence[LogEvent], most: int | None) -> Found:
    """Carry a query out over events.

    Args:
        commands: The query.
        events: All events of its log groups and its time range.
        most: At most so many rows; None for what the query says, or 10,000.
    """
    newest_first = sorted(events, key=lambda event: (event.at, event.number), reverse=True)
    course = _Course([EventRow(event) for event in newest_first])
    for command in commands:
        course.apply(command)
    has_limit = any(isinstance(command, Limit) for command in commands)
    rows = course.rows[: most or (None if has_limit else DEFAULT_LIMIT)]
    size = sum(len(event.message.encode()) for event in events)
    return Found([course.result(row) for row in rows], course.matched, len(events), size)


@dataclass
class _Course:
    """A query under way."""

    rows: list[AnyRow]
    shown: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    displayed: list[str] | None = None
    is_gathered: bool = False
    matched: int = field(init=False)

    def __post_init__(self) -> None:
        self.matched = len(self.rows)

    def apply(self, command: Command) -> None:
        match command:
            case Fields(columns):
                self._add(columns)
                self.shown += [column.name for column in columns if column.name not in self.shown]
            case Display(columns):
                self._add(columns)
                self.displayed = [column.name for column in columns]
            case Filter(condition):
                self.rows = [row for row in self.rows if is_true(evaluate(condition, row))]
                self.matched = self.matched if self.is_gathered else len(self.rows)
            case Parse():
                self._parse(command)
            case Stats():
                self._gather(command)
            case Sort(terms):
                self.rows = _sorted(self.rows, terms)
            case Limit(count):
                self.rows = self.rows[:count]
            case Dedup(names):
                self.rows = _unique(self.rows, names)

    def _add(self, columns: Sequence[Column]) -> None:
        for column in columns:
            if column.expression != Field(column.name):
                for row in self.rows:
                    row.made[column.name] = evaluate(column.expression, row)

    def _parse(self, command: Parse) -> None:
        self.made += command.names
        for row in self.rows:
            source = evaluate(command.source, row)
            match = None if source is None else command.pattern.search(plain(source))
            groups = match.groups() if match else ()
            if match and command.pattern.groupindex:
                groups = tuple(match[name] for name in command.names)
            row.made.update(dict.fromkeys(command.names), **dict(zip(command.names, groups, strict=False)))

    def _gather(self, command: Stats) -> None:
        gathered: dict[tuple[str | None, ...], tuple[list[Value], list[AnyRow]]] = {}
        for row in self.rows:
            values = [evaluate(group.expression, row) for group in command.groups]
            key = tuple(None if value is None else plain(value) for value in values)
            gathered.setdefault(key, (values, []))[1].append(row)
        self.rows = [_told(command, values, rows) for values, rows in gathered.values()]
        self.shown = [column.name for column in (*command.groups, *command.columns)]
        self.made, self.displayed, self.is_gathered = [], None, True

    def result(self, row: AnyRow) -> Result:
        shown = self.displayed if self.displayed is not None else self._columns(row)
        if isinstance(row, EventRow):
            shown = [*(name for name in shown if name != "@ptr"), "@ptr"]
        values = ((name, row.get(name)) for name in shown)
        return [{"field": name, "value": text(value)} for name, value in values if value is not None]

    def _columns(self, row: AnyRow) -> list[str]:
        if isinstance(row, MadeRow):
            return [*self.shown, *self.made]
        return [*(self.shown or _DEFAULT_COLUMNS), *(name for name in self.made if name not in self.shown)]


def _told(command: Stats, values: Sequence[Value], rows: Sequence[AnyRow]) -> MadeRow:
    made = MadeRow(dict(zip((group.name for group in command.groups), values, strict=True)))
    asked = [part for column in command.columns for part in parts(column.expression) if isinstance(part, Aggregate)]
    found: Mapping[Any, Value] = {each: aggregate(each, rows) for each in asked}
    for column in command.columns:
        made.made[column.name] = evaluate(column.expression, made, found)
    return made


def _sorted(rows: Sequence[AnyRow], terms: Sequence[SortTerm]) -> list[AnyRow]:
    ordered = list(rows)
    for term in reversed(terms):
        ordered.sort(key=lambda row: sort_key(evaluate(term.expression, row)), reverse=term.is_descending)
    return ordered


def _unique(rows: Sequence[AnyRow], names: Sequence[str]) -> list[AnyRow]:
    seen: set[tuple[str, ...]] = set()
    kept = []
    for row in rows:
        values = [row.get(name) for name in names]
        key = tuple(plain(value) for value in values)
        if None in values or key not in seen:
            kept.append(row)
        if None not in values:
            seen.add(key)
    return kept
