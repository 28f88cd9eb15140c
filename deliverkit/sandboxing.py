"""The running sandbox, from outside: starting, finding, stopping and asking it, with deliverkit's own errors.

The sandbox is imported inside the functions: nobody pays for it who does not use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from deliverkit.errors import UnreachableError, UsageError


def start_sandbox(state_dir: Path, *, port: int | None, region: str, fresh: bool = False) -> Any:
    """Start a sandbox in the background, or give the one that runs.

    Raises:
        UnreachableError: If it does not start.
    """
    from deliverkit.sandbox import launcher  # noqa: PLC0415
    from deliverkit.sandbox.launch_errors import LaunchError  # noqa: PLC0415

    try:
        return launcher.start(state_dir, port=port, region=region, fresh=fresh)
    except LaunchError as error:
        raise UnreachableError(str(error), hint=error.hint) from error


def serve_sandbox(
    state_dir: Path, *, port: int, region: str, fresh: bool = False, announce: Callable[[str], None]
) -> None:
    """Serve a sandbox in this process until a signal.

    Raises:
        UnreachableError: If it does not start.
    """
    from deliverkit.sandbox.launch_errors import LaunchError  # noqa: PLC0415
    from deliverkit.sandbox.serving import serve  # noqa: PLC0415

    try:
        serve(state_dir, port=port, region=region, fresh=fresh, announce=announce)
    except LaunchError as error:
        raise UnreachableError(str(error), hint=error.hint) from error


def stop_sandbox(state_dir: Path) -> bool:
    """Stop the sandbox with everything inside; False when none ran.

    Raises:
        UnreachableError: If its process does not end.
    """
    from deliverkit.sandbox import launcher  # noqa: PLC0415
    from deliverkit.sandbox.launch_errors import LaunchError  # noqa: PLC0415

    try:
        return launcher.stop(state_dir)
    except LaunchError as error:
        raise UnreachableError(str(error), hint=error.hint) from error


def find_sandbox(state_dir: Path) -> Any | None:
    """The sandbox that keeps its state there; None when none runs."""
    from deliverkit.sandbox import launcher  # noqa: PLC0415

    return launcher.find(state_dir)


def chosen_state_dir(own: Path, endpoint: str | None) -> Path:
    """Where the sandbox that is meant keeps its state: here if one runs here, else where that of the endpoint does."""
    from deliverkit.sandbox import launcher  # noqa: PLC0415

    if endpoint and launcher.find(own) is None:
        found = launcher.find_at(endpoint)
        return own if found is None else Path(found.state_dir)
    return own


def require_sandbox(state_dir: Path) -> Any:
    """The sandbox that keeps its state there.

    Raises:
        UnreachableError: If none runs.
    """
    running = find_sandbox(state_dir)
    if running is None:
        raise UnreachableError(f"no sandbox runs in {state_dir}", hint="deliverkit sandbox up")
    return running


def ask_sandbox(state_dir: Path, method: str, path: str, params: Mapping[str, Any] | None = None) -> Any:
    """Ask one of the running sandbox's own endpoints: its clock, its faults.

    Raises:
        UsageError: If the sandbox refuses.
        UnreachableError: If no sandbox runs, or it does not answer.
    """
    from deliverkit.sandbox.client import RefusedError, ask  # noqa: PLC0415

    running = require_sandbox(state_dir)
    try:
        return ask(running.endpoint, method, path, params)
    except RefusedError as error:
        raise UsageError(str(error)) from error
    except (OSError, ValueError) as error:
        raise UnreachableError(f"the sandbox at {running.endpoint} does not answer: {error}") from error


def put_load(url: str, rate: float, seconds: float, begin: Callable[[], None]) -> Mapping[str, Any]:
    """Send requests at a steady rate to a loopback address, and tell what came of them.

    Args:
        url: Where to.
        rate: Requests per second.
        seconds: For how long, real seconds.
        begin: Called once all that is allowed, before the first request.

    Raises:
        UsageError: For a URL elsewhere, and for a rate or a time beyond the limits.
    """
    from deliverkit.sandbox.load import run  # noqa: PLC0415

    try:
        return run(url, rate, seconds, begin).document()
    except ValueError as error:
        raise UsageError(str(error)) from error


def clock_at(endpoint: str) -> Callable[[], tuple[datetime, float]] | None:
    """What reads the clock of the sandbox at an endpoint: its moment and speed; None when no sandbox answers there."""
    from deliverkit.sandbox.client import RefusedError, ask  # noqa: PLC0415

    def read() -> tuple[datetime, float]:
        shown = ask(endpoint, "GET", "clock")
        return datetime.fromisoformat(shown["now"]), float(shown["speed"])

    try:
        read()
    except (RefusedError, OSError, ValueError, KeyError, TypeError):
        return None
    return read
