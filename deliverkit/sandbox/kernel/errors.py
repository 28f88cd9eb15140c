"""Errors as AWS puts them on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """A modelled error of an AWS operation.

    Attributes:
        code: Shape name in botocore's model, such as `PipelineNotFoundException`.
        message: The text the caller sees.
        status: HTTP status.
        members: Further members of the error, as the model has them.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members: Mapping[str, Any] = members or {}


class ModelViolationError(Exception):
    """Our own answer does not fit botocore's model: a bug in the sandbox, never the caller's fault."""
