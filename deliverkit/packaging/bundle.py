"""Writing a bundle to a file, whole or not at all, and how large it can get."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Generator, Iterator
from pathlib import Path

from deliverkit.errors import DeliverkitError, UsageError
from deliverkit.packaging.parts import Part, part_of
from deliverkit.packaging.tree import Collection, shown

# More than any member's headers take: with tar a header block, extended headers for a long name, and padding.
_HEADER_BYTES = 4096
_ARCHIVE_BYTES = 64 << 10


def size_limit(collection: Collection, manifest_bytes: int) -> int:
    """Bytes that no archive of this collection exceeds: content, headers, and a codec's worst case."""
    content = sum(entry.size for entry in collection.entries) + manifest_bytes
    headers = sum(2 * len(entry.path.encode()) + _HEADER_BYTES for entry in collection.entries)
    # Deflate's stored blocks cost 5 bytes for each 64 KiB at the worst; 1 in 1,000 leaves room for smaller ones.
    return content + content // 1000 + headers + _ARCHIVE_BYTES


def write_whole(chunks: Generator[bytes, None, None], destination: Path) -> tuple[str, int]:
    """Write a file that is there completely, safe on disk, or not at all.

    Args:
        chunks: The content; closed in any case, so that nobody goes on making more of it.
        destination: Replaced when it exists; its directory must exist.

    Returns:
        The content's digest as `sha256:` and 64 hexadecimal digits, and its size in bytes.

    Raises:
        UsageError: If nothing can be created at the destination.
        DeliverkitError: If the disk is full or fails; nothing is left behind.
    """
    destination = written_to(destination)
    try:
        with contextlib.closing(chunks), _begun(destination) as part:
            digest, size = _fill(part.descriptor, chunks)
            part.take_place()
    except OSError as error:
        raise DeliverkitError(
            f"The bundle {shown(str(destination))} cannot be written: {error.strerror}",
            hint="Free some space on that disk, or write the bundle elsewhere",
        ) from error
    _sync_directory(destination.parent)
    return digest, size


def written_to(destination: Path) -> Path:
    """The file that writing to a destination replaces: what a link names, not the link."""
    return destination.resolve() if destination.is_symlink() else destination


@contextlib.contextmanager
def _begun(destination: Path) -> Iterator[Part]:
    with contextlib.ExitStack() as stack:
        try:
            part = stack.enter_context(part_of(destination))
        except OSError as error:
            raise UsageError(
                f"No bundle can be written to {shown(str(destination))}: {error.strerror}",
                hint="Name a file in a directory that exists and that you may write to",
            ) from error
        yield part


def _fill(descriptor: int, chunks: Generator[bytes, None, None]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with open(descriptor, "wb", buffering=1 << 18, closefd=False) as file:
        for chunk in chunks:
            digest.update(chunk)
            size += file.write(chunk)
        file.flush()
        os.fsync(descriptor)
    return f"sha256:{digest.hexdigest()}", size


def _sync_directory(directory: Path) -> None:
    """Make the new name survive a power cut, as far as the file system offers that."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
