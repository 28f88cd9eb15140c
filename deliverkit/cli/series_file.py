"""Reading a series from a CSV file, whoever exported it: columns `at,value[,n]`; refusals name file and line."""

from __future__ import annotations

import csv
import io
import sys
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from deliverkit.domain import series_cells as cells
from deliverkit.domain.series import Moments, Series
from deliverkit.errors import UsageError

ROW_LIMIT = 10_000_000
"""Rows of a file; more belong into a table of ticks first."""
_LINE_LIMIT = 65_536
"""Characters of a line; a file without line ends must not be read whole to be refused."""
_NAMES = {
    "at": ("at", "time", "timestamp", "ts", "datetime", "date", "moment"),
    "value": ("value", "errors", "failures", "failed", "events", "count", "latency", "duration"),
    "n": ("n", "requests", "total", "samples", "weight"),
}
_EXPECTED = "at,value[,n]"
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_PACKED = {b"\x1f\x8b": "gunzip", b"PK": "unzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"(\xb5/\xfd": "unzstd"}


class Columns(NamedTuple):
    """Where the cells of a row are.

    Attributes:
        at: Number of the cell with the moment.
        value: Number of the cell with the value.
        weight: Number of the cell with the requests; None where there is none.
        width: Cells of a row.
        unit: What a value is multiplied with to be in seconds, by the unit in the header's name.
        has_header: Whether the first row names the columns.
    """

    at: int = 0
    value: int = 1
    weight: int | None = None
    width: int = 2
    unit: float = 1.0
    has_header: bool = False


def read_series(source: str, parse: Callable[[str], float]) -> Series:
    """The rows of a file, in order of time.

    Args:
        source: Its path; `-` for stdin.
        parse: Reads a value that is no plain number; raises ValueError with a clause.

    Raises:
        UsageError: If it cannot be read, or a row is wrong; the message names file and line.
    """
    name = "stdin" if source == "-" else source
    try:
        if source == "-":
            return _read(name, sys.stdin.buffer, parse)
        with Path(source).open("rb") as file:
            return _read(name, file, parse)
    except OSError as error:
        raise UsageError(
            f"{name} cannot be read: {error.strerror or error}", hint="name a file that can be read, or - for stdin"
        ) from error


def _read(name: str, file: BinaryIO, parse: Callable[[str], float]) -> Series:
    buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(file)  # type: ignore[type-var]
    head = buffered.peek(4)
    for magic, command in _PACKED.items():
        if head.startswith(magic):
            raise UsageError(f"{name} is packed", hint=f"{command} it first")
    encoding = next((each for mark, each in _MARKS if head.startswith(mark)), "utf-8")
    text = io.TextIOWrapper(buffered, encoding, errors="replace", newline="")
    try:
        return _Reading(name, parse).of(text)
    finally:
        text.detach()


class _Reading:
    """The state of reading one file."""

    def __init__(self, name: str, parse: Callable[[str], float]) -> None:
        self._series = Series(name)
        self._parse = parse
        self._columns = Columns()
        self._line = 0

    def of(self, text: io.TextIOWrapper) -> Series:
        lines = self._lines(text)
        first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
        if first:
            rows = csv.reader(lines, delimiter=_delimiter(first))
            self._begin(next(csv.reader([first], delimiter=_delimiter(first))))
            try:
                self._take(rows)
            except csv.Error as error:
                raise self._refused(str(error)) from error
        series = self._series
        if any(series.at[row] < series.at[row - 1] for row in range(1, len(series))):
            series.put_in_order()
        return series

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        while line := text.readline(_LINE_LIMIT):
            self._line += 1
            if len(line) == _LINE_LIMIT and not line.endswith(("\n", "\r")):
                raise self._refused(f"is longer than {_LINE_LIMIT:,} characters; rows are lines with {_EXPECTED}")
            if line.count('"') % 2:
                raise self._refused("has a quote that is not closed")
            yield line

    def _begin(self, row: list[str]) -> None:
        """Learn from the first row what the columns are; it may be a row itself."""
        cells_of_row = [cell.strip() for cell in row]
        self._columns = self._named(cells_of_row) or self._nameless(cells_of_row)
        if self._columns.weight is not None:
            self._series.weights = array("d")
        if not self._columns.has_header:
            self._row(row)

    def _named(self, row: list[str]) -> Columns | None:
        """The columns by their names; None for a row that is none of names."""
        plain = [_plain(cell) for cell in row]
        found = {
            role: [place for place, (each, _) in enumerate(plain) if each in names] for role, names in _NAMES.items()
        }
        if not any(found.values()):
            return None
        for role, places in found.items():
            if len(places) > 1:
                both = " and ".join(row[place] for place in places[:2])
                raise self._refused(f"both {both} could be the column {role!r}; columns are {_EXPECTED}")
        missing = [role for role in ("at", "value") if not found[role]]
        if missing:
            raise self._refused(
                f"no column is named {' or '.join(missing)}; columns are {_EXPECTED}, found {','.join(row)}"
            )
        (at,), (value,) = found["at"], found["value"]
        weight = found["n"][0] if found["n"] else None
        return Columns(at, value, weight, len(row), plain[value][1], has_header=True)

    def _nameless(self, row: list[str]) -> Columns:
        while len(row) > 2 and not row[-1]:
            row.pop()
        if len(row) not in (2, 3):
            raise self._refused(f"has {len(row)} column{'s' * (len(row) != 1)}; columns are {_EXPECTED}")
        return Columns(weight=2 if len(row) == 3 else None, width=len(row))

    def _take(self, rows: Iterator[list[str]]) -> None:
        """Read rows of plain numbers at full speed, and each other one with care."""
        series, (at_place, value_place, weight_place, width, unit, _) = self._series, self._columns
        weights, at, values, lines = series.weights, series.at, series.values, series.lines
        largest, earliest, latest, room = cells.LARGEST, -1e11, 1e11, ROW_LIMIT - len(series.at)
        for row in rows:
            try:
                moment, value = float(row[at_place]), float(row[value_place])
                weight = 0.0 if weights is None else float(row[weight_place or 0])
            except (ValueError, IndexError):
                self._row(row)
                continue
            is_plain = earliest < moment < latest and 0 <= value <= largest and 0 <= weight <= largest
            if not is_plain or len(row) != width or weight % 1 or "_" in "".join(row) or len(at) >= room:
                self._row(row)
                continue
            value *= unit
            if not series.fraction and value % 1:
                series.fraction = self._line
            at.append(moment)
            values.append(value)
            lines.append(self._line)
            if weights is not None:
                weights.append(weight)

    def _row(self, row: list[str]) -> None:
        """Take one row, whatever its form, or say what is wrong with it."""
        if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
            return
        series, columns = self._series, self._columns
        while len(row) > columns.width and not row[-1].strip():
            row.pop()
        if len(row) != columns.width:
            raise self._refused(
                f"has {len(row)} column{'s' * (len(row) != 1)}, and not {columns.width} as the first row"
            )
        at = self._cell(row, columns.at, "at", cells.moment)
        value = self._cell(row, columns.value, "value", self._parse) * columns.unit
        if columns.weight is not None and series.weights is not None:
            series.weights.append(self._weight(row, columns.weight))
        if len(series) >= ROW_LIMIT:
            raise self._refused(f"more than {ROW_LIMIT:,} rows; add them up to one row for every 5 s or so")
        if not series.at:
            series.moments = _moments(row[columns.at])
        if not series.fraction and (value != value // 1 or "%" in row[columns.value]):
            series.fraction = self._line
        series.at.append(at)
        series.values.append(value)
        series.lines.append(self._line)

    def _weight(self, row: list[str], place: int) -> float:
        weight = self._cell(row, place, "n", cells.number)
        if weight != weight // 1:
            raise self._refused(f"n {cells.shown(row[place])} is no whole number of requests")
        return weight

    def _cell(self, row: list[str], place: int, role: str, parse: Callable[[str], float]) -> float:
        try:
            return parse(row[place])
        except ValueError as error:
            raise self._refused(f"{role} {error}") from error

    def _refused(self, problem: str) -> UsageError:
        return UsageError(
            f"{self._series.name}:{self._line}: {problem}", hint=f"mend line {self._line}: rows are {_EXPECTED}"
        )


def _delimiter(line: str) -> str:
    """What separates the cells of a file, by its first line: tabs, semicolons or commas."""
    return next((each for each in ("\t", ";") if each in line), ",")


def _plain(name: str) -> tuple[str, float]:
    """A column's name without its unit, and the unit in seconds: `latency_ms`, `Duration (s)`, `value [ms]`."""
    words = "".join(each if each.isalnum() else " " for each in name.lower()).split()
    if len(words) > 1 and words[-1] in {*cells.SECONDS_OF, "seconds", "milliseconds"}:
        last = words.pop()
        return "".join(words), cells.SECONDS_OF.get(last, 1e-3 if last == "milliseconds" else 1.0)
    return "".join(words), 1.0


def _moments(text: str) -> Moments:
    try:
        number = float(text)
    except ValueError:
        return Moments.CALENDAR
    return Moments.SECONDS if cells.in_seconds(number) == number else Moments.MILLISECONDS
