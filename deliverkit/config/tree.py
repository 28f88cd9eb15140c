"""YAML as a tree of texts with places: nothing is converted, so `1.10` stays `1.10` and every node knows its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from deliverkit.config.problem import KeyPath, Place, Reading

MOST_NODES = 20_000
"""Anchors may make a small file mean a huge tree; nobody's delivery has this many values."""

_START = Place(1, 1)
_KNOWN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge", "timestamp", "value")
)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Scalar:
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


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values, in the order of the file; each key once."""

    entries: tuple[tuple[Scalar, Node], ...]
    place: Place


Node = Scalar | Sequence | Mapping


def read_tree(text: str, reading: Reading) -> Node | None:
    """Read one YAML document; problems go to the reading.

    Returns:
        The document; None when it is empty or not YAML. Whatever the text is, nothing is raised.
    """
    from ruamel.yaml.error import MarkedYAMLError  # noqa: PLC0415
    from ruamel.yaml.reader import ReaderError  # noqa: PLC0415

    try:
        root = _compose(text)
        return None if root is None else _Reader(reading).node(root, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else _START
        reading.report((), _advice(str(error.problem or error.context)), place)
    except ReaderError as error:
        reading.report((), "a control character, which YAML forbids", place_of(text, error.position))
    except RecursionError:
        reading.report((), "nested too deeply", _START)
    except _TooLargeError:
        reading.report((), f"more than {MOST_NODES} values, those that anchors repeat included", _START)
    except Exception as error:  # noqa: BLE001  (the parser's own blunders over strange input, found by feeding it noise)
        reading.report((), f"not YAML ({type(error).__name__} in the parser)", _START)
    return None


def _compose(text: str) -> Any:
    """The parser's nodes; it gives up early on huge files, for it reads 100 KiB in a second."""
    from ruamel.yaml import YAML  # noqa: PLC0415  (many milliseconds that only readers of YAML pay)
    from ruamel.yaml.composer import Composer  # noqa: PLC0415

    class Bounded(Composer):
        count = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.count += 1
            if self.count > MOST_NODES:
                raise _TooLargeError
            return super().compose_node(parent, index)

    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = Bounded
    return yaml.compose(text)


def place_of(text: str, position: int) -> Place:
    """The place of a character, by its position from 0."""
    before = text[:position]
    return Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


def _advice(problem: str) -> str:
    if "'\\t'" in problem:
        return "a tab; YAML is indented with spaces"
    return f"not YAML: {problem.strip().splitlines()[0] if problem.strip() else 'it cannot be read'}"


class _TooLargeError(Exception):
    """More values than anybody writes."""


class _Reader:
    """Turns the parser's nodes into ours."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._count = 0
        self._open: set[int] = set()

    def node(self, raw: Any, path: KeyPath) -> Node:
        self._count += 1
        if self._count > MOST_NODES:
            raise _TooLargeError
        place = _place(raw)
        if id(raw) in self._open:
            self._reading.report(path, "an anchor that contains itself", place)
            return Scalar("", is_plain=True, place=place)
        if str(raw.tag) not in _KNOWN_TAGS:
            self._reading.report(path, f"the tag {raw.tag} means nothing here", place)
        self._open.add(id(raw))
        try:
            return self._fresh(raw, path, place)
        finally:
            self._open.discard(id(raw))

    def _fresh(self, raw: Any, path: KeyPath, place: Place) -> Node:
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
                self._reading.report(path, "a key must be a plain word", key.place)
                continue
            value = self.node(raw_value, (*path, key.text))
            if isinstance(value, Scalar) and value.is_plain and not value.text:
                value = replace(value, place=key.place)  # nothing stands nowhere: its key is where one looks
            if key.text == "<<" and key.is_plain:
                merged += self._merged(value, path)
            elif key.text in first:
                message = f"written for the second time, first in line {first[key.text].line}"
                self._reading.report((*path, key.text), message, key.place)
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
                self._reading.report(path, "only a mapping can be merged with <<", source.place)


def _place(raw: Any) -> Place:
    return Place(raw.start_mark.line + 1, raw.start_mark.column + 1)
