"""Credentials that have expired."""

from __future__ import annotations

from deliverkit.sandbox.access.answers import HttpAnswer, error_answer
from deliverkit.sandbox.access.signatures import EXPIRED
from deliverkit.sandbox.faults.fault import Fault
from deliverkit.sandbox.faults.kind import Kind, Passing
from deliverkit.sandbox.faults.settings import REQUESTS


def _expire(fault: Fault, passing: Passing) -> HttpAnswer:
    code, message, status = EXPIRED[passing.request.wire]
    return error_answer(passing.request, code, message, status)


EXPIRED_CREDENTIALS = Kind(
    "expired-credentials",
    "Requests are refused because the caller's credentials have expired.",
    REQUESTS,
    interfere=_expire,
)
