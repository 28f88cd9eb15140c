"""Wakes whoever waits for work of a name: agents that ask over HTTP, and agents that live in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Doorbell:
    """Counts rings by name; any thread may ring and wait."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rings: dict[str, int] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._is_closed = False

    def mark(self, name: str) -> int:
        """How often it rang for the name so far; taken before looking for work, so that no ring in between is lost."""
        with self._changed:
            return self._rings.get(name, 0)

    def ring(self, name: str) -> None:
        """There is work for the name."""
        with self._changed:
            self._rings[name] = self._rings.get(name, 0) + 1
            self._changed.notify_all()
        for listener in self._listeners:
            listener(name)

    def wait(self, name: str, mark: int, seconds: float) -> bool:
        """Wait for a ring after the mark, that many real seconds at most; False when none came, or it was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._rings.get(name, 0) != mark, seconds)
            return self._rings.get(name, 0) != mark

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call the listener with the name at every ring."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Let everybody go who waits, now and later."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """True once nothing more will ring."""
        return self._is_closed
