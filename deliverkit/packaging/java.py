"""Java archives, and archives within archives, looked into with bounded memory and patience.

What cannot be looked into is told as a gap: a broken archive, one that unpacks to more than it should, one that lies
too deep. Nothing is passed over in silence.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from deliverkit.packaging.bounded import BoundedFile, TooMuchError

EXTENSIONS = (".jar", ".war", ".ear")
_DEPTH = 4
"""An ear holds a war that holds a jar that holds its own jars; nothing real goes deeper."""
_NESTED_LIMIT = 32 << 20
"""Bytes of an archive within an archive, which has to be unpacked to be looked into."""
_UNPACKED_LIMIT = 1 << 30
"""Bytes unpacked out of one archive altogether: one that promises more is a bomb."""
_DIRECTORY_LIMIT = 16 << 20
"""Bytes of an archive's directory: more than 150,000 names."""
_ENDS = 128 << 10
"""Bytes that are read to find the directory: its end with the longest comment, and both once more."""
_DESCRIPTION_LIMIT = 256 << 10
_POMS_LIMIT = 1000

_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_WHEEL_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_VERSIONED = re.compile(r"(?P<name>.+?)-(?P<version>\d.*)")
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""What Java reads and what PyPI takes; the other decompressors have errors of their own kinds."""
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(NotImplementedError, RuntimeError, EOFError, ValueError, OverflowError),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A component of an archive, the archive itself included; `group` is empty when nothing tells it."""

    group: str
    name: str
    version: str
    place: str
    sha256: str = ""


class _GapError(Exception):
    """What cannot be looked into; the message says why."""


class ArchiveReader:
    """Looks into one archive and those within.

    Attributes:
        gaps: What could not be looked into, each as `PLACE: REASON`.
    """

    def __init__(self) -> None:
        """Begin with nothing unpacked."""
        self.gaps: list[str] = []
        self._unpacked = 0

    def components(self, file: BinaryIO, place: str, sha256: str) -> list[Found]:
        """The archive itself, the projects that were packed into it, and the archives within.

        Args:
            file: The archive.
            place: Where it lies in the bundle.
            sha256: Its digest.
        """
        return list(self._look_into(file, place, sha256, depth=1))

    def metadata_of_wheel(self, file: BinaryIO, place: str) -> bytes | None:
        """The METADATA of a wheel; None when it has none, or cannot be looked into."""
        try:
            archive = _open(file)
            for info in archive.infolist():
                if _WHEEL_METADATA.fullmatch(info.filename):
                    return self._member(archive, info, 1 << 20)
        except (_GapError, *_BROKEN) as error:
            self._tell(place, error)
        return None

    def _look_into(self, file: BinaryIO, place: str, sha256: str, *, depth: int) -> Iterator[Found]:
        try:
            archive = _open(file)
            found = self._described(archive, place, sha256)
        except (_GapError, *_BROKEN) as error:
            self._tell(place, error)
            yield _by_name(place, sha256)
            return
        yield from found
        for info in archive.infolist():
            if info.filename.endswith(EXTENSIONS):
                yield from self._nested(archive, info, f"{place}!/{info.filename}", depth)

    def _nested(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str, depth: int) -> Iterator[Found]:
        try:
            content = self._member(archive, info, _NESTED_LIMIT if depth < _DEPTH else 0)
        except (_GapError, *_BROKEN) as error:
            self._tell(place, error)
            yield _by_name(place, "")
            return
        yield from self._look_into(io.BytesIO(content), place, hashlib.sha256(content).hexdigest(), depth=depth + 1)

    def _described(self, archive: zipfile.ZipFile, place: str, sha256: str) -> list[Found]:
        infos = archive.infolist()
        poms = [info for info in infos if _POM.fullmatch(info.filename)]
        if len(poms) > _POMS_LIMIT:
            raise _GapError(f"it names {len(poms)} projects")
        projects = [each for info in poms if (each := self._project(archive, info, place))]
        own = _own_project(projects, place)
        if own is not None:
            projects.remove(own)
            itself = Found(own.group, own.name, own.version, place, sha256)
        else:
            manifest = next((info for info in infos if info.filename == "META-INF/MANIFEST.MF"), None)
            content = self._member(archive, manifest, _DESCRIPTION_LIMIT) if manifest else b""
            itself = _by_manifest(headers(content), place, sha256)
        return [itself, *projects]

    def _project(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str) -> Found | None:
        content = self._member(archive, info, _DESCRIPTION_LIMIT)
        stated = _properties(content)
        if not stated.get("groupId") or not stated.get("artifactId") or not stated.get("version"):
            self._tell(f"{place}!/{info.filename}", _GapError("it has no groupId, artifactId and version"))
            return None
        return Found(stated["groupId"], stated["artifactId"], stated["version"], f"{place}!/{info.filename}")

    def _member(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
        if info.file_size > limit:
            reason = f"it unpacks to {info.file_size} bytes, more than {limit}" if limit else "it lies too deep"
            raise _GapError(reason)
        # zipfile would seek to any place, and the file system refuse some with an OSError.
        if not 0 <= info.header_offset < archive.start_dir:
            where = "before its beginning" if info.header_offset < 0 else "behind its members"
            raise _GapError(f"its directory points to a place {where}")
        if info.compress_type not in _METHODS:
            method = info.compress_type
            raise _GapError(f"it is compressed with method {method}; jars and wheels are stored or deflated")
        with archive.open(info) as member:
            content = member.read(limit + 1)
        self._unpacked += len(content)
        if len(content) > limit or self._unpacked > _UNPACKED_LIMIT:
            raise _GapError("it unpacks to more than it says, or to too much altogether")
        return content

    def _tell(self, place: str, error: Exception) -> None:
        self.gaps.append(f"{place}: {str(error) or type(error).__name__}")


def headers(content: bytes) -> Mapping[str, str]:
    """The main section of a MANIFEST.MF or METADATA: everything up to the first empty line, names in lower case."""
    found: dict[str, str] = {}
    last = ""
    for line in content.decode("utf-8", "replace").splitlines():
        if not line.strip():
            break
        if line[0] in " \t":
            # A manifest's lines have 72 bytes at most; the next one goes on after a space (JAR file specification).
            found[last] = found.get(last, "") + line[1:]
            continue
        name, _, value = line.partition(":")
        last = name.strip().lower()
        found.setdefault(last, value.strip())
    return found


def _open(file: BinaryIO) -> zipfile.ZipFile:
    """The archive, unless it would take too much memory to read its directory.

    It is told by what `zipfile` asks for and not by what the end of the archive says: there are two places that may say
    it (APPNOTE.TXT, 4.3.14 and 4.3.16), and readers differ about which of them holds.
    """
    bounded = BoundedFile(file)
    try:
        with bounded.within(_ENDS):
            if not zipfile.is_zipfile(bounded.as_file()):
                raise zipfile.BadZipFile("it is no zip archive")
        with bounded.within(_DIRECTORY_LIMIT + _ENDS):
            return zipfile.ZipFile(bounded.as_file())
    except TooMuchError as error:
        raise _GapError(f"its directory has more than {_DIRECTORY_LIMIT} bytes") from error


def _own_project(projects: Sequence[Found], place: str) -> Found | None:
    """The project that the archive is named after; the others were packed into it."""
    stem = PurePosixPath(place).stem
    named = [each for each in projects if stem == each.name or stem.startswith(f"{each.name}-{each.version}")]
    if named:
        return max(named, key=lambda each: len(each.name))
    return projects[0] if len(projects) == 1 else None


def _by_manifest(stated: Mapping[str, str], place: str, sha256: str) -> Found:
    guessed = _by_name(place, sha256)
    if guessed.version:
        return Found(stated.get("implementation-vendor-id", ""), guessed.name, guessed.version, place, sha256)
    symbolic = stated.get("bundle-symbolicname", "").partition(";")[0].strip()
    version = stated.get("implementation-version") or stated.get("bundle-version", "")
    name = symbolic or stated.get("implementation-title", "") or guessed.name
    return Found(stated.get("implementation-vendor-id", ""), name, version, place, sha256)


def _by_name(place: str, sha256: str) -> Found:
    stem = PurePosixPath(place).stem
    matched = _VERSIONED.fullmatch(stem)
    name, version = (matched["name"], matched["version"]) if matched else (stem, "")
    return Found("", name, version, place, sha256)


def _properties(content: bytes) -> Mapping[str, str]:
    """The keys of a properties file as Maven writes it: `key=value`, comments with `#`."""
    lines = (line.strip() for line in content.decode("latin-1").splitlines())
    pairs = (line.partition("=") for line in lines if line and line[0] not in "#!")
    return {key.strip(): value.strip() for key, _, value in pairs}
