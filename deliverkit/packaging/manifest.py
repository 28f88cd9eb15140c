"""The manifest: what is in a bundle, file by file, and how it is packed; its digest names the bundle's bytes.

The manifest depends on no clock, owner, order or machine. It can be known before anything is packed, and two bundles
with one manifest are the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from json.encoder import encode_basestring
from typing import Any

from deliverkit.domain.manifest_entry import Item
from deliverkit.domain.release import BundleFormat
from deliverkit.errors import IntegrityError
from deliverkit.packaging.tree import Collection, Entry, EntryKind

SCHEMA = "deliverkit.manifest/1"
_PIECE_ENTRIES = 1024


@dataclass(frozen=True, slots=True)
class ManifestEntry(Item):
    """One entry of the bundle; nothing else than these kinds is ever packed or unpacked.

    Attributes:
        kind: File, directory or symbolic link.
    """

    kind: EntryKind


@dataclass(frozen=True, slots=True)
class Manifest:
    """All entries of a bundle, sorted by the bytes of their paths, and what makes an archive of them.

    Attributes:
        entries: The tree's entries; the manifest's own file inside the bundle is not among them.
        format: Archive type.
        codec: Name of the codec: library, version and level; `none` for tar.
        schema: Name and version of the form.
    """

    entries: tuple[ManifestEntry, ...]
    format: BundleFormat
    codec: str
    schema: str = SCHEMA

    def to_json(self) -> bytes:
        """The canonical form: UTF-8, keys sorted, no spaces, nulls left out, one newline at the end."""
        entries = [_plain(entry) for entry in self.entries]
        document = {"codec": self.codec, "entries": entries, "format": self.format.value, "schema": self.schema}
        text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return f"{text}\n".encode()

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hexadecimal digits over the canonical form."""
        return f"sha256:{hashlib.sha256(self.to_json()).hexdigest()}"


def manifest_pieces(
    collection: Collection,
    digests: Iterable[bytes | None],
    *,
    format: BundleFormat,  # noqa: A002
    codec: str,
) -> Iterator[bytes]:
    """The manifest of a collection in its canonical form, piece by piece: it has some 200 bytes for each entry.

    Args:
        collection: What lies in the bundle.
        digests: SHA-256 of each entry's content, in their order; None for what is no file.
        format: Archive type.
        codec: Name of the codec; tar has none, whatever is given.
    """
    name = encode_basestring("none" if format is BundleFormat.TAR else codec)
    yield f'{{"codec":{name},"entries":['.encode()
    lines = map(_line, collection.entries, digests)
    between = ""
    while some := list(islice(lines, _PIECE_ENTRIES)):
        yield f"{between}{','.join(some)}".encode()
        between = ","
    yield f'],"format":"{format.value}","schema":"{SCHEMA}"}}\n'.encode()


def size_and_digest(pieces: Iterable[bytes]) -> tuple[int, str]:
    """A manifest's bytes, and `sha256:` with 64 hexadecimal digits over them."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return size, f"sha256:{digest.hexdigest()}"


def _line(entry: Entry, digest: bytes | None) -> str:
    """One entry, its keys sorted; by hand, because a tree may have hundreds of thousands."""
    head = f'{{"kind":"{entry.kind}","mode":"{entry.mode:04o}","path":{encode_basestring(entry.path)}'
    sha256 = "" if digest is None else f',"sha256":"{digest.hex()}"'
    target = f',"target":{encode_basestring(entry.target)}' if entry.kind is EntryKind.SYMLINK else ""
    return f'{head}{sha256},"size":{entry.size}{target}}}'


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest back.

    Raises:
        IntegrityError: If the bytes are not a manifest in its canonical form.
    """
    import msgspec  # noqa: PLC0415 - only readers of manifests pay for the import

    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IntegrityError(f"This is not a manifest: {error}") from error
    if manifest.schema != SCHEMA or manifest.to_json() != data:
        raise IntegrityError(
            f"This is not a manifest in the canonical form of {SCHEMA}",
            hint="Package again, or read the bundle with the version of deliverkit that made it",
        )
    return manifest


def _plain(entry: ManifestEntry) -> dict[str, Any]:
    fields: dict[str, Any] = {"kind": entry.kind.value, "mode": entry.mode, "path": entry.path, "size": entry.size}
    if entry.sha256 is not None:
        fields["sha256"] = entry.sha256
    if entry.target is not None:
        fields["target"] = entry.target
    return fields
