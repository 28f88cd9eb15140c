"""Real time; the only module that asks the operating system what time it is, and the only one that sleeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deliverkit.ports import Clock

_LONGEST_NAP = 20.0
"""Seconds after which a sleeper looks at the clock again: it may have been set, or the machine suspended."""


_LOOK_AGAIN = 0.5
"""Real seconds after which a clock that is kept elsewhere is read again."""


_LAG = timedelta(milliseconds=200)
"""Up to so much, in real time, may be lost on the way of an answer."""


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


class FollowingClock:
    """A clock that is kept elsewhere, such as the sandbox's own: it may run faster, stand still or jump.

    Args:
        read: Gives the moment there and its speed, in seconds for each real one.
    """

    def __init__(self, read: Callable[[], tuple[datetime, float]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._base, self._speed = read()
        self._anchor = time.monotonic()

    @property
    def speed(self) -> float:
        """Its seconds for each real one; 0 while it stands still."""
        return self._speed

    @property
    def is_standing(self) -> bool:
        """True while no moment comes that is not there yet: who sleeps then sleeps until somebody lets time go on."""
        return self._speed == 0

    def now(self) -> datetime:
        """The present moment there, UTC."""
        with self._lock:
            if time.monotonic() - self._anchor >= _LOOK_AGAIN:
                self._look()
            return self._reckoned()

    def sleep_until(self, moment: datetime) -> None:
        """Return at the moment, or at once when it has passed; as long as the clock stands still it does not come."""
        while (left := (moment - self.now()).total_seconds()) > 0:
            time.sleep(min(left / self._speed, _LOOK_AGAIN) if self._speed else _LOOK_AGAIN)

    def _reckoned(self) -> datetime:
        return self._base + timedelta(seconds=(time.monotonic() - self._anchor) * self._speed)

    def _look(self) -> None:
        reckoned, speed = self._reckoned(), self._speed
        # When nobody answers the clock goes on as it did: whoever needs the other side will say that it is away.
        with suppress(OSError, ValueError):
            told, speed = self._read()
            # What was told is a moment old when it arrives; no reason to go back.
            is_lag = timedelta(0) < reckoned - told < _LAG * max(speed, 1.0)
            reckoned = reckoned if is_lag else told
        self._base, self._speed, self._anchor = reckoned, speed, time.monotonic()


class DeferredClock:
    """A clock that is chosen when the time is first asked for: choosing may mean to ask somebody far away.

    Args:
        choose: Gives the clock.
    """

    def __init__(self, choose: Callable[[], Clock]) -> None:
        self._choose = choose

    def now(self) -> datetime:
        """The present moment, UTC."""
        return self._clock.now()

    @property
    def is_standing(self) -> bool:
        """True for a clock that is kept elsewhere and stands still."""
        return isinstance(self._clock, FollowingClock) and self._clock.is_standing

    def sleep_until(self, moment: datetime) -> None:
        """Return at the moment, or at once when it has passed."""
        self._clock.sleep_until(moment)

    @cached_property
    def _clock(self) -> Clock:
        return self._choose()


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
