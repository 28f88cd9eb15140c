"""The part of JSONPath that webhook filters need: `$`, `.name`, `['name']`, `[0]`, `[-1]`, `[*]`, `.*`, `..name`.

AWS applies the Java library JsonPath; its filters `[?(...)]`, slices, unions and functions are not understood here and
are refused when the webhook is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_STEP = re.compile(
    r"(?P<deep>\.\.)?(?:"
    r"(?:(?<=\.\.)|\.)(?P<name>[^.\[\]*()?'\"\s]+)"
    r"|(?:(?<=\.\.)|\.)(?P<star>\*)"
    r"|\[\s*(?:'(?P<single>(?:[^'\\]|\\.)*)'|\"(?P<double>(?:[^\"\\]|\\.)*)\"|(?P<index>-?\d+)|(?P<all>\*))\s*\])"
)
_ESCAPE = re.compile(r"\\(.)")


class PathError(Exception):
    """A path that is not understood."""


@dataclass(frozen=True, slots=True)
class _Step:
    key: str | int | None
    """None for every child."""
    is_deep: bool


def parse(path: str) -> tuple[_Step, ...]:
    """The steps of a path.

    Raises:
        PathError: If the path has anything but what this module understands.
    """
    if not path.startswith("$"):
        raise PathError(f"'{path}' does not begin with $")
    steps, position = [], 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise PathError(f"'{path}' is not understood from '{path[position:]}' on")
        steps.append(_Step(_key(match), match["deep"] is not None))
        position = match.end()
    return tuple(steps)


def select(path: str, document: Any) -> list[Any]:
    """Every value that a path selects, in the order of the document.

    Raises:
        PathError: As `parse`.
    """
    found = [document]
    for step in parse(path):
        parents = [each for value in found for each in _within(value)] if step.is_deep else found
        found = [child for value in parents for child in _children(value, step.key)]
    return found


def _key(match: re.Match[str]) -> str | int | None:
    if match["index"] is not None:
        return int(match["index"])
    for group in ("name", "single", "double"):
        if match[group] is not None:
            return _ESCAPE.sub(r"\1", match[group])
    return None


def _children(value: Any, key: str | int | None) -> list[Any]:
    if isinstance(value, dict):
        if key is None:
            return list(value.values())
        return [value[key]] if key in value else []
    if not isinstance(value, list) or isinstance(key, str):
        return []
    if key is None:
        return list(value)
    return [value[key]] if -len(value) <= key < len(value) else []


def _within(value: Any) -> Iterator[Any]:
    """The value and everything in it."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(_children(found, None)[::-1])
