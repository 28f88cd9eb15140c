"""Tar archives as a stream of bytes that depend on nothing but the members, and gzip around them."""

from __future__ import annotations

import struct
import tarfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from deliverkit.packaging.codec import WINDOW_BYTES, Codec
from deliverkit.packaging.content import SLICE_BYTES
from deliverkit.packaging.crc import combined, crc32
from deliverkit.packaging.parallel import BUDGET_BYTES, in_order
from deliverkit.packaging.reading import Reader, regrouped
from deliverkit.packaging.tree import Entry, EntryKind
from deliverkit.packaging.units import Slice, Unit, together

# The earliest moment that a zip member can name; every member of every bundle carries it: 1980-01-01T00:00:00Z.
EPOCH_SECONDS = 315_532_800

# Eleven octal digits are all that a ustar block has for a size: 8 GiB.
_USTAR_SIZE_LIMIT = 8**11
# Name, numbers, checksum, type, target, magic; no names of an owner, no device, no prefix.
_USTAR = struct.Struct("100s48s8sc100s8s247x")

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
        packed: Its bytes in the archive, in pieces.
        digests: The files' digests, for a batch.
        plain: The content, for a slice.
    """

    unit: Unit
    packed: Sequence[bytes]
    digests: list[bytes | None] = field(default_factory=list)
    plain: bytes = b""


@dataclass(slots=True)
class TarWriter:
    """Writes one archive."""

    _written: int = 0

    def pack(self, unit: Unit, reader: Reader) -> TarPart:
        """Read a unit."""
        if isinstance(unit, Slice):
            return self.pack_slice(unit, *reader.slice(unit))
        pieces: list[bytes] = []
        digests = []
        for entry in unit.entries:
            content, digest = reader.whole(entry)
            pieces += (_header(entry), content, _padding(entry))
            digests.append(digest)
        return TarPart(unit, together(pieces), digests)

    def pack_slice(self, unit: Slice, content: bytes, before: bytes) -> TarPart:
        """A slice whose content is in memory."""
        head = _header(unit.entry) if unit.start == 0 else b""
        end = _padding(unit.entry) if unit.is_last else b""
        return TarPart(unit, [head, content, end], plain=content)

    def take(self, part: TarPart) -> Iterator[bytes]:
        """The bytes of the next part."""
        for piece in part.packed:
            yield self._counted(piece)

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
    """POSIX.1-2001 (pax): a plain ustar block, and extended records in front of it for what that cannot hold.

    Written here because Python's own writer has changed its output before; the owner is 0 and has no name.
    """
    name = f"{entry.path}/" if entry.kind is EntryKind.DIRECTORY else entry.path
    size = entry.size if entry.kind is EntryKind.FILE else 0
    records = b"".join(
        _record(key, value)
        for key, value, limit in (("path", name, 100), ("linkpath", entry.target, 100))
        if not value.isascii() or len(value) > limit
    )
    if size >= _USTAR_SIZE_LIMIT:
        records, size = records + _record("size", str(size)), 0
    extended = _extended(records) if records else b""
    return extended + _block(name, _TAR_TYPES[entry.kind], entry.mode, size, EPOCH_SECONDS, entry.target)


def _record(key: str, value: str) -> bytes:
    """One extended record: its own length in decimal digits, these digits included, and what it says."""
    said = f" {key}={value}\n".encode()
    length = len(said)
    while length != len(said) + len(str(length)):
        length = len(said) + len(str(length))
    return str(length).encode() + said


def _extended(records: bytes) -> bytes:
    return _block("././@PaxHeader", tarfile.XHDTYPE, 0, len(records), 0, "") + records + _fill(len(records))


def _block(name: str, kind: bytes, mode: int, size: int, time: int, target: str) -> bytes:
    """A ustar block; names that do not fit are told by a record, and are there in part for old readers."""
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, 0, 0, size, time)
    head = _USTAR.pack(_short(name), numbers, b" " * 8, kind, _short(target), b"ustar\x0000")
    return b"%b%06o\0%b" % (head[:148], sum(head), head[155:])


def _short(name: str) -> bytes:
    return name.encode("ascii", "replace")[:100]


def _padding(entry: Entry) -> bytes:
    return _fill(entry.size) if entry.kind is EntryKind.FILE else b""


def _fill(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def gzip_stream(
    chunks: Generator[bytes, None, None], codec: Codec, threads: int | None = None
) -> Generator[bytes, None, None]:
    """One single gzip member: the agent on Windows reads no further than the first (RFC 1952 allows several).

    Args:
        chunks: The content; closed in any case.
        codec: How to compress.
        threads: How many compress at a time; as many as there are cores by default.
    """
    crc = size = 0
    pieces = in_order(
        lambda piece: piece.packed(codec),
        _pieces(regrouped(chunks, SLICE_BYTES)),
        weight=lambda piece: 2 * len(piece.content),
        threads=threads,
        budget=BUDGET_BYTES // 2,
    )
    with closing(chunks), closing(pieces):
        # No name, no time, no operating system.
        yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
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
        packed = codec.part(self.content, self.before, is_last=self.is_last)
        return packed, crc32(self.content), len(self.content)


def _pieces(chunks: Iterator[bytes]) -> Iterator[_Piece]:
    before = b""
    content = next(chunks, b"")
    for following in chunks:
        yield _Piece(content, before, is_last=False)
        before, content = content[-WINDOW_BYTES:], following
    yield _Piece(content, before, is_last=True)
