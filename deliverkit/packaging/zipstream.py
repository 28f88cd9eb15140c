"""Zip archives as a stream of bytes that depend on nothing but the members (APPNOTE.TXT 6.3.10).

Python's own writer is not used: it seeks back, and its output differs in details between Python versions.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from deliverkit.packaging.codec import Codec
from deliverkit.packaging.crc import combined, crc32
from deliverkit.packaging.reading import Reader
from deliverkit.packaging.tree import Entry, EntryKind
from deliverkit.packaging.units import Slice, Unit, together

_DEFLATED, _STORED = 8, 0
_MADE_ON_UNIX = 3
_SIZES_FOLLOW, _NAMES_ARE_UTF8 = 0x0008, 0x0800
_DOS_DATE, _DOS_TIME = 0x0021, 0  # 1980-01-01 00:00
_MAX_16, _MAX_32 = 0xFFFF, 0xFFFF_FFFF
# From here on a member gets 64-bit sizes: stored blocks make it up to 340 KiB longer, and that must fit as well. No
# earlier than needed, because some readers of streams take 64-bit sizes only from members that are that large.
ZIP64_BYTES = 0xFFF0_0000
PROBED_BYTES = 256 << 10
"""From this size on a sample tells whether compressing is worth the time."""
_FOLD_BYTES = 1 << 20
_TYPE_BITS = {EntryKind.FILE: 0o100000, EntryKind.DIRECTORY: 0o040000, EntryKind.SYMLINK: 0o120000}


class Record(NamedTuple):
    """What the headers and the central directory say about a member.

    Attributes:
        name: Its name.
        attributes: Its type and mode, as Unix has them.
        method: Stored or deflated.
        flags: General purpose flags.
        crc: CRC-32 of its content.
        compressed: Bytes in the archive.
        size: Bytes of its content.
        offset: Where its header begins, from the start of its part.
    """

    name: bytes
    attributes: int
    method: int = _STORED
    flags: int = 0
    crc: int = 0
    compressed: int = 0
    size: int = 0
    offset: int = 0


@dataclass(slots=True)
class ZipPart:
    """What became of a unit.

    Attributes:
        unit: The unit.
        packed: Its bytes in the archive, in pieces; of a slice only the content's.
        records: The members of a batch.
        digests: The files' digests, for a batch.
        plain: The content, for a slice.
        crc: The content's checksum, for a slice.
    """

    unit: Unit
    packed: Sequence[bytes]
    records: list[Record] = field(default_factory=list)
    digests: list[bytes | None] = field(default_factory=list)
    plain: bytes = b""
    crc: int = 0


@dataclass(slots=True)
class Folded:
    """A central directory in the making: repetitive, some 100 bytes for each member, and needed once, at the end.

    Attributes:
        size: Its bytes.
    """

    size: int = 0
    _folded: list[bytes] = field(default_factory=list)
    _open: bytearray = field(default_factory=bytearray)

    def append(self, record: bytes) -> None:
        """Add a member."""
        self.size += len(record)
        self._open += record
        if len(self._open) >= _FOLD_BYTES:
            self._folded.append(zlib.compress(self._open, 1))
            self._open.clear()

    def __iter__(self) -> Iterator[bytes]:
        yield from map(zlib.decompress, self._folded)
        yield bytes(self._open)


@dataclass(slots=True)
class ZipWriter:
    """Writes one archive.

    Attributes:
        codec: How to compress.
    """

    codec: Codec
    _central: Folded = field(default_factory=Folded)
    _count: int = 0
    _offset: int = 0
    _large: Record | None = None
    """The large member whose slices are being written, with its checksum and compressed bytes so far."""

    def pack(self, unit: Unit, reader: Reader) -> ZipPart:
        """Read and compress a unit."""
        if isinstance(unit, Slice):
            return self.pack_slice(unit, *reader.slice(unit))
        pieces: list[bytes] = []
        records, digests, offset = [], [], 0
        for entry in unit.entries:
            content, digest = reader.whole(entry)
            record, body = _member(entry, content, self.codec, offset)
            header = _local(record)
            pieces += (header, body)
            offset += len(header) + len(body)
            records.append(record)
            digests.append(digest)
        return ZipPart(unit, together(pieces), records, digests)

    def pack_slice(self, unit: Slice, content: bytes, before: bytes) -> ZipPart:
        """Compress a slice whose content is in memory, and so much of what lies before it as it can refer to."""
        # Stored as blocks within a deflated member at worst: its sizes follow it, and Java reads no stored member like
        # that.
        packed = self.codec.part(content, before, is_last=unit.is_last)
        return ZipPart(unit, [packed], plain=content, crc=crc32(content))

    def take(self, part: ZipPart) -> Iterator[bytes]:
        """The bytes of the next part."""
        if isinstance(part.unit, Slice):
            yield from self._take_slice(part.unit, part)
            return
        for record in part.records:
            self._central.append(_central(record, self._offset))
        self._count += len(part.records)
        for piece in part.packed:
            yield self._counted(piece)

    def _take_slice(self, unit: Slice, part: ZipPart) -> Iterator[bytes]:
        is_wide = unit.entry.size >= ZIP64_BYTES
        if self._large is None:
            begun = _record(unit.entry)
            self._large = begun._replace(method=_DEFLATED, flags=begun.flags | _SIZES_FOLLOW, offset=self._offset)
            yield self._counted(_local(self._large, is_large=is_wide))
        member = self._large
        size = member.size + unit.size
        compressed = member.compressed + sum(map(len, part.packed))
        self._large = member._replace(crc=combined(member.crc, part.crc, unit.size), compressed=compressed, size=size)
        for piece in part.packed:
            yield self._counted(piece)
        if unit.is_last:
            member, self._large = self._large, None
            sums = (member.crc, member.compressed, member.size)
            yield self._counted(struct.pack("<4sIQQ" if is_wide else "<4sIII", b"PK\x07\x08", *sums))
            self._register(member)

    def add(self, entry: Entry, content: bytes) -> Iterator[bytes]:
        """The bytes of a member whose content is in memory."""
        record, body = _member(entry, content, self.codec, self._offset)
        self._register(record)
        yield self._counted(_local(record))
        yield self._counted(body)

    def end(self) -> Iterator[bytes]:
        """The central directory and its end."""
        yield from self._central
        yield _end(self._count, self._offset, self._central.size)

    def _register(self, record: Record) -> None:
        self._central.append(_central(record, 0))
        self._count += 1

    def _counted(self, piece: bytes) -> bytes:
        self._offset += len(piece)
        return piece


def _member(entry: Entry, content: bytes, codec: Codec, offset: int) -> tuple[Record, bytes]:
    """A member that is in memory: what to say about it, and its bytes in the archive."""
    # A link's content is its target; directories and empty files have none.
    content = content or entry.target.encode()
    body, method = _smallest(content, codec) if entry.kind is EntryKind.FILE else (content, _STORED)
    flags, name, attributes = _names(entry)
    return Record(name, attributes, method, flags, crc32(content), len(body), len(content), offset), body


def _smallest(content: bytes, codec: Codec) -> tuple[bytes, int]:
    if len(content) >= PROBED_BYTES and not codec.shrinks(content):
        return content, _STORED
    body = codec.whole(content)
    return (body, _DEFLATED) if len(body) < len(content) else (content, _STORED)


def _record(entry: Entry) -> Record:
    flags, name, attributes = _names(entry)
    return Record(name, attributes, flags=flags)


def _names(entry: Entry) -> tuple[int, bytes, int]:
    is_directory = entry.kind is EntryKind.DIRECTORY
    name = f"{entry.path}/" if is_directory else entry.path
    attributes = (_TYPE_BITS[entry.kind] | entry.mode) << 16 | (0x10 if is_directory else 0)
    return 0 if name.isascii() else _NAMES_ARE_UTF8, name.encode(), attributes


_LOCAL = struct.Struct("<4sHHHHHIIIHH").pack
_CENTRAL = struct.Struct("<4sBBHHHHHIIIHHHHHII").pack


def _local(record: Record, *, is_large: bool = False) -> bytes:
    """The header before the content; a large member announces that the sizes behind it have 64 bits."""
    name, _, method, flags, crc, compressed, size, _ = record
    extra, needed = b"", 20
    if is_large:
        extra, needed, compressed, size = struct.pack("<HHQQ", 1, 16, 0, 0), 45, _MAX_32, _MAX_32
    head = (b"PK\x03\x04", needed, flags, method, _DOS_TIME, _DOS_DATE, crc, compressed, size, len(name), len(extra))
    return _LOCAL(*head) + name + extra


def _central(record: Record, part_offset: int) -> bytes:
    """A member's header in the central directory, where its offset counts from the archive's first byte."""
    name, attributes, method, flags, crc, compressed, size, offset = record
    offset += part_offset
    extra, needed = b"", 20
    if size >= ZIP64_BYTES or offset >= _MAX_32:
        extra, needed = _wide(size, compressed, offset), 45
        # A member announced as large stays so, even should it compress well.
        size, compressed = (_MAX_32, _MAX_32) if size >= ZIP64_BYTES else (size, compressed)
        offset = min(offset, _MAX_32)
    head = (b"PK\x01\x02", needed, _MADE_ON_UNIX, needed, flags, method, _DOS_TIME, _DOS_DATE, crc, compressed, size)
    return _CENTRAL(*head, len(name), len(extra), 0, 0, 0, attributes, offset) + name + extra


def _wide(size: int, compressed: int, offset: int) -> bytes:
    """The extra field with those numbers that do not fit into 32 bits."""
    numbers = [size, compressed] if size >= ZIP64_BYTES else []
    if offset >= _MAX_32:
        numbers.append(offset)
    return struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def _end(count: int, start: int, size: int) -> bytes:
    """The end of the central directory, preceded by its 64-bit form when a number does not fit."""
    wide = b""
    if count >= _MAX_16 or start >= _MAX_32 or size >= _MAX_32:
        wide = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 0x032D, 45, 0, 0, count, count, size, start)
        wide += struct.pack("<4sIQI", b"PK\x06\x07", 0, start + size, 1)
    few, begin, length = min(count, _MAX_16), min(start, _MAX_32), min(size, _MAX_32)
    return wide + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, few, few, length, begin, 0)
