"""Loopback addresses for instances: every one a network card of its own, on which all its ports are free."""

from __future__ import annotations

FIRST, LAST = 2, 254


class Addresses:
    """The addresses `<base>.2` to `<base>.254` of one sandbox.

    Addresses of terminated instances are used again only when no fresh one is left, so that a client that still knows
    an old address does not reach a stranger.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._fresh = [f"{base}.{last}" for last in range(FIRST, LAST + 1)]
        self._returned: list[str] = []

    def take(self) -> str | None:
        """An address that no living instance has; None when all 253 are taken."""
        unused = self._fresh or self._returned
        return unused.pop(0) if unused else None

    def reserve(self, address: str) -> bool:
        """Take just this address; False when it is none of these, or taken."""
        for unused in (self._fresh, self._returned):
            if address in unused:
                unused.remove(address)
                return True
        return False

    def give_back(self, address: str) -> None:
        """The instance is gone for good."""
        self._returned.append(address)
