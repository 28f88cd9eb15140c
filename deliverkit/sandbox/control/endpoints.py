"""A table of endpoints by method and path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError

Endpoint = tuple[str, str]
"""Method and path below the prefix, such as `("POST", "clock")`."""
Handler = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Takes the parameters (a POST's JSON object, a GET's query) and gives a JSON object."""


class Endpoints:
    """Answers the sandbox's own requests."""

    def __init__(self) -> None:
        self._handlers: dict[Endpoint, Handler] = {}

    def add(self, handlers: Mapping[Endpoint, Handler]) -> None:
        """Let handlers answer.

        Raises:
            ValueError: If an endpoint is taken.
        """
        taken = handlers.keys() & self._handlers.keys()
        if taken:
            raise ValueError(f"these endpoints are taken: {sorted(taken)}")
        self._handlers.update(handlers)

    def answer(self, method: str, path: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one request.

        Raises:
            ApiError: `UnknownOperationException` for an endpoint that is not there, and whatever a handler raises.
        """
        handler = self._handlers.get((method, path))
        if handler is None:
            raise ApiError("UnknownOperationException", f"the sandbox has no endpoint {method} {path}", status=404)
        return handler(params)
