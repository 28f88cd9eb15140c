"""Asking a running sandbox's own endpoints; cheap to import, for every command that may meet a sandbox does."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

PATIENCE = 60.0
"""Seconds; a long jump of the clock stops at every timer on its way."""


class RefusedError(Exception):
    """The sandbox refused; the text is its own.

    Attributes:
        code: The error's code, such as `ValidationException`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def ask(
    endpoint: str, method: str, path: str, params: Mapping[str, Any] | None = None, *, patience: float = PATIENCE
) -> Any:
    """Send one request below `/_sandbox/` and give the JSON object that comes back.

    Args:
        endpoint: The sandbox's URL.
        method: HTTP method.
        path: Below the prefix, such as `clock`.
        params: Of a POST.
        patience: Seconds to wait for the answer.

    Raises:
        RefusedError: If the sandbox refuses.
        OSError: If it does not answer.
        ValueError: If somebody else does.
    """
    # No proxy may stand between two processes of one machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    data = None if params is None else json.dumps(params).encode()
    request = urllib.request.Request(f"{endpoint}/_sandbox/{path}", data, method=method)  # noqa: S310  (our own URL)
    try:
        with opener.open(request, timeout=patience) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        told = json.loads(error.read())
        raise RefusedError(str(told.get("__type", "")), str(told.get("message", ""))) from error
