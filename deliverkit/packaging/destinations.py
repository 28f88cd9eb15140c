"""Where the files of a bundle land on the host, and which of them would meet."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from deliverkit.packaging import rules
from deliverkit.packaging.appspec import FileCopy
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.subject import Subject
from deliverkit.packaging.tree import Collection, EntryKind, follow, shown


@dataclass(slots=True)
class Installed:
    """What an Install makes on a host.

    Attributes:
        copies: Paths of files and links, with the entry that brings them.
        directories: Paths of directories; on hosts that have them already they are not made.
    """

    copies: dict[str, FileCopy] = field(default_factory=dict)
    directories: dict[str, FileCopy] = field(default_factory=dict)


def installed(files: Sequence[FileCopy], collection: Collection) -> Installed:
    """Everything that the `files` section brings; what two entries bring counts for the first."""
    made = Installed()
    for item in files:
        for target, is_directory in _targets(item, collection):
            (made.directories if is_directory else made.copies).setdefault(target, item)
    return made


def lint_destinations(files: Sequence[FileCopy], subject: Subject) -> Iterator[Finding]:
    """Report every `files` entry that brings something to a place where an earlier one brought something else.

    Directories that meet are merged; a file may meet neither a file nor a directory.
    """
    if len(files) < 2:
        return
    taken: dict[str, tuple[FileCopy, bool]] = {}
    for item in files:
        clash = ""
        for target, is_directory in _targets(item, subject.collection):
            key = target.casefold() if subject.is_windows else target
            other, other_is_directory = taken.setdefault(key, (item, is_directory))
            if other is not item and not (is_directory and other_is_directory) and not clash:
                clash = (
                    f"{shown(target)} is also the destination of {other.source.text} (line {other.source.place.line})"
                )
        if clash:
            yield rules.DESTINATION_DUPLICATE.at(item.destination.place, clash)


def lint_links(files: Sequence[FileCopy], subject: Subject) -> Iterator[Finding]:
    """Report, for each `files` entry, the first link whose target does not come along."""
    links = [entry for entry in subject.collection.entries if entry.kind is EntryKind.SYMLINK]
    if not links:
        return
    made = installed(files, subject.collection)
    there = {*made.copies, *made.directories}
    there |= {str(parent) for path in made.directories for parent in PurePosixPath(path).parents}
    for item in files:
        base = follow({}, item.source.text.strip().replace("\\", "/"))
        for link in links if base is not None else ():
            if link.path != base and base and not link.path.startswith(f"{base}/"):
                continue
            below = posixpath.basename(link.path) if link.path == base else link.path[len(base or "") :].lstrip("/")
            place = posixpath.join(_normal(item.destination.text), below)
            target = posixpath.normpath(posixpath.join(posixpath.dirname(place), link.target))
            if target not in there:
                message = f"the link {shown(link.path)} looks for {shown(target)}, which is not copied"
                yield rules.LINK_DANGLES.at(item.source.place, message)
                break


def _normal(destination: str) -> str:
    return posixpath.normpath(destination.strip().replace("\\", "/"))


def _targets(item: FileCopy, collection: Collection) -> Iterator[tuple[str, bool]]:
    """Each path on the host that an entry writes, and whether it is a directory.

    A file is copied into the destination, a directory's content is merged into it; a link is copied as a link.
    """
    destination = _normal(item.destination.text)
    source = follow({}, item.source.text.strip().replace("\\", "/"))
    if source is None:
        return
    entry = collection.get(source) or collection.resolve(source)
    if source and entry is None:
        return
    if entry is not None and entry.kind is not EntryKind.DIRECTORY:
        yield posixpath.join(destination, posixpath.basename(source)), False
        return
    base = entry.path if entry is not None else ""
    yield destination, True
    for below in collection.under(base):
        name = below.path[len(base) :].lstrip("/")
        yield posixpath.join(destination, name), below.kind is EntryKind.DIRECTORY
