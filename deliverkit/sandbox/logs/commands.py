"""The commands of a Logs Insights query. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deliverkit.sandbox.logs.tree import Node


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that is shown or counted.

    Attributes:
        name: Its alias, or the expression as it stands in the query.
        expression: What it comes to.
    """

    name: str
    expression: Node


@dataclass(frozen=True, slots=True)
class Fields:
    """`fields`: shows these columns besides those of earlier ones."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Display:
    """`display`: shows these columns alone; of several the last counts."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """`filter`: leaves rows out for which the condition does not hold."""

    condition: Node


@dataclass(frozen=True, slots=True)
class Parse:
    """`parse`: takes fields out of a text, by the groups of a regular expression."""

    source: Node
    pattern: re.Pattern[str]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """`stats`: one row for each group of rows.

    Attributes:
        columns: What is told of each group.
        groups: What the rows of a group have in common.
    """

    columns: tuple[Column, ...]
    groups: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class SortTerm:
    """One thing to sort by."""

    expression: Node
    is_descending: bool


@dataclass(frozen=True, slots=True)
class Sort:
    """`sort`: by the first thing, those that are equal by the next."""

    terms: tuple[SortTerm, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """`limit`: the first rows."""

    count: int


@dataclass(frozen=True, slots=True)
class Dedup:
    """`dedup`: the first row for each combination of values; rows without one of them all stay."""

    names: tuple[str, ...]


Command = Fields | Display | Filter | Parse | Stats | Sort | Limit | Dedup
