"""Whole HTTP answers: errors worded in each service's own wire format, and answers of the application behind."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from xml.sax.saxutils import escape

from deliverkit.sandbox.access.request import Request, Wire

LOST_ANSWER = "deliverkit.lost_answer"
"""Where the environ of a request has the answer that its caller never hears of."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer with its whole body.

    Attributes:
        status: `400 Bad Request`.
        headers: In order.
        body: All bytes.
    """

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def send(self, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a WSGI request with it."""
        start_response(self.status, list(self.headers))
        return [self.body]


def error_answer(request: Request, code: str, message: str, status: int) -> HttpAnswer:
    """An error as the service that was asked words it."""
    request_id = str(uuid.uuid4())  # not one of the sandbox's own ids: nothing was done
    body, kind = _body(request.wire, code, message, request_id, is_server=status >= 500)
    if request.method == "HEAD":
        body = b""
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("x-amzn-RequestId", request_id)]
    if request.wire is Wire.REST_JSON:
        headers.append(("x-amzn-ErrorType", code))
    return HttpAnswer(f"{status} {_phrase(status)}", tuple(headers), body)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def _body(wire: Wire, code: str, message: str, request_id: str, *, is_server: bool) -> tuple[bytes, str]:
    if wire in {Wire.JSON, Wire.REST_JSON}:
        kind = "application/x-amz-json-1.1" if wire is Wire.JSON else "application/json"
        return json.dumps({"__type": code, "message": message}).encode(), kind
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    whose = "Receiver" if is_server else "Sender"
    text = {
        Wire.S3: f"<Error>{error}<RequestId>{request_id}</RequestId></Error>",
        Wire.EC2: f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>",
    }.get(
        wire,
        f"<ErrorResponse><Error><Type>{whose}</Type>{error}</Error><RequestId>{request_id}</RequestId></ErrorResponse>",
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode(), "text/xml"


def capture(application: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> HttpAnswer:
    """The application's whole answer to a request."""
    told: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: Iterable[tuple[str, str]], _error: Any = None) -> Callable[[bytes], None]:
        told.append((status, tuple(headers)))
        return written.append

    found = application(environ, start_response)
    try:
        body = b"".join([*written, *found])
    finally:
        close = getattr(found, "close", None)
        if close is not None:
            close()
    status, headers = told[-1]
    return HttpAnswer(status, headers, body)
