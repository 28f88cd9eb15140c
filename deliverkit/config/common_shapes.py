"""Shapes that many keys share."""

from __future__ import annotations

import math
import re
from typing import Any

from msgspec import Struct

from deliverkit.config import texts
from deliverkit.config.problem import Reading
from deliverkit.config.shapes import INVALID, Text
from deliverkit.domain.duration import parse_duration
from deliverkit.yaml_tree import KeyPath, Mapping, Node, Scalar, Sequence

TIME = Text("a time such as 500ms, 90s or 1h30m", parse_duration, texts.DURATION)
SOME_TIME = Text(TIME.expected, texts.positive_duration, texts.DURATION)
TEXT = Text("a text", texts.with_placeholders)
URL = Text("an address such as ${endpoint}/healthz", texts.url)
NAME = Text(
    "a name",
    texts.matching(texts.NAME, "a name: letters, digits, '.', '_' and '-', 63 at most, a letter or digit first"),
    texts.NAME,
)
REGION = Text(
    "an AWS region such as us-east-1", texts.matching(texts.REGION, "an AWS region such as us-east-1"), texts.REGION
)

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_WORDS = {"true": True, "false": False}


class Json(Struct, frozen=True):
    """Any value that JSON has; plain scalars are numbers and truth values where JSON would read them so."""

    expected: str = "a value such as {version: ${release.version}}"

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The value in Python's types."""
        match node:
            case Mapping():
                return {key.text: self.read(each, (*path, key.text), reading) for key, each in node.entries}
            case Sequence():
                return [self.read(each, (*path, index), reading) for index, each in enumerate(node.items)]
            case Scalar():
                return self._scalar(node, path, reading)

    @staticmethod
    def _scalar(node: Scalar, path: KeyPath, reading: Reading) -> Any:
        if node.is_null:
            return None
        if node.is_plain and node.text in _WORDS:
            return _WORDS[node.text]
        if node.is_plain and _NUMBER.fullmatch(node.text):
            number = float(node.text)
            if math.isfinite(number):
                return number if set(node.text) & set(".eE") else int(node.text)
        try:
            return texts.for_a_whole_leg(node.text)
        except ValueError as error:
            reading.report(path, str(error), node.place)
            return INVALID

    def schema(self) -> dict[str, Any]:
        """Anything."""
        return {}
