"""Zip archives as a stream of bytes that depend on nothing but the members (APPNOTE.TXT 6.3.10).

Python's own writer is not used: it seeks back, and its output differs in details between Python versions.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from deliverkit.packaging.codec import Checksum, Codec
from deliverkit.packaging.tree import Entry, EntryKind

_DEFLATED, _STORED = 8, 0
_MADE_ON_UNIX = 3
_SIZES_FOLLOW, _NAMES_ARE_UTF8 = 0x0008, 0x0800
_DOS_DATE, _DOS_TIME = 0x0021, 0  # 1980-01-01 00:00
_MAX_16, _MAX_32 = 0xFFFF, 0xFFFF_FFFF
# From here on a member gets 64-bit sizes: compressing may make it a little longer, and that must fit as well.
ZIP64_BYTES = 0xF000_0000
_TYPE_BITS = {EntryKind.FILE: 0o100000, EntryKind.DIRECTORY: 0o040000, EntryKind.SYMLINK: 0o120000}


@dataclass(frozen=True, slots=True)
class _Record:
    """What the headers and the central directory say about a member."""

    name: bytes
    attributes: int
    offset: int
    method: int = _STORED
    flags: int = 0
    crc: int = 0
    compressed: int = 0
    size: int = 0


@dataclass(slots=True)
class ZipStream:
    """Writes one archive."""

    codec: Codec
    _records: list[_Record] = field(default_factory=list)
    _offset: int = 0

    def write(self, members: Iterable[tuple[Entry, Callable[[], Iterable[bytes]]]]) -> Iterator[bytes]:
        """The archive's bytes, in order."""
        for entry, read in members:
            if entry.kind is EntryKind.FILE and entry.size:
                yield from self._deflated(entry, read())
            else:
                yield self._stored(entry)
        start = self._offset
        for record in self._records:
            yield self._counted(_central(record))
        yield _end(len(self._records), start, self._offset - start)

    def _stored(self, entry: Entry) -> bytes:
        content = entry.target.encode()  # a link's content is its target; directories and empty files have none
        size = len(content)
        record = replace(self._record(entry), crc=zlib.crc32(content), compressed=size, size=size)
        self._records.append(record)
        return self._counted(_local(record) + content)

    def _deflated(self, entry: Entry, chunks: Iterable[bytes]) -> Iterator[bytes]:
        # Sizes and checksum follow the content, so that nothing has to be kept in memory or written twice.
        record = self._record(entry)
        record = replace(record, method=_DEFLATED, flags=record.flags | _SIZES_FOLLOW)
        is_large = entry.size >= ZIP64_BYTES
        yield self._counted(_local(record, is_large=is_large))
        start = self._offset
        plain = Checksum()
        for piece in self.codec.deflate(plain.over(chunks)):
            yield self._counted(piece)
        compressed = self._offset - start
        sums = (plain.crc, compressed, plain.size)
        yield self._counted(struct.pack("<4sIQQ" if is_large else "<4sIII", b"PK\x07\x08", *sums))
        self._records.append(replace(record, crc=plain.crc, compressed=compressed, size=plain.size))

    def _record(self, entry: Entry) -> _Record:
        is_directory = entry.kind is EntryKind.DIRECTORY
        name = f"{entry.path}/" if is_directory else entry.path
        attributes = (_TYPE_BITS[entry.kind] | entry.mode) << 16 | (0x10 if is_directory else 0)
        return _Record(name.encode(), attributes, self._offset, flags=0 if name.isascii() else _NAMES_ARE_UTF8)

    def _counted(self, piece: bytes) -> bytes:
        self._offset += len(piece)
        return piece


def _local(record: _Record, *, is_large: bool = False) -> bytes:
    """The header before the content; a large member announces that the sizes behind it have 64 bits."""
    extra = struct.pack("<HHQQ", 1, 16, 0, 0) if is_large else b""
    compressed, size = (_MAX_32, _MAX_32) if is_large else (record.compressed, record.size)
    return (
        struct.pack("<4sHHH", b"PK\x03\x04", 45 if is_large else 20, record.flags, record.method)
        + struct.pack("<HHIII", _DOS_TIME, _DOS_DATE, record.crc, compressed, size)
        + struct.pack("<HH", len(record.name), len(extra))
        + record.name
        + extra
    )


def _central(record: _Record) -> bytes:
    # A member announced as large stays so, even should it compress well.
    is_large = record.size >= ZIP64_BYTES
    wide = [record.size, record.compressed] if is_large else []
    is_far = record.offset >= _MAX_32
    wide += [record.offset] if is_far else []
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    needed = 45 if wide else 20
    compressed, size = (_MAX_32, _MAX_32) if is_large else (record.compressed, record.size)
    return (
        struct.pack("<4sBBHHH", b"PK\x01\x02", needed, _MADE_ON_UNIX, needed, record.flags, record.method)
        + struct.pack("<HHIII", _DOS_TIME, _DOS_DATE, record.crc, compressed, size)
        + struct.pack("<HHHHH", len(record.name), len(extra), 0, 0, 0)
        + struct.pack("<II", record.attributes, _MAX_32 if is_far else record.offset)
        + record.name
        + extra
    )


def _end(count: int, start: int, size: int) -> bytes:
    """The end of the central directory, preceded by its 64-bit form when a number does not fit."""
    wide = b""
    if count >= _MAX_16 or start >= _MAX_32 or size >= _MAX_32:
        wide = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 0x032D, 45, 0, 0, count, count, size, start)
        wide += struct.pack("<4sIQI", b"PK\x06\x07", 0, start + size, 1)
    few, begin, length = min(count, _MAX_16), min(start, _MAX_32), min(size, _MAX_32)
    return wide + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, few, few, length, begin, 0)
