"""Services that fail: 500 and 503, in each service's words."""

from __future__ import annotations

from deliverkit.sandbox.access.answers import HttpAnswer, error_answer
from deliverkit.sandbox.access.request import Request, Wire
from deliverkit.sandbox.faults.fault import Fault
from deliverkit.sandbox.faults.kind import Kind, Passing
from deliverkit.sandbox.faults.settings import REQUESTS, Setting, SettingType

INTERNAL, UNAVAILABLE = 500, 503

_WORDING: dict[tuple[Wire, int], tuple[str, str]] = {
    # Amazon S3 API reference, "Error responses".
    (Wire.S3, INTERNAL): ("InternalError", "We encountered an internal error. Please try again."),
    (Wire.S3, UNAVAILABLE): ("ServiceUnavailable", "Service is unable to handle request."),
    # Amazon EC2 API reference, "Server error codes".
    (Wire.EC2, INTERNAL): ("InternalError", "An internal error has occurred."),
    (Wire.EC2, UNAVAILABLE): ("Unavailable", "The server is overloaded and can't handle the request."),
}
_COMMON = {
    # Common errors of the other services.
    INTERNAL: (
        "InternalFailure",
        "The request processing has failed because of an unknown error, exception or failure.",
    ),
    UNAVAILABLE: ("ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
}


def wording(request: Request, status: int) -> tuple[str, str]:
    """Code and message of a service's failure."""
    return _WORDING.get((request.wire, status), _COMMON[status])


def _fail(fault: Fault, passing: Passing) -> HttpAnswer:
    if fault.values["executed"]:
        passing.forward()
    status = int(fault.values["status"])
    code, message = wording(passing.request, status)
    return error_answer(passing.request, code, message, status)


SERVER_ERROR = Kind(
    "server-error",
    "Services answer with an error of their own.",
    (
        Setting("status", SettingType.CHOICE, "HTTP status.", "500", ("500", "503")),
        Setting("executed", SettingType.FLAG, "True to carry the request out and fail all the same.", default=False),
        *REQUESTS,
    ),
    interfere=_fail,
)
