"""The machine's clock, and retries with time in the test's hand."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta

import pytest

from deliverkit.adapters.clock import DeferredClock, FollowingClock, Stopwatch, SystemClock, pause
from deliverkit.adapters.retry import LONGEST_PAUSE, transient
from deliverkit.errors import ConflictError, UnreachableError


def test_the_clock_tells_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_sleeping_ends_at_the_moment_and_not_before() -> None:
    clock = SystemClock()
    until = clock.now() + timedelta(milliseconds=60)
    clock.sleep_until(until)
    assert until <= clock.now() < until + timedelta(seconds=5)


def test_a_moment_that_has_passed_costs_nothing() -> None:
    clock = SystemClock()
    watch = Stopwatch()
    clock.sleep_until(clock.now() - timedelta(days=1))
    pause(timedelta(seconds=-5))
    assert watch.seconds() < 1


def test_a_deferred_clock_is_chosen_once_and_when_the_time_is_asked_for() -> None:
    moment, chosen = datetime(2030, 1, 1, tzinfo=UTC), []

    def choose() -> FollowingClock:
        chosen.append(1)
        return FollowingClock(lambda: (moment, 0.0))

    clock = DeferredClock(choose)
    assert chosen == []
    clock.sleep_until(moment)
    assert (clock.now(), clock.now()) == (moment, moment)
    assert chosen == [1]


def test_a_signal_whose_handler_raises_ends_the_sleep() -> None:
    class Terminated(BaseException):
        pass

    def terminate(*_: object) -> None:
        raise Terminated

    assert threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, terminate)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Terminated):
            SystemClock().sleep_until(datetime.now(UTC) + timedelta(minutes=5))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_signal_whose_handler_returns_does_not_shorten_the_sleep() -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        clock = SystemClock()
        until = clock.now() + timedelta(milliseconds=80)
        clock.sleep_until(until)
        assert clock.now() >= until
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Flaky:
    """Fails with the given errors, one after the other, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_what_succeeds_at_once_is_done_once() -> None:
    operation, naps = Flaky(), []
    assert transient(operation, sleep=naps.append) == "done"
    assert (operation.calls, naps) == (1, [])


def test_what_passes_is_tried_again_after_growing_pauses() -> None:
    operation, naps = Flaky(*[UnreachableError(f"down {n}") for n in range(9)]), []
    assert transient(operation, attempts=10, sleep=naps.append) == "done"
    assert operation.calls == 10
    assert len(naps) == 9
    bounds = [min(timedelta(seconds=0.2 * 2**n), LONGEST_PAUSE) for n in range(9)]
    assert all(timedelta(0) <= nap <= bound for nap, bound in zip(naps, bounds, strict=True))
    assert max(naps) > timedelta(milliseconds=200)


def test_pauses_are_not_the_same_for_everybody() -> None:
    def naps() -> tuple[timedelta, ...]:
        taken: list[timedelta] = []
        transient(Flaky(*[UnreachableError("down")] * 4), sleep=taken.append)
        return tuple(taken)

    assert len({naps() for _ in range(5)}) > 1


def test_after_the_last_attempt_its_own_error_is_raised() -> None:
    operation, naps = Flaky(*[UnreachableError(f"down {n}") for n in range(9)]), []
    with pytest.raises(UnreachableError, match="down 2"):
        transient(operation, attempts=3, sleep=naps.append)
    assert (operation.calls, len(naps)) == (3, 2)


def test_what_does_not_pass_is_not_tried_again() -> None:
    operation = Flaky(ConflictError("taken"))
    with pytest.raises(ConflictError):
        transient(operation, sleep=lambda _: pytest.fail("slept"))
    assert operation.calls == 1


def test_at_least_one_attempt_is_needed() -> None:
    with pytest.raises(ValueError, match="at least one"):
        transient(Flaky(), attempts=0)


class Elsewhere:
    """A clock in the test's hand."""

    def __init__(self) -> None:
        self.moment, self.speed, self.is_away = datetime(2030, 1, 1, tzinfo=UTC), 0.0, False

    def read(self) -> tuple[datetime, float]:
        if self.is_away:
            raise ConnectionError("nobody is there")
        return self.moment, self.speed


def test_a_clock_that_is_kept_elsewhere_is_followed_through_jumps_and_standstill() -> None:
    elsewhere = Elsewhere()
    clock = FollowingClock(elsewhere.read)
    assert clock.now() == clock.now() == elsewhere.moment
    until = elsewhere.moment + timedelta(hours=5)
    done = threading.Event()
    sleeper = threading.Thread(target=lambda: (clock.sleep_until(until), done.set()))
    sleeper.start()
    assert not done.wait(0.7)
    elsewhere.moment = until
    sleeper.join(5)
    assert done.is_set()
    assert clock.now() == until


def test_a_fast_clock_shortens_sleep_and_never_goes_back_a_little() -> None:
    elsewhere = Elsewhere()
    elsewhere.speed = 1000.0
    clock = FollowingClock(elsewhere.read)
    watch = Stopwatch()
    clock.sleep_until(elsewhere.moment + timedelta(seconds=300))
    assert 0.2 < watch.seconds() < 3
    before = clock.now()
    elsewhere.moment = before
    pause(timedelta(milliseconds=550))
    assert clock.now() >= before


def test_a_clock_whose_keeper_is_away_goes_on() -> None:
    elsewhere = Elsewhere()
    elsewhere.speed = 1.0
    clock = FollowingClock(elsewhere.read)
    elsewhere.is_away = True
    clock.sleep_until(clock.now() + timedelta(milliseconds=700))
    assert clock.now() >= elsewhere.moment + timedelta(milliseconds=700)
