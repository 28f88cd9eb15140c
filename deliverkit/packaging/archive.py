"""From a collection to the bytes of an archive: workers read and compress units, one writer puts them in order."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from deliverkit.domain.release import BundleFormat
from deliverkit.packaging.codec import WINDOW_BYTES, Codec
from deliverkit.packaging.content import SLICE_BYTES
from deliverkit.packaging.contents import Contents
from deliverkit.packaging.digests import Digests
from deliverkit.packaging.judging import Judge
from deliverkit.packaging.parallel import BUDGET_BYTES, in_order
from deliverkit.packaging.reading import Reader, regrouped
from deliverkit.packaging.selection import STATE_FOLDER
from deliverkit.packaging.tarstream import TarPart, TarWriter, gzip_stream
from deliverkit.packaging.tree import Collection, Entry, EntryKind
from deliverkit.packaging.units import WHOLE_BYTES, Batch, Slice, Unit, units, weight
from deliverkit.packaging.zipstream import ZipPart, ZipWriter

# The manifest travels inside the bundle, so that a host or an auditor can check files against it without S3. It does
# not disturb the agent, which copies only what `files` names; with `source: /` it lands at the destination, exactly as
# appspec.yml itself does, and the agent removes both again before the next deployment. It does add a second name at
# the top: the agent strips a lone top folder that holds the appspec, and would not any more. The lint therefore wants
# the appspec at the root, where no stripping is needed.
MANIFEST_PATH = f"{STATE_FOLDER}/manifest.json"

Part = TypeVar("Part", ZipPart, TarPart)


class Writer(Protocol[Part]):
    """Makes one kind of archive."""

    def pack(self, unit: Unit, reader: Reader) -> Part:
        """Read and compress a unit; called by many threads."""
        ...

    def pack_slice(self, unit: Slice, content: bytes, before: bytes) -> Part:
        """Compress a slice whose content is in memory, and so much of what lies before it as it can refer to."""
        ...

    def take(self, part: Part) -> Iterator[bytes]:
        """The bytes of the next part, in order."""
        ...

    def add(self, entry: Entry, content: bytes) -> Iterator[bytes]:
        """The bytes of a member whose content is in memory."""
        ...

    def end(self) -> Iterator[bytes]:
        """The bytes behind the last member."""
        ...


@dataclass(slots=True)
class Archive:
    """An archive that can be made once.

    The manifest comes last in it: by then every file was read, so that nothing has to be read twice when nobody needs
    to know the manifest beforehand.

    Attributes:
        collection: What lies in it.
        format: Archive type.
        codec: How to compress; tar has no use for it.
        known: The digests that the files must have; empty when they are read for the first time.
        threads: How many read and compress at a time; as many as there are cores by default. The bytes do not depend
            on it.
        budget: Bytes of content, and of what is made of it, that are under way at a time.
        judge: Refuses the archive at its end for the secrets in it; None for files that were judged before.
        digests: What the files' contents were; complete when the stream has ended.
        manifest: `sha256:` and 64 hexadecimal digits over the manifest; empty before the stream has ended.
    """

    collection: Collection
    format: BundleFormat
    codec: Codec
    known: Digests = field(default_factory=Digests)
    threads: int | None = None
    budget: int = BUDGET_BYTES
    judge: Judge | None = None
    digests: Digests = field(default_factory=Digests)
    manifest: str = ""

    def stream(self) -> Generator[bytes, None, None]:
        """The archive's bytes, in memory that does not grow with their number.

        Raises:
            DeliverkitError: While reading, if a file is no longer what was collected, or what the manifest says; in the
                end, if files hold secrets.
        """
        if self.format is BundleFormat.ZIP:
            return self._written(ZipWriter(self.codec), self.budget)
        tar = self._written(TarWriter(), self.budget // 2)
        return gzip_stream(tar, self.codec, self.threads) if self.format is BundleFormat.TGZ else tar

    def _written(self, writer: Writer[Part], budget: int) -> Generator[bytes, None, None]:
        reader = Reader(self.collection, self.known, self.digests, self.judge)
        work = units(self.collection.entries)
        parts = in_order(
            lambda unit: writer.pack(unit, reader), work, weight=weight, threads=self.threads, budget=budget
        )
        # Closed explicitly: while an exception is on its way its traceback would keep the workers going.
        with closing(parts):
            for part in parts:
                if isinstance(part.unit, Batch):
                    reader.found(part.unit.entries, part.digests)
                else:
                    reader.follow(part.unit, part.plain)
                yield from writer.take(part)
        if self.judge is not None:
            self.judge.refuse(self.collection)
        yield from writer.add(Entry.directory(STATE_FOLDER), b"")
        yield from self._described(writer)
        yield from writer.end()

    def _described(self, writer: Writer[Part]) -> Iterator[bytes]:
        """The bytes of the manifest, which has a size of its own when there are many files."""
        contents = Contents(self.collection, self.digests, self.format, self.codec.name)
        size, self.manifest = contents.manifest_size_and_digest()
        entry = Entry(MANIFEST_PATH, EntryKind.FILE, 0o644, size)
        if size <= WHOLE_BYTES:
            yield from writer.add(entry, b"".join(contents.manifest_pieces()))
            return
        before, start = b"", 0
        for content in regrouped(contents.manifest_pieces(), SLICE_BYTES):
            yield from writer.take(writer.pack_slice(Slice(entry, start, len(content)), content, before))
            before, start = content[-WINDOW_BYTES:], start + len(content)
