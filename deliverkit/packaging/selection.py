"""Which part of a tree is packed: all but version control folders, our own state and what `.deliverignore` names."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deliverkit.errors import UsageError
from deliverkit.packaging.tree import shown

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".deliverignore"
# Where the project's state and the manifest inside a bundle live; packing an unpacked bundle must leave it out again.
STATE_FOLDER = ".deliverkit"
VCS_NAMES = frozenset({".git", ".hg", ".svn"})
_IGNORE_FILE_BYTES_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Selection:
    """Decides, path by path, what stays out of the bundle."""

    rules: GitIgnoreSpec | None = None

    def leaves_out(self, path: str, *, is_directory: bool) -> bool:
        """Whether this one path is left out. Like git, the caller never looks into a directory that is left out.

        Args:
            path: Slash-separated path from the tree's root.
            is_directory: Rules that end in `/` are for directories only.
        """
        name = path.rpartition("/")[2]
        if name in VCS_NAMES or path in {IGNORE_FILE, STATE_FOLDER}:
            return True
        return self.rules is not None and self.rules.match_file(f"{path}/" if is_directory else path)

    def leaves_out_deep(self, path: str) -> bool:
        """Whether a file is left out by itself or because a directory above it is."""
        parts = path.split("/")
        above = ("/".join(parts[:count]) for count in range(1, len(parts)))
        return any(self.leaves_out(folder, is_directory=True) for folder in above) or self.leaves_out(
            path, is_directory=False
        )


def load_selection(root: bytes) -> Selection:
    """Read the tree's `.deliverignore`, if there is one.

    Raises:
        UsageError: If the file cannot be read, lies elsewhere, is not UTF-8 text, or holds a pattern that git would
            not take.
    """
    location = os.path.join(root, IGNORE_FILE.encode())  # noqa: PTH118
    _refuse_leaving_link(root, location)
    lines = _ignore_lines(location)
    if not lines:
        return Selection()
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - only trees with a .deliverignore pay for the import

    for number, line in enumerate(lines, start=1):
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError as error:
            raise UsageError(
                f"{IGNORE_FILE}:{number}: {shown(line)} is not a pattern",
                hint="The patterns are those of .gitignore; write \\! or \\# for a name that starts with ! or #",
            ) from error
    return Selection(GitIgnoreSpec.from_lines(lines))


def _refuse_leaving_link(root: bytes, location: bytes) -> None:
    """Refuse rules that are not the build's own: the same build would hold other files on another machine."""
    if not os.path.islink(location):  # noqa: PTH114 - names are bytes
        return
    target = os.readlink(location)  # noqa: PTH115
    inside = os.path.join(os.path.realpath(root), b"")  # noqa: PTH118
    if os.path.isabs(target) or not os.path.realpath(location).startswith(inside):  # noqa: PTH117
        raise UsageError(
            f"{IGNORE_FILE} is a link that leaves the build: {shown(target)}",
            hint=f"Put a copy of the rules into the build as {IGNORE_FILE}",
        )


def _ignore_lines(location: bytes) -> list[str]:
    try:
        # Non-blocking, so that a FIFO of this name cannot hang us.
        descriptor = os.open(location, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        if os.path.islink(location):  # noqa: PTH114 - names are bytes
            raise UsageError(f"{IGNORE_FILE} is a link to nothing", hint="Remove it or make it a text file") from error
        return []
    except OSError as error:
        raise UsageError(f"{IGNORE_FILE} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{IGNORE_FILE} is not a regular file", hint="Remove it or make it a text file")
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        data = file.read(_IGNORE_FILE_BYTES_LIMIT)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{IGNORE_FILE} is not UTF-8 text", hint="Save it as UTF-8") from error
    return [line.removesuffix("\r") for line in text.split("\n")]
