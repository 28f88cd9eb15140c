"""Walk a build directory into a collection, the same one on every machine, or say what cannot be packed and why."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import structs

from deliverkit.errors import UsageError
from deliverkit.packaging import tree_rules
from deliverkit.packaging.allowed import Allowed
from deliverkit.packaging.finding import Rule
from deliverkit.packaging.refusal import Refusal, RefusedError, refused, unreadable_at
from deliverkit.packaging.secrets import secret_in
from deliverkit.packaging.selection import IGNORE_FILE, Selection, load_selection
from deliverkit.packaging.tree import Collection, Entry, EntryKind, by_path, follow, shown
from deliverkit.packaging.unreadable import reason, way_out

# The only name that the host agent reads in every phase (it looks for appspec.yaml at Install alone).
APPSPEC = "appspec.yml"

_SPECIAL = {
    stat.S_IFLNK: "is a symbolic link",
    stat.S_IFIFO: "is a FIFO",
    stat.S_IFSOCK: "is a socket",
    stat.S_IFCHR: "is a character device",
    stat.S_IFBLK: "is a block device",
}


def collect(tree: Path, *, allow: Sequence[str] = (), keeps_links: bool = True, settled_ns: int = 0) -> Collection:
    """List what a bundle of this directory will hold.

    Version control folders, `.deliverignore` itself and what it names, and a `.deliverkit` folder at the root are left
    out. Nothing that is not a regular file is ever opened, so that a FIFO cannot hang the build.

    Args:
        tree: The build directory.
        allow: Names or paths of files to pack although they look like secrets.
        keeps_links: Whether symbolic links are kept as links, or refused.
        settled_ns: Files that last changed before this moment are settled, in nanoseconds since 1970.

    Raises:
        UsageError: If the tree is missing, no directory or holds nothing, or for everything in it that no bundle can
            or should hold, all of it at once.
    """
    root = _root(tree)
    walk = _Walk(root, load_selection(root), Allowed(tuple(allow)).matcher(), keeps_links, settled_ns)
    entries = tuple(sorted(walk.entries(), key=by_path))
    collection = Collection(root, entries)
    walk.refusals.extend(_leaving_links(collection))
    if walk.refusals:
        raise refused(str(tree), walk.refusals)
    if not any(entry.kind is not EntryKind.DIRECTORY for entry in entries):
        raise UsageError(
            f"{shown(str(tree))} holds nothing to pack: this would be a bundle of nothing",
            hint=f"Run the build first, and check what {IGNORE_FILE} leaves out",
        )
    return collection


def place_appspec(collection: Collection, appspec: Path, *, settled_ns: int = 0) -> Collection:
    """Add an application specification that is kept outside the tree as `appspec.yml` at the bundle's root.

    Args:
        collection: The tree; unchanged.
        appspec: The file, of whatever name.
        settled_ns: If it last changed before this moment it is settled, in nanoseconds since 1970.

    Raises:
        UsageError: If there is no such file, or the tree has another `appspec.yml` already.
    """
    status = _appspec_status(appspec)
    location = os.fsencode(appspec)
    if collection.get(APPSPEC) is None:
        # What the agent reads is never executed, whatever the file's mode here says.
        entry = structs.replace(Entry.file(APPSPEC, status, settled_ns=settled_ns), mode=0o644)
        return collection.with_placed(entry, location)
    present = collection.resolve(APPSPEC)
    if present is not None and present.size == status.st_size:
        mine, theirs = (read_head(file, status.st_size) for file in (location, collection.location(present)))
        if mine == theirs:
            return collection
    raise RefusedError(
        f"The tree has an {APPSPEC} of its own, other than {shown(str(appspec))}",
        hint=f"Remove release.bundle.appspec, or leave the tree's file out with a line /{APPSPEC} in {IGNORE_FILE}",
        refusals=(Refusal(tree_rules.APPSPEC_ELSEWHERE, APPSPEC, f"is another one than {shown(str(appspec))}"),),
    )


def _appspec_status(appspec: Path) -> os.stat_result:
    location = os.fsencode(appspec)
    try:
        status = appspec.stat()
    except PermissionError:
        raise _no_appspec(appspec, f"cannot be read: permission denied ({reason(location)})") from None
    except OSError as error:
        raise _no_appspec(appspec, f"cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise _no_appspec(appspec, "is not a file")
    if not _is_readable(location):
        raise _no_appspec(appspec, f"cannot be read: permission denied ({reason(location)})", way_out(location))
    return status


def _no_appspec(
    appspec: Path, problem: str, hint: str = "Set release.bundle.appspec to the application specification"
) -> RefusedError:
    refusal = Refusal(tree_rules.APPSPEC_ELSEWHERE, str(appspec), problem)
    return RefusedError(f"The appspec {refusal}", hint=hint, refusals=(refusal,))


def read_head(location: bytes, count: int) -> bytes:
    """The first bytes of a regular file; empty for anything that cannot be read or is not one (any more)."""
    try:
        descriptor = os.open(location, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        return file.read(count) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""


def _root(tree: Path) -> bytes:
    try:
        status = tree.stat()
    except OSError as error:
        raise UsageError(
            f"There is nothing to pack at {shown(str(tree))}: {error.strerror}",
            hint="Run the build first, or correct release.bundle.path in deliverkit.yml",
        ) from error
    if not stat.S_ISDIR(status.st_mode):
        raise UsageError(
            f"{shown(str(tree))} is not a directory",
            hint="Give the directory that the build fills (release.bundle.path in deliverkit.yml)",
        )
    return os.fsencode(tree)


@dataclass(slots=True)
class _Walk:
    """One walk through a tree, gathering what must be refused on its way."""

    root: bytes
    selection: Selection
    is_allowed: Callable[[str], bool]
    keeps_links: bool
    settled_ns: int
    refusals: list[Refusal] = field(default_factory=list)
    user: int = field(default_factory=os.geteuid)

    def entries(self) -> Iterator[Entry]:
        folders = [""]
        while folders:
            folder = folders.pop()
            for item in self._items(folder):
                entry = self._entry(folder, item)
                if entry is None:
                    continue
                yield entry
                if entry.kind is EntryKind.DIRECTORY:
                    folders.append(entry.path)

    def _items(self, folder: str) -> list[os.DirEntry[bytes]]:
        try:
            with os.scandir(os.path.join(self.root, folder.encode())) as items:  # noqa: PTH118
                return list(items)
        except OSError as error:
            self._refuse_failed(folder, error)
            return []

    def _entry(self, folder: str, item: os.DirEntry[bytes]) -> Entry | None:
        try:
            name = item.name.decode("utf-8")
        except UnicodeDecodeError:
            where = f"{folder}/" if folder else ""
            self._refuse(tree_rules.NAME, f"{where}{shown(item.name)}", "has a name that is not valid UTF-8")
            return None
        path = f"{folder}/{name}" if folder else name
        try:
            is_directory = item.is_dir(follow_symlinks=False)
            if self.selection.leaves_out(path, is_directory=is_directory):
                return None
            return Entry.directory(path) if is_directory else self._leaf(path, item)
        except OSError as error:
            self._refuse_failed(path, error)
            return None

    def _leaf(self, path: str, item: os.DirEntry[bytes]) -> Entry | None:
        status = item.stat(follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode) and self.keeps_links:
            return self._link(path, item)
        if not stat.S_ISREG(status.st_mode):
            special = _SPECIAL.get(stat.S_IFMT(status.st_mode), "is neither file, directory nor link")
            self._refuse(tree_rules.NOT_A_FILE, path, special)
            return None
        is_ours = status.st_uid == self.user and status.st_mode & stat.S_IRUSR
        if not is_ours and not _is_readable(item.path):
            self._refuse_unreadable(path, "permission denied")
            return None
        self._look_for_secrets(path, lambda count: read_head(item.path, count))
        return Entry.file(path, status, settled_ns=self.settled_ns)

    def _link(self, path: str, item: os.DirEntry[bytes]) -> Entry | None:
        try:
            return Entry.symlink(path, os.readlink(item.path).decode("utf-8"))  # noqa: PTH115
        except UnicodeDecodeError:
            self._refuse(tree_rules.NAME, path, "links to a name that is not valid UTF-8")
            return None

    def _look_for_secrets(self, path: str, head: Callable[[int], bytes]) -> None:
        if self.is_allowed(path):
            return
        what = secret_in(path, head)
        if what:
            self._refuse(tree_rules.SECRET, path, f"looks like {what}")

    def _refuse(self, rule: Rule, path: str, problem: str) -> None:
        self.refusals.append(Refusal(rule, path, problem))

    def _refuse_failed(self, path: str, error: OSError) -> None:
        if error.errno == errno.ENAMETOOLONG:
            # The system takes no path of PATH_MAX bytes, whatever the modes of its folders are.
            hint = f"Leave it out with a line in {IGNORE_FILE}, or have the build write shorter paths"
            problem = f"cannot be read: {error.strerror}"
            self.refusals.append(Refusal(tree_rules.UNREADABLE, path, problem, hint))
            return
        self._refuse_unreadable(path, str(error.strerror))

    def _refuse_unreadable(self, path: str, why: str) -> None:
        location = os.path.join(self.root, path.encode())  # noqa: PTH118 - names are bytes
        self.refusals.append(unreadable_at(path, location, why))


def _is_readable(location: bytes) -> bool:
    return os.access(location, os.R_OK, effective_ids=os.access in os.supports_effective_ids)


def _leaving_links(collection: Collection) -> Iterator[Refusal]:
    for entry in collection.entries:
        if entry.kind is not EntryKind.SYMLINK:
            continue
        folder = entry.path.rpartition("/")[0]
        if entry.target.startswith("/") or follow(collection, f"{folder}/{entry.target}") is None:
            problem = f"is a link that leaves the tree or turns in circles: {shown(entry.target)}"
            yield Refusal(tree_rules.LINK_LEAVES, entry.path, problem)
