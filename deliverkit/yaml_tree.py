"""YAML as a tree of texts with places: nothing is converted, so `1.10` stays `1.10` and every node knows its line.

What a text violates is told as data, for its readers differ in what they forbid and in the words they say it with: a
configuration may use an anchor twice, an application specification had better not.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Any

from msgspec import Struct  # made in a twentieth of the time of a dataclass, and every command makes these
from msgspec.structs import replace

MOST_NODES = 60_000
"""Anchors may make a small file mean a huge tree; nobody's file has this many values."""

_KNOWN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge", "timestamp", "value")
)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

KeyPath = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""


class Place(Struct, frozen=True, order=True):
    """Where something stands.

    Attributes:
        line: Counted from 1.
        column: Counted from 1.
        file: The file as the user would name it; empty where only one file is spoken of.
    """

    line: int = 1
    column: int = 1
    file: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Scalar(Struct, frozen=True):
    """A text.

    Attributes:
        text: As written, without quotes.
        is_plain: Written without quotes, so that YAML takes it for a number, a truth value or null where it looks so.
        place: Where it begins.
    """

    text: str
    is_plain: bool
    place: Place

    @property
    def is_null(self) -> bool:
        """True for nothing, `~` and `null`."""
        return self.is_plain and self.text in _NULLS


class Sequence(Struct, frozen=True):
    """A list."""

    items: tuple[Node, ...]
    place: Place


class Mapping(Struct, frozen=True):
    """Keys and values, in the order of the file; each key once."""

    entries: tuple[tuple[Scalar, Node], ...]
    place: Place

    def get(self, name: str) -> Node | None:
        """The value of a key; None when the key is missing or its value is null."""
        for key, value in self.entries:
            if key.text == name:
                return None if isinstance(value, Scalar) and value.is_null else value
        return None


Node = Scalar | Sequence | Mapping


class Breach(Enum):
    """What a text can violate."""

    SYNTAX = auto()
    """It is not YAML at all."""
    SIZE = auto()
    """It has more than `MOST_NODES` values."""
    TAG = auto()
    """A tag that is not one of YAML's own."""
    ALIAS = auto()
    """An anchor is used again: good YAML, which some parsers refuse."""
    LOOP = auto()
    """An anchor contains itself."""
    KEY = auto()
    """A key is a list or a mapping."""
    DUPLICATE = auto()
    """A mapping has a key twice."""
    MERGE = auto()
    """`<<` is given something that is not a mapping."""


class Violation(Struct, frozen=True):
    """One case of a breach."""

    breach: Breach
    path: KeyPath
    message: str
    place: Place


def read_tree(text: str, file: str = "") -> tuple[Node | None, tuple[Violation, ...]]:
    """Read one YAML document.

    Args:
        text: The document.
        file: What its places name as their file.

    Returns:
        The document, None when it is empty or not YAML, and what it violates. Whatever the text is, nothing is raised.
    """
    from ruamel.yaml.error import MarkedYAMLError  # noqa: PLC0415
    from ruamel.yaml.reader import ReaderError  # noqa: PLC0415

    breach, place = Breach.SYNTAX, Place(file=file)
    reader = _Reader(file)
    try:
        root = _compose(text)
        return None if root is None else reader.node(root, ()), tuple(reader.violations)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1, file) if mark else place
        message = _advice(str(error.problem or error.context))
    except ReaderError as error:
        place = place_of(text, error.position, file)
        message = "a control character, which YAML forbids"
    except RecursionError:
        message = "nested too deeply"
    except _TooLargeError:
        breach, message = Breach.SIZE, f"more than {MOST_NODES} values, those that anchors repeat included"
    except Exception as error:  # noqa: BLE001  (the parser's own blunders over strange input, found by feeding it noise)
        message = f"not YAML ({type(error).__name__} in the parser)"
    return None, (*reader.violations, Violation(breach, (), message, place))


def place_of(text: str, position: int, file: str = "") -> Place:
    """The place of a character, by its position from 0."""
    before = text[:position]
    return Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1, file)


def _compose(text: str) -> Any:
    """The parser's nodes; it gives up early on huge files, for it reads 100 KiB in a second."""
    from ruamel.yaml import YAML  # noqa: PLC0415  (many milliseconds that only readers of YAML pay)
    from ruamel.yaml.composer import Composer  # noqa: PLC0415

    class Bounded(Composer):
        count = 0
        warn_double_anchors = property(lambda _: False, lambda *_: None)  # it is good YAML, and stderr is ours

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.count += 1
            if self.count > MOST_NODES:
                raise _TooLargeError
            return super().compose_node(parent, index)

    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = Bounded
    return yaml.compose(text)


def _advice(problem: str) -> str:
    if "'\\t'" in problem:
        return "a tab; YAML is indented with spaces"
    return f"not YAML: {problem.strip().splitlines()[0] if problem.strip() else 'it cannot be read'}"


class _TooLargeError(Exception):
    """More values than anybody writes."""


class _Reader(Struct):
    """Turns the parser's nodes into ours, each of them once however many aliases lead to it."""

    file: str
    violations: list[Violation] = []
    _count: int = 0
    _open: set[int] = set()
    _done: dict[int, tuple[Node, int]] = {}

    def node(self, raw: Any, path: KeyPath) -> Node:
        place = self._place(raw)
        if id(raw) in self._open:
            self._note(Breach.LOOP, path, "an anchor that contains itself", place)
            return Scalar("", is_plain=True, place=place)
        if id(raw) in self._done:
            self._note(Breach.ALIAS, path, "a value with an anchor is used again", place)
            known, size = self._done[id(raw)]
            self._grow(size)
            return known
        self._open.add(id(raw))
        before = self._count
        self._grow(1)
        node = self._fresh(raw, path, place)
        self._open.discard(id(raw))
        self._done[id(raw)] = (node, self._count - before)
        return node

    def _fresh(self, raw: Any, path: KeyPath, place: Place) -> Node:
        if str(raw.tag) not in _KNOWN_TAGS:
            self._note(Breach.TAG, path, f"the tag {raw.tag} means nothing here", place)
        match raw.id:
            case "scalar":
                return Scalar(str(raw.value), raw.style in {None, ""}, place)
            case "sequence":
                return Sequence(tuple(self.node(item, (*path, index)) for index, item in enumerate(raw.value)), place)
            case _:
                return Mapping(tuple(self._entries(raw, path)), place)

    def _entries(self, raw: Any, path: KeyPath) -> Iterator[tuple[Scalar, Node]]:
        first: dict[str, Place] = {}
        merged: list[tuple[Scalar, Node]] = []
        for raw_key, raw_value in raw.value:
            key = self.node(raw_key, path)
            if not isinstance(key, Scalar):
                self._note(Breach.KEY, path, "a key must be a plain word", key.place)
                continue
            value = self.node(raw_value, (*path, key.text))
            if isinstance(value, Scalar) and value.is_plain and not value.text:
                value = replace(value, place=key.place)  # nothing stands nowhere: its key is where one looks
            if key.text == "<<" and key.is_plain:
                merged += self._merged(value, path)
            elif key.text in first:
                message = f"written for the second time, first in line {first[key.text].line}"
                self._note(Breach.DUPLICATE, (*path, key.text), message, key.place)
            else:
                first[key.text] = key.place
                yield key, value
        # Keys written out go before merged ones, earlier merged ones before later ones (YAML's merge key).
        for key, value in merged:
            if key.text not in first:
                first[key.text] = key.place
                yield key, value

    def _merged(self, value: Node, path: KeyPath) -> Iterator[tuple[Scalar, Node]]:
        for source in value.items if isinstance(value, Sequence) else (value,):
            if isinstance(source, Mapping):
                yield from source.entries
            else:
                self._note(Breach.MERGE, path, "only a mapping can be merged with <<", source.place)

    def _grow(self, nodes: int) -> None:
        self._count += nodes
        if self._count > MOST_NODES:
            raise _TooLargeError

    def _note(self, breach: Breach, path: KeyPath, message: str, place: Place) -> None:
        self.violations.append(Violation(breach, path, message, place))

    def _place(self, raw: Any) -> Place:
        return Place(raw.start_mark.line + 1, raw.start_mark.column + 1, self.file)
