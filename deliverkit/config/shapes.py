"""Shapes: what a value of the configuration may look like. Each shape reads, and each describes itself as JSON Schema.

One declaration made of shapes (`declaration.py`) serves three ends, so that they cannot part: the loader, the published
JSON Schema and the reference page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from msgspec import Struct  # made in a twentieth of the time of a dataclass, and every command makes these

from deliverkit.config.problem import Reading, did_you_mean, nearest
from deliverkit.yaml_tree import KeyPath, Mapping, Node, Place, Scalar, Sequence


class Invalid:
    """Stands in place of a value that is wrong; what is wrong with it has been reported."""


INVALID: Final = Invalid()


class Shape(Protocol):
    """What a value may look like."""

    @property
    def expected(self) -> str:
        """The form of a right value, as in `expected ...`."""

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The value, or `INVALID` once its problems have been reported."""

    def schema(self) -> dict[str, Any]:
        """The same as JSON Schema."""


def _mismatch(shape: Shape, node: Node, path: KeyPath, reading: Reading) -> Invalid:
    match node:
        case Scalar(is_null=True):
            found = "nothing"
        case Scalar():
            found = repr(node.text)
        case Sequence():
            found = "a list"
        case Mapping():
            found = "a mapping"
    reading.report(path, f"expected {shape.expected}, found {found}", node.place)
    return INVALID


class Text(Struct, frozen=True):
    """A text that a function understands.

    Attributes:
        expected: Its form.
        parse: Gives the value; raises ValueError with a clause that says what was expected.
        pattern: Regular expression for editors, looser than `parse` where it must be; empty for any text.
    """

    expected: str
    parse: Callable[[str], Any] = str
    pattern: str = ""

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The parsed text."""
        if not isinstance(node, Scalar) or node.is_null or not node.text.strip():
            return _mismatch(self, node, path, reading)
        try:
            return self.parse(node.text)
        except ValueError as error:
            reading.report(path, str(error), node.place)
            return INVALID

    def schema(self) -> dict[str, Any]:
        """A string, or a number where YAML would make one of it."""
        return {"type": "string", "pattern": self.pattern} if self.pattern else {"type": ["string", "number"]}


class Placed(Struct, frozen=True):
    """A text, and where it stands."""

    text: str
    place: Place


class PlacedText(Text, frozen=True):
    """A text that remembers where it stands."""

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The text with its place."""
        text = Text.read(self, node, path, reading)
        return text if text is INVALID else Placed(text, node.place)


class Integer(Struct, frozen=True):
    """A whole number within bounds."""

    minimum: int
    maximum: int

    @property
    def expected(self) -> str:
        """The bounds in words."""
        return f"a whole number from {self.minimum} to {self.maximum}"

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The number; quoted ones are texts, and refused."""
        if not isinstance(node, Scalar) or not node.is_plain or not _is_whole(node.text):
            return _mismatch(self, node, path, reading)
        number = int(node.text)
        return number if self.minimum <= number <= self.maximum else _mismatch(self, node, path, reading)

    def schema(self) -> dict[str, Any]:
        """An integer."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


def _is_whole(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 10


class Boolean(Struct, frozen=True):
    """True or false, as YAML 1.2 writes them: `yes` and `on` are texts."""

    expected: str = "true or false"

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The truth value."""
        words = {"true": True, "false": False}
        if isinstance(node, Scalar) and node.is_plain and node.text.lower() in words:
            return words[node.text.lower()]
        return _mismatch(self, node, path, reading)

    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}


class Choice(Struct, frozen=True):
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        """The words."""
        return " | ".join(self.words)

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The word."""
        if not isinstance(node, Scalar) or node.is_null:
            return _mismatch(self, node, path, reading)
        if node.text in self.words:
            return node.text
        near = nearest(node.text, self.words)
        advice = f"; did you mean '{near}'?" if near else ""
        reading.report(path, f"expected {self.expected}, found {node.text!r}{advice}", node.place)
        return INVALID

    def schema(self) -> dict[str, Any]:
        """An enumeration."""
        return {"enum": list(self.words)}


class ListOf(Struct, frozen=True):
    """A list with at least one item, each of them once."""

    item: Shape
    expected: str

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The items as a tuple."""
        if not isinstance(node, Sequence):
            return _mismatch(self, node, path, reading)
        if not node.items:
            reading.report(path, f"expected {self.expected}, found an empty list; leave the key out", node.place)
            return INVALID
        return tuple(self._items(node, path, reading))

    def _items(self, node: Sequence, path: KeyPath, reading: Reading) -> Iterator[Any]:
        seen: list[Any] = []
        for index, item in enumerate(node.items):
            here = (*path, index)
            reading.keys[here] = reading.values[here] = item.place
            value = self.item.read(item, here, reading)
            text = value.text if isinstance(value, Placed) else value
            if isinstance(text, str) and text in seen:
                reading.report(here, f"{text!r} stands in this list already", item.place)
            seen.append(text)
            yield value

    def schema(self) -> dict[str, Any]:
        """An array."""
        return {"type": "array", "items": self.item.schema(), "minItems": 1, "uniqueItems": True}


class MapOf(Struct, frozen=True):
    """Values under names that the user chooses; at least one."""

    name: Text
    value: Shape
    expected: str

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The values by name, in the order of the file."""
        if not isinstance(node, Mapping):
            return _mismatch(self, node, path, reading)
        if not node.entries:
            reading.report(path, f"expected {self.expected}, found none", node.place)
            return INVALID
        return {key.text: self._entry(key, value, (*path, key.text), reading) for key, value in node.entries}

    def _entry(self, key: Scalar, value: Node, path: KeyPath, reading: Reading) -> Any:
        reading.keys[path], reading.values[path] = key.place, value.place
        self.name.read(key, path, reading)
        return self.value.read(value, path, reading)

    def schema(self) -> dict[str, Any]:
        """An object with free names."""
        shape = {"type": "object", "minProperties": 1, "additionalProperties": self.value.schema()}
        return {**shape, "propertyNames": {"pattern": self.name.pattern}}


class Unavailable(Struct, frozen=True):
    """A key that the contract knows and this release cannot do: refused, for ignoring it would be a lie."""

    feature: str
    expected: str = "nothing: not available in this release"

    def read(self, _node: Node, path: KeyPath, reading: Reading) -> Any:
        """Always refused, at the key."""
        reading.report(path, f"{self.feature}: not available in this release; leave the key out", reading.keys[path])
        return INVALID

    def schema(self) -> dict[str, Any]:
        """Nothing matches."""
        return {"not": {}}


class Field(Struct, frozen=True):
    """A key of a record.

    Attributes:
        key: Its name.
        shape: What its value looks like.
        meaning: A sentence or two for the reference.
        is_required: True when it must be there.
        default: What holds without it, for the reference.
        mistaken_for: Words that people write when they mean it.
    """

    key: str
    shape: Shape
    meaning: str
    is_required: bool = False
    default: str = ""
    mistaken_for: tuple[str, ...] = ()

    @property
    def is_offered(self) -> bool:
        """False for a key that is merely reserved."""
        return not isinstance(self.shape, Unavailable)


class Record(Struct, frozen=True):
    """A mapping with known keys.

    Attributes:
        expected: What it is.
        fields: Its keys.
        choices: Keys of which exactly one must be there; empty for no such rule.
        exclusive: Keys that must not stand together.
        may_be_empty: True when `key:` without a value means the record without keys.
    """

    expected: str
    fields: tuple[Field, ...]
    choices: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    may_be_empty: bool = False

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The values by key; keys that are not written are not there."""
        if self.may_be_empty and isinstance(node, Scalar) and node.is_null:
            return {}
        if not isinstance(node, Mapping):
            return _mismatch(self, node, path, reading)
        fields = {field.key: field for field in self.fields}
        values: dict[str, Any] = {}
        meant: set[str] = set()
        for key, value in node.entries:
            here = (*path, key.text)
            reading.keys[here], reading.values[here] = key.place, value.place
            if key.text in fields:
                values[key.text] = fields[key.text].shape.read(value, here, reading)
            else:
                meant.add(self._report_unknown(key, here, reading))
        self._report_absent(values, meant, path, reading)
        return values

    def _report_unknown(self, key: Scalar, path: KeyPath, reading: Reading) -> str:
        word = next((field.key for field in self.fields if key.text in field.mistaken_for), "")
        keys = [field.key for field in self.fields if field.is_offered]
        advice = f"; did you mean '{word}'?" if word else did_you_mean(key.text, keys)
        reading.report(path, f"unknown key{advice}", key.place)
        return word or nearest(key.text, keys) or ""

    def _report_absent(self, values: dict[str, Any], meant: set[str], path: KeyPath, reading: Reading) -> None:
        for field in self.fields:
            # What is merely misspelled has been reported as that.
            if field.is_required and field.key not in values and field.key not in meant:
                reading.report_missing(path, field.key, f"missing; expected {field.shape.expected}")
        if self.choices and not meant.intersection(self.choices):
            self._report_choice(values, path, reading)
        for key in [key for key in values if key in self.exclusive][1:]:
            reading.report(
                (*path, key), f"only one of {' and '.join(self.exclusive)} may be given", reading.keys[*path, key]
            )

    def _report_choice(self, values: dict[str, Any], path: KeyPath, reading: Reading) -> None:
        chosen = [key for key in values if key in self.choices]
        if not chosen:
            place = reading.keys.get(path) or reading.values[path]
            offered = [field.key for field in self.fields if field.key in self.choices and field.is_offered]
            reading.report(path, f"expected one of {', '.join(offered)}", place)
        for key in chosen[1:]:
            reading.report((*path, key), f"{chosen[0]} is given already, and only one can be", reading.keys[*path, key])

    def schema(self) -> dict[str, Any]:
        """An object that takes no other keys."""
        shape: dict[str, Any] = {
            "type": ["object", "null"] if self.may_be_empty else "object",
            "additionalProperties": False,
            "properties": {field.key: _described(field) for field in self.fields},
        }
        required = [field.key for field in self.fields if field.is_required]
        if required:
            shape["required"] = required
        if self.choices:
            shape["oneOf"] = [{"required": [key]} for key in self.choices]
        if self.exclusive:
            shape["not"] = {"required": list(self.exclusive)}
        return shape


def _described(field: Field) -> dict[str, Any]:
    default = f" Default: {field.default}." if field.default else ""
    return {"description": field.meaning + default, **field.shape.schema()}


class WordOr(Struct, frozen=True):
    """One of a few words, or a record."""

    word: Choice
    record: Record

    @property
    def expected(self) -> str:
        """Both."""
        keys = " | ".join(f"{{{field.key}: ...}}" for field in self.record.fields)
        return f"{self.word.expected} | {keys}"

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The word as a text, or the record's values."""
        if isinstance(node, Mapping):
            return self.record.read(node, path, reading)
        if not isinstance(node, Scalar) or node.is_null or node.text not in self.word.words:
            near = nearest(node.text, self.word.words) if isinstance(node, Scalar) else None
            if near is None:
                return _mismatch(self, node, path, reading)
        return self.word.read(node, path, reading)

    def schema(self) -> dict[str, Any]:
        """Either of the two."""
        return {"anyOf": [self.word.schema(), self.record.schema()]}
