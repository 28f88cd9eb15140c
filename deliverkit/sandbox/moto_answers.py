"""What moto answers; and what is said in its place when it does not know what it is asked, or fails.

moto raises through its server for whatever it does not implement, and its server answers with a page for people: SDKs
take that for an outage, try again, and show none of it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any
from xml.parsers.expat import ExpatError

from botocore.model import OperationNotFoundError

from deliverkit.sandbox.access.answers import HttpAnswer, capture, error_answer
from deliverkit.sandbox.access.request import Request, Wire
from deliverkit.sandbox.kernel import model
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.wsgi import Application, Environ
from deliverkit.sandbox.moto_trail import members_of, operation_model

log = logging.getLogger(__name__)
_UNKNOWN = {
    Wire.QUERY: ("InvalidAction", 400),
    Wire.EC2: ("InvalidAction", 400),
    Wire.S3: ("NotImplemented", 501),
    Wire.REST_XML: ("NotImplemented", 501),
}
"""Codes that AWS documents for operations that a service does not have; no SDK tries again for them."""
_PAGE = b"<!doctype html"
_NOT_WRITTEN = "action has not been implemented"
"""How moto's own words end when it has nothing of an operation."""


def answer(application: Application, request: Request, environ: Environ) -> HttpAnswer:
    """What moto answers, or an error in the request's own protocol."""
    try:
        if request.wire is Wire.JSON and _speaks_json(environ):
            _json_object(request.body)  # of what is none, moto takes some for no parameters
        found = capture(application, environ)
    except ApiError as offence:
        return error_answer(request, offence.code, offence.message, offence.status)
    except (NotImplementedError, OperationNotFoundError) as error:
        return _unknown(request, str(error))
    except (ConnectionError, TimeoutError):
        raise  # nobody is there to be told
    except Exception as error:  # noqa: BLE001  (whatever stumbled there, the caller is told in its own protocol)
        return _failed(request, environ, error)
    return _unknown(request, "") if _is_for_people(found, request) else found


def _speaks_json(environ: Environ) -> bool:
    """False for a body that is compressed, or in CBOR."""
    return "HTTP_CONTENT_ENCODING" not in environ and not environ["PATH_INFO"].startswith("/service/")


def _is_for_people(answer: HttpAnswer, request: Request) -> bool:
    """True for the server's own pages, such as that for a path which no service has."""
    kind = dict(answer.headers).get("Content-Type", "")
    is_page = answer.body[: len(_PAGE)].lower() == _PAGE or (not answer.body and request.method != "HEAD")
    return answer.status.startswith("4") and kind.startswith("text/html") and is_page


def _unknown(request: Request, detail: str) -> HttpAnswer:
    code, status = _UNKNOWN.get(request.wire, ("UnknownOperationException", 400))
    what = request.operation or f"{request.method} {request.path}"
    detail = "" if detail.endswith(_NOT_WRITTEN) else detail
    text = f"the sandbox does not know {request.service} {what}"
    return error_answer(request, code, f"{text}: {detail}" if detail else text, status)


def _failed(request: Request, environ: Environ, error: Exception) -> HttpAnswer:
    """As moto takes much on trust, what failed may be the request."""
    if not request.operation:
        return _unknown(request, "")
    fault = _fault_of(request, environ, error)
    if fault is not None:
        return error_answer(request, fault.code, fault.message, fault.status)
    log.error("%s failed", request.action, exc_info=error)
    text = f"the sandbox failed in {request.service} {request.operation}; see its log"
    return error_answer(request, "InternalFailure", text, 500)


def _fault_of(request: Request, environ: Environ, error: Exception) -> ApiError | None:
    """How a request offends against its protocol or botocore's model; None when it does not, or nobody can tell."""
    if isinstance(error, ExpatError):
        return ApiError("MalformedXML", f"The XML you provided was not well-formed: {error}")
    operation = operation_model(request.service, request.operation)
    try:
        if request.wire in {Wire.JSON, Wire.REST_JSON} and _speaks_json(environ):
            return _json_fault(request, operation)
        if request.wire in {Wire.QUERY, Wire.EC2} and operation is not None:
            return _form_fault(request, operation)
    except ApiError as offence:
        return offence
    return None


def _json_fault(request: Request, operation: Any) -> ApiError | None:
    body = _json_object(request.body)
    if operation is None or operation.input_shape is None:
        return None
    if request.wire is Wire.JSON:
        model.parse_request(operation, body)
    missing = [name for name in _needed(operation) if body.get(name) is None]
    text = "; ".join(
        f"Value null at '{name}' failed to satisfy constraint: Member must not be null" for name in missing
    )
    return ApiError("ValidationException", text) if missing else None


def _needed(operation: Any) -> list[str]:
    """The members that must stand in the body."""
    shapes = [(name, operation.input_shape.members[name]) for name in operation.input_shape.required_members]
    return [shape.serialization.get("name", name) for name, shape in shapes if "location" not in shape.serialization]


def _form_fault(request: Request, operation: Any) -> ApiError | None:
    if operation.input_shape is None:
        return None
    try:
        members = members_of(request.params, operation)
    except ValueError as error:
        return ApiError("InvalidParameterValue", str(error))
    missing = [name for name in operation.input_shape.required_members if members.get(name) is None]
    text = f"The request must contain the parameter {', '.join(missing)}"
    return ApiError("MissingParameter", text) if missing else None


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", "the request body is not JSON") from error
    if not isinstance(found, dict):
        raise ApiError("SerializationException", "the request body is not a JSON object")
    return found
