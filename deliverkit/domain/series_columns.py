"""Which cell of a row is what, by the first row of a table: its names in any order, or else the number of cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from deliverkit.domain.series_cells import SECONDS_OF

EXPECTED = "at,value[,n]"
_NAMES: Mapping[str, tuple[str, ...]] = {
    "at": ("at", "time", "timestamp", "ts", "datetime", "date", "moment"),
    "value": ("value", "errors", "failures", "failed", "events", "count", "latency", "duration"),
    "n": ("n", "requests", "total", "samples", "weight"),
}
_UNITS = {**SECONDS_OF, "seconds": 1.0, "milliseconds": 1e-3}


class Columns(NamedTuple):
    """Where the cells of a row are.

    Attributes:
        at: Place of the moment.
        value: Place of the value.
        weight: Place of the requests; None where there is none.
        width: Cells of a row.
        unit: What a value is multiplied with to be in seconds, by the unit in the column's name.
        has_header: Whether the first row names the columns.
    """

    at: int = 0
    value: int = 1
    weight: int | None = None
    width: int = 2
    unit: float = 1.0
    has_header: bool = False


def columns_of(row: list[str]) -> Columns:
    """The columns of a table, by its first row.

    Raises:
        ValueError: If they cannot be told; the message is a clause.
    """
    cells = [cell.strip() for cell in row]
    plain = [_plain(cell) for cell in cells]
    found = {role: [place for place, (each, _) in enumerate(plain) if each in names] for role, names in _NAMES.items()}
    if not any(found.values()):
        return _nameless(cells)
    for role, places in found.items():
        if len(places) > 1:
            both = " and ".join(cells[place] for place in places[:2])
            raise ValueError(f"both {both} could be the column {role}; columns are {EXPECTED}")
    missing = [role for role in ("at", "value") if not found[role]]
    if missing:
        raise ValueError(f"no column is named {' or '.join(missing)}; columns are {EXPECTED}")
    (at,), (value,) = found["at"], found["value"]
    return Columns(at, value, found["n"][0] if found["n"] else None, len(cells), plain[value][1], has_header=True)


def _nameless(cells: list[str]) -> Columns:
    while len(cells) > 2 and not cells[-1]:
        cells.pop()
    if len(cells) not in (2, 3):
        raise ValueError(f"has {len(cells)} column{'s' * (len(cells) != 1)}; columns are {EXPECTED}")
    return Columns(weight=2 if len(cells) == 3 else None, width=len(cells))


def _plain(name: str) -> tuple[str, float]:
    """A column's name without its unit, and the unit in seconds: `latency_ms`, `Duration (s)`, `value [ms]`."""
    words = "".join(each if each.isalnum() else " " for each in name.lower()).split()
    unit = _UNITS.get(words[-1]) if len(words) > 1 else None
    return "".join(words if unit is None else words[:-1]), unit or 1.0
