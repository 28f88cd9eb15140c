"""Look at the text of a hook's script for what goes wrong on the host although the script is right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from deliverkit.packaging import rules
from deliverkit.packaging.collect import read_head
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.tree import Collection, Entry, shown
from deliverkit.yaml_tree import Place

_SCRIPT_BYTES = 256 << 10
_ENDS_IN_BACKGROUND = re.compile(r"(?<![&>|\\])&\s*(?:#.*|;?\s*disown.*)?$")
_SENDS_OUTPUT_AWAY = re.compile(r"(?<![0-9&<])1?>>?\s*(?!&2)\S|&>")
_SENDS_ERRORS_AWAY = re.compile(r"2>|&>|>&")
_SENDS_ALL_AWAY = re.compile(r"\s*exec\s[^#]*>")


def lint_script(entry: Entry, collection: Collection, shown_at: Path, place: Place) -> Iterator[Finding]:
    """Warnings about one script for a Linux host.

    Args:
        entry: The script.
        collection: The tree it belongs to.
        shown_at: The tree as the user named it.
        place: Where the appspec names the script.
    """
    if not entry.mode & 0o100:
        yield rules.SCRIPT_NOT_EXECUTABLE.at(place, f"{shown(entry.path)} is not executable")
    data = read_head(collection.location(entry), _SCRIPT_BYTES)
    if b"\0" in data[:1024]:  # a program, not a text
        return
    file = str(shown_at / entry.path)
    if not data.startswith(b"#!"):
        yield rules.SCRIPT_NO_SHEBANG.at(Place(file=file), "the script has no #! line")
    if (at := data.find(b"\r\n")) >= 0:
        line = data.count(b"\n", 0, at) + 1
        yield rules.SCRIPT_CRLF.at(Place(line, file=file), "the script has carriage returns at the ends of its lines")
    for line, column in _background(data.decode("utf-8", "replace")):
        yield rules.SCRIPT_BACKGROUND.at(Place(line, column, file), "a background process keeps the script's output")


def _background(text: str) -> Iterator[tuple[int, int]]:
    """Lines that end in a lone & without sending both outputs elsewhere."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#"):
            continue
        if _SENDS_ALL_AWAY.match(line):
            return
        found = _ENDS_IN_BACKGROUND.search(line)
        if found and not (_SENDS_OUTPUT_AWAY.search(line) and _SENDS_ERRORS_AWAY.search(line)):
            yield number, found.start() + 1
