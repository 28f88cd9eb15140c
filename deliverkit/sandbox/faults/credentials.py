"""Credentials that have expired."""

from __future__ import annotations

from deliverkit.sandbox.access.answers import HttpAnswer, error_answer
from deliverkit.sandbox.access.request import Wire
from deliverkit.sandbox.faults.fault import Fault
from deliverkit.sandbox.faults.kind import Kind, Passing
from deliverkit.sandbox.faults.settings import REQUESTS

_EXPIRED = "The security token included in the request is expired"
_BY_WIRE = {
    # Common errors: ExpiredTokenException, 403; query services drop the ending.
    Wire.JSON: ("ExpiredTokenException", _EXPIRED, 403),
    Wire.REST_JSON: ("ExpiredTokenException", _EXPIRED, 403),
    Wire.QUERY: ("ExpiredToken", _EXPIRED, 403),
    Wire.REST_XML: ("ExpiredToken", _EXPIRED, 403),
    # Amazon S3 API reference, "Error responses".
    Wire.S3: ("ExpiredToken", "The provided token has expired.", 400),
    # Amazon EC2 API reference, "Client error codes".
    Wire.EC2: ("RequestExpired", "Request has expired.", 400),
}


def _expire(fault: Fault, passing: Passing) -> HttpAnswer:
    code, message, status = _BY_WIRE[passing.request.wire]
    return error_answer(passing.request, code, message, status)


EXPIRED_CREDENTIALS = Kind(
    "expired-credentials",
    "Requests are refused because the caller's credentials have expired.",
    REQUESTS,
    interfere=_expire,
)
