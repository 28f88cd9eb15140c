"""What is in a finished bundle, read with Python's own readers and held against a manifest."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import IO, cast

from deliverkit.domain.release import BundleFormat
from deliverkit.errors import IntegrityError
from deliverkit.packaging.archive import MANIFEST_PATH
from deliverkit.packaging.bounded import BoundedFile
from deliverkit.packaging.manifest import Manifest, ManifestEntry, parse_manifest
from deliverkit.packaging.selection import STATE_FOLDER
from deliverkit.packaging.tree import EntryKind, shown

_CHUNK = 1 << 18
_BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error),
    *(EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError),
)
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""What `package` makes; the other decompressors have errors of their own kinds."""
_HEADERS_LIMIT = 1 << 16
"""Bytes of headers that one member of a tar archive may have: a path and a link's target have 4 KiB each (PATH_MAX)."""
_TARGET_LIMIT = 4096
_SURPLUS_LIMIT = 1000
"""Members that a manifest does not name, of which more need not be told."""
_MANIFEST_LIMIT = 256 << 20
_MANIFEST_FLOOR = 8 << 20
_MANIFEST_RATIO = 32
"""Bytes of manifest for each byte of its bundle. A line has some 200 bytes, and the member that it names takes ten at
least even in the best compressed archive; beyond the floor, a manifest is no larger than this."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry that is not the same in two bundles.

    Attributes:
        path: Path inside the bundle.
        change: `added`, `removed` or `changed`, seen from the first one.
        before: What the first one has, in words; empty for nothing.
        after: What the second one has.
    """

    path: str
    change: str
    before: str
    after: str

    def __str__(self) -> str:
        """One line."""
        told = f"{self.before} -> {self.after}" if self.before and self.after else self.before or self.after
        return f"{self.change:8}{shown(self.path)}  {told}"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a bundle holds.

    Attributes:
        manifest: The manifest inside it.
        document: The manifest's bytes.
        differences: Where the content is not what that manifest says; empty when all is as it should be.
    """

    manifest: Manifest
    document: bytes
    differences: tuple[Difference, ...]

    @property
    def manifest_digest(self) -> str:
        """`sha256:...` of the manifest's document."""
        return f"sha256:{hashlib.sha256(self.document).hexdigest()}"


def unpack(file: IO[bytes], format: BundleFormat) -> Unpacked:  # noqa: A002
    """Read a bundle to its end, in memory that does not grow with its files, and hold each against its manifest.

    Args:
        file: The bundle; it must be seekable.
        format: Its archive type.

    Raises:
        IntegrityError: If it is no archive of that type, or has no manifest.
    """
    try:
        file.seek(0)
        document = _manifest_in(file, format)
        manifest = parse_manifest(document)
        expected = {entry.path: entry.size for entry in manifest.entries}
        file.seek(0)
        members = (entry for entry in _entries(file, format, expected) if not _is_own(entry.path))
        found = list(islice(members, len(expected) + _SURPLUS_LIMIT))
    except (*_BROKEN, OSError) as error:
        raise IntegrityError(
            f"the bundle cannot be read as {format.value}: {str(error) or type(error).__name__}",
            hint="deliverkit package builds and stores it again",
        ) from error
    twice = Counted(found).doubles()
    return Unpacked(manifest, document, (*twice, *differences(manifest.entries, found)))


def differences(before: Iterable[ManifestEntry], after: Iterable[ManifestEntry]) -> tuple[Difference, ...]:
    """Where two lists of entries differ, by path."""
    first, second = ({entry.path: entry for entry in entries} for entries in (before, after))
    return tuple(
        _difference(path, first.get(path), second.get(path))
        for path in sorted(first.keys() | second.keys())
        if first.get(path) != second.get(path)
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """Entries as they lie in an archive, where a path can stand more than once."""

    entries: list[ManifestEntry]

    def doubles(self) -> Iterator[Difference]:
        """Every path that stands there again: which of the two a host gets depends on its reader."""
        seen: set[str] = set()
        for entry in self.entries:
            if entry.path in seen:
                yield Difference(entry.path, "added", "", "once more")
            seen.add(entry.path)


def _difference(path: str, before: ManifestEntry | None, after: ManifestEntry | None) -> Difference:
    change = "added" if before is None else "removed" if after is None else "changed"
    return Difference(path, change, _told(before), _told(after))


def _told(entry: ManifestEntry | None) -> str:
    if entry is None:
        return ""
    if entry.kind is EntryKind.FILE:
        return f"{entry.size} bytes {entry.mode} sha256:{(entry.sha256 or '')[:12]}"
    return f"link to {shown(entry.target or '')}" if entry.kind is EntryKind.SYMLINK else f"directory {entry.mode}"


def _is_own(path: str) -> bool:
    return path in {STATE_FOLDER, MANIFEST_PATH}


# --- readers ---------------------------------------------------------------------------------------


def _manifest_in(file: IO[bytes], format: BundleFormat) -> bytes:  # noqa: A002
    size = file.seek(0, os.SEEK_END)
    limit = min(_MANIFEST_LIMIT, max(_MANIFEST_FLOOR, _MANIFEST_RATIO * size))
    file.seek(0)
    if format is BundleFormat.ZIP:
        with zipfile.ZipFile(file) as archive:
            found = [info for info in archive.infolist() if info.filename == MANIFEST_PATH]
            return _whole(_opened(archive, found[0]), limit) if len(found) == 1 else _no_manifest()
    for member, content in _members(file, format):
        if member.name == MANIFEST_PATH and content is not None:
            return _whole(content, limit)
    return _no_manifest()


def _no_manifest() -> bytes:
    raise IntegrityError(f"the bundle has no manifest ({MANIFEST_PATH})", hint="deliverkit package makes one with it")


def _whole(member: IO[bytes], limit: int) -> bytes:
    content = bytearray()
    with member:
        while chunk := member.read(_CHUNK):
            content += chunk
            if len(content) > limit:
                raise ValueError(f"its manifest has more than {limit} bytes")
    return bytes(content)


def _entries(
    file: IO[bytes],
    format: BundleFormat,  # noqa: A002
    expected: Mapping[str, int],
) -> Iterator[ManifestEntry]:
    return _in_zip(file, expected) if format is BundleFormat.ZIP else _in_tar(file, format, expected)


def _in_zip(file: IO[bytes], expected: Mapping[str, int]) -> Iterator[ManifestEntry]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            path, bits = info.filename.rstrip("/"), f"{stat.S_IMODE(mode):04o}"
            if info.is_dir():
                yield ManifestEntry(path, EntryKind.DIRECTORY, bits)
            elif stat.S_ISLNK(mode):
                with _opened(archive, info) as member:
                    target = member.read(_TARGET_LIMIT)
                yield ManifestEntry(
                    path, EntryKind.SYMLINK, bits, len(target), target=target.decode("utf-8", "replace")
                )
            else:
                with _opened(archive, info) as member:
                    yield _file(path, bits, member, expected.get(path, 0))


def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    if info.compress_type not in _METHODS:
        raise ValueError(f"{shown(info.filename)} is compressed with method {info.compress_type}")
    return archive.open(info)


def _in_tar(
    file: IO[bytes],
    format: BundleFormat,  # noqa: A002
    expected: Mapping[str, int],
) -> Iterator[ManifestEntry]:
    for member, content in _members(file, format):
        path, bits = member.name.rstrip("/"), f"{member.mode:04o}"
        if content is not None:
            yield _file(path, bits, content, expected.get(path, 0))
        elif member.issym():
            size = len(member.linkname.encode())
            yield ManifestEntry(path, EntryKind.SYMLINK, bits, size, target=member.linkname)
        else:
            kind = EntryKind.DIRECTORY if member.isdir() else EntryKind.FILE
            yield ManifestEntry(path, kind, bits if member.isdir() else "?")


def _members(file: IO[bytes], format: BundleFormat) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:  # noqa: A002
    """Every member of a tar archive, and what reads it if it is a regular file; only one is in memory at a time."""
    bounded = BoundedFile(cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if format is BundleFormat.TGZ else file)
    with bounded.within(_HEADERS_LIMIT):
        archive = tarfile.open(fileobj=bounded.as_file(), mode="r:")  # noqa: SIM115  (it holds nothing to be closed)
    while True:
        with bounded.within(_HEADERS_LIMIT):
            member = archive.next()
        if archive.pax_headers:
            raise ValueError("it has headers for all members, which no bundle of ours has")
        if member is None:
            return
        archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
        yield member, archive.extractfile(member) if member.isreg() else None


def _file(path: str, bits: str, member: IO[bytes], expected: int) -> ManifestEntry:
    """Hash a file, but no further than it takes to see that it is too long: a bundle may be a bomb."""
    digest, size = hashlib.sha256(), 0
    while size <= expected and (chunk := member.read(_CHUNK)):
        digest.update(chunk)
        size += len(chunk)
    return ManifestEntry(path, EntryKind.FILE, bits, size, digest.hexdigest())
