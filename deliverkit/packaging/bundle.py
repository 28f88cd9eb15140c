"""Write a collection as one deterministic archive, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from deliverkit.errors import DeliverkitError, UsageError
from deliverkit.packaging.archive import Member, archive_stream
from deliverkit.packaging.codec import Codec
from deliverkit.packaging.content import changed, read_chunks
from deliverkit.packaging.manifest import Manifest
from deliverkit.packaging.selection import STATE_FOLDER
from deliverkit.packaging.tree import Collection, Entry, EntryKind, shown

# The manifest travels inside the bundle, so that a host or an auditor can check files against it without S3. It does
# not disturb the agent, which copies only what `files` names; with `source: /` it lands at the destination, exactly as
# appspec.yml itself does, and the agent removes both again before the next deployment. It does add a second name at
# the top: the agent strips a lone top folder that holds the appspec, and would not any more. The lint therefore wants
# the appspec at the root, where no stripping is needed.
MANIFEST_PATH = f"{STATE_FOLDER}/manifest.json"
# More than any member's headers take: with tar a header block, extended headers for a long name, and padding.
_HEADER_BYTES = 4096
_ARCHIVE_BYTES = 64 << 10


def members(collection: Collection, manifest: Manifest) -> Iterator[Member]:
    """Everything that lies in the bundle, in the order in which it lies there: the manifest comes last."""
    document = manifest.to_json()
    own = (
        Entry.directory(STATE_FOLDER),
        Entry(MANIFEST_PATH, EntryKind.FILE, 0o644, len(document)),
    )
    digests = {entry.path: entry.sha256 for entry in manifest.entries}
    for entry in collection.entries:
        yield Member(entry, _reader(collection, entry, digests.get(entry.path)))
    yield from (Member(entry, lambda: (document,)) for entry in own)


def bundle_stream(
    collection: Collection,
    manifest: Manifest,
    codec: Codec,
) -> Iterator[bytes]:
    """The bundle's bytes, fixed by the manifest.

    Raises:
        DeliverkitError: While reading, if a file is no longer what the manifest says.
    """
    return archive_stream(members(collection, manifest), format=manifest.format, codec=codec)


def size_limit(collection: Collection, manifest_bytes: int) -> int:
    """Bytes that no archive of this collection exceeds: content, headers, and a codec's worst case."""
    content = sum(entry.size for entry in collection.entries) + manifest_bytes
    headers = sum(2 * len(entry.path.encode()) + _HEADER_BYTES for entry in collection.entries)
    # Deflate's stored blocks cost 5 bytes for each 64 KiB at the worst; 1 in 1,000 leaves room for smaller ones.
    return content + content // 1000 + headers + _ARCHIVE_BYTES


def write_whole(chunks: Iterable[bytes], destination: Path) -> tuple[str, int]:
    """Write a file that is there completely, safe on disk, or not at all.

    Args:
        chunks: The content.
        destination: Replaced when it exists; its directory must exist.

    Returns:
        The content's digest as `sha256:` and 64 hexadecimal digits, and its size in bytes.

    Raises:
        UsageError: If nothing can be created at the destination.
        DeliverkitError: If the disk is full or fails; nothing is left behind.
    """
    part = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise UsageError(
            f"No bundle can be written to {shown(str(destination))}: {error.strerror}",
            hint="Name a file in a directory that exists and that you may write to",
        ) from error
    try:
        digest, size = _fill(descriptor, chunks)
        part.replace(destination)
    except OSError as error:
        raise DeliverkitError(
            f"The bundle {shown(str(destination))} cannot be written: {error.strerror}",
            hint="Free some space on that disk, or write the bundle elsewhere",
        ) from error
    finally:
        part.unlink(missing_ok=True)
    _sync_directory(destination.parent)
    return digest, size


def _fill(descriptor: int, chunks: Iterable[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with open(descriptor, "wb", buffering=1 << 18) as file:
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


def _reader(collection: Collection, entry: Entry, sha256: str | None) -> Callable[[], Iterator[bytes]]:
    """Read a file a second time and hold it against the manifest: a change that keeps size and time shows here."""

    def read() -> Iterator[bytes]:
        digest = hashlib.sha256()
        for chunk in read_chunks(collection, entry):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != sha256:
            raise changed(entry)

    return read
