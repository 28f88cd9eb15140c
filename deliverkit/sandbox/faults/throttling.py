"""Throttling: each service refuses with the code and words that it has for it."""

from __future__ import annotations

from deliverkit.sandbox.access.answers import HttpAnswer, error_answer
from deliverkit.sandbox.access.request import Wire
from deliverkit.sandbox.faults.fault import Fault
from deliverkit.sandbox.faults.kind import Kind, Passing
from deliverkit.sandbox.faults.settings import REQUESTS, Setting, SettingType

Refusal = tuple[str, str, int]
"""Code, message and HTTP status."""

_BY_WIRE: dict[Wire, Refusal] = {
    # Common errors of JSON services: ThrottlingException, 400.
    Wire.JSON: ("ThrottlingException", "Rate exceeded", 400),
    Wire.REST_JSON: ("ThrottlingException", "Rate exceeded", 400),
    # Common errors of query services: Throttling, 400.
    Wire.QUERY: ("Throttling", "Rate exceeded", 400),
    Wire.REST_XML: ("Throttling", "Rate exceeded", 400),
    # Amazon EC2 API reference, "Request throttling".
    Wire.EC2: ("RequestLimitExceeded", "Request limit exceeded.", 503),
    # Amazon S3 API reference, "Error responses".
    Wire.S3: ("SlowDown", "Please reduce your request rate.", 503),
}
_BY_SERVICE: dict[str, Refusal] = {
    "dynamodb": (
        "ProvisionedThroughputExceededException",
        (
            "The level of configured provisioned throughput for the table was exceeded. Consider increasing your"
            " provisioning level with the UpdateTable API."
        ),
        400,
    ),
    "lambda": ("TooManyRequestsException", "Rate Exceeded.", 429),
    "apigateway": ("TooManyRequestsException", "Too Many Requests", 429),
    "sqs": ("RequestThrottled", "Rate exceeded", 403),
}


def refusal(service: str, wire: Wire) -> Refusal:
    """How a service refuses."""
    return _BY_SERVICE.get(service, _BY_WIRE[wire])


def _throttle(fault: Fault, passing: Passing) -> HttpAnswer:
    code, message, status = refusal(passing.request.service, passing.request.wire)
    return error_answer(passing.request, code, message, status)


RATE = Setting(
    "rate",
    SettingType.NUMBER,
    "Strikes only what comes beyond so many matching requests in a second of the sandbox's own time, as a quota does.",
)
THROTTLING = Kind(
    "throttling",
    "Requests are refused for coming too often, with each service's own code.",
    (RATE, *REQUESTS),
    interfere=_throttle,
)
