"""Which third-party components lie in a build: told by file names, and only what they point at is opened."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from deliverkit.packaging.content import opened, read_chunks
from deliverkit.packaging.contents import Contents
from deliverkit.packaging.java import EXTENSIONS, ArchiveReader, Found, headers
from deliverkit.packaging.tree import Collection, Entry, EntryKind, shown

_SMALL = 1 << 20
"""Bytes of a package's own description; the longest README in a METADATA has a few hundred thousand."""
_LOCK_LIMIT = 32 << 20
_PYTHON = re.compile(r"(?:^|/)[^/]+(?:\.dist-info/METADATA|\.egg-info/PKG-INFO|\.egg-info)$")
_NPM = re.compile(r"(?:^|/)node_modules/(?:@[^/]+/)?[^/@.][^/]*/package\.json$")
_LOCK = re.compile(r"(?:^|/)(?:package-lock\.json|node_modules/\.package-lock\.json)$")


@dataclass(frozen=True, slots=True)
class Component:
    """A component that somebody else made.

    Attributes:
        ecosystem: The type of its package URL: `pypi`, `npm`, `maven` or `generic`.
        group: Maven's group or npm's scope; empty for none.
        name: Its name.
        version: Its version.
        places: Where it lies in the bundle; `!/` leads into archives.
        sha256: Hexadecimal digits over the archive; empty for what is a folder.
        url: Where npm fetched it from, without credentials.
        integrity: SHA-512 of what npm fetched, in hexadecimal digits.
    """

    ecosystem: str
    group: str
    name: str
    version: str
    places: tuple[str, ...]
    sha256: str = ""
    url: str = ""
    integrity: str = ""


@dataclass(slots=True)
class Inventory:
    """What was found.

    Attributes:
        components: In no particular order.
        gaps: What could not be looked into, and why; empty when the inventory is complete.
    """

    components: list[Component] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


class _BrokenError(Exception):
    """A description that cannot be understood; the message says why."""


def take_inventory(contents: Contents) -> Inventory:
    """Look for Python distributions, npm packages and Java archives.

    Args:
        contents: What lies in the bundle.

    Raises:
        DeliverkitError: If a file changed or vanished since it was collected.
        UsageError: If one cannot be read.
    """
    inventory, collection = Inventory(), contents.collection
    locks = _Locks(collection, inventory)
    for entry in collection.entries:
        if entry.kind is not EntryKind.FILE:
            continue
        path = entry.path
        if _PYTHON.search(path):
            _add(inventory, entry, partial(_python_of, collection, entry))
        elif _NPM.search(path):
            _add(inventory, entry, partial(locks.package, collection, entry))
        elif path.endswith(".whl"):
            _look_into(contents, entry, inventory, is_wheel=True)
        elif path.endswith(EXTENSIONS):
            _look_into(contents, entry, inventory)
    return inventory


def _add(inventory: Inventory, entry: Entry, make: Callable[[], Component]) -> None:
    try:
        inventory.components.append(make())
    except _BrokenError as error:
        inventory.gaps.append(f"{shown(entry.path)}: {error}")


def _small(collection: Collection, entry: Entry, limit: int = _SMALL) -> bytes:
    if entry.size > limit:
        raise _BrokenError(f"{entry.size} bytes are too many for a description")
    return b"".join(read_chunks(collection, entry))


# --- Python ----------------------------------------------------------------------------------------


def _python_of(collection: Collection, entry: Entry) -> Component:
    return _python(_small(collection, entry), entry.path)


def _python(content: bytes, path: str, sha256: str = "") -> Component:
    found = headers(content)
    if not found.get("name") or not found.get("version"):
        raise _BrokenError("it has no Name and Version")
    where = re.sub(r"/(METADATA|PKG-INFO)$", "", path)
    return Component("pypi", "", found["name"], found["version"], (where,), sha256)


# --- npm -------------------------------------------------------------------------------------------


def _npm(content: bytes, path: str) -> Component:
    described = _json(content)
    name, version = described.get("name"), described.get("version")
    if not isinstance(name, str) or not isinstance(version, str) or not name or not version:
        raise _BrokenError("it has no name and version")
    scope, _, bare = name.rpartition("/")
    return Component("npm", scope, bare, version, (path.removesuffix("/package.json"),))


def _json(content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _BrokenError(f"it is no JSON ({type(error).__name__})") from error
    if not isinstance(document, dict):
        raise _BrokenError("it is no JSON object")
    return document


class _Locks:
    """npm's lock files: what was fetched from where, and its hash."""

    def __init__(self, collection: Collection, inventory: Inventory) -> None:
        self._packages: dict[str, Mapping[str, Any]] = {}
        for entry in collection.entries:
            if entry.kind is EntryKind.FILE and _LOCK.search(entry.path):
                try:
                    self._read(_json(_small(collection, entry, _LOCK_LIMIT)), entry.path)
                except _BrokenError as error:
                    inventory.gaps.append(f"{shown(entry.path)}: {error}")

    def _read(self, document: Mapping[str, Any], path: str) -> None:
        folder = path.removesuffix("package-lock.json").removesuffix("node_modules/.")
        packages = document.get("packages")
        for place, locked in (packages if isinstance(packages, dict) else {}).items():
            if place and isinstance(locked, dict):
                self._packages[f"{folder}{place}"] = locked

    def package(self, collection: Collection, entry: Entry) -> Component:
        """The package that a package.json describes."""
        return self._complete(_npm(_small(collection, entry), entry.path))

    def _complete(self, component: Component) -> Component:
        """The component with what its lock file says, if that is about this very version."""
        locked = self._packages.get(component.places[0], {})
        if locked.get("version") != component.version:
            return component
        return Component(
            component.ecosystem,
            component.group,
            component.name,
            component.version,
            component.places,
            url=_without_credentials(locked.get("resolved")),
            integrity=_sha512(locked.get("integrity")),
        )


def _without_credentials(url: object) -> str:
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", "")) if parts.scheme in {"http", "https"} else ""
    except ValueError:
        return ""


def _sha512(integrity: object) -> str:
    for word in integrity.split() if isinstance(integrity, str) else ():
        try:
            digest = base64.b64decode(word.removeprefix("sha512-"), validate=True)
        except (binascii.Error, ValueError):
            continue
        if word.startswith("sha512-") and len(digest) == 64:
            return digest.hex()
    return ""


# --- archives --------------------------------------------------------------------------------------


def _look_into(contents: Contents, entry: Entry, inventory: Inventory, *, is_wheel: bool = False) -> None:
    sha256 = contents.sha256_of(entry.path)
    with opened(contents.collection, entry) as file:
        reader = ArchiveReader()
        if is_wheel:
            _add(inventory, entry, lambda: _wheel(reader, file, entry, sha256))
        else:
            inventory.components += map(_of_archive, reader.components(file, entry.path, sha256))
    inventory.gaps += map(shown, reader.gaps)


def _wheel(reader: ArchiveReader, file: Any, entry: Entry, sha256: str) -> Component:
    content = reader.metadata_of_wheel(file, entry.path)
    if content is None:
        if reader.gaps:
            raise _BrokenError(reader.gaps.pop().partition(": ")[2])
        raise _BrokenError("it has no METADATA")
    return _python(content, entry.path, sha256)


def _of_archive(found: Found) -> Component:
    ecosystem = "maven" if found.group else "generic"
    return Component(ecosystem, found.group, found.name, found.version, (found.place,), found.sha256)


def merged(components: list[Component]) -> Iterator[Component]:
    """Each component once, with every place where it lies, sorted."""
    same: dict[tuple[str, str, str, str, str, str, str], list[Component]] = {}
    for each in components:
        key = (each.ecosystem, each.group, each.name, each.version, each.sha256, each.url, each.integrity)
        same.setdefault(key, []).append(each)
    for key in sorted(same):
        places = sorted({place for each in same[key] for place in each.places})
        ecosystem, group, name, version, sha256, url, integrity = key
        yield Component(ecosystem, group, name, version, tuple(places), sha256, url, integrity)
