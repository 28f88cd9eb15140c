"""Whether an answer is one that botocore's model allows, judged by botocore itself."""

from __future__ import annotations

import json
from typing import Any

import botocore.parsers
import botocore.validate

Json = Any
GENERAL = "SerializationException"
"""The error of the protocol itself, for a value of the wrong JSON type; no model lists it."""
AS_OBSERVED = (".currentRevision: ",)
"""Where AWS itself leaves out what its model requires: an S3 source's current revision has a revisionId and no more."""


def objections(operation: Any, status: int, body: bytes) -> list[str]:
    """Everything about an answer that the model does not allow; empty for a good one."""
    answer = json.loads(body)
    if status == 200:
        return [*_outside(operation.output_shape, answer, ""), *_misshapen(operation, body)]
    allowed = {shape.name for shape in operation.error_shapes} | {GENERAL}
    found = [] if status == 400 else [f"status {status}: {answer}"]
    if answer.get("__type") not in allowed:
        found.append(f"{answer.get('__type')} is no error of {operation.name}: {answer.get('message')}")
    if not answer.get("message"):
        found.append(f"no message: {answer}")
    return found


def _misshapen(operation: Any, body: bytes) -> list[str]:
    """What botocore's own validator of parameters says of the parsed answer: types, required members, ranges."""
    if operation.output_shape is None:
        return []
    response = {"status_code": 200, "headers": {}, "body": body}
    parsed = botocore.parsers.create_parser("json").parse(response, operation.output_shape)
    parsed.pop("ResponseMetadata", None)
    report = botocore.validate.ParamValidator().validate(parsed, operation.output_shape)
    return [line for line in report.generate_report().splitlines() if not any(each in line for each in AS_OBSERVED)]


def _outside(shape: Any, value: Json, path: str) -> list[str]:
    """Members that the model does not know, nulls, and words outside of their enumeration."""
    if value is None or shape is None:
        return [] if shape is None and not value else [f"{path or 'the answer'} is {value!r}"]
    match shape.type_name:
        case "structure":
            strange = [f"{path}.{name} is not in the model" for name in value if name not in shape.members]
            known = ((name, value[name]) for name in value if name in shape.members)
            return strange + [
                each for name, found in known for each in _outside(shape.members[name], found, f"{path}.{name}")
            ]
        case "list":
            return [each for item in value for each in _outside(shape.member, item, f"{path}[]")]
        case "map":
            return [each for item in value.values() for each in _outside(shape.value, item, f"{path}{{}}")]
        case "string":
            values = getattr(shape, "enum", None)
            return [f"{path} is {value!r}, not one of {values}"] if values and value not in values else []
    return []
