"""Properties of a template as members of an operation's input.

The two name the same things the same way but for capitals (`Ec2TagFilters`, `ec2TagFilters`); in templates numbers and
flags may be texts, and a group of tags stands in a mapping of its own where the operation takes a list of lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError

_NUMBERS: Mapping[str, type[int | float]] = {"integer": int, "long": int, "float": float, "double": float}


def shaped(shape: Any, value: Any, path: str = "#") -> Any:
    """A property's value in a shape of botocore's model.

    Raises:
        ApiError: `ValidationException` for a property that the shape does not know, or a value of another type.
    """
    match shape.type_name:
        case "structure":
            return _structure(shape, value, path)
        case "list":
            return _list(shape, value, path)
        case "map":
            return {str(key): shaped(shape.value, item, f"{path}/{key}") for key, item in _mapping(value, path).items()}
        case _:
            return _scalar(shape.type_name, value, path)


def is_true(value: Any) -> bool:
    """A flag of a template, which may be a text."""
    return str(value).lower() == "true"


def _scalar(kind: str, value: Any, path: str) -> Any:
    if kind == "boolean":
        return is_true(value)
    if kind in _NUMBERS:
        return _number(_NUMBERS[kind], value, path)
    # Where a text is wanted, whatever is none is given as JSON: flags in lower case, for one.
    return value if isinstance(value, str) else json.dumps(value)


def _list(shape: Any, value: Any, path: str) -> list[Any]:
    items = next(iter(value.values())) if isinstance(value, Mapping) and len(value) == 1 else value
    if not isinstance(items, list):
        raise _wrong(path, "JSONArray", items)
    return [shaped(shape.member, item, f"{path}/{index}") for index, item in enumerate(items)]


def _structure(shape: Any, value: Any, path: str) -> dict[str, Any]:
    known = {name.lower(): name for name in shape.members}
    members = {}
    for name, item in _mapping(value, path).items():
        member = known.get(name.lower())
        if member is None:
            raise ApiError("ValidationException", f"{path}: extraneous key [{name}] is not permitted")
        members[member] = shaped(shape.members[member], item, f"{path}/{name}")
    return members


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(path, "JSONObject", value)
    return value


def _number(kind: type[int | float], value: Any, path: str) -> int | float:
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        raise _wrong(path, "Number", value) from error


def _wrong(path: str, expected: str, found: Any) -> ApiError:
    return ApiError("ValidationException", f"{path}: expected type: {expected}, found: {type(found).__name__}")
