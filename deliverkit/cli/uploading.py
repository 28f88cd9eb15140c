"""Progress of an upload on stderr: one redrawn line for people, a sign of life each minute for logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from deliverkit.cli.options import Console

HEARTBEAT = timedelta(minutes=1)
_MEBIBYTE = 1024 * 1024


@contextmanager
def telling(console: Console, now: Callable[[], datetime]) -> Iterator[Callable[[int, int], None]]:
    """Give a listener for an upload, and leave nothing half-drawn behind."""
    progress = UploadProgress(console, now)
    try:
        yield progress
    finally:
        progress.close()


class UploadProgress:
    """Tells how far an upload is."""

    def __init__(self, console: Console, now: Callable[[], datetime]) -> None:
        """Take the console, and what tells the time."""
        self._console = console
        self._now = now
        self._told_at: datetime | None = None
        self._is_drawn = False

    def __call__(self, done: int, limit: int) -> None:
        """Tell, if it is time to.

        Args:
            done: Bytes that are stored.
            limit: Bytes that the bundle has at most; what is compressed becomes less.
        """
        line = f"uploading: {done // _MEBIBYTE} MiB of at most {-(-limit // _MEBIBYTE)} MiB"
        if self._console.is_live:
            self._console.redraw(line)
            self._is_drawn = True
            return
        now = self._now()
        if self._told_at is not None and now - self._told_at >= HEARTBEAT:
            self._console.tell(f"{now:%H:%M:%S}  still {line}")
        if self._told_at is None or now - self._told_at >= HEARTBEAT:
            self._told_at = now

    def close(self) -> None:
        """Erase the live line."""
        if self._is_drawn:
            self._console.redraw("")
