"""Real time; the only module that asks the operating system what time it is, and the only one that sleeps."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_LONGEST_NAP = 20.0
"""Seconds after which a sleeper looks at the clock again: it may have been set, or the machine suspended."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        return datetime.now(UTC)

    def sleep_until(self, moment: datetime) -> None:
        """Return at the moment, or at once when it has passed.

        A signal handler that raises (as SIGTERM's and SIGINT's do in the command line) ends the sleep at once.
        """
        while (left := (moment - self.now()).total_seconds()) > 0:
            time.sleep(min(left, _LONGEST_NAP))


class Stopwatch:
    """Measures how long something takes, by a clock that nobody can set."""

    def __init__(self) -> None:
        """Start."""
        self._started = time.monotonic()

    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started


def pause(duration: timedelta) -> None:
    """Sleep for a duration."""
    time.sleep(max(0.0, duration.total_seconds()))
