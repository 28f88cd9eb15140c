"""What is in a finished bundle, read with Python's own readers and held against a manifest."""

from __future__ import annotations

import hashlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from deliverkit.domain.release import BundleFormat
from deliverkit.errors import IntegrityError
from deliverkit.packaging.archive import MANIFEST_PATH
from deliverkit.packaging.manifest import Manifest, ManifestEntry, parse_manifest
from deliverkit.packaging.selection import STATE_FOLDER
from deliverkit.packaging.tree import EntryKind, shown

_CHUNK = 1 << 18
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_MANIFEST_LIMIT = 256 << 20


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
        found = [entry for entry in _entries(file, format, expected) if not _is_own(entry.path)]
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
    if format is BundleFormat.ZIP:
        with zipfile.ZipFile(file) as archive:
            found = [info for info in archive.infolist() if info.filename == MANIFEST_PATH]
            return _whole(archive.open(found[0])) if len(found) == 1 else _no_manifest()
    with tarfile.open(fileobj=file, mode="r:*") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.name == MANIFEST_PATH and member.isreg() else None
            if content is not None:
                return _whole(content)
    return _no_manifest()


def _no_manifest() -> bytes:
    raise IntegrityError(f"the bundle has no manifest ({MANIFEST_PATH})", hint="deliverkit package makes one with it")


def _whole(member: IO[bytes]) -> bytes:
    with member:
        content = member.read(_MANIFEST_LIMIT + 1)
    if len(content) > _MANIFEST_LIMIT:
        raise ValueError("its manifest is too large")
    return content


def _entries(
    file: IO[bytes],
    format: BundleFormat,  # noqa: A002
    expected: Mapping[str, int],
) -> Iterator[ManifestEntry]:
    return _in_zip(file, expected) if format is BundleFormat.ZIP else _in_tar(file, expected)


def _in_zip(file: IO[bytes], expected: Mapping[str, int]) -> Iterator[ManifestEntry]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            path, bits = info.filename.rstrip("/"), f"{stat.S_IMODE(mode):04o}"
            if info.is_dir():
                yield ManifestEntry(path, EntryKind.DIRECTORY, bits)
            elif stat.S_ISLNK(mode):
                target = archive.read(info) if info.file_size < 4096 else b"?"
                yield ManifestEntry(
                    path, EntryKind.SYMLINK, bits, len(target), target=target.decode("utf-8", "replace")
                )
            else:
                with archive.open(info) as member:
                    yield _file(path, bits, member, expected.get(path, 0))


def _in_tar(file: IO[bytes], expected: Mapping[str, int]) -> Iterator[ManifestEntry]:
    with tarfile.open(fileobj=file, mode="r:*") as tar:
        for member in tar:
            path, bits = member.name.rstrip("/"), f"{member.mode:04o}"
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                yield _file(path, bits, content, expected.get(path, 0))
            elif member.issym():
                size = len(member.linkname.encode())
                yield ManifestEntry(path, EntryKind.SYMLINK, bits, size, target=member.linkname)
            else:
                kind = EntryKind.DIRECTORY if member.isdir() else EntryKind.FILE
                yield ManifestEntry(path, kind, bits if member.isdir() else "?")


def _file(path: str, bits: str, member: IO[bytes], expected: int) -> ManifestEntry:
    """Hash a file, but no further than it takes to see that it is too long: a bundle may be a bomb."""
    digest, size = hashlib.sha256(), 0
    while size <= expected and (chunk := member.read(_CHUNK)):
        digest.update(chunk)
        size += len(chunk)
    return ManifestEntry(path, EntryKind.FILE, bits, size, digest.hexdigest())
