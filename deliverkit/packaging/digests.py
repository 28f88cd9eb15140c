"""The digests of a collection's files, in as little memory as they need: trees may have hundreds of thousands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

DIGEST_BYTES = 32
# No content that anybody knows of has this digest.
_NONE = bytes(DIGEST_BYTES)
# bytes.join() makes a list of what it is given.
_AT_A_TIME = 4096


class Digests:
    """SHA-256 of each entry's content, in the entries' order; None for what is no file, or is not known."""

    __slots__ = ("_all",)

    def __init__(self, digests: Iterable[bytes | None] = ()) -> None:
        """Begin with these."""
        self._all = bytearray()
        self.extend(digests)

    def extend(self, digests: Iterable[bytes | None]) -> None:
        """Add the digests of the next entries."""
        known = (digest or _NONE for digest in digests)
        while some := b"".join(islice(known, _AT_A_TIME)):
            self._all += some

    def __len__(self) -> int:
        return len(self._all) // DIGEST_BYTES

    def __getitem__(self, at: int) -> bytes | None:
        if not 0 <= at < len(self):
            raise IndexError(at)
        digest = bytes(self._all[DIGEST_BYTES * at : DIGEST_BYTES * (at + 1)])
        return None if digest == _NONE else digest

    def __setitem__(self, at: int, digest: bytes | None) -> None:
        self._all[DIGEST_BYTES * at : DIGEST_BYTES * (at + 1)] = digest or _NONE

    def __iter__(self) -> Iterator[bytes | None]:
        for at in range(0, len(self._all), DIGEST_BYTES):
            digest = bytes(self._all[at : at + DIGEST_BYTES])
            yield None if digest == _NONE else digest

    def are_at(self, first: int, digests: Iterable[bytes | None]) -> bool:
        """Whether these are the ones of the entries from the first one on."""
        wanted = b"".join(digest or _NONE for digest in digests)
        return self._all[DIGEST_BYTES * first : DIGEST_BYTES * first + len(wanted)] == wanted
