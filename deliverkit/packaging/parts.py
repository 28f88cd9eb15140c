"""Files that have no name before they are whole, so that a writer that is killed leaves nothing.

Where the file system offers it a part has no name at all (Linux's O_TMPFILE) and goes with its process. Between
getting a name and taking its destination's place, and elsewhere all the time, a part is a hidden file beside the
destination. It is locked (flock) as long as its writer lives, on whatever machine; the next writer to the same
destination removes those that nobody locks.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_NAME = ".{}.{}.part"
_RANDOM_BYTES = 4
_MODE = 0o666  # the umask takes from it what it takes from every new file
_ATTEMPTS = 8


@dataclass(slots=True)
class Part:
    """A file that is being written.

    Attributes:
        descriptor: To write to; the owner of the part closes it.
        destination: The file whose place it will take.
        path: Its name until then; None as long as it has none.
    """

    descriptor: int
    destination: Path
    path: Path | None = None

    def take_place(self) -> None:
        """Make it the destination, in one step.

        Raises:
            OSError: If the directory cannot be written to any more.
        """
        if self.path is None:
            named = _new_name(self.destination)
            # linkat(2) replaces nothing, so that the part needs a name of its own first. An interrupt may come right
            # behind the call: what has to be removed then is known before.
            self.path = named
            # Only with a descriptor of a folder, which an absolute path ignores, does Python follow the link.
            os.link(_opened_as(self.descriptor), named, src_dir_fd=self.descriptor, follow_symlinks=True)
        self.path.replace(self.destination)


@contextmanager
def part_of(destination: Path) -> Iterator[Part]:
    """A part for a destination, which is gone in the end unless it took the destination's place.

    Args:
        destination: No link; its directory must exist.

    Raises:
        OSError: If nothing can be created there.
    """
    part = Part(-1, destination)
    try:
        _create(part)
        yield part
    finally:
        if part.path is not None:
            part.path.unlink(missing_ok=True)
        if part.descriptor >= 0:
            os.close(part.descriptor)


def sweep(destination: Path) -> None:
    """Remove the parts of writers that are dead; what cannot be looked at stays."""
    pattern = re.compile(
        re.escape(_NAME.format(destination.name, "\0")).replace("\0", f"[0-9a-f]{{{2 * _RANDOM_BYTES}}}")
    )
    with suppress(OSError), os.scandir(destination.parent) as items:
        for item in items:
            if pattern.fullmatch(item.name):
                _remove_if_dead(Path(item.path))


def _create(part: Part) -> None:
    descriptor = _nameless(part.destination.parent)
    if descriptor is not None:
        part.descriptor = descriptor
        _lock(descriptor)
        return
    for _ in range(_ATTEMPTS):
        # Its name is known before it is made: an interrupt may arrive in between.
        part.path = _new_name(part.destination)
        part.descriptor = os.open(part.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        _lock(part.descriptor)
        if os.fstat(part.descriptor).st_nlink:
            return
        # Somebody swept between the two calls, and took it for a dead writer's.
        os.close(part.descriptor)
        part.descriptor = -1
    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), str(part.destination))


def _nameless(directory: Path) -> int | None:
    """A file without a name; None where the file system has no such files, or they could not be named later."""
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        descriptor = os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, _MODE)
    except OSError:
        return None  # the other way says what is wrong, if anything is
    with suppress(OSError):
        if os.path.samestat(os.stat(_opened_as(descriptor)), os.fstat(descriptor)):  # noqa: PTH116 - needs no Path
            return descriptor
    os.close(descriptor)
    return None


def _opened_as(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _new_name(destination: Path) -> Path:
    return destination.with_name(_NAME.format(destination.name, secrets.token_hex(_RANDOM_BYTES)))


def _lock(descriptor: int) -> None:
    """Hold it for as long as it is open; a sweeper that holds it for a moment removes it anyway."""
    with suppress(OSError):  # without locks nobody can sweep either
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _remove_if_dead(path: Path) -> None:
    with suppress(OSError):  # in use, of somebody else, or gone in the meantime
        # Locks over NFS want a file that is open for writing. A FIFO cannot hang us, and a link is not followed.
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        finally:
            os.close(descriptor)
