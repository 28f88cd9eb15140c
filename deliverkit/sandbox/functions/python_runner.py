"""Runs one Python handler once; started as a script, with nothing of the package around it.

The event comes on standard input. What the sandbox must hear goes, a JSON object a line, to the descriptor that
`DELIVERKIT_FUNCTION_REPLY` names: first that the module is loaded, then the result or the error. What the handler
prints is its log.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any


class LambdaContext:
    """The second argument of a handler (Lambda developer guide, python-context)."""

    def __init__(self, told: dict[str, Any]) -> None:
        """Take what the sandbox says of the invocation."""
        self.function_name: str = told["name"]
        self.function_version: str = told["version"]
        self.invoked_function_arn: str = told["arn"]
        self.memory_limit_in_mb: str = str(told["memory"])
        self.aws_request_id: str = told["request_id"]
        self.log_group_name: str = told["log_group"]
        self.log_stream_name: str = told["log_stream"]
        self.identity = None
        self.client_context = None
        self._end = time.monotonic() + float(told["timeout"])

    def get_remaining_time_in_millis(self) -> int:
        """Real milliseconds until the time-out."""
        return max(0, int((self._end - time.monotonic()) * 1000))

    def log(self, message: object) -> None:
        """Print to the log."""
        sys.stdout.write(str(message))


def _failure(kind: str, message: str, trace: list[str] | None = None) -> dict[str, Any]:
    return {"error": {"errorMessage": message, "errorType": kind, "stackTrace": trace or []}}


def _load(handler: str) -> Callable[[Any, Any], Any] | dict[str, Any]:
    path, _, name = handler.rpartition(".")
    module = path.replace("/", ".")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        return _failure("Runtime.ImportModuleError", f"Unable to import module '{path}': {error}")
    except SyntaxError as error:
        return _failure("Runtime.UserCodeSyntaxError", f"Syntax error in module '{path}': {error}")
    except BaseException as error:  # noqa: BLE001  (whatever the module does while it is loaded)
        return _failure(type(error).__name__, str(error), traceback.format_tb(error.__traceback__))
    if not callable(found):
        return _failure("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{path}'")
    return found  # type: ignore[no-any-return]


def _call(handler: Callable[[Any, Any], Any], event: Any, context: LambdaContext) -> dict[str, Any]:
    try:
        result = handler(event, context)
    except Exception as error:  # noqa: BLE001  (the handler's own)
        traceback.print_exc()
        frames = traceback.extract_tb(error.__traceback__)[1:]
        return _failure(type(error).__name__, str(error), traceback.format_list(frames))
    try:
        return {"result": json.dumps(result)}
    except (TypeError, ValueError) as error:
        return _failure("Runtime.MarshalError", f"Unable to marshal response: {error}")


def main() -> None:
    """Load, tell, call, tell."""
    told = json.load(sys.stdin)
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    with os.fdopen(int(os.environ.pop("DELIVERKIT_FUNCTION_REPLY")), "w") as reply:
        handler = _load(told["handler"])
        if isinstance(handler, dict):
            answer = handler
        else:
            reply.write('{"loaded": true}\n')
            reply.flush()
            answer = _call(handler, told["event"], LambdaContext(told))
        sys.stdout.flush()
        reply.write(json.dumps(answer) + "\n")
        reply.flush()
        # A thread that the handler left behind is frozen with the environment; here it ends.
        os._exit(0)


if __name__ == "__main__":
    main()
