"""Requests and answers against botocore's own service models.

The walker below reads the JSON model that botocore itself uses, so the sandbox accepts and gives exactly the shapes
that real clients send and parse. Constraint violations are worded as AWS words them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import botocore.loaders
import botocore.model

from deliverkit.sandbox.kernel.errors import ApiError, ModelViolationError

Json = Any


@cache
def service_model(name: str) -> botocore.model.ServiceModel:
    """The botocore model of a service, such as `codepipeline`."""
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)


def parse_request(operation: botocore.model.OperationModel, body: Mapping[str, Json]) -> dict[str, Json]:
    """The caller's parameters, types checked, unknown members dropped (AWS ignores them), timestamps and blobs decoded.

    Raises:
        ApiError: `SerializationException` when a member has the wrong JSON type.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    parsed = _parse(shape, body, "")
    return parsed if isinstance(parsed, dict) else {}


def constraint_violations(operation: botocore.model.OperationModel, params: Mapping[str, Json]) -> list[str]:
    """Every violated constraint of the model, worded as AWS words them; empty when the request is well formed."""
    shape = operation.input_shape
    return [] if shape is None else list(_violations(shape, params, ""))


def serialise_answer(operation: botocore.model.OperationModel, answer: Mapping[str, Json]) -> dict[str, Json]:
    """The answer as JSON: datetimes to epoch seconds with milliseconds, absent members left out.

    Raises:
        ModelViolationError: If the answer has a member or a type that the model does not know.
    """
    shape = operation.output_shape
    if shape is None:
        if answer:
            raise ModelViolationError(f"{operation.name} has no output, got {sorted(answer)}")
        return {}
    result = _serialise(shape, answer, operation.name)
    assert isinstance(result, dict)
    return result


# --- requests -------------------------------------------------------------------------------------


_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "blob": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
}


def _parse(shape: Any, value: Json, path: str) -> Json:
    _require_type(shape, value, path)
    match shape.type_name:
        case "structure":
            known = {name: value[name] for name in shape.members if value.get(name) is not None}
            return {name: _parse(shape.members[name], member, _join(path, name)) for name, member in known.items()}
        case "list":
            return [_parse(shape.member, item, f"{path}.{index + 1}.member") for index, item in enumerate(value)]
        case "map":
            return {key: _parse(shape.value, item, _join(path, key)) for key, item in value.items()}
        case "timestamp":
            return _parse_timestamp(value, path)
        case "blob":
            return _parse_blob(value, path)
        case _:
            return value


def _require_type(shape: Any, value: Json, path: str) -> None:
    expected = _JSON_TYPES[shape.type_name]
    is_bool_for_number = isinstance(value, bool) and bool not in expected
    if not isinstance(value, expected) or is_bool_for_number:
        where = f" at '{path}'" if path else ""
        raise ApiError(
            "SerializationException", f"{type(value).__name__} can not be converted to a {shape.type_name}{where}"
        )


def _parse_timestamp(value: Json, path: str) -> datetime:
    import botocore.utils  # noqa: PLC0415  (only requests that carry a timestamp pay for it)

    try:
        parsed: datetime = botocore.utils.parse_timestamp(value)
    except (ValueError, OverflowError, OSError) as error:
        raise ApiError("SerializationException", f"'{value}' at '{path}' is not a timestamp") from error
    return parsed


def _parse_blob(value: str, path: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ApiError("SerializationException", f"the blob at '{path}' is not base64") from error


def _violations(shape: Any, value: Json, path: str) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            for name in shape.required_members:
                if name not in value:
                    yield _violation(None, _join(path, name), "Member must not be null")
            for name, member in value.items():
                yield from _violations(shape.members[name], member, _join(path, name))
        case "list":
            yield from _length_violations(shape, value, path)
            for index, item in enumerate(value):
                yield from _violations(shape.member, item, f"{path}.{index + 1}.member")
        case "map":
            yield from _length_violations(shape, value, path)
            for key, item in value.items():
                yield from _violations(shape.key, key, path)
                yield from _violations(shape.value, item, f"{path}.{key}.member")
        case "string" | "blob":
            yield from _length_violations(shape, value, path)
            yield from _text_violations(shape, value, path)
        case "integer" | "long" | "float" | "double":
            yield from _range_violations(shape, value, path)


def _length_violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if minimum is not None and len(value) < minimum:
        yield _violation(value, path, f"Member must have length greater than or equal to {minimum}")
    if maximum is not None and len(value) > maximum:
        yield _violation(value, path, f"Member must have length less than or equal to {maximum}")


def _range_violations(shape: Any, value: float, path: str) -> Iterator[str]:
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if minimum is not None and value < minimum:
        yield _violation(value, path, f"Member must have value greater than or equal to {minimum}")
    if maximum is not None and value > maximum:
        yield _violation(value, path, f"Member must have value less than or equal to {maximum}")


def _text_violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        yield _violation(value, path, f"Member must satisfy enum value set: [{', '.join(enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and isinstance(value, str) and not _compiled(pattern).fullmatch(value):
        yield _violation(value, path, f"Member must satisfy regular expression pattern: {pattern}")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # The models hold Java patterns; `\p{..}` classes are the one construct in use that Python's re lacks.
    return re.compile(re.sub(r"\\p\{[^}]*\}", r"\\w", pattern))


def _violation(value: Json, path: str, rule: str) -> str:
    shown = "" if value is None else f" '{value}'"
    return f"Value{shown} at '{path}' failed to satisfy constraint: {rule}"


# --- answers --------------------------------------------------------------------------------------


def _serialise(shape: Any, value: Json, path: str) -> Json:
    match shape.type_name:
        case "structure":
            return _serialise_structure(shape, value, path)
        case "list":
            _expect(isinstance(value, (list, tuple)), shape, value, path)
            return [_serialise(shape.member, item, f"{path}[{index}]") for index, item in enumerate(value)]
        case "map":
            _expect(isinstance(value, Mapping), shape, value, path)
            return {str(key): _serialise(shape.value, item, _join(path, str(key))) for key, item in value.items()}
        case "timestamp":
            _expect(isinstance(value, datetime), shape, value, path)
            return round(value.timestamp(), 3)
        case "blob":
            _expect(isinstance(value, bytes), shape, value, path)
            return base64.b64encode(value).decode()
        case _:
            _expect_scalar(shape, value, path)
            return value


def _serialise_structure(shape: Any, value: Json, path: str) -> dict[str, Json]:
    _expect(isinstance(value, Mapping), shape, value, path)
    unknown = set(value) - set(shape.members)
    if unknown:
        raise ModelViolationError(f"{path} has members outside the model: {sorted(unknown)}")
    present = {name: member for name, member in value.items() if member is not None}
    return {name: _serialise(shape.members[name], member, _join(path, name)) for name, member in present.items()}


def _expect_scalar(shape: Any, value: Json, path: str) -> None:
    is_bool = isinstance(value, bool)
    _expect(isinstance(value, _JSON_TYPES[shape.type_name]), shape, value, path)
    _expect(is_bool == (shape.type_name == "boolean"), shape, value, path)
    enum = getattr(shape, "enum", None)
    # An empty enum value is AWS's own "not set" in a few answers; anything else must be in the set.
    _expect(not enum or value in enum, shape, value, path)


def _expect(condition: bool, shape: Any, value: Json, path: str) -> None:
    if not condition:
        raise ModelViolationError(f"{path} should be {shape.type_name} {shape.name}, got {value!r}")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
