"""Read the files of a collection, digest them, and hold them against what a manifest says of them."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import repeat

from deliverkit.packaging.codec import WINDOW_BYTES
from deliverkit.packaging.content import changed, read_slice, read_whole
from deliverkit.packaging.digests import Digests
from deliverkit.packaging.judging import Judge
from deliverkit.packaging.parallel import in_order
from deliverkit.packaging.tree import Collection, Entry, EntryKind
from deliverkit.packaging.units import Batch, Slice, Unit, units, weight


@dataclass(slots=True)
class Reader:
    """Reads units, on any thread, and gathers the digests of their files, on one thread and in order.

    Attributes:
        collection: Where the files are.
        known: The digests that files must have; empty when they are read for the first time.
        digests: Those found so far.
        judge: Looks at what is read, for secrets; None for content that was judged before.
    """

    collection: Collection
    known: Digests = field(default_factory=Digests)
    digests: Digests = field(default_factory=Digests)
    judge: Judge | None = None
    _under_way: hashlib._Hash | None = None

    def whole(self, entry: Entry) -> tuple[bytes, bytes | None]:
        """A file's content and its digest; nothing for what is no file.

        Raises:
            DeliverkitError: If the file is not what was collected any more.
        """
        if entry.kind is not EntryKind.FILE:
            return b"", None
        content = read_whole(self.collection, entry)
        if self.judge is not None:
            self.judge.look(entry, content)
        return content, hashlib.sha256(content).digest()

    def slice(self, unit: Slice) -> tuple[bytes, bytes]:
        """A slice's content, and so much of what lies before it as a deflate stream can refer to.

        Raises:
            DeliverkitError: If the file is not what was collected any more.
        """
        before = min(unit.start, WINDOW_BYTES)
        content = read_slice(self.collection, unit.entry, unit.start - before, before + unit.size)
        if self.judge is not None and not unit.start:
            self.judge.look(unit.entry, content)
        return content[before:], content[:before]

    def found(self, entries: Sequence[Entry], digests: Sequence[bytes | None]) -> None:
        """Take the digests of the next entries.

        Raises:
            DeliverkitError: If a file has other content than the manifest says: a change that kept size and times.
        """
        first = len(self.digests)
        self.digests.extend(digests)
        if len(self.known) and not self.known.are_at(first, digests):
            pairs = zip(entries, range(first, len(self.digests)), digests, strict=True)
            raise changed(next(entry for entry, at, digest in pairs if self.known[at] != digest))

    def follow(self, unit: Slice, content: bytes) -> None:
        """Take the content of the next slice; the last one completes its file's digest."""
        if self._under_way is None:
            self._under_way = hashlib.sha256()
        self._under_way.update(content)
        if unit.is_last:
            digest, self._under_way = self._under_way.digest(), None
            self.found((unit.entry,), (digest,))


def read_digests(
    collection: Collection,
    known: Digests | None = None,
    *,
    threads: int | None = None,
    judge: Judge | None = None,
) -> Digests:
    """Read every file once, but for those whose digests are remembered.

    Args:
        collection: The files.
        known: What is known of each entry, to be completed; nothing at all by default.
        threads: How many read at a time; as many as there are cores by default.
        judge: Looks at what is read; what it finds it refuses when it is asked to.

    Raises:
        DeliverkitError: If a file changed or vanished since it was collected.
    """
    known = known or Digests(repeat(None, len(collection.entries)))
    pairs = enumerate(zip(collection.entries, known, strict=True))
    missing = array("Q", (at for at, (entry, digest) in pairs if digest is None and entry.kind is EntryKind.FILE))
    for at, digest in zip(missing, _read(Reader(collection, judge=judge), missing, threads), strict=True):
        known[at] = digest
    return known


def _read(reader: Reader, places: Sequence[int], threads: int | None) -> Digests:
    def read(unit: Unit) -> tuple[Unit, bytes, list[bytes | None]]:
        if isinstance(unit, Batch):
            return unit, b"", [reader.whole(entry)[1] for entry in unit.entries]
        return unit, reader.slice(unit)[0], []

    work = units(reader.collection.entries[at] for at in places)
    with closing(in_order(read, work, weight=weight, threads=threads)) as parts:
        for unit, content, digests in parts:
            if isinstance(unit, Batch):
                reader.found(unit.entries, digests)
            else:
                reader.follow(unit, content)
    return reader.digests


def regrouped(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in chunks of exactly that size; only the last one may be shorter."""
    gathered, count = [], 0
    for chunk in chunks:
        view = memoryview(chunk)
        while count + len(view) >= size:
            gathered.append(view[: size - count])
            view = view[size - count :]
            yield b"".join(gathered)
            gathered, count = [], 0
        if view:
            gathered.append(view)
            count += len(view)
    if gathered:
        yield b"".join(gathered)
