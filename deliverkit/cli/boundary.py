"""The one place where errors become words and exit codes."""

from __future__ import annotations

import signal
import sys

from deliverkit._version import __version__
from deliverkit.errors import DeliverkitError, ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

    from deliverkit.cli.streams import Console


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived: Jenkins aborts, a machine shuts down, or the terminal is gone.

    Nothing may swallow it or act on it at length.
    """


def guarded(command: Callable[[], int], console: Console, *, is_verbose: bool, after_interruption: str) -> int:
    """Run a command; every way it can end becomes an exit code and at most one screen of text.

    Args:
        command: Gives its exit code.
        console: Where the words go.
        is_verbose: Show causes.
        after_interruption: What is left and how to go on when a signal ends it.
    """
    signal.signal(signal.SIGTERM, _raise_terminated)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # `nohup` has it ignored
        signal.signal(signal.SIGHUP, _raise_terminated)
    try:
        return command()
    except DeliverkitError as error:
        return _explain(error, console, is_verbose=is_verbose)
    except KeyboardInterrupt:
        return _interrupted(console, after_interruption, ExitCode.INTERRUPTED)
    except Terminated:
        return _interrupted(console, after_interruption, ExitCode.TERMINATED)
    except OSError as error:
        return _system_trouble(error, console, is_verbose=is_verbose)
    except Exception as error:  # noqa: BLE001  (the boundary: whatever else comes is a bug, told as one)
        return _bug(error, console)


def _raise_terminated(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated


def _explain(error: DeliverkitError, console: Console, *, is_verbose: bool) -> int:
    console.tell(f"error: {error.message}")
    if error.hint:
        console.tell(f"  next: {_typeable(error.hint, console)}")
    if is_verbose:
        console.tell(_traceback(error))
    return error.exit_code


def _typeable(hint: str, console: Console) -> str:
    """A next command about the configuration that this one was about; `init` writes the usual one in any case."""
    is_ours = hint.startswith("deliverkit ") and not hint.startswith("deliverkit init")
    if not console.config or not is_ours or "--config" in hint:
        return hint
    import shlex  # noqa: PLC0415

    return hint.replace("deliverkit ", f"deliverkit --config {shlex.quote(console.config)} ", 1)


def _interrupted(console: Console, after: str, code: ExitCode) -> int:
    console.tell(f"interrupted: {console.way_back or after}")
    return code


def _system_trouble(error: OSError, console: Console, *, is_verbose: bool) -> int:
    place = f" ({error.filename})" if error.filename else ""
    console.tell(f"error: {error.strerror or error}{place}")
    console.tell("  next: mend that and type the command again; whatever was recorded stays recorded")
    if is_verbose:
        console.tell(_traceback(error))
    return ExitCode.FAILED


def _bug(error: Exception, console: Console) -> int:
    report = _write_report(error)
    console.tell(f"internal error: {type(error).__name__}: {error}")
    console.tell(f"  next: please report this, with {report}" if report else _traceback(error))
    return ExitCode.INTERNAL


def _traceback(error: Exception) -> str:
    import traceback  # noqa: PLC0415  (only those who ask pay for it)

    return "".join(traceback.format_exception(error))


def _write_report(error: Exception) -> Path | None:
    import platform  # noqa: PLC0415
    import tempfile  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    lines = [f"deliverkit {__version__}", f"python {sys.version}", platform.platform(), ""]
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix="deliverkit-report-", suffix=".txt", delete=False
        ) as file:
            file.write("\n".join(lines) + _traceback(error))
    except OSError:
        return None
    return Path(file.name)
