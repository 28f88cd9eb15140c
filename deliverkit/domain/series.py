"""Series of measurements from two arms, row by row, and the ticks that both have in common.

Rows are kept in columns of plain floats: a million of them take 32 MB.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from deliverkit.errors import UsageError

_SHARED = 0.5
"""Share of the shorter arm's moments that the other arm must have too, for moments to be compared as they stand."""


class Moments(StrEnum):
    """How a file writes its moments."""

    CALENDAR = "calendar"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"


@dataclass(slots=True)
class Series:
    """One arm's rows, in order of time.

    Attributes:
        name: The file's, for messages.
        at: Moments in seconds, ascending.
        values: What was measured, as it stands in the file; response times in seconds.
        weights: Requests behind each value; None where the file has no such column.
        lines: The line of each row.
        moments: How the file writes moments.
        fraction: Line of the first value that is a share: no whole number, or one with a percent sign; 0 for none.
        is_sorted: False where rows had to be put in order.
    """

    name: str
    at: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    weights: array[float] | None = None
    lines: array[int] = field(default_factory=lambda: array("L"))
    moments: Moments = Moments.SECONDS
    fraction: int = 0
    is_sorted: bool = True

    def __len__(self) -> int:
        return len(self.at)

    def place(self, row: int) -> str:
        """Where a row stands: `candidate.csv:7`."""
        return f"{self.name}:{self.lines[row]}"

    def put_in_order(self) -> None:
        """Sort the rows by their moments; rows of one moment keep their order."""
        order = sorted(range(len(self.at)), key=self.at.__getitem__)
        self.is_sorted = False
        self.at = array("d", map(self.at.__getitem__, order))
        self.values = array("d", map(self.values.__getitem__, order))
        self.lines = array("L", map(self.lines.__getitem__, order))
        if self.weights is not None:
            self.weights = array("d", map(self.weights.__getitem__, order))

    def refuse_duplicates(self) -> None:
        """See that each moment has one row.

        Raises:
            UsageError: If one has two: evidence must not be counted twice.
        """
        at = self.at
        for row in range(1, len(at)):
            if at[row] == at[row - 1]:
                raise UsageError(
                    f"{self.place(row)}: the moment {as_text(at[row], self.moments)} stands in line "
                    f"{self.lines[row - 1]} already",
                    hint="remove what was exported twice; add up what several hosts counted, so that a moment has one "
                    "row in each file",
                )


class Cell(NamedTuple):
    """What one arm has in one tick.

    Attributes:
        values: The rows' values.
        weights: Requests behind each; None where the file does not say.
    """

    values: Sequence[float]
    weights: Sequence[float] | None


class Tick(NamedTuple):
    """A moment, or a stretch of time that begins with it, and what the arms have in it; None for no row."""

    at: float
    baseline: Cell | None
    candidate: Cell | None


@dataclass(frozen=True, slots=True)
class Pairing:
    """How rows of two arms are matched.

    Attributes:
        width: Seconds of a tick; 0 for each distinct moment by itself.
        shared: Ticks in which both arms have rows.
        alone: Ticks in which one arm has none.
        is_guessed: True when the width was taken from the rows because their moments differ.
    """

    width: float
    shared: int
    alone: int
    is_guessed: bool = False


def pairing_of(baseline: Series, candidate: Series, width: float | None) -> Pairing:
    """How the rows of two arms are matched.

    Args:
        baseline: The old.
        candidate: The new.
        width: Seconds of a tick, as the user chose; None for each distinct moment by itself, or where the arms were
            measured at different moments, as wide as the coarser arm's usual step.
    """
    if width is not None:
        return _counted(baseline, candidate, width, is_guessed=False)
    old, new = set(baseline.at), set(candidate.at)
    shared = len(old & new)
    exact = Pairing(0.0, shared, len(old) + len(new) - 2 * shared)
    if shared >= _SHARED * min(len(old), len(new)):
        return exact
    guessed = max(usual_step(baseline), usual_step(candidate))
    if not guessed:
        return exact
    wide = _counted(baseline, candidate, guessed, is_guessed=True)
    return wide if wide.shared > exact.shared else exact


def distinct(series: Series) -> int:
    """Moments that a series has rows of."""
    at = series.at
    return sum(at[row] != at[row - 1] for row in range(1, len(at))) + bool(at)


def usual_step(series: Series) -> float:
    """The median time from one moment to the next, in seconds; 0 for a single moment."""
    at = series.at
    steps = sorted(at[row] - at[row - 1] for row in range(1, len(at)) if at[row] != at[row - 1])
    return steps[len(steps) // 2] if steps else 0.0


def ticks(baseline: Series, candidate: Series, width: float) -> Iterator[Tick]:
    """The ticks of both arms together, in order of time.

    Args:
        baseline: The old.
        candidate: The new.
        width: Seconds of a tick, from multiples of it; 0 for each distinct moment by itself.
    """
    i, j, n, m = 0, 0, len(baseline), len(candidate)
    while i < n or j < m:
        first = min(baseline.at[i] if i < n else math.inf, candidate.at[j] if j < m else math.inf)
        begin = math.floor(first / width) * width if width else first
        i, old = _taken(baseline, i, first, begin + width)
        j, new = _taken(candidate, j, first, begin + width)
        yield Tick(begin, old, new)


def _taken(series: Series, start: int, first: float, end: float) -> tuple[int, Cell | None]:
    """The rows of a tick, and where the next one begins."""
    at = series.at
    if start >= len(at) or (at[start] >= end and at[start] != first):
        return start, None
    stop = start + 1
    if stop < len(at) and (at[stop] < end or at[stop] == first):
        stop = max(bisect_left(at, end, stop), bisect_left(at, math.nextafter(first, math.inf), stop))
    weights = series.weights
    return stop, Cell(series.values[start:stop], None if weights is None else weights[start:stop])


def _counted(baseline: Series, candidate: Series, width: float, *, is_guessed: bool) -> Pairing:
    shared = total = 0
    for tick in ticks(baseline, candidate, width):
        total += 1
        shared += tick.baseline is not None and tick.candidate is not None
    return Pairing(width, shared, total - shared, is_guessed)


def as_text(at: float, moments: Moments) -> str:
    """A moment as the file that it comes from writes it."""
    from datetime import UTC, datetime  # noqa: PLC0415

    if moments is Moments.CALENDAR:
        return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    value = round(at * 1000, 3) if moments is Moments.MILLISECONDS else at
    return f"{value:.6f}".rstrip("0").rstrip(".")


def as_json(at: float, moments: Moments) -> str | float | int:
    """The same for JSON: a number where the file has numbers."""
    if moments is Moments.CALENDAR:
        return as_text(at, moments)
    value = round(at * 1000, 3) if moments is Moments.MILLISECONDS else at
    return int(value) if value == int(value) else value
