"""The ledger's events in a report: every one is there or counted, with the digests that prove their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from deliverkit.domain.ledger import Event
from deliverkit.reporting.history import History
from deliverkit.reporting.markup import Html, joined, tag
from deliverkit.reporting.people import name_of
from deliverkit.reporting.tables import code, table
from deliverkit.reporting.times import moment

ROW_LIMIT = 240
"""Rows of the list; of more, the middle is counted only."""
_REPEATED = frozenset({"gate.measured", "deployment.observed", "driver.attached"})
"""Kinds that come in long rows and say little one by one."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Events of one kind and actor that follow each other."""

    first: Event
    last: Event

    @property
    def count(self) -> int:
        return self.last.sequence - self.first.sequence + 1


def event_list(history: History) -> Html:
    """The list, with the digest of the last event, which stands for all before it."""
    last = history.events[-1]
    stretches = list(_stretches(history.events))
    rows = [_row(each) for each in stretches]
    dropped = len(rows) - ROW_LIMIT
    if dropped > 0:
        half = ROW_LIMIT // 2
        counted = sum(each.count for each in stretches[half : half + dropped])
        gap = ["\N{HORIZONTAL ELLIPSIS}", None, f"{counted:,} events more: deliverkit ledger log {history.rollout.id}"]
        rows = [*rows[:half], [*gap, None, None], *rows[half + dropped :]]
    return joined(
        tag(
            "p",
            f"{len(history.events):,} events in stream ",
            code(last.stream),
            ". Each carries the digest of the one before it, so the last one stands for all: ",
            code(last.digest),
            ". ",
            code("deliverkit ledger verify"),
            " checks the chain.",
        ),
        table("Events, with the first 16 digits of their SHA-256", ("No.", "At (UTC)", "Event", "By", "Digest"), rows),
    )


def _stretches(events: Sequence[Event]) -> Iterator[_Stretch]:
    for (kind, _), group in groupby(events, key=lambda event: (event.kind, event.actor)):
        listed = list(group)
        if kind in _REPEATED:
            yield _Stretch(listed[0], listed[-1])
        else:
            yield from (_Stretch(each, each) for each in listed)


def _row(stretch: _Stretch) -> list[str | None]:
    first, last = stretch.first, stretch.last
    digest = code(last.digest.removeprefix("sha256:")[:16])
    if stretch.count == 1:
        return [str(first.sequence), moment(first.at), first.kind, name_of(first.actor), digest]
    number = f"{first.sequence}\N{EN DASH}{last.sequence}"
    kind = f"{first.kind} \N{MULTIPLICATION SIGN} {stretch.count}"
    return [number, moment(first.at), kind, name_of(first.actor), digest]
