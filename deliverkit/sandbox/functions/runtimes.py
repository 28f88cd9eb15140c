"""The runtimes that this machine can stand in for."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from deliverkit.sandbox.kernel.errors import ApiError

_HERE = Path(__file__).parent


def command_of(runtime: str) -> list[str]:
    """What starts a runner of that runtime; the machine's own version of the language stands in for the one named.

    Raises:
        ApiError: `InvalidRuntimeException` for a runtime that cannot be run here.
    """
    if runtime.startswith("python"):
        # -P: the runner's own directory must not shadow modules of the function.
        return [sys.executable, "-P", str(_HERE / "python_runner.py")]
    if runtime.startswith("nodejs"):
        node = shutil.which("node")
        if node is not None:
            return [node, str(_HERE / "node_runner.js")]
        raise _unable(f"the runtime {runtime} needs `node` on the sandbox's PATH")
    raise _unable(f"the runtime {runtime or '(none: a container image)'} is not supported; python and nodejs are")


def _unable(reason: str) -> ApiError:
    return ApiError("InvalidRuntimeException", f"The sandbox cannot run this function: {reason}.", status=502)
