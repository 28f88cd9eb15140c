"""What the server starts and stops: the moving part behind a service."""

from __future__ import annotations

from typing import Protocol


class Engine(Protocol):
    """A moving part of the sandbox with threads or processes of its own."""

    def start(self) -> None:
        """Begin to move; called once, before the first request is served."""
        ...

    def stop(self) -> None:
        """End every thread and process it started; called once."""
        ...


class Passive:
    """The engine of a service that moves only when called or when a timer falls due."""

    def start(self) -> None:
        """Nothing to begin."""

    def stop(self) -> None:
        """Nothing to end."""
