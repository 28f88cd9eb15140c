"""What an event tells of its request and its answer, with secrets hidden.

Source: CloudTrail User Guide, "CloudTrail record contents" and its examples. Members are nested as the service's model
has them and begin with a small letter; a few services, EC2 above all, have a form of their own on AWS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import botocore.parsers

from deliverkit.sandbox.access.request import Request, Wire
from deliverkit.sandbox.moto_trail import members_of, operation_model
from deliverkit.sandbox.trail.store import HIDDEN

LARGEST = 16 * 1024
"""Characters of a request's or an answer's members that are kept; larger ones are left out."""
_SECRET = re.compile(
    r"passw|secret|passphrase|plaintext|privatekey|oauthtoken|authtoken|accesstoken|credential", re.IGNORECASE
)
_SECRET_OF = frozenset({("PutParameter", "Value"), ("GetParameter", "Value")})
_OMITTED = re.compile(r"(Create|Update)Function.*")
"""Operations whose events have neither environment nor code (Lambda Developer Guide, "Logging with CloudTrail")."""
_OMITTED_MEMBERS = frozenset({"Environment", "ZipFile"})
_RENAMED = {("s3", "bucket"): "bucketName"}
_CREDENTIALS = frozenset({"AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetSessionToken"})
_ELB_V2 = "2015-12-01"


def request_parameters(request: Request) -> Mapping[str, Any] | None:
    """`requestParameters`; None when there are none."""
    given = {name: value for name, value in request.params.items() if name not in {"Action", "Version"}}
    operation = _operation(request) if request.wire in {Wire.QUERY, Wire.EC2} else None
    if operation is not None:
        given = dict(members_of(given, operation))
    return _fitting(_masked(request, given))


def response_elements(request: Request, status: int, headers: Mapping[str, str], body: bytes) -> Any:
    """`responseElements`: what a request that changes something was answered; None for a read or a refusal."""
    if request.is_read or status >= 300 or not body or len(body) > LARGEST * 4:
        return None
    if request.wire in {Wire.JSON, Wire.REST_JSON}:
        return _fitting(_masked(request, _json(body)))
    operation = _operation(request)
    if operation is None or operation.output_shape is None:
        return None
    parser = botocore.parsers.create_parser(operation.service_model.protocol)
    answer = {"status_code": status, "headers": dict(headers), "body": body}
    try:
        found = parser.parse(answer, operation.output_shape)
    except botocore.parsers.ResponseParserError:
        return None
    return _fitting(_masked(request, {name: value for name, value in found.items() if name != "ResponseMetadata"}))


def _operation(request: Request) -> Any:
    name = request.service
    if name == "elasticloadbalancing":
        name = "elbv2" if request.params.get("Version") == _ELB_V2 else "elb"
    return operation_model(name, request.operation)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _fitting(told: Mapping[str, Any]) -> Mapping[str, Any] | None:
    size = len(json.dumps(told, default=str))
    if size > LARGEST:
        return {"omitted": True, "originalSize": size, "reason": "too large"}
    return told or None


def _masked(request: Request, members: Mapping[str, Any]) -> dict[str, Any]:
    told = {}
    for name, value in members.items():
        if name in _OMITTED_MEMBERS and _OMITTED.fullmatch(request.operation):
            continue
        small = _small(name)
        told[_RENAMED.get((request.service, small), small)] = _value(request, name, value)
    return told


def _value(request: Request, name: str, value: Any) -> Any:
    if isinstance(value, Mapping) and name == "Credentials" and request.operation in _CREDENTIALS:
        # The key and the token are told, which ties what a session does to its beginning; the secret is not.
        return {_small(part): _plain(value[part]) for part in value if part != "SecretAccessKey"}
    if _SECRET.search(name) or (request.operation, name) in _SECRET_OF:
        return HIDDEN
    if isinstance(value, Mapping):
        return _masked(request, value)
    if isinstance(value, list):
        return [_value(request, "", each) for each in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%b %d, %Y %I:%M:%S %p}".replace(" 0", " ")
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]
