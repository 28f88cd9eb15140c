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
_FROM_ZERO, _SINCE_1970 = 1e8, 1e9
"""Seconds from the beginning of a series are fewer (three years), and moments since 1970 are more (2001)."""
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
    high: float = cells.LATEST


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
        self._moment = ("", 0.0)
        self._decimal: set[str] = set()
        self._doubts: dict[str, tuple[int, str]] = {}

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
        self._refuse_doubts()
        series = self._series
        if any(series.at[row] < series.at[row - 1] for row in range(1, len(series))):
            series.put_in_order()
        self._refuse_mixed_moments()
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
        is_watched = self._delimiter != "," and "." not in self._decimal
        delimiter, largest, weight_place = self._delimiter, cells.LARGEST, columns.weight or 0
        for line, text in enumerate(lines, line + 1):  # noqa: B020  (numbered on from the last block)
            row = text.split(delimiter)
            try:
                moment, value = convert(row[at_place]), float(row[value_place]) * unit
                weight = 0.0 if weights is None else float(row[weight_place])
            except (ValueError, IndexError, OverflowError):
                moment = value = weight = -1.0
            is_plain = low < moment < high and 0 <= value <= largest and 0 <= weight <= largest and not weight % 1
            if not is_plain or len(row) != width or "_" in text or (is_watched and "." in text):
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
        self._watch(row, columns)
        if columns.weight is not None and series.weights is not None:
            series.weights.append(self._weight(row, columns.weight))
        if not series.at:
            series.moments, self._quick = _form_of(row[columns.at])
            self._moment = (row[columns.at].strip(), cells.unit_of_moment(row[columns.at]))
        elif cells.unit_of_moment(row[columns.at]) != self._moment[1]:
            raise self._refused(
                f"at {cells.shown(row[columns.at])} is another kind of moment than {cells.shown(self._moment[0])} above"
            )
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
            hint = "--kind latency" if parse is cells.number and cells.is_time(row[place]) else ""
            raise self._refused(f"{role} {error}", hint) from error

    def _watch(self, row: list[str], columns: Columns) -> None:
        """Note which mark is the decimal one, and where it might separate thousands; commas between cells tell."""
        for place in (columns.value, *(() if columns.weight is None else (columns.weight,))):
            mark, is_plain = cells.mark_of(row[place])
            if not mark or (mark == "." and self._delimiter == ","):
                continue
            if is_plain:
                self._decimal.add(mark)
            else:
                self._doubts.setdefault(mark, (self._line, row[place]))

    def _refuse_doubts(self) -> None:
        for mark, (line, cell) in self._doubts.items():
            if mark not in self._decimal or len(self._decimal) > 1:
                self._line = line
                raise self._refused(
                    f"{cells.shown(cell)} may be {cell.strip().replace(mark, '')} or {cell.strip().replace(mark, '.')}",
                    "write numbers without separators of thousands, with a decimal point, and commas between columns",
                )

    def _refuse_mixed_moments(self) -> None:
        """Seconds from 0 and seconds since 1970 in one file would make it last for decades."""
        at, lines = self._series.at, self._series.lines
        if self._moment[1] and len(at) and at[0] < _FROM_ZERO and at[-1] > _SINCE_1970:
            first = min(lines[row] for row in range(len(at)) if at[row] < _FROM_ZERO)
            later = min(lines[row] for row in range(len(at)) if at[row] > _SINCE_1970)
            self._line = max(first, later)
            raise self._refused(f"at counts from another beginning than in line {min(first, later)}")

    def _understood(self, parse: Callable[[list[str]], Columns], row: list[str]) -> Columns:
        try:
            return parse(row)
        except ValueError as error:
            raise self._refused(str(error)) from error

    def _refused(self, problem: str, hint: str = "") -> UsageError:
        usual = f"mend line {self._line}: rows are {EXPECTED}"
        return UsageError(f"{self._series.name}:{self._line}: {problem}", hint=hint or usual)


def _form_of(text: str) -> tuple[Moments, Quick]:
    """How a file writes moments, by the first."""
    try:
        number = float(text)
    except ValueError:
        return Moments.CALENDAR, Quick(_calendar)
    if cells.in_seconds(number) == number:
        return Moments.SECONDS, Quick(float)
    unit = cells.unit_of_moment(text)
    return Moments.MILLISECONDS, Quick(lambda cell: float(cell) / unit, low=1e8)


def _calendar(text: str) -> float:
    at = datetime.fromisoformat(text)
    return at.timestamp() if at.tzinfo else at.replace(tzinfo=UTC).timestamp()
