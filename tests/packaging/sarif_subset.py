"""The part of the SARIF 2.1.0 schema that deliverkit writes, closed: what is not in it must not be written.

Written down from the OASIS standard, sections 3.13 to 3.52; types, enumerations and required members are its.
"""

from __future__ import annotations

from typing import Any

TEXT = {"type": "string", "minLength": 1}


def record(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }


MESSAGE = record({"text": TEXT})
MULTIFORMAT = record({"text": TEXT}, {"markdown": TEXT})
ARTIFACT = record({"uri": {"type": "string", "format": "uri-reference"}}, {"uriBaseId": TEXT})
REGION = record({"startLine": {"type": "integer", "minimum": 1}, "startColumn": {"type": "integer", "minimum": 1}})
LOCATION = record({"physicalLocation": record({"artifactLocation": ARTIFACT, "region": REGION})})
SUPPRESSION = record(
    {"kind": {"enum": ["inSource", "external"]}},
    {"status": {"enum": ["accepted", "underReview", "rejected"]}, "justification": TEXT, "location": LOCATION},
)
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = record(
    {"id": TEXT},
    {
        "name": TEXT,
        "shortDescription": MULTIFORMAT,
        "fullDescription": MULTIFORMAT,
        "help": MULTIFORMAT,
        "defaultConfiguration": record({}, {"level": LEVEL}),
        "properties": {"type": "object"},
    },
)
RESULT = record(
    {"message": MESSAGE},
    {
        "ruleId": TEXT,
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "locations": {"type": "array", "items": LOCATION, "minItems": 1},
        "partialFingerprints": {"type": "object", "additionalProperties": TEXT},
        "suppressions": {"type": "array", "items": SUPPRESSION, "uniqueItems": True},
    },
)
RUN = record(
    {
        "tool": record(
            {
                "driver": record(
                    {"name": TEXT},
                    {"fullName": TEXT, "version": TEXT, "rules": {"type": "array", "items": RULE, "uniqueItems": True}},
                )
            }
        )
    },
    {
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "originalUriBaseIds": {
            "type": "object",
            "additionalProperties": record({}, {"uri": TEXT, "description": MESSAGE}),
        },
        "invocations": {"type": "array", "items": record({"executionSuccessful": {"type": "boolean"}})},
        "results": {"type": "array", "items": RESULT},
    },
)
SARIF = record(
    {"version": {"const": "2.1.0"}, "runs": {"type": "array", "items": RUN}},
    {"$schema": {"type": "string", "format": "uri"}},
)
