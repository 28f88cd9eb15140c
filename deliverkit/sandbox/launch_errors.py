"""Why a sandbox cannot be started, in words, and what to do about it."""

from __future__ import annotations

import errno
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deliverkit.sandbox.holding import HeldError
from deliverkit.sandbox.keeping.unreadable import UnreadableStateError


class LaunchError(Exception):
    """The sandbox could not be started or stopped; the message says why.

    Attributes:
        hint: What to type or change; empty when there is nothing sensible to advise.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class PortError(OSError):
    """The port cannot be had."""


def require_moto() -> None:
    """Refuse to go on without moto's server.

    Raises:
        LaunchError: If it is not installed.
    """
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        raise LaunchError(
            "the sandbox needs moto's server, which is not installed", "pip install 'deliverkit[sandbox]'"
        )


@contextmanager
def explained(state_dir: Path) -> Iterator[None]:
    """Tell what goes wrong at a start, each with the advice that helps against it.

    Raises:
        LaunchError: In place of whatever keeps a sandbox from starting.
    """
    try:
        yield
    except HeldError as error:
        raise LaunchError(str(error), "deliverkit sandbox down") from error
    except UnreadableStateError as error:
        raise LaunchError(str(error), "deliverkit sandbox up --fresh begins without what was there") from error
    except PortError as error:
        raise LaunchError(str(error.strerror), "deliverkit sandbox up --port 0 takes a free port") from error
    except OSError as error:
        place = error.filename or state_dir
        raise LaunchError(f"{error.strerror or error}: {place}", _advice(error, state_dir)) from error


def _advice(error: OSError, state_dir: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"make room on the disk that holds {state_dir}, then deliverkit sandbox up"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return (
            "DELIVERKIT_STATE_DIR=DIRECTORY deliverkit sandbox up keeps everything in a directory that you may write to"
        )
    return ""
