"""What lies in a bundle and how it is packed, in as little memory as that needs: all that its manifest will say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deliverkit.domain.release import BundleFormat
from deliverkit.packaging.digests import Digests
from deliverkit.packaging.manifest import manifest_pieces, size_and_digest
from deliverkit.packaging.tree import Collection


@dataclass(frozen=True, slots=True)
class Contents:
    """A collection whose files were read.

    Attributes:
        collection: What lies in the bundle.
        digests: SHA-256 of each entry's content, in their order.
        format: Archive type.
        codec: Name of the codec; tar has none, whatever is given.
    """

    collection: Collection
    digests: Digests
    format: BundleFormat
    codec: str

    def manifest_pieces(self) -> Iterator[bytes]:
        """The manifest's canonical document, piece by piece: it has some 200 bytes for each entry."""
        return manifest_pieces(self.collection, self.digests, format=self.format, codec=self.codec)

    def manifest_size_and_digest(self) -> tuple[int, str]:
        """The document's bytes, and `sha256:` with 64 hexadecimal digits over them."""
        return size_and_digest(self.manifest_pieces())

    def sha256_of(self, path: str) -> str:
        """Sixty-four hexadecimal digits over a file's content; empty for what is no file in the bundle."""
        at = self.collection.place(path)
        digest = None if at is None else self.digests[at]
        return "" if digest is None else digest.hex()
