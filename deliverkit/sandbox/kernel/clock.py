"""The sandbox's own time, and the one thread that runs whatever falls due.

Every timer inside the sandbox asks this clock, so that a rehearsal can freeze time, run it faster or jump ahead.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from deliverkit.sandbox.kernel import chance

log = logging.getLogger(__name__)
FASTEST = 1000.0
"""Virtual seconds per real second; faster, the processes of instances would seem to stand still."""


class VirtualClock:
    """Wall time, scaled and shifted: `now = base + (monotonic - anchor) * speed`. Speed 0 means frozen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._base = datetime.now(UTC)
        self._anchor = time.monotonic()
        self._speed = 1.0
        self._listeners: list[Callable[[], None]] = []

    @property
    def speed(self) -> float:
        """Virtual seconds per real second."""
        return self._speed

    def now(self) -> datetime:
        """The present virtual moment, UTC."""
        with self._lock:
            return self._now()

    def set_speed(self, speed: float) -> None:
        """Let time run `speed` times as fast from this moment on; 0 freezes it.

        Raises:
            ValueError: If the speed is negative.
        """
        if speed < 0:
            raise ValueError(f"speed must not be negative: {speed}")
        with self._lock:
            self._base, self._anchor, self._speed = self._now(), time.monotonic(), speed
        self._notify()

    def advance(self, by: timedelta) -> None:
        """Jump ahead; timers that fall due in between run at once, in their order."""
        with self._lock:
            self._base += by
        self._notify()

    def restore(self, now: datetime, speed: float) -> None:
        """Go on from a virtual moment that an earlier process had reached; timers do not fall due by it."""
        with self._lock:
            self._base, self._anchor, self._speed = now, time.monotonic(), speed
        self._notify()

    def real_seconds_until(self, moment: datetime) -> float | None:
        """Real seconds until the virtual moment; None when time is frozen and it lies ahead."""
        remaining = (moment - self.now()).total_seconds()
        if remaining <= 0:
            return 0.0
        return remaining / self._speed if self._speed else None

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call the listener after every change of speed and every jump."""
        self._listeners.append(listener)

    def _now(self) -> datetime:
        return self._base + timedelta(seconds=(time.monotonic() - self._anchor) * self._speed)

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()


@dataclass(order=True)
class Timer:
    """One scheduled call; `cancel` makes it a no-op."""

    due: datetime
    order: int
    action: Callable[[], None] = field(compare=False)
    is_cancelled: bool = field(default=False, compare=False)
    is_kept: bool = field(default=True, compare=False)
    seed: int = field(default=0, compare=False)

    def cancel(self) -> None:
        """Do not run it any more; cancelling twice, or after it ran, is harmless."""
        self.is_cancelled = True


class Timers:
    """Runs callbacks at virtual moments, one after the other, on one thread, under the world's lock."""

    def __init__(self, clock: VirtualClock, lock: threading.RLock) -> None:
        self._clock = clock
        self._lock = lock
        self._wake = threading.Condition()
        self._queue: list[Timer] = []
        self._order = itertools.count()
        self._is_stopped = False
        self._fired = 0
        self._is_firing = False
        self.begin_sequence: Callable[[int], None] = chance.seed
        """Called before each timer with the number that its ids come from.

        It is drawn when the timer is set: after a crash the timer makes the same ids, whatever came in between.
        """
        self._thread = threading.Thread(target=self._run, name="sandbox-timers", daemon=True)
        clock.subscribe(self._awaken)

    def start(self) -> None:
        """Begin to run timers."""
        self._thread.start()

    def stop(self) -> None:
        """Run no more timers; what is queued is dropped."""
        self._is_stopped = True
        self._awaken()

    @property
    def fired(self) -> int:
        """How many timers that are part of the sandbox's state have run."""
        return self._fired

    def after(self, delay: timedelta, action: Callable[[], None], *, is_kept: bool = True) -> Timer:
        """Run the action once the virtual delay has passed; a delay of zero means as soon as possible.

        Args:
            delay: Virtual time from now.
            action: Can be pickled, unless the timer is not kept.
            is_kept: False for what an engine sets anew whenever it starts, such as its own ticks.
        """
        seed = chance.draw() if is_kept else 0
        timer = Timer(self._clock.now() + delay, next(self._order), action, is_kept=is_kept, seed=seed)
        with self._wake:
            heapq.heappush(self._queue, timer)
            self._wake.notify_all()
        return timer

    def soon(self, action: Callable[[], None]) -> Timer:
        """Run the action on the timer thread as soon as possible, never inside the caller."""
        return self.after(timedelta(0), action)

    def next_due(self) -> datetime | None:
        """When the next timer falls due; None when none waits."""
        with self._wake:
            return min((timer.due for timer in self._queue if not timer.is_cancelled), default=None)

    def settle(self, patience: float) -> bool:
        """Wait until everything that is due has run, `patience` real seconds at most; not to be called under the lock.

        Returns:
            False when something due has still to run.
        """
        with self._wake:
            return self._wake.wait_for(self._has_settled, patience)

    def _has_settled(self) -> bool:
        return not self._is_firing and (not self._queue or self._queue[0].due > self._clock.now())

    def kept(self) -> list[Timer]:
        """What is still to run, the state's timers alone."""
        with self._wake:
            return [timer for timer in self._queue if timer.is_kept and not timer.is_cancelled]

    def put_back(self, timers: list[Timer]) -> None:
        """Take over the timers of an earlier process."""
        with self._wake:
            self._queue.extend(timers)
            heapq.heapify(self._queue)
            self._order = itertools.count(max((timer.order for timer in self._queue), default=0) + 1)

    def run_until(self, moment: datetime) -> None:
        """Run what falls due until then on the caller's thread, each timer at its own time; before `start`."""
        while self._queue and self._queue[0].due <= moment:
            timer = heapq.heappop(self._queue)
            if not timer.is_cancelled:
                self._clock.restore(max(timer.due, self._clock.now()), 0.0)
                self._fire(timer)

    def _awaken(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def _run(self) -> None:
        while not self._is_stopped:
            timer = self._take_due()
            if timer is not None and not timer.is_cancelled:
                self._fire(timer)
            if timer is not None:
                self._rest()

    def _rest(self) -> None:
        with self._wake:
            self._is_firing = False
            self._wake.notify_all()

    def _take_due(self) -> Timer | None:
        with self._wake:
            if not self._queue:
                self._wake.wait()
                return None
            delay = self._clock.real_seconds_until(self._queue[0].due)
            if delay == 0.0:
                self._is_firing = True
                return heapq.heappop(self._queue)
            self._wake.wait(delay)
            return None

    def _fire(self, timer: Timer) -> None:
        # One failing timer must not take the others down: the sandbox outlives any bug in one of its engines.
        try:
            with self._lock:
                self._fired += timer.is_kept
                if timer.is_kept:
                    self.begin_sequence(timer.seed)
                timer.action()
        except Exception:
            log.exception("a sandbox timer failed")
