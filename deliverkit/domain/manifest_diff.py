"""What became of the files between two manifests, and what one manifest holds, in short."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename

import msgspec

from deliverkit.domain.manifest_entry import Item as Item  # noqa: PLC0414 - whoever tells a comparison needs it too
from deliverkit.errors import IntegrityError

_SCHEMA = "deliverkit.manifest/"
LARGEST = 5
"""Files that a summary names."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One entry before and after."""

    old: Item
    new: Item

    @property
    def has_new_mode(self) -> bool:
        """True when the permission bits differ."""
        return self.old.mode != self.new.mode


@dataclass(frozen=True, slots=True)
class ManifestDiff:
    """The way from one manifest to another; each part is sorted by path.

    Attributes:
        added: Only in the new one.
        removed: Only in the old one.
        changed: Other content, kind or target under the same path.
        mode_changed: The same content under the same path with other permission bits.
        renamed: The same content under another path.
        old_size: Bytes of all files of the old one.
        new_size: Bytes of all files of the new one.
        unchanged: How many files and links are the same.
    """

    added: tuple[Item, ...]
    removed: tuple[Item, ...]
    changed: tuple[Pair, ...]
    mode_changed: tuple[Pair, ...]
    renamed: tuple[Pair, ...]
    old_size: int
    new_size: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class ManifestSummary:
    """A manifest in short.

    Attributes:
        files: How many files.
        links: How many symbolic links.
        size: Bytes of all files, unpacked.
        largest: The largest files, the largest first.
    """

    files: int
    links: int
    size: int
    largest: tuple[Item, ...]


class _Document(msgspec.Struct):
    schema: str
    entries: list[Item]


def items_of(document: bytes) -> tuple[Item, ...]:
    """The entries of a manifest's document.

    Raises:
        IntegrityError: If it is not a manifest.
    """
    try:
        manifest = msgspec.json.decode(document, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IntegrityError(f"this is not a manifest: {error}") from error
    if not manifest.schema.startswith(_SCHEMA):
        raise IntegrityError(f"this is not a manifest but {manifest.schema}")
    return tuple(manifest.entries)


def summary_of(items: Iterable[Item]) -> ManifestSummary:
    """What a manifest holds, in short."""
    known = tuple(items)
    files = [item for item in known if item.sha256 is not None]
    largest = sorted(files, key=lambda item: (-item.size, item.path))[:LARGEST]
    links = sum(item.target is not None for item in known)
    return ManifestSummary(len(files), links, sum(item.size for item in files), tuple(largest))


def compare(old: Sequence[Item], new: Sequence[Item]) -> ManifestDiff:
    """What leads from one manifest to another: whoever does to the old one all that is told here has the new one."""
    before, after = ({item.path: item for item in side} for side in (old, new))
    both = [Pair(before[path], after[path]) for path in sorted(before.keys() & after.keys())]
    gone = [before[path] for path in sorted(before.keys() - after.keys())]
    come = [after[path] for path in sorted(after.keys() - before.keys())]
    renamed = _renamed(gone, come)
    moved = {pair.old.path for pair in renamed}, {pair.new.path for pair in renamed}
    changed = tuple(pair for pair in both if not pair.new.has_content_of(pair.old))
    others = {pair.new.path for pair in changed}
    mode_changed = tuple(pair for pair in both if pair.has_new_mode and pair.new.path not in others)
    touched = others | {pair.new.path for pair in mode_changed}
    return ManifestDiff(
        added=tuple(item for item in come if item.path not in moved[1]),
        removed=tuple(item for item in gone if item.path not in moved[0]),
        changed=changed,
        mode_changed=mode_changed,
        renamed=renamed,
        old_size=sum(item.size for item in old),
        new_size=sum(item.size for item in new),
        unchanged=sum(pair.new.path not in touched and not pair.new.is_directory for pair in both),
    )


def _renamed(gone: Sequence[Item], come: Sequence[Item]) -> tuple[Pair, ...]:
    """Files that went and came with the same content, each taken once; those that kept their name first.

    Empty files are all alike, so that nothing can be told from it.
    """
    sources: dict[str, list[Item]] = defaultdict(list)
    for item in gone:
        if item.sha256 and item.size:
            sources[item.sha256].append(item)
    ways = [(item, sources[item.sha256]) for item in come if item.sha256 and item.size and item.sha256 in sources]
    found: dict[str, Pair] = {}
    for is_strict in (True, False):
        for item, candidates in ways:
            source = None if item.path in found else _source(item, candidates, is_strict=is_strict)
            if source:
                candidates.remove(source)
                found[item.path] = Pair(source, item)
    return tuple(found[path] for path in sorted(found))


def _source(item: Item, candidates: Sequence[Item], *, is_strict: bool) -> Item | None:
    name = basename(item.path)
    return next((each for each in candidates if not is_strict or basename(each.path) == name), None)


def counted(diff: ManifestDiff) -> Mapping[str, int]:
    """How many files and links came, went and changed; directories follow them."""
    return {
        "added": sum(not item.is_directory for item in diff.added),
        "removed": sum(not item.is_directory for item in diff.removed),
        "changed": len(diff.changed),
        "renamed": len(diff.renamed),
        "mode_changed": len(diff.mode_changed),
        "unchanged": diff.unchanged,
    }
