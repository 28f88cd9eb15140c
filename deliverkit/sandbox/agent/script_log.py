"""What scripts say: into the deployment's log, the instance's log, and the tail that diagnostics carry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self, TextIO

TAIL_CHARACTERS = 2048
LARGEST = 64 * 1024 * 1024
KEPT = 8
"""The host agent keeps eight files of 64 MiB of all deployments: the present one, and `.0`, the newest, to `.6`."""


class ScriptLog:
    """The output of one lifecycle event.

    Args:
        path: The deployment's `scripts.log`.
        shared: The instance's log of all deployments.
        deployment_id: Marks the lines of the shared log.
        now: Gives the moment for the lines' stamps, which are local time without a zone.
    """

    def __init__(self, path: Path, shared: Path, deployment_id: str, now: Callable[[], datetime]) -> None:
        self._paths = (path, shared)
        self._deployment_id = deployment_id
        self._now = now
        self._tail = ""
        self._files: list[TextIO] = []

    def __enter__(self) -> Self:
        for path in self._paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files.append(_opened(path))
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    @property
    def tail(self) -> str:
        """The last 2048 characters."""
        return self._tail

    def append(self, entry: str) -> None:
        """Add an entry, with its line end if it has one: output that ends in mid-line is logged that way."""
        self._tail = (self._tail + entry)[-TAIL_CHARACTERS:]
        local = self._now().astimezone()
        self._rotate()
        own, shared = self._files
        own.write(f"{local:%Y-%m-%d %H:%M:%S} {entry}")
        own.flush()
        milliseconds = f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"
        shared.write(f"[{milliseconds}] [{self._deployment_id}]{entry.strip()}\n")
        shared.flush()

    def _rotate(self) -> None:
        shared = self._paths[1]
        if self._files[1].tell() <= LARGEST:
            return
        self._files[1].close()
        for number in reversed(range(KEPT - 2)):
            older = shared.with_name(f"{shared.name}.{number}")
            if older.exists():
                older.replace(shared.with_name(f"{shared.name}.{number + 1}"))
        shared.replace(shared.with_name(f"{shared.name}.0"))
        self._files[1] = _opened(shared)


def _opened(path: Path) -> TextIO:
    return path.open("a", errors="surrogateescape")
