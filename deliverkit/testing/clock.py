"""A clock that stands still until a test, or somebody who sleeps on it, moves it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""A Monday morning: inside every sensible deployment window."""


class FakeClock:
    """A `Clock` whose time passes only by `advance` and by sleeping, which takes no real time.

    Attributes:
        naps: Every moment that somebody slept until, in order.
    """

    def __init__(self, start: datetime = START) -> None:
        """Begin at a moment.

        Raises:
            ValueError: If the moment has no time zone.
        """
        if start.tzinfo is None:
            raise ValueError("a clock starts at a moment with a time zone")
        self._now = start.astimezone(UTC)
        self._lock = threading.Lock()
        self.naps: list[datetime] = []

    def now(self) -> datetime:
        """The present moment, UTC."""
        with self._lock:
            return self._now

    def sleep_until(self, moment: datetime) -> None:
        """Move to the moment at once; a moment that has passed moves nothing."""
        with self._lock:
            self.naps.append(moment)
            self._now = max(self._now, moment.astimezone(UTC))

    def advance(self, duration: timedelta) -> datetime:
        """Let time pass and give the new present.

        Raises:
            ValueError: If the duration is negative.
        """
        if duration < timedelta(0):
            raise ValueError("time does not run backwards")
        with self._lock:
            self._now += duration
            return self._now
