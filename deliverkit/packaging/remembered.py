"""Digests remembered from one packaging to the next, so that an unchanged file is asked for its status and not read.

A digest is found again by the file's stamp (device, inode, size and times), the way git's index does it, and like there
a file that changed a moment ago is not remembered: a second change within the same tick of the file system's clock
would leave the same stamp. Whoever trusts no stamp packages `--fresh`. What is packed is read in any case and held
against what was remembered.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deliverkit.domain.release import Measured
from deliverkit.packaging.digests import DIGEST_BYTES, Digests
from deliverkit.packaging.judging import Judge
from deliverkit.packaging.secret_content import RULE_SET
from deliverkit.packaging.tree import Collection, stamp_of

# Stamps are hash values, which another Python may compute in another way.
_HEAD = f"deliverkit digests 3 {sys.implementation.cache_tag} {sys.hash_info.width} {RULE_SET}\n".encode()
# The coarsest clocks of file systems still in use (FAT) tick every two seconds.
_MARGIN_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Remembered:
    """The digests of one tree's files, in a file of our own.

    It saves time and nothing else: what cannot be read is not there, and what cannot be written is not remembered.

    Attributes:
        path: The file; None to remember nothing.
        is_trusted: False to read every file, and only write down what was found.
        margin_ns: How long ago a file must have changed to be remembered.
    """

    path: Path | None = None
    is_trusted: bool = True
    margin_ns: int = _MARGIN_NS

    def settled_ns(self) -> int:
        """Times of files before this one are settled: asked of the file system, whose clock may not be ours."""
        if self.path is None:
            return 0
        with suppress(OSError), _new_beside(self.path) as part:
            part.write_bytes(b"")
            return part.stat().st_mtime_ns - self.margin_ns
        return 0

    def digests(self, collection: Collection, judge: Judge) -> Digests:
        """What is known of each entry's content without reading it; nothing of what holds a secret and may not.

        Args:
            collection: The files.
            judge: Learns of those that hold a secret and may.
        """
        stamps, digests, suspects = self._load()
        places = _places(collection, stamps)
        if suspects:
            pairs = zip(collection.entries, places, strict=True)
            places = (None if entry.stamp in suspects and not judge.recalls(entry.path) else at for entry, at in pairs)
        return Digests(None if at is None else bytes(digests[32 * at : 32 * at + 32]) for at in places)

    def keep(self, collection: Collection, digests: Digests, judge: Judge) -> None:
        """Remember these instead of all that was; `judge` looked at all of them, now or before."""
        if self.path is None:
            return
        stamps, kept, suspects = array("q"), bytearray(), array("q")
        for entry, digest in zip(collection.entries, digests, strict=True):
            if digest is not None and entry.is_settled:
                stamps.append(entry.stamp)
                kept += digest
                if entry.path in judge.suspects:
                    suspects.append(entry.stamp)
        count = array("q", (len(stamps),))
        self._write(self.path, count.tobytes(), stamps.tobytes(), kept, suspects.tobytes())

    def written(self, manifest: str, destination: Path) -> tuple[str, int] | None:
        """Digest and size of the bundle of a manifest's digest, if its file is still the one that was written there."""
        body = bytes(self._read(self._note))
        try:
            size = destination.stat().st_size
            expected = _note_of(manifest, destination)
        except OSError:
            return None
        found = body.removeprefix(expected) if body and body.startswith(expected) else b""
        return (f"sha256:{found.hex()}", size) if len(found) == DIGEST_BYTES else None

    def keep_written(self, manifest: str, destination: Path, digest: str) -> None:
        """Remember what was written to a file a moment ago."""
        with suppress(OSError):
            note = _note_of(manifest, destination)
            self._write(self._note, note + bytes.fromhex(digest.removeprefix("sha256:")))

    def measured(self, manifest: str) -> Measured | None:
        """What the bundle of a manifest's digest gave, if it was the last one that was measured here."""
        words = bytes(self._read(self._measure)).decode("ascii", "replace").split("\0")
        if len(words) != 4 or words[0] != manifest or not words[2].isdecimal():
            return None
        return Measured(words[1], int(words[2]), words[3])

    def keep_measured(self, manifest: str, found: Measured) -> None:
        """Remember it instead of what was measured before; it does not hang on the tree, but on the manifest alone."""
        self._write(self._measure, "\0".join((manifest, found.digest, str(found.size), found.checksum)).encode())

    def forget(self) -> None:
        """Remember nothing."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    @property
    def _note(self) -> Path | None:
        return None if self.path is None else self.path.with_suffix(".written")

    @property
    def _measure(self) -> Path | None:
        return None if self.path is None else self.path.with_suffix(".measured")

    def _load(self) -> tuple[array[int], memoryview, frozenset[int]]:
        """The stamps, the digests in the same order, and the stamps of files that hold secrets."""
        body = self._read(self.path)
        if not body:
            return array("q"), body, frozenset()
        width = array("q").itemsize
        (count,) = array("q", bytes(body[:width]))
        stamps, suspects = array("q"), array("q")
        at = width * (1 + count)
        stamps.frombytes(body[width:at])
        end = at + DIGEST_BYTES * count
        suspects.frombytes(body[end:])
        return stamps, body[at:end], frozenset(suspects)

    def _read(self, path: Path | None) -> memoryview:
        """The body of a file of ours; empty unless all of it is there."""
        nothing = memoryview(b"")
        if path is None or not self.is_trusted:
            return nothing
        try:
            content = path.read_bytes()
        except OSError:
            return nothing
        start = len(_HEAD) + DIGEST_BYTES
        body = memoryview(content)[start:]
        is_whole = content.startswith(_HEAD) and hashlib.sha256(body).digest() == content[len(_HEAD) : start]
        return body if is_whole else nothing

    def _write(self, path: Path | None, *body: bytes | bytearray) -> None:
        if path is None:
            return
        digest = hashlib.sha256()
        for piece in body:
            digest.update(piece)
        with suppress(OSError), _new_beside(path) as part:
            with part.open("wb") as file:
                file.writelines((_HEAD, digest.digest(), *body))
            part.replace(path)


def _places(collection: Collection, stamps: array[int]) -> Iterator[int | None]:
    """Where each entry's stamp is among those that were written down; None for those that are not."""
    expected, index = 0, None
    for entry in collection.entries:
        at: int | None = None
        if entry.is_settled:
            # As long as nothing changed they are met in the order in which they were written.
            if expected < len(stamps) and stamps[expected] == entry.stamp:
                at = expected
            else:
                index = index or {stamp: place for place, stamp in enumerate(stamps)}
                at = index.get(entry.stamp)
        if at is not None:
            expected = at + 1
        yield at


@contextmanager
def _new_beside(path: Path) -> Iterator[Path]:
    """A name for a file that nobody else writes at the same time; what is left under it goes away again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _note_of(manifest: str, destination: Path) -> bytes:
    """What identifies a bundle and the file that it was written to, as it is now."""
    stamp = stamp_of(destination.stat())
    return manifest.encode() + b"\0" + os.fsencode(destination.resolve()) + b"\0" + b"%d" % stamp + b"\0"
