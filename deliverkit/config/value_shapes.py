"""Shapes of values that stand for themselves: numbers with limits, and whatever YAML has a word for."""

from __future__ import annotations

import math
import re
from typing import Any

from msgspec import Struct

from deliverkit.config.problem import Reading
from deliverkit.config.shapes import INVALID, Field, ListOf, Record, Shape
from deliverkit.domain.limits import ABOVE, AT_LEAST, AT_MOST, BELOW, KEYS
from deliverkit.yaml_tree import KeyPath, Mapping, Node, Scalar, Sequence

_INTEGER = re.compile(r"[-+]?[0-9]{1,400}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?", re.ASCII)
"""YAML 1.2.2, section 10.3.2, "Tag Resolution" of the core schema."""


class Number(Struct, frozen=True):
    """A finite number; a share may be written as a percentage: `0.5%`."""

    expected: str = "a number such as 5, 0.25 or 1.5%"

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The number; of a percentage its hundredth."""
        text = node.text if isinstance(node, Scalar) and node.is_plain else ""
        if not _FLOAT.fullmatch(text.removesuffix("%")):
            found = "nothing" if isinstance(node, Scalar) and node.is_null else repr(getattr(node, "text", "a mapping"))
            reading.report(path, f"expected {self.expected}, found {found}", node.place)
            return INVALID
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        if math.isfinite(number):
            return number
        reading.report(path, f"{text} is too large a number", node.place)
        return INVALID

    def schema(self) -> dict[str, Any]:
        """A number, or a text for a percentage."""
        return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[-+]?[0-9]*\.?[0-9]+%$"}]}


class Plain(Struct, frozen=True):
    """Any value: a text, a number, true, false, null, a list or a mapping, as YAML 1.2 reads them."""

    expected: str = "a value"

    def read(self, node: Node, _path: KeyPath, _reading: Reading) -> Any:
        """The value, in types that JSON has."""
        return plain(node)

    def schema(self) -> dict[str, Any]:
        """Anything matches."""
        return {}


def plain(node: Node) -> Any:
    """A node's value, in types that JSON has; what JSON has no word for, such as `.nan`, stays a text."""
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.entries}
    return _scalar(node) if node.is_plain else node.text


def _scalar(node: Scalar) -> Any:
    words = {"true": True, "false": False}
    if node.is_null or node.text.lower() in words:
        return words.get(node.text.lower())
    if _INTEGER.fullmatch(node.text):
        return int(node.text)
    number = float(node.text) if _FLOAT.fullmatch(node.text) else math.nan
    return number if math.isfinite(number) else node.text


class OneOrMore(Struct, frozen=True):
    """A value, or a list of such values."""

    item: Shape
    expected: str

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The value, or a tuple."""
        if isinstance(node, Sequence):
            return ListOf(self.item, self.expected).read(node, path, reading)
        return self.item.read(node, path, reading)

    def schema(self) -> dict[str, Any]:
        """Either of the two."""
        return {"anyOf": [self.item.schema(), ListOf(self.item, self.expected).schema()]}


class Limited(Record, frozen=True):
    """A record with limits among its keys: at least one has to be there, and they must leave something."""

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The values by key."""
        values = Record.read(self, node, path, reading)
        if isinstance(values, dict):
            _check_limits(values, path, reading)
        return values

    def schema(self) -> dict[str, Any]:
        """An object with one of the limits."""
        return {**Record.schema(self), "anyOf": [{"required": [key]} for key in KEYS]}


NUMBER_LIMITS = (
    Field(ABOVE, Number(), "It passes above this number.", mistaken_for=("greater_than", "gt", "min")),
    Field(AT_LEAST, Number(), "It passes at this number and above.", mistaken_for=("gte", "minimum")),
    Field(BELOW, Number(), "It passes below this number.", mistaken_for=("less_than", "lt", "threshold", "max")),
    Field(AT_MOST, Number(), "It passes at this number and below.", mistaken_for=("lte", "maximum")),
)
"""What a number must be, as keys of a record."""


class ValueOrLimits(Struct, frozen=True):
    """A value that is expected as it is, or limits for a number."""

    expected: str = "a value such as ok, or limits such as {below: 100}"
    record: Limited = Limited("limits such as {below: 100}", NUMBER_LIMITS)

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The value, or the limits by key."""
        if isinstance(node, Mapping):
            return self.record.read(node, path, reading)
        if isinstance(node, Sequence):
            reading.report(path, f"expected {self.expected}, found a list", node.place)
            return INVALID
        return plain(node)

    def schema(self) -> dict[str, Any]:
        """Either of the two."""
        return {"anyOf": [{"type": ["string", "number", "boolean", "null"]}, self.record.schema()]}


def _check_limits(values: dict[str, Any], path: KeyPath, reading: Reading) -> None:
    given = {key: values[key] for key in KEYS if key in values}
    if not given:
        place = reading.keys.get(path) or reading.values[path]
        reading.report(path, f"expected a limit: {', '.join(KEYS)}", place)
    if INVALID in given.values():
        return
    low = max((each for key, each in given.items() if key in {ABOVE, AT_LEAST}), default=-math.inf)
    high = min((each for key, each in given.items() if key in {BELOW, AT_MOST}), default=math.inf)
    is_strict = given.get(ABOVE) == low or given.get(BELOW) == high
    if low > high or (low == high and is_strict):
        reading.report(path, f"no number is within these limits: from {low:g} to {high:g}", reading.keys.get(path))
