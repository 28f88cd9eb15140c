"""The sandbox's own time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.clock import Timers, VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def timers(clock: VirtualClock) -> Iterator[Timers]:
    running = Timers(clock, threading.RLock())
    running.start()
    yield running
    running.stop()


def test_frozen_time_stands_still_until_it_is_moved(clock: VirtualClock) -> None:
    clock.set_speed(0)
    now = clock.now()
    assert clock.now() == now
    clock.advance(timedelta(hours=1))
    assert clock.now() == now + timedelta(hours=1)
    assert clock.real_seconds_until(now + timedelta(hours=2)) is None
    assert clock.real_seconds_until(now) == 0.0


def test_time_runs_as_fast_as_asked(clock: VirtualClock) -> None:
    clock.set_speed(3600)
    remaining = clock.real_seconds_until(clock.now() + timedelta(hours=1))
    assert remaining == pytest.approx(1, abs=0.1)
    with pytest.raises(ValueError, match="negative"):
        clock.set_speed(-1)


def test_timers_run_in_their_order_when_time_jumps(clock: VirtualClock, timers: Timers) -> None:
    clock.set_speed(0)
    ran: list[str] = []
    done = threading.Event()
    timers.after(timedelta(minutes=2), lambda: ran.append("second"))
    timers.after(timedelta(minutes=1), lambda: ran.append("first"))
    timers.after(timedelta(minutes=3), done.set)
    cancelled = timers.after(timedelta(minutes=1), lambda: ran.append("never"))
    cancelled.cancel()
    cancelled.cancel()
    assert ran == []
    clock.advance(timedelta(minutes=3))
    assert done.wait(5)
    assert ran == ["first", "second"]


def test_a_timer_that_fails_takes_no_other_down(clock: VirtualClock, timers: Timers) -> None:
    done = threading.Event()
    timers.soon(lambda: 1 / 0)
    timers.soon(done.set)
    assert done.wait(5)


def test_a_timer_made_by_a_timer_runs_too(clock: VirtualClock, timers: Timers) -> None:
    done = threading.Event()
    timers.soon(lambda: timers.after(timedelta(milliseconds=10), done.set) and None)
    assert done.wait(5)


def test_stopping_drops_what_is_queued(clock: VirtualClock) -> None:
    running = Timers(clock, threading.RLock())
    running.start()
    ran: list[int] = []
    running.after(timedelta(seconds=60), lambda: ran.append(1))
    running.stop()
    clock.advance(timedelta(minutes=5))
    deadline = time.monotonic() + 5
    while running._thread.is_alive():
        assert time.monotonic() < deadline
    assert ran == []


def test_a_timer_makes_the_same_ids_whatever_happens_before_it(clock: VirtualClock) -> None:
    clock.set_speed(0)

    def ids(interruptions: int) -> list[str]:
        timers = Timers(clock, threading.RLock())
        made: list[str] = []

        def second() -> None:
            made.append(chance.uuid4())

        def first() -> None:
            made.append(chance.uuid4())
            timers.soon(second)

        chance.seed(7)
        timers.soon(first)
        for number in range(interruptions):
            chance.seed(number)
        timers.run_until(clock.now())
        return made

    assert len(set(ids(0))) == 2
    assert ids(0) == ids(1) == ids(2)
    chance.seed(int.from_bytes(os.urandom(8), "big"))
