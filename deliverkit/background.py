"""Work that takes its time while others are asked; a process that is told to end does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
AT_ONCE = 1.0
"""Seconds in which quick work is done, so that it need not be asked for again."""


@dataclass
class _Errand(Generic[T]):
    """One piece of work: its thread, and what came of it."""

    thread: threading.Thread
    outcome: T | None = None
    error: Exception | None = None


class Background(Generic[T]):
    """Does each named piece of work once, on a thread of its own."""

    def __init__(self) -> None:
        """Begin with none."""
        self._errands: dict[str, _Errand[T]] = {}

    def outcome(self, name: str, work: Callable[[], T]) -> T | None:
        """What came of the work, which is then forgotten; None while it goes on.

        Args:
            name: Of the work; it is begun when nothing of that name goes on.
            work: What is to be done.

        Raises:
            Exception: What the work raised.
        """
        if name not in self._errands:
            self._errands[name] = self._begun(name, work)
        errand = self._errands[name]
        errand.thread.join(AT_ONCE)
        if errand.thread.is_alive():
            return None
        del self._errands[name]
        if errand.error is not None:
            raise errand.error
        return errand.outcome

    @staticmethod
    def _begun(name: str, work: Callable[[], T]) -> _Errand[T]:
        def run() -> None:
            try:
                errand.outcome = work()
            except Exception as error:  # noqa: BLE001  (a thread tells nobody of its end)
                errand.error = error

        # A daemon: whoever is told to end does not wait for it.
        errand: _Errand[T] = _Errand(threading.Thread(target=run, name=name, daemon=True))
        errand.thread.start()
        return errand
