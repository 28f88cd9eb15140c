"""Files of the state that cannot be read: damaged, or written by somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UnreadableStateError(Exception):
    """What an earlier sandbox kept cannot be read."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read what lies at a path; errors of the disk are left as they are.

    Raises:
        UnreadableStateError: In place of whatever a damaged file brings about.
    """
    try:
        yield
    except (OSError, UnreadableStateError):
        raise
    except Exception as error:
        raise UnreadableStateError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
