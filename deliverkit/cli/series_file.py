"""Reading a series from a CSV file, whoever exported it: columns `at,value[,n]`; refusals name file and line."""

from __future__ import annotations

import csv
import io
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, cast

from deliverkit.domain import series_cells as cells
from deliverkit.domain.series import Moments, Series
from deliverkit.domain.series_columns import EXPECTED, Columns, columns_of
from deliverkit.errors import UsageError

ROW_LIMIT = 10_000_000
"""Rows of a file; more belong into a table of ticks first."""
_BLOCK, _LINE_LIMIT = 1 << 20, 65_536
"""Characters that are read at once, and those of a line: a file without line ends is not read whole to be refused."""
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_PACKED = {b"\x1f\x8b": "gunzip", b"PK": "unzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"(\xb5/\xfd": "unzstd"}


class Quick(NamedTuple):
    """How the moments of a file are read at full speed; what lies outside of the bounds is read with care.

    Attributes:
        convert: Gives seconds.
        low: The lowest that needs no care.
        high: The same, at the other end.
    """

    convert: Callable[[str], float]
    low: float = -1e11
    high: float = 1e11


def read_series(source: str, parse: Callable[[str], float], *, limit: int = ROW_LIMIT) -> Series:
    """The rows of a file, in order of time.

    Args:
        source: Its path; `-` for stdin.
        parse: Reads a value that is no plain number; raises ValueError with a clause.
        limit: Rows at most.

    Raises:
        UsageError: If it cannot be read, or a row is wrong; the message names file and line.
    """
    name = "stdin" if source == "-" else source
    try:
        if source == "-":
            return _read(name, cast(io.BufferedReader, sys.stdin.buffer), parse, limit)
        with Path(source).open("rb") as file:
            return _read(name, file, parse, limit)
    except OSError as error:
        raise UsageError(
            f"{name} cannot be read: {error.strerror or error}", hint="name a file that can be read, or - for stdin"
        ) from error


def _read(name: str, file: io.BufferedReader, parse: Callable[[str], float], limit: int) -> Series:
    head = file.peek(4)
    for magic, command in _PACKED.items():
        if head.startswith(magic):
            raise UsageError(f"{name} is packed", hint=f"{command} it first")
    text = io.TextIOWrapper(file, _MARKS.get(head[:2], "utf-8-sig"), errors="replace")
    try:
        return _Reading(name, parse, limit).of(text)
    finally:
        text.detach()


class _Reading:
    """The state of reading one file."""

    def __init__(self, name: str, parse: Callable[[str], float], limit: int) -> None:
        self._series = Series(name)
        self._parse = parse
        self._limit = limit
        self._columns: Columns | None = None
        self._delimiter = ","
        self._line = 0
        self._quick = Quick(float)

    def of(self, text: io.TextIOWrapper) -> Series:
        """The rows of a text."""
        for lines in self._blocks(text):
            start = 0
            while not self._series.at and start < len(lines):  # the first row shows how the others will look
                self._careful(lines[start])
                start += 1
            if self._columns is not None:
                self._fast(lines[start:], self._columns)
            if len(self._series) > self._limit:
                raise self._refused(f"more than {self._limit:,} rows; add them up to one row for every 5 s or so")
        series = self._series
        if any(series.at[row] < series.at[row - 1] for row in range(1, len(series))):
            series.put_in_order()
        return series

    def _blocks(self, text: io.TextIOWrapper) -> Iterator[list[str]]:
        """Lines without their ends, some at once."""
        rest = ""
        while block := text.read(_BLOCK):
            lines = (rest + block).split("\n")
            rest = lines.pop()
            yield lines
            if len(rest) > _LINE_LIMIT:
                self._line += 1
                raise self._refused(f"is longer than {_LINE_LIMIT:,} characters; rows are lines with {EXPECTED}")
        if rest:
            yield [rest]

    def _fast(self, lines: Sequence[str], columns: Columns) -> None:
        """Read rows of plain numbers at full speed, and each other one with care."""
        series, line = self._series, self._line
        (at_place, value_place, _, width, unit, _), (convert, low, high) = columns, self._quick
        at, values, weights, numbers = series.at, series.values, series.weights, series.lines
        delimiter, largest, weight_place = self._delimiter, cells.LARGEST, columns.weight or 0
        for line, text in enumerate(lines, line + 1):  # noqa: B020  (numbered on from the last block)
            row = text.split(delimiter)
            try:
                moment, value = convert(row[at_place]), float(row[value_place]) * unit
                weight = 0.0 if weights is None else float(row[weight_place])
            except (ValueError, IndexError, OverflowError):
                moment = value = weight = -1.0
            is_plain = low < moment < high and 0 <= value <= largest and 0 <= weight <= largest and not weight % 1
            if not is_plain or len(row) != width or "_" in text:
                self._line = line - 1
                self._careful(text)
                continue
            if value % 1 and not series.fraction:
                series.fraction = line
            at.append(moment)
            values.append(value)
            numbers.append(line)
            if weights is not None:
                weights.append(weight)
        self._line = line

    def _careful(self, text: str) -> None:
        """Take one line, whatever its form, or say what is wrong with it."""
        self._line += 1
        if not text.strip(" \t\r,;") or text.lstrip().startswith("#"):
            return
        row = self._cells(text)
        if self._columns is None:
            self._columns = self._understood(columns_of, row)
            self._series.weights = None if self._columns.weight is None else array("d")
            if self._columns.has_header:
                return
        self._row(row, self._columns)

    def _cells(self, text: str) -> list[str]:
        if self._columns is None:
            self._delimiter = next((each for each in ("\t", ";") if each in text), ",")
        if text.count('"') % 2:
            raise self._refused("has a quote that is not closed")
        try:
            return next(csv.reader([text], delimiter=self._delimiter))
        except csv.Error as error:
            raise self._refused(str(error)) from error

    def _row(self, row: list[str], columns: Columns) -> None:
        series = self._series
        while len(row) > columns.width and not row[-1].strip():
            row.pop()
        if len(row) != columns.width:
            raise self._refused(
                f"has {len(row)} column{'s' * (len(row) != 1)}, the first row has {columns.width}: {','.join(row)[:60]}"
            )
        at = self._cell(row, columns.at, "at", cells.moment)
        value = self._cell(row, columns.value, "value", self._parse) * columns.unit
        if columns.weight is not None and series.weights is not None:
            series.weights.append(self._weight(row, columns.weight))
        if not series.at:
            series.moments, self._quick = _form_of(row[columns.at])
        if not series.fraction and (value % 1 or "%" in row[columns.value]):
            series.fraction = self._line
        series.at.append(at)
        series.values.append(value)
        series.lines.append(self._line)

    def _weight(self, row: list[str], place: int) -> float:
        weight = self._cell(row, place, "n", cells.number)
        if weight % 1:
            raise self._refused(f"n {cells.shown(row[place])} is no whole number of requests")
        return weight

    def _cell(self, row: list[str], place: int, role: str, parse: Callable[[str], float]) -> float:
        try:
            return parse(row[place])
        except ValueError as error:
            raise self._refused(f"{role} {error}") from error

    def _understood(self, parse: Callable[[list[str]], Columns], row: list[str]) -> Columns:
        try:
            return parse(row)
        except ValueError as error:
            raise self._refused(str(error)) from error

    def _refused(self, problem: str) -> UsageError:
        return UsageError(
            f"{self._series.name}:{self._line}: {problem}", hint=f"mend line {self._line}: rows are {EXPECTED}"
        )


def _form_of(text: str) -> tuple[Moments, Quick]:
    """How a file writes moments, by the first."""
    try:
        number = float(text)
    except ValueError:
        return Moments.CALENDAR, Quick(_calendar)
    if cells.in_seconds(number) == number:
        return Moments.SECONDS, Quick(float)
    if cells.in_seconds(number) == number / 1e3:
        return Moments.MILLISECONDS, Quick(lambda cell: float(cell) / 1e3, low=1e8)
    return Moments.MILLISECONDS, Quick(cells.moment)


def _calendar(text: str) -> float:
    at = datetime.fromisoformat(text)
    return at.timestamp() if at.tzinfo else at.replace(tzinfo=UTC).timestamp()
