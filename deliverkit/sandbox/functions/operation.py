"""The Invoke operation over HTTP (Lambda API reference, Invoke)."""

from __future__ import annotations

import base64
import json
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from deliverkit.sandbox.functions.lookup import find_function
from deliverkit.sandbox.functions.queue import InvocationQueue, enqueue
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.kernel.wsgi import Environ
from deliverkit.sandbox.moto_functions import Function

log = logging.getLogger(__name__)
_PATH = re.compile(r"/2015-03-31/functions/(.+)/invocations/?")
_REASONS = {200: "OK", 202: "Accepted", 204: "No Content", 400: "Bad Request", 404: "Not Found", 502: "Bad Gateway"}
TYPES = ("RequestResponse", "Event", "DryRun")
LOG_TAIL = 4096
LARGEST_SYNCHRONOUS = 6 * 1024 * 1024
LARGEST_ASYNCHRONOUS = 1024 * 1024


def is_invocation(environ: Environ) -> bool:
    """True for a request that runs a function."""
    return environ["REQUEST_METHOD"] == "POST" and _PATH.fullmatch(environ["PATH_INFO"]) is not None


def is_waited_for(environ: Environ) -> bool:
    """True when the caller waits for the function, which may itself call the sandbox meanwhile."""
    return is_invocation(environ) and _kind(environ) == "RequestResponse"


def answer(
    world: World, account: str, region: str, environ: Environ, start_response: Callable[..., Any]
) -> list[bytes]:
    """Answer an invocation."""
    # Not of `chance`: this request is not repeated after a crash, and must not move the ids of those that are.
    request_id = str(uuid.uuid4())
    try:
        status, headers, body = _invoke(world, account, region, request_id, environ)
    except ApiError as error:
        status, headers, body = _refusal(error)
    except Exception:
        log.exception("a function could not be run")
        status, headers, body = _refusal(ApiError("ServiceException", "the sandbox failed; see its log", status=500))
    told = {"Content-Type": "application/json", "x-amzn-RequestId": request_id, **headers}
    told["Content-Length"] = str(len(body))
    start_response(f"{status} {_REASONS.get(status, 'Error')}", list(told.items()))
    return [body]


def _kind(environ: Environ) -> str:
    return str(environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse"))


def _invoke(
    world: World, account: str, region: str, request_id: str, environ: Environ
) -> tuple[int, Mapping[str, str], bytes]:
    kind, match = _kind(environ), _PATH.fullmatch(environ["PATH_INFO"])
    if kind not in TYPES:
        raise ApiError("InvalidParameterValueException", f"the invocation type {kind} is none of {', '.join(TYPES)}")
    qualifier = parse_qs(environ.get("QUERY_STRING", "")).get("Qualifier", [None])[-1]
    function = find_function(world, account, region, match[1] if match else "", qualifier)
    event = _event_of(_body(environ, LARGEST_ASYNCHRONOUS if kind == "Event" else LARGEST_SYNCHRONOUS))
    if kind == "DryRun":
        return 204, {}, b""
    if kind == "Event":
        enqueue(world, function.account, function.region, function.asked_for, event)
        return 202, {}, b""
    return _run(world, function, request_id, event, wants_log=environ.get("HTTP_X_AMZ_LOG_TYPE") == "Tail")


def _run(
    world: World, function: Function, request_id: str, event: Any, *, wants_log: bool
) -> tuple[int, Mapping[str, str], bytes]:
    queue: InvocationQueue = world.parts[InvocationQueue]
    result = queue.run(function, request_id, event)
    headers = {"X-Amz-Executed-Version": function.version}
    if result.failed:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if wants_log:
        headers["X-Amz-Log-Result"] = base64.b64encode(result.log[-LOG_TAIL:]).decode()
    return 200, headers, result.payload


def _body(environ: Environ, largest: int) -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > largest:
        message = f"Request must be smaller than {largest} bytes for the InvokeFunction operation"
        raise ApiError("RequestTooLargeException", message, status=413)
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


def _event_of(body: bytes) -> Any:
    """An empty body is an empty object."""
    try:
        return json.loads(body) if body else {}
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise ApiError("InvalidRequestContentException", message) from error


def _refusal(error: ApiError) -> tuple[int, Mapping[str, str], bytes]:
    side = "User" if error.status < 500 else "Service"
    body = json.dumps({"Type": side, "Message": error.message}).encode()
    return error.status, {"x-amzn-ErrorType": error.code}, body
