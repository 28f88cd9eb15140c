"""What a build directory holds, as plain values: entries, and the collection that knows where each one lies."""

from __future__ import annotations

import os
import stat
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice, takewhile
from typing import Protocol

import msgspec

# The kernel gives up on a chain of links at the same length (path_resolution(7)).
_LINKS_LIMIT = 40
_OWNER_MAY_EXECUTE = stat.S_IXUSR


class EntryKind(StrEnum):
    """What an entry is; nothing else ever gets into a bundle."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"


def stamp_of(status: os.stat_result) -> int:
    """What tells, without reading, that a file is still the one that was collected.

    Of all that a status holds only these can change when content does; a single number, because trees may have hundreds
    of thousands of files. It means nothing to another Python.
    """
    return hash((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))


class Entry(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One thing in the bundle.

    Two entries are equal when a bundle would hold the same, whatever machine, owner or clock they come from. Trees may
    have hundreds of thousands of them, so they are made quickly, and nobody searches them for garbage.

    Attributes:
        path: Path inside the bundle: UTF-8, `/` between the parts, no leading `/`, no `.` or `..`.
        kind: File, directory or symbolic link.
        mode: Permission bits: 0o755 for directories and what its owner may execute, 0o644 else; links have 0o777.
        size: Bytes of content; 0 for directories, the length of the target for links.
        target: Where a link points, as written in the link; empty for everything else.
        stamp: How the file looked when it was collected (`stamp_of`).
        is_settled: Whether the file's times lie so far back that any later change must give it another stamp.
    """

    path: str
    kind: EntryKind
    mode: int
    size: int = 0
    target: str = ""
    stamp: int = 0
    is_settled: bool = False

    def __eq__(self, other: object) -> bool:
        """Whether a bundle would hold the same."""
        return isinstance(other, Entry) and self._held == other._held

    def __hash__(self) -> int:
        """The same for equal entries."""
        return hash(self._held)

    @property
    def _held(self) -> tuple[str, EntryKind, int, int, str]:
        return self.path, self.kind, self.mode, self.size, self.target

    @classmethod
    def file(cls, path: str, status: os.stat_result, *, settled_ns: int = 0) -> Entry:
        """A regular file with its normalised mode.

        The owner's execute bit decides, as in git: the others depend on the umask of whoever built the tree.

        Args:
            path: Path inside the bundle.
            status: The file's status.
            settled_ns: Times before this one are settled, in nanoseconds since 1970.
        """
        mode = 0o755 if status.st_mode & _OWNER_MAY_EXECUTE else 0o644
        is_settled = status.st_mtime_ns < settled_ns and status.st_ctime_ns < settled_ns
        return cls(path, EntryKind.FILE, mode, status.st_size, "", stamp_of(status), is_settled)

    @classmethod
    def directory(cls, path: str) -> Entry:
        """A directory."""
        return cls(path, EntryKind.DIRECTORY, 0o755)

    @classmethod
    def symlink(cls, path: str, target: str) -> Entry:
        """A symbolic link, kept as a link."""
        return cls(path, EntryKind.SYMLINK, 0o777, len(target.encode()), target)


@dataclass(frozen=True, slots=True)
class Collection:
    """The entries of a future bundle, sorted by path, and where their bytes are.

    Attributes:
        root: The build directory. Bytes, because names on disk are bytes and must not depend on the locale.
        entries: All entries, sorted by the bytes of their paths.
        placed: Entries whose bytes lie outside the tree (an appspec kept elsewhere), by path in the bundle.
    """

    root: bytes
    entries: tuple[Entry, ...]
    placed: Mapping[str, bytes] = field(default_factory=dict)

    def location(self, entry: Entry) -> bytes:
        """Where the entry lies on disk."""
        return self.placed.get(entry.path) or b"%b/%b" % (self.root, entry.path.encode())

    def get(self, path: str) -> Entry | None:
        """The entry with exactly this path."""
        at = self.place(path)
        return None if at is None else self.entries[at]

    def place(self, path: str) -> int | None:
        """Where the entry with exactly this path is among the entries."""
        at = bisect_left(self.entries, path, key=by_path)
        return at if at < len(self.entries) and self.entries[at].path == path else None

    def resolve(self, path: str) -> Entry | None:
        """What a path names after following links, as on the host; None when it is missing or leaves the bundle."""
        where = follow(self, path)
        return self.get(where) if where else None

    def under(self, directory: str) -> Iterator[Entry]:
        """Everything below a directory of the bundle; the empty name is the bundle's root."""
        prefix = f"{directory}/" if directory else ""
        first = bisect_left(self.entries, prefix, key=by_path)
        return takewhile(lambda entry: entry.path.startswith(prefix), islice(self.entries, first, None))

    def with_placed(self, entry: Entry, location: bytes) -> Collection:
        """This collection with one more file, whose bytes lie elsewhere."""
        entries = tuple(sorted((*self.entries, entry), key=by_path))
        return Collection(self.root, entries, {**self.placed, entry.path: location})


def by_path(entry: Entry) -> str:
    """The sort key of entries. Comparing code points orders exactly as comparing the UTF-8 bytes would."""
    return entry.path


class Index(Protocol):
    """Whatever knows entries by path: a mapping, or a collection."""

    def get(self, path: str, /) -> Entry | None:
        """The entry with exactly this path."""
        ...


def follow(index: Index, path: str) -> str | None:
    """Walk a path inside a tree as the kernel would, links included.

    Args:
        index: The tree's entries by path.
        path: Slash-separated, relative to the tree's root.

    Returns:
        The path without links and dots (empty for the root, and possibly of something that does not exist), or None
        when the walk leaves the tree or turns in circles.
    """
    remaining = _parts(path)
    here: list[str] = []
    links = 0
    while remaining:
        part = remaining.pop()
        if part == "..":
            if not here:
                return None
            here.pop()
            continue
        entry = index.get("/".join((*here, part)))
        if entry is None or entry.kind is not EntryKind.SYMLINK:
            here.append(part)
            continue
        links += 1
        if entry.target.startswith("/") or links > _LINKS_LIMIT:
            return None
        remaining += _parts(entry.target)
    return "/".join(here)


def _parts(path: str) -> list[str]:
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]


def shown(name: str | bytes) -> str:
    """A file name as one can print it on one line, whatever bytes it holds."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def one_screen(lines: Sequence[str], *, limit: int = 15) -> str:
    """Lines to read at a glance: the first ones, and how many were left out."""
    rest = len(lines) - limit
    return "\n".join(lines if rest <= 0 else [*lines[:limit], f"... and {rest} more"])
