"""Look at the text of a hook's script for what goes wrong on the host although the script is right."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deliverkit.packaging import rules
from deliverkit.packaging.collect import read_head
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.subject import Subject
from deliverkit.packaging.tree import Collection, Entry, shown
from deliverkit.yaml_tree import Place

_SCRIPT_BYTES = 256 << 10
_BOM = b"\xef\xbb\xbf"
_ENDS_IN_BACKGROUND = re.compile(r"(?<![&>|\\])&\s*(?:#.*|;?\s*disown.*)?$")
_SENDS_OUTPUT_AWAY = re.compile(r"(?<![0-9&<])1?>>?\s*(?!&2)\S|&>")
_SENDS_ERRORS_AWAY = re.compile(r"2>|&>|>&")
_SENDS_ALL_AWAY = re.compile(r"\s*exec\s[^#]*>")
_SHELLS = re.compile(r"#!.*\b(?:ba|da|z|k|a)?sh\b")
_HERE_DOCUMENT = re.compile(r"<<-?\s*([\"']?)(\w+)\1")
_GOES_SOMEWHERE = re.compile(r"\b(?:cd|pushd)\s+(?:-\S+\s+)*[\"']?[/$`~]")
_STAYS_HERE = re.compile(r"(?:^|[\s\"'(;&|`])(\.{1,2}/[\w.$-][^\s\"';&|)]*)")
_GOES_ASIDE = re.compile(r"^\s*(?:cd|pushd)\s+([\w.][^\s;&|]*)")
_PATHS = re.compile(r"(?:^|[\s\"'(;&|`])(\w[\w.-]*/[\w./-]*\w)")
# Questions that nobody answers: a prompt of the shell's own, and package managers without a yes.
_ASKS = re.compile(
    r"\bread\s+-[a-z]*p\b|\b(?:apt|apt-get|yum|dnf|zypper)\s+(?!.*(?:\s-[a-z]*y|--yes|--assume-?yes|--non-interactive|-qq|<))"
    r"(?:-\S+\s+)*(?:install|upgrade|dist-upgrade|update-minimal|remove|purge|autoremove)\b"
)
_GITHUB_VARIABLE = re.compile(r"\bBUNDLE_COMMIT\b")


def lint_script(entry: Entry, subject: Subject, place: Place) -> Iterator[Finding]:
    """Warnings about one script for a Linux host.

    Args:
        entry: The script.
        subject: The tree it belongs to; takes the script's text for the comments in it.
        place: Where the appspec names the script.
    """
    if not entry.mode & 0o100:
        yield rules.SCRIPT_NOT_EXECUTABLE.at(place, f"{shown(entry.path)} is not executable")
    data = read_head(subject.collection.location(entry), _SCRIPT_BYTES)
    if b"\0" in data[:1024]:  # a program, not a text
        return
    file = subject.named(entry.path)
    text = data.removeprefix(_BOM).decode("utf-8", "replace")
    subject.texts[file] = text
    if data.startswith(_BOM):
        yield rules.SCRIPT_BOM.at(Place(file=file), "the script begins with a byte order mark")
    if not text.startswith("#!"):
        yield rules.SCRIPT_NO_SHEBANG.at(Place(file=file), "the script has no #! line")
    if (at := text.find("\r\n")) >= 0:
        line = text.count("\n", 0, at) + 1
        yield rules.SCRIPT_CRLF.at(Place(line, file=file), "the script has carriage returns at the ends of its lines")
    for line, column in _background(text):
        yield rules.SCRIPT_BACKGROUND.at(Place(line, column, file), "a background process keeps the script's output")
    yield from _directory(text, file, subject.collection)
    yield from _words(text, file)


def _background(text: str) -> Iterator[tuple[int, int]]:
    """Lines that end in a lone & without sending both outputs elsewhere."""
    for number, line in _code(text):
        if _SENDS_ALL_AWAY.match(line):
            return
        found = _ENDS_IN_BACKGROUND.search(line)
        if found and not (_SENDS_OUTPUT_AWAY.search(line) and _SENDS_ERRORS_AWAY.search(line)):
            yield number, found.start() + 1


def _directory(text: str, file: str, collection: Collection) -> Iterator[Finding]:
    """The first use of a path relative to the working directory, before the script goes somewhere itself."""
    if not _SHELLS.match(text) and text.startswith("#!"):
        return
    for number, line in _code(text):
        if _GOES_SOMEWHERE.search(line):
            return
        found = _GOES_ASIDE.search(line) or _STAYS_HERE.search(line) or _of_bundle(line, collection)
        if found:
            place = Place(number, found.start(1) + 1, file)
            yield rules.SCRIPT_DIRECTORY.at(place, f"{shown(found[1])} is looked for where the agent was started")
            return


def _of_bundle(line: str, collection: Collection) -> re.Match[str] | None:
    if line.lstrip().startswith(("echo ", "printf ", "logger ")):  # only spoken of
        return None
    return next((found for found in _PATHS.finditer(line) if collection.get(found[1]) is not None), None)


def _words(text: str, file: str) -> Iterator[Finding]:
    is_shell = bool(_SHELLS.match(text)) or not text.startswith("#!")
    for number, line in _code(text):
        if found := _GITHUB_VARIABLE.search(line):
            yield rules.SCRIPT_VARIABLE.at(Place(number, found.start() + 1, file), "BUNDLE_COMMIT is never set here")
        if is_shell and "|" not in line and (found := _ASKS.search(line)):
            asked = " ".join(found[0].split())
            yield rules.SCRIPT_STDIN.at(Place(number, found.start() + 1, file), f"{asked} asks, and nobody answers")


def _code(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without comments and here-documents."""
    until = ""
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.removesuffix("\r")
        if until:
            until = "" if line.strip() == until else until
        elif not line.lstrip().startswith("#"):
            yield number, line
            found = _HERE_DOCUMENT.search(line)
            until = found[2] if found and "<<<" not in line else ""
