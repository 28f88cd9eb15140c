"""How the work of packing is cut: many small files together, large files in slices.

The cuts depend on sizes alone, never on the number of cores, because a slice's border shows in the bundle's bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deliverkit.packaging.content import SLICE_BYTES
from deliverkit.packaging.tree import Entry

WHOLE_BYTES = 8 << 20
"""Files up to this size are read and compressed in one go."""
_BATCH_BYTES = 1 << 20
_BATCH_ENTRIES = 256
_FEW_PIECES = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that follow each other, to be packed by one worker.

    Attributes:
        entries: The entries.
        size: Bytes of their content.
    """

    entries: tuple[Entry, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a large file.

    Attributes:
        entry: The file.
        start: Offset of the first byte.
        size: Bytes.
    """

    entry: Entry
    start: int
    size: int

    @property
    def is_last(self) -> bool:
        """Whether the file ends here."""
        return self.start + self.size == self.entry.size


Unit = Batch | Slice


def units(entries: Iterable[Entry]) -> Iterator[Unit]:
    """Cut entries into units, in their order."""
    gathered: list[Entry] = []
    size = 0
    for entry in entries:
        if entry.size > WHOLE_BYTES:
            if gathered:
                yield Batch(tuple(gathered), size)
            gathered, size = [], 0
            yield from _slices(entry)
            continue
        if gathered and (size + entry.size > _BATCH_BYTES or len(gathered) == _BATCH_ENTRIES):
            yield Batch(tuple(gathered), size)
            gathered, size = [], 0
        gathered.append(entry)
        size += entry.size
    if gathered:
        yield Batch(tuple(gathered), size)


def _slices(entry: Entry) -> Iterator[Slice]:
    for start in range(0, entry.size, SLICE_BYTES):
        yield Slice(entry, start, min(SLICE_BYTES, entry.size - start))


def weight(unit: Unit) -> int:
    """Bytes that a unit holds in memory while it is packed: its content, and about as much that is made of it."""
    return 2 * unit.size


def together(pieces: list[bytes]) -> list[bytes]:
    """The pieces of a batch as one, unless they are so few that a copy of a large file's content costs more."""
    return pieces if len(pieces) < _FEW_PIECES else [b"".join(pieces)]
