"""Tables of a report.

They are dressed by attributes, which the HTML Standard calls obsolete and every browser obeys (15.3, rendering of
tables): Jenkins' content security policy blocks style sheets and `style` attributes in a page that is one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deliverkit.domain.gate import Verdict
from deliverkit.reporting.colours import FAINT, LINE, SHADE, VERDICTS
from deliverkit.reporting.markup import Html, clipped, joined, tag, text

REASON_LIMIT = 400
"""Characters of a reason in a table; the ledger has all of it."""
ROW_LIMIT = 100
"""Rows of a table that grows with what happened."""


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str | None]]) -> Html:
    """A table whose first column names its rows; without rows it says so."""
    listed = list(rows)
    if not listed:
        return tag("p", tag("font", f"{caption}: none.", color=FAINT))
    head = tag("tr", *(tag("th", each, scope="col", align="left") for each in heads), bgcolor=SHADE)
    return tag(
        "table",
        tag("caption", tag("div", tag("font", caption, color=FAINT), align="left")),
        tag("thead", head),
        tag("tbody", *map(_row, listed)),
        width="100%",
        border=1,
        frame="hsides",
        rules="rows",
        bordercolor=LINE,
        cellpadding=6,
        cellspacing=0,
    )


def facts(rows: Iterable[tuple[str, str | None]]) -> Html:
    """Names and what stands behind them; what is empty is left out."""
    listed = [(name, value) for name, value in rows if value]
    return tag(
        "table",
        tag(
            "tbody",
            *(
                tag(
                    "tr",
                    tag("th", name, scope="row", align="left", width=150),
                    tag("td", _bounded(value)),
                    valign="top",
                )
                for name, value in listed
            ),
        ),
        border=0,
        cellpadding=4,
        cellspacing=0,
    )


def verdict(value: Verdict | None, *, is_excused: bool = False) -> Html:
    """A verdict in colour and in words."""
    colour, words = VERDICTS[value]
    told = tag("font", tag("strong", words), color=colour)
    return joined(told, " (let pass by a person)") if is_excused else told


def reason(value: str) -> Html:
    """A reason as it stands in a table, said to be cut where it is."""
    return text(clipped(value, REASON_LIMIT))


def newest(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str | None]]) -> Html:
    """A table of the last rows, in their order, and a line that counts those before them."""
    dropped = len(rows) - ROW_LIMIT
    if dropped <= 0:
        return table(caption, heads, rows)
    return joined(tag("p", f"{dropped:,} more before these are in the ledger."), table(caption, heads, rows[dropped:]))


def code(value: str) -> Html:
    """An id or digest."""
    return tag("code", reason(value))


def faint(value: str) -> Html:
    """What is not in the foreground."""
    return tag("font", reason(value), color=FAINT)


def _bounded(cell: str | None) -> Html | None:
    """A cell of which nobody's words make more than it should be; markup is bounded by who made it."""
    return cell if cell is None or isinstance(cell, Html) else reason(cell)


def _row(cells: Sequence[str | None]) -> Html:
    first, *others = map(_bounded, cells)
    name = tag("th", first, scope="row", align="left")
    return tag("tr", name, *(tag("td", each) for each in others), valign="top")
