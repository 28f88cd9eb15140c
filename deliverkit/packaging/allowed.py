"""Files that somebody decided to pack although they look like secrets: by name, by path, or by a pattern of either."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

_SPECIAL = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Allowed:
    """The files of a build that may look like secrets.

    An entry without `/` is about names in any folder, one with `/` about whole paths in the build. `*` and `?` stand
    for anything but `/`, `[...]` for one of some characters, and the folder `**` for any number of folders.

    Attributes:
        entries: As they were written.
    """

    entries: tuple[str, ...] = ()

    def matcher(self) -> Callable[[str], bool]:
        """Tells whether a path in the build is allowed; quick, for it is asked about every file."""
        literal = frozenset(self.entries)
        patterns = [_regular(entry) for entry in self.entries if _SPECIAL.search(entry)]
        if not literal:
            return lambda path: False
        if not patterns:
            return lambda path: path in literal or path.rpartition("/")[2] in literal
        match = re.compile("|".join(f"(?:{pattern})" for pattern in patterns)).fullmatch
        # A name may hold an asterisk and be meant as it stands.
        return lambda path: path in literal or path.rpartition("/")[2] in literal or match(path) is not None

    def unused(self, paths: Iterable[str]) -> Iterator[str]:
        """The entries that match none of these paths."""
        left = {entry: Allowed((entry,)).matcher() for entry in self.entries}
        for path in paths if left else ():
            for entry in [entry for entry, matches in left.items() if matches(path)]:
                del left[entry]
            if not left:
                return
        yield from left


def _regular(pattern: str) -> str:
    """A pattern as a regular expression for whole paths."""
    if "/" not in pattern:
        return f"(?:.*/)?{_segment(pattern)}"
    *folders, name = pattern.removeprefix("/").split("/")
    before = "".join("(?:[^/]+/)*" if folder == "**" else f"{_segment(folder)}/" for folder in folders)
    return before + (".*" if name == "**" else _segment(name))


def _segment(pattern: str) -> str:
    """A pattern for one name."""
    parts = re.split(r"(\*+|\?|\[!?\]?[^\]]*\])", pattern)
    return "".join(_piece(part) for part in parts)


def _piece(part: str) -> str:
    if part.startswith("*"):
        return "[^/]*"
    if part == "?":
        return "[^/]"
    if part.startswith("[") and part.endswith("]"):
        try:
            return f"(?!/){re.compile(_characters(part[1:-1])).pattern}"
        except re.error:  # a range that runs backwards
            return re.escape(part)
    return re.escape(part)


def _characters(some: str) -> str:
    is_other = some.startswith("!")
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", some[is_other:])
    return f"[{'^' if is_other else ''}{escaped}]"
