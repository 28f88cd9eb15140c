"""Tar archives as a stream of bytes that depend on nothing but the members, and gzip around them."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from deliverkit.packaging.codec import WINDOW_BYTES, Codec, stored
from deliverkit.packaging.content import SLICE_BYTES
from deliverkit.packaging.crc import combined, crc32
from deliverkit.packaging.parallel import BUDGET_BYTES, in_order
from deliverkit.packaging.reading import Reader, regrouped
from deliverkit.packaging.tree import Entry, EntryKind
from deliverkit.packaging.units import Slice, Unit

# The earliest moment that a zip member can name; every member of every bundle carries it: 1980-01-01T00:00:00Z.
EPOCH_SECONDS = 315_532_800

_TAR_TYPES = {
    EntryKind.FILE: tarfile.REGTYPE,
    EntryKind.DIRECTORY: tarfile.DIRTYPE,
    EntryKind.SYMLINK: tarfile.SYMTYPE,
}


@dataclass(slots=True)
class TarPart:
    """What became of a unit.

    Attributes:
        unit: The unit.
        packed: Its bytes in the archive.
        digests: The files' digests, for a batch.
        plain: The content, for a slice.
    """

    unit: Unit
    packed: bytes
    digests: list[bytes | None] = field(default_factory=list)
    plain: bytes = b""


@dataclass(slots=True)
class TarWriter:
    """Writes one archive."""

    _written: int = 0

    def pack(self, unit: Unit, reader: Reader) -> TarPart:
        """Read a unit."""
        if isinstance(unit, Slice):
            content = reader.slice(unit)[0]
            head = _header(unit.entry) if unit.start == 0 else b""
            return TarPart(unit, head + content + (_padding(unit.entry) if unit.is_last else b""), plain=content)
        pieces: list[bytes] = []
        digests = []
        for entry in unit.entries:
            content, digest = reader.whole(entry)
            pieces += (_header(entry), content, _padding(entry))
            digests.append(digest)
        return TarPart(unit, b"".join(pieces), digests)

    def take(self, part: TarPart) -> Iterator[bytes]:
        """The bytes of the next part."""
        yield self._counted(part.packed)

    def add(self, entry: Entry, content: bytes) -> Iterator[bytes]:
        """The bytes of a member whose content is in memory."""
        yield self._counted(_header(entry))
        yield self._counted(content)
        yield self._counted(_padding(entry))

    def end(self) -> Iterator[bytes]:
        """Two empty blocks, and so many more that whole records are filled."""
        end = 2 * tarfile.BLOCKSIZE
        yield bytes(end + -(self._written + end) % tarfile.RECORDSIZE)

    def _counted(self, piece: bytes) -> bytes:
        self._written += len(piece)
        return piece


def _header(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.path)
    info.type = _TAR_TYPES[entry.kind]
    info.mode, info.mtime, info.linkname = entry.mode, EPOCH_SECONDS, entry.target
    info.size = entry.size if entry.kind is EntryKind.FILE else 0
    # POSIX.1-2001: plain ustar blocks, and extended ones only for what these cannot hold. Owner 0 without names.
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _padding(entry: Entry) -> bytes:
    return bytes(-entry.size % tarfile.BLOCKSIZE) if entry.kind is EntryKind.FILE else b""


def gzip_stream(chunks: Iterator[bytes], codec: Codec, threads: int | None = None) -> Iterator[bytes]:
    """One single gzip member: the agent on Windows reads no further than the first (RFC 1952 allows several).

    Args:
        chunks: The content.
        codec: How to compress.
        threads: How many compress at a time; as many as there are cores by default.
    """
    # No name, no time, no operating system.
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    crc = size = 0
    pieces = in_order(
        lambda piece: piece.packed(codec),
        _pieces(regrouped(chunks, SLICE_BYTES)),
        weight=lambda piece: 2 * len(piece.content),
        threads=threads,
        budget=BUDGET_BYTES // 2,
    )
    for packed, piece_crc, piece_size in pieces:
        crc = combined(crc, piece_crc, piece_size)
        size += piece_size
        yield packed
    yield crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class _Piece:
    content: bytes
    before: bytes
    is_last: bool

    def packed(self, codec: Codec) -> tuple[bytes, int, int]:
        is_worth_it = codec.shrinks(self.content)
        packed = (
            codec.piece(self.content, self.before, self.is_last)
            if is_worth_it
            else stored(self.content, is_last=self.is_last)
        )
        return packed, crc32(self.content), len(self.content)


def _pieces(chunks: Iterator[bytes]) -> Iterator[_Piece]:
    before = b""
    content = next(chunks, b"")
    for following in chunks:
        yield _Piece(content, before, is_last=False)
        before, content = content[-WINDOW_BYTES:], following
    yield _Piece(content, before, is_last=True)
