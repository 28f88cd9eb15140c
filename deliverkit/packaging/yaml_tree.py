"""YAML as a tree of texts with places: nothing is converted, so a rule can see exactly what was written, and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from deliverkit.packaging import rules
from deliverkit.packaging.finding import Finding, Place


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text.

    Attributes:
        text: As written, without quotes.
        is_plain: Written without quotes, so that YAML may take it for a number, a truth value or null.
        place: Where it begins.
    """

    text: str
    is_plain: bool
    place: Place

    @property
    def is_null(self) -> bool:
        """Nothing, `~` or `null`."""
        return self.is_plain and self.text in {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values, in the order of the file."""

    pairs: tuple[tuple[Scalar, Node], ...]
    place: Place

    def get(self, name: str) -> Node | None:
        """The value of a key; None when the key is missing or its value is null."""
        for key, value in self.pairs:
            if key.text == name:
                return None if isinstance(value, Scalar) and value.is_null else value
        return None


Node = Scalar | Sequence | Mapping


def read_yaml(data: bytes, file: str) -> tuple[Node | None, tuple[Finding, ...]]:
    """Read one YAML document.

    Args:
        data: The file's bytes.
        file: Its name for the findings.

    Returns:
        The document, None when it is empty or unreadable, and what is wrong with it as YAML. Nothing is ever raised,
        whatever the bytes are.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - 30 ms that only readers of YAML pay
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, (rules.YAML_SYNTAX.at(Place(file, line), "not UTF-8 text"),)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
        return _Reader(file).read(root)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        return None, (rules.YAML_SYNTAX.at(place, _first_line(error.problem or error.context)),)
    except RecursionError:
        return None, (rules.YAML_SYNTAX.at(Place(file), "nested too deeply"),)
    except (
        YAMLError,
        ValueError,
        AssertionError,
        AttributeError,
        LookupError,
        NotImplementedError,
        TypeError,
    ) as error:
        # The parser's own blunders over strange input (found by feeding it noise) are the input's fault to a user.
        return None, (rules.YAML_SYNTAX.at(Place(file), _first_line(str(error)) or "not YAML"),)


@dataclass(slots=True)
class _Reader:
    """Turns the parser's nodes into ours, each of them once however many aliases lead to it."""

    file: str
    findings: list[Finding] = field(default_factory=list)
    _done: dict[int, Node | None] = field(default_factory=dict)

    def read(self, root: Any) -> tuple[Node | None, tuple[Finding, ...]]:
        node = None if root is None else self._node(root)
        return node, tuple(self.findings)

    def _node(self, raw: Any) -> Node:
        if id(raw) in self._done:
            known = self._done[id(raw)]
            self.findings.append(rules.YAML_ALIAS.at(self._place(raw), "a value with an anchor is used again"))
            # An alias within its own anchor has no end; what stands in its place does not matter, the loop is refused.
            return known or self._endless(raw)
        self._done[id(raw)] = None
        node = self._fresh(raw)
        self._done[id(raw)] = node
        return node

    def _fresh(self, raw: Any) -> Node:
        place = self._place(raw)
        match raw.id:
            case "scalar":
                return Scalar(raw.value, raw.style in {None, ""}, place)
            case "sequence":
                return Sequence(tuple(self._node(item) for item in raw.value), place)
            case _:
                return Mapping(tuple(self._pairs(raw)), place)

    def _pairs(self, raw: Any) -> Iterator[tuple[Scalar, Node]]:
        first: dict[str, Place] = {}
        merged: list[tuple[Scalar, Node]] = []
        for raw_key, raw_value in raw.value:
            key, value = self._node(raw_key), self._node(raw_value)
            if not isinstance(key, Scalar):
                self.findings.append(rules.SHAPE.at(key.place, "a key must be a plain word"))
            elif key.text == "<<" and key.is_plain:
                merged += _merged(value)
            elif key.text in first:
                message = f"{key.text} is here for the second time, first at line {first[key.text].line}"
                self.findings.append(rules.YAML_DUPLICATE.at(key.place, message))
            else:
                first[key.text] = key.place
                yield key, value
        for key, value in merged:
            if key.text not in first:
                first[key.text] = key.place
                yield key, value

    def _endless(self, raw: Any) -> Scalar:
        place = self._place(raw)
        self.findings.append(rules.YAML_SYNTAX.at(place, "an anchor that contains itself"))
        return Scalar("", is_plain=True, place=place)

    def _place(self, raw: Any) -> Place:
        return Place(self.file, raw.start_mark.line + 1, raw.start_mark.column + 1)


def _merged(value: Node) -> Iterator[tuple[Scalar, Node]]:
    """What a merge key brings along; keys written out go before these, earlier ones before later ones."""
    for source in value.items if isinstance(value, Sequence) else (value,):
        if isinstance(source, Mapping):
            yield from source.pairs


def _first_line(text: object) -> str:
    return str(text or "").strip().partition("\n")[0]
