"""A request as the sandbox's guards see it: which operation of which service, asked by whom and where."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, unquote

from deliverkit.sandbox.access.routes import find_route
from deliverkit.sandbox.kernel.wsgi import CONTROL_PREFIX, MAX_BODY, CredentialScope, Environ, credential_scope

_ALIASES = {"monitoring": "cloudwatch"}
"""Services that sign under another name than the one in their actions (Service Authorization Reference)."""
_READS = ("Get", "List", "Describe", "BatchGet", "Head", "Query", "Scan", "Search", "Lookup", "Receive", "Select")
_HEADERS = (
    "x-amz-copy-source",
    "x-amz-acl",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
)
_ASKED = "deliverkit.asked"
"""Where the environ of a request has what was read of it."""
_CBOR_PATH = re.compile(r"/service/[^/]+/operation/(\w+)")


class Wire(Enum):
    """How a service's errors look."""

    JSON = "json"
    QUERY = "query"
    EC2 = "ec2"
    S3 = "s3"
    REST_JSON = "rest-json"
    REST_XML = "rest-xml"


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        service: The name in IAM's actions and in fault files: `codedeploy`, `s3`, `cloudwatch`.
        operation: `CreateDeployment`; empty when it is not known.
        account: Account id of the caller.
        region: Region of the credential scope.
        access_key: Who signed.
        wire: How to word an error.
        method: HTTP method.
        params: Members of a JSON or form body, or what the path and query of a REST request name.
        path: As it came, decoded.
        body: Of an RPC; that of a REST request, which may be an upload, is not looked at.
        identity: What tells two requests for the same thing from others: path, query and body.
        query: Of the URL.
        headers: Those that name what is asked for, in lower case.
    """

    service: str
    operation: str
    account: str
    region: str
    access_key: str
    wire: Wire
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    body: bytes = b""
    identity: bytes = b""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def action(self) -> str:
        """`codedeploy:CreateDeployment`."""
        return f"{self.service}:{self.operation}"

    @property
    def is_read(self) -> bool:
        """True when the operation changes nothing, by its name."""
        return self.operation.startswith(_READS)


def read_request(environ: Environ, account_of: Any) -> Request | None:
    """What a signed request asks for; None for an unsigned one. A body that was read can be read again.

    Args:
        environ: Of WSGI.
        account_of: Gives the account id of an access key.
    """
    scope = credential_scope(environ)
    return None if scope is None else _request(environ, scope, account_of(scope.access_key))


def any_request(environ: Environ, account_of: Any = lambda _: "") -> Request:
    """The same for a request of whomever; one without a signature is S3's unless it says otherwise."""
    scope = credential_scope(environ) or CredentialScope("", "", "s3")
    return _request(environ, scope, account_of(scope.access_key))


def _request(environ: Environ, scope: CredentialScope, account: str) -> Request:
    if _ASKED not in environ:  # four layers ask, and nothing of it changes on the way
        body = _peek(environ)
        environ[_ASKED] = (*_operation(environ, scope, body), body)
    operation, wire, params, body = environ[_ASKED]
    method, path = str(environ["REQUEST_METHOD"]), str(environ["PATH_INFO"])
    return Request(
        service=_ALIASES.get(scope.service, scope.service),
        operation=operation,
        account=account,
        region=scope.region,
        access_key=scope.access_key,
        wire=wire,
        method=method,
        params=params,
        path=path,
        body=body,
        identity="\n".join([method, path, environ.get("QUERY_STRING", "")]).encode() + b"\n" + body,
        query={name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()},
        headers={name: str(environ[_header(name)]) for name in _HEADERS if _header(name) in environ},
    )


def forget_request(environ: Environ) -> None:
    """Read it anew when somebody asks next: its body became another one."""
    environ.pop(_ASKED, None)


def _header(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


def _peek(environ: Environ) -> bytes:
    """The body of an RPC; that of a REST request, which may be an upload, is left unread."""
    kind = environ.get("CONTENT_TYPE", "")
    length = environ.get("CONTENT_LENGTH") or "0"
    is_rpc = "json" in kind or "cbor" in kind or kind.startswith("application/x-www-form-urlencoded")
    if not (is_rpc or "HTTP_X_AMZ_TARGET" in environ) or not length.isdigit() or not 0 < int(length) <= MAX_BODY:
        return b""
    body: bytes = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = BytesIO(body)
    return body


def _operation(environ: Environ, scope: CredentialScope, body: bytes) -> tuple[str, Wire, Mapping[str, Any]]:
    if environ["PATH_INFO"].startswith(CONTROL_PREFIX):
        return "", Wire.JSON, {}
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2], Wire.JSON, _json(body)
    cbor = _CBOR_PATH.fullmatch(environ["PATH_INFO"])
    if cbor:
        return cbor[1], Wire.JSON, {}
    form = {name: values[-1] for name, values in _form(environ, body).items()}
    if "Action" in form:
        return form["Action"], Wire.EC2 if scope.service == "ec2" else Wire.QUERY, form
    return _rest(environ, scope, body)


def _rest(environ: Environ, scope: CredentialScope, body: bytes) -> tuple[str, Wire, Mapping[str, Any]]:
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    headers = {name[5:].lower().replace("_", "-") for name in environ if name.startswith("HTTP_")}
    route = find_route(scope.service, environ["REQUEST_METHOD"], unquote(environ["PATH_INFO"]), query, headers)
    if scope.service == "s3":
        wire = Wire.S3
    else:
        wire = Wire.REST_XML if scope.service in {"route53", "cloudfront"} else Wire.REST_JSON
    if route is None:
        return "", wire, {}
    return route.operation, wire, {**_json(body), **route.labels}


def _form(environ: Environ, body: bytes) -> Mapping[str, list[str]]:
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded") and body:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}  # whoever answers will refuse it
    return found if isinstance(found, dict) else {}
