"""Reads a Logs Insights query into its commands. Pure.

Source: CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax". Built are fields, display, filter
(and its other name where), parse, stats, sort, limit and dedup; every other command is refused, as is whatever else the
sandbox could only guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

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
from deliverkit.sandbox.logs.errors import QueryError
from deliverkit.sandbox.logs.expressions import Reader
from deliverkit.sandbox.logs.tokens import Kind, Token
from deliverkit.sandbox.logs.tree import Aggregate, Field, Node, parts

MOST_ROWS = 100_000
MOST_STATS = 2
"""User guide, "Use multiple stats commands in a single query"."""


def parse_query(query: str) -> tuple[Command, ...]:
    """The commands of a query in their order.

    Raises:
        QueryError: If Logs Insights or the sandbox does not take it.
    """
    reader, placed = Reader(query), []
    while True:
        token = reader.take() if reader.next.kind is Kind.NAME else reader.fail("expected a command")
        command = _COMMANDS.get(token.text.lower())
        if command is None:
            raise QueryError(f"the sandbox does not know the command {token.text}", token.start, token.end)
        placed.append((token, command(reader)))
        if reader.next.kind is Kind.END:
            break
        reader.need_symbol("|")
    _check_order(placed)
    _check_names(placed)
    return tuple(command for _, command in placed)


# --- one command after the other --------------------------------------------------------------------


def _column(reader: Reader, *, may_aggregate: bool = False) -> Column:
    start = reader.next.start
    expression = reader.expression(may_aggregate=may_aggregate)
    name = expression.name if isinstance(expression, Field) else reader.text_since(start)
    return Column(reader.need_name() if reader.takes_word("as") else name, expression)


def _columns(reader: Reader, *, may_aggregate: bool = False) -> tuple[Column, ...]:
    found: list[Column] = []
    reader.many(lambda: found.append(_column(reader, may_aggregate=may_aggregate)))
    return tuple(found)


def _filter(reader: Reader) -> Filter:
    return Filter(reader.expression())


def _stats(reader: Reader) -> Stats:
    start = reader.next
    columns = _columns(reader, may_aggregate=True)
    if not any(isinstance(part, Aggregate) for column in columns for part in parts(column.expression)):
        raise QueryError("stats needs a function such as count(*)", start.start, start.end)
    groups = _columns(reader) if reader.takes_word("by") else ()
    known = {group.name for group in groups}
    for column in columns:
        loose = sorted(set(_loose(column.expression)) - known)
        if loose:
            raise QueryError(f"{loose[0]} is neither grouped by nor counted", start.start, start.end)
        known.add(column.name)
    return Stats(columns, groups)


def _loose(node: Node) -> Iterator[str]:
    """Names of fields that stand outside of functions of many rows."""
    inside = {id(part) for each in parts(node) if isinstance(each, Aggregate) for part in parts(each)}
    return (part.name for part in parts(node) if isinstance(part, Field) and id(part) not in inside)


def _sort(reader: Reader) -> Sort:
    terms: list[SortTerm] = []

    def term() -> None:
        expression = reader.expression()
        # The guide names no direction for a sort without one; others observed the descending one.
        is_descending = not reader.next.is_word("asc")
        reader.takes_word("asc", "desc")
        terms.append(SortTerm(expression, is_descending))

    reader.many(term)
    return Sort(tuple(terms))


def _limit(reader: Reader) -> Limit:
    token = reader.next
    if token.kind is not Kind.NUMBER or not token.text.isdigit() or not 1 <= int(token.text) <= MOST_ROWS:
        reader.fail(f"expected a number from 1 to {MOST_ROWS}")
    return Limit(int(reader.take().text))


def _dedup(reader: Reader) -> Dedup:
    names: list[str] = []
    reader.many(lambda: names.append(reader.need_name()))
    return Dedup(tuple(names))


def _parse(reader: Reader) -> Parse:
    start = reader.next
    has_source = start.kind is not Kind.TEXT and not start.is_symbol("/")
    source = Field(reader.need_name() if has_source else "@message")
    found = reader.pattern()
    names: list[str] = []
    if reader.takes_word("as"):
        reader.many(lambda: names.append(reader.need_name()))
    if isinstance(found, str):
        if not names or found.count("*") != len(names):
            raise QueryError("parse needs a name for each * of its pattern", start.start, start.end)
        return Parse(source, _glob(found), tuple(names))
    groups = tuple(found.groupindex)
    if not groups or (names and len(names) != len(groups)):
        raise QueryError("parse needs a named group for each of its fields", start.start, start.end)
    return Parse(source, found, groups)


def _glob(pattern: str) -> re.Pattern[str]:
    pieces = [re.escape(piece) for piece in pattern.split("*")]
    ends_open = pieces[-1] == ""
    groups = ["(.*?)"] * (len(pieces) - 1)
    if ends_open:
        groups[-1] = "(.*)"
    return re.compile("".join(piece + group for piece, group in zip(pieces, [*groups, ""], strict=True)), re.DOTALL)


_COMMANDS: dict[str, Callable[[Reader], Command]] = {
    "fields": lambda reader: Fields(_columns(reader)),
    "display": lambda reader: Display(_columns(reader)),
    "filter": _filter,
    "where": _filter,
    "parse": _parse,
    "stats": _stats,
    "sort": _sort,
    "limit": _limit,
    "dedup": _dedup,
}

# --- all of them together ---------------------------------------------------------------------------

Placed = Sequence[tuple[Token, Command]]


def _check_order(placed: Placed) -> None:
    """What may follow what (user guide, "dedup" and "stats")."""
    deduped = False
    for index, (token, command) in enumerate(placed):
        if deduped and not isinstance(command, Limit):
            raise QueryError("only limit can be used after dedup", token.start, token.end)
        deduped = deduped or isinstance(command, Dedup)
        earlier = [each for _, each in placed[:index]]
        stats = [place for place, each in enumerate(earlier) if isinstance(each, Stats)]
        if not isinstance(command, Stats) or not stats:
            continue
        if len(stats) >= MOST_STATS:
            raise QueryError(f"a query has at most {MOST_STATS} stats commands", token.start, token.end)
        if any(isinstance(each, Sort | Limit) for each in earlier):
            raise QueryError("sort and limit come after the second stats", token.start, token.end)


def _check_names(placed: Placed) -> None:
    """Behind stats there is nothing but what it made, and no name is made twice."""
    made: set[str] = set()
    after_stats: set[str] | None = None
    for token, command in placed:
        if after_stats is not None:
            known = after_stats | _made(command) if isinstance(command, Stats) else after_stats
            unknown = sorted(set(_used(command)) - known)
            if unknown:
                message = f"Unknown symbols found in or after stats: {', '.join(unknown)}"
                raise QueryError(message, token.start, token.end)
        fresh = _made(command)
        if isinstance(command, Stats):
            made, after_stats = set(), fresh
        elif fresh & made:
            raise QueryError(f"Ephemeral field is already defined: {min(fresh & made)}", token.start, token.end)
        elif after_stats is not None:
            after_stats |= fresh
        made |= fresh


def _made(command: Command) -> set[str]:
    match command:
        case Parse(_, _, names):
            return set(names)
        case Stats(columns, groups):
            return {column.name for column in (*columns, *groups)}
        case Fields(columns) | Display(columns):
            return {column.name for column in columns if column.expression != Field(column.name)}
        case _:
            return set()


def _used(command: Command) -> Iterator[str]:
    expressions: Sequence[Node] = ()
    match command:
        case Filter(condition):
            expressions = (condition,)
        case Parse(source):
            expressions = (source,)
        case Fields(columns) | Display(columns):
            expressions = tuple(column.expression for column in columns)
        case Stats(columns, groups):
            expressions = tuple(column.expression for column in (*columns, *groups))
        case Sort(terms):
            expressions = tuple(term.expression for term in terms)
        case Dedup(names):
            yield from names
    yield from (part.name for each in expressions for part in parts(each) if isinstance(part, Field))
