"""The streams that archives are made of: what a member is, and tar and tgz; zip has a module of its own."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from deliverkit.domain.release import BundleFormat
from deliverkit.packaging.codec import Checksum, Codec
from deliverkit.packaging.tree import Entry, EntryKind
from deliverkit.packaging.zipstream import ZipStream

# The earliest moment that a zip member can name; every member of every bundle carries it: 1980-01-01T00:00:00Z.
EPOCH_SECONDS = 315_532_800

_TAR_TYPES = {
    EntryKind.FILE: tarfile.REGTYPE,
    EntryKind.DIRECTORY: tarfile.DIRTYPE,
    EntryKind.SYMLINK: tarfile.SYMTYPE,
}


@dataclass(frozen=True, slots=True)
class Member:
    """An entry and a way to read its content, exactly `entry.size` bytes of it for a file, nothing for the others."""

    entry: Entry
    read: Callable[[], Iterable[bytes]]


def archive_stream(members: Iterable[Member], *, format: BundleFormat, codec: Codec) -> Iterator[bytes]:  # noqa: A002
    """The bytes of an archive, made while the members are read, in memory that does not grow with their size.

    Args:
        members: In the order in which they shall lie in the archive.
        format: zip, tar or tgz.
        codec: How to compress; tar has no use for it.
    """
    match format:
        case BundleFormat.ZIP:
            return ZipStream(codec).write((member.entry, member.read) for member in members)
        case BundleFormat.TAR:
            return _tar(members)
        case BundleFormat.TGZ:
            return _gzip(_tar(members), codec)


def _tar(members: Iterable[Member]) -> Iterator[bytes]:
    written = 0
    for member in members:
        header = _tar_header(member.entry)
        yield header
        yield from member.read() if member.entry.kind is EntryKind.FILE else ()
        content = member.entry.size if member.entry.kind is EntryKind.FILE else 0
        padding = -content % tarfile.BLOCKSIZE
        yield bytes(padding)
        written += len(header) + content + padding
    end = 2 * tarfile.BLOCKSIZE
    yield bytes(end + -(written + end) % tarfile.RECORDSIZE)


def _tar_header(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.path)
    info.type = _TAR_TYPES[entry.kind]
    info.mode, info.mtime, info.linkname = entry.mode, EPOCH_SECONDS, entry.target
    info.size = entry.size if entry.kind is EntryKind.FILE else 0
    # POSIX.1-2001: plain ustar blocks, and extended ones only for what these cannot hold. Owner 0 without names.
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _gzip(chunks: Iterable[bytes], codec: Codec) -> Iterator[bytes]:
    """One single member: the agent on Windows reads no further than the first (RFC 1952 allows several)."""
    plain = Checksum()
    # No name, no time, no operating system.
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    yield from codec.deflate(plain.over(chunks))
    yield plain.crc.to_bytes(4, "little") + (plain.size & 0xFFFFFFFF).to_bytes(4, "little")
