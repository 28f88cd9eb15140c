"""What a template expects of a resource, beside what there is. Pure.

Source: CloudFormation API reference, PropertyDifference, and user guide, "Detect unmanaged configuration changes": only
what the template defines is compared. Elements of lists have no order, but for those of policy documents.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that is not as the template says.

    Attributes:
        path: `/SecurityGroupIngress/0`.
        expected: Its value in the template; None for what was added.
        actual: Its value; None for what was removed.
    """

    path: str
    expected: Any
    actual: Any

    @property
    def kind(self) -> str:
        """`ADD`, `REMOVE` or `NOT_EQUAL`."""
        if self.expected is None:
            return "ADD"
        return "REMOVE" if self.actual is None else "NOT_EQUAL"

    def told(self) -> dict[str, str]:
        """As the API tells it."""
        return {
            "PropertyPath": self.path,
            "ExpectedValue": shown(self.expected),
            "ActualValue": shown(self.actual),
            "DifferenceType": self.kind,
        }


def differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[Difference]:
    """Where a resource differs, in the order of the template.

    Args:
        expected: Properties of the template, its references resolved.
        actual: Those that there are; None for one that is not set. What is not among them is not compared.
    """
    return [
        difference
        for name, value in expected.items()
        if name in actual
        for difference in _compared(f"/{name}", value, actual[name])
    ]


def shown(value: Any) -> str:
    """A value as the API tells it: texts as they are, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _compared(path: str, expected: Any, actual: Any) -> Iterator[Difference]:
    if actual is None or actual in ("", []):
        if expected not in (None, "", [], {}):
            yield Difference(path, expected, None)
    elif isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for name, value in expected.items():
            yield from _compared(f"{path}/{name}", value, actual.get(name))
    elif isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        both_ordered = "Document/" in f"{path}/" and len(expected) == len(actual)
        yield from (_in_order if both_ordered else _as_sets)(path, expected, actual)
    elif not _is_same(expected, actual):
        yield Difference(path, expected, actual)


def _in_order(path: str, expected: Sequence[Any], actual: Sequence[Any]) -> Iterator[Difference]:
    for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
        yield from _compared(f"{path}/{index}", one, other)


def _as_sets(path: str, expected: Sequence[Any], actual: Sequence[Any]) -> Iterator[Difference]:
    left = list(enumerate(actual))
    for index, value in enumerate(expected):
        twin = next((each for each in left if not any(_compared("", value, each[1]))), None)
        if twin is not None:
            left.remove(twin)
        else:
            yield Difference(f"{path}/{index}", value, None)
    for index, value in left:
        yield Difference(f"{path}/{index}", None, value)


def _is_same(expected: Any, actual: Any) -> bool:
    """Templates write numbers and truths as texts as well; a list of one stands for its element in policies."""
    if expected == actual or _plain(expected) == _plain(actual):
        return True
    if isinstance(expected, list) and len(expected) == 1:
        return _is_same(expected[0], actual)
    if isinstance(actual, list) and len(actual) == 1:
        return _is_same(expected, actual[0])
    try:
        return float(expected) == float(actual)
    except (TypeError, ValueError):
        return False


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
