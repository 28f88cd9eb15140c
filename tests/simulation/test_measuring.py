"""The gatekeeper: slow checks hold up nobody, checks of one kind ask together, and an end is an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest

from deliverkit.check_ports import Asked, CheckContext, Checker
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.engine.measuring import Gatekeeper
from deliverkit.errors import UsageError
from deliverkit.testing.checks import ScriptedCheck
from deliverkit.testing.clock import FakeClock

CLOCK = FakeClock()
NO_TIME = timedelta(0)


class Slow:
    """A checker that measures when it is let; counts what it was asked."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.begun = 0
        self.was_interrupted = False

    def measure(self, check: Check, _context: CheckContext) -> Measurement:
        self.begun += 1
        self.may_end.wait(10)
        return Measurement(check.gate, CLOCK.now(), Verdict.PASSED, "at last", check=check.name)

    def interrupt(self) -> None:
        self.was_interrupted = True
        self.may_end.set()


class Together:
    """A checker that asks for all its checks at once."""

    def __init__(self) -> None:
        self.questions: list[list[str]] = []

    def measure(self, _check: Check, _context: CheckContext) -> Measurement:
        raise AssertionError("asked alone")

    def measure_all(self, asked: Sequence[Asked]) -> Sequence[Measurement | None]:
        self.questions.append([check.key for check, _ in asked])
        return [
            None if check.name == "late" else Measurement(check.gate, CLOCK.now(), Verdict.PASSED, "", check=check.name)
            for check, _ in asked
        ]


def asked(*checks: tuple[str, str], number: int = 1) -> list[Asked]:
    """Checks of a gate, as kind and name, with their next measurement's name."""
    listed = [Check("g", name, kind, {}) for kind, name in checks]
    samples = {check.key: f"{check.key}/{number}" for check in listed}
    where = CheckContext({}, "http://shop", ("us-east-1",), "shop", "dev", samples)
    return [(check, where) for check in listed]


def keeper(grace: timedelta = timedelta(seconds=5), **checkers: Checker) -> Gatekeeper:
    return Gatekeeper(checkers.__getitem__, clock=CLOCK, grace=grace)


def until_there(gates: Gatekeeper, questions: list[Asked]) -> Measurement:
    """Ask until there is a measurement."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for found in gates.measure(questions):
            return found
    raise AssertionError("nothing was measured")


def test_a_slow_check_holds_up_nobody_and_is_begun_once() -> None:
    slow, quick = Slow(), ScriptedCheck(CLOCK)
    gates = keeper(timedelta(seconds=0.2), slow=slow, quick=quick)
    questions = asked(("slow", "a"), ("quick", "b"))
    assert [found.check for found in gates.measure(questions)] == ["b"]
    assert gates.measure(questions[:1]) == ()
    slow.may_end.set()
    assert until_there(gates, questions[:1]).reason == "at last"
    assert slow.begun == 1
    gates.close()


def test_the_next_measurement_is_another_one() -> None:
    slow = Slow()
    slow.may_end.set()
    gates = keeper(slow=slow)
    assert until_there(gates, asked(("slow", "a"))).check == "a"
    assert until_there(gates, asked(("slow", "a"), number=2)).check == "a"
    assert slow.begun == 2
    gates.close()


def test_checks_that_can_ask_together_do() -> None:
    together = Together()
    gates = keeper(metric=together, other=ScriptedCheck(CLOCK))
    questions = asked(("metric", "a"), ("other", "b"), ("metric", "late"), ("metric", "c"))
    assert [found.check for found in gates.measure(questions)] == ["a", "b", "c"]
    assert together.questions == [["g/a", "g/late", "g/c"]]
    gates.measure(questions[2:3])
    assert together.questions[1:] == [["g/late"]]
    gates.close()


def test_an_end_interrupts_what_is_measured_and_a_new_beginning_measures() -> None:
    slow = Slow()
    gates = keeper(NO_TIME, slow=slow)
    while not slow.begun:
        gates.measure(asked(("slow", "a")))
    gates.close()
    assert slow.was_interrupted
    assert until_there(gates, asked(("slow", "a"))).reason == "at last"
    gates.close()


def test_what_was_never_begun_does_not_keep_the_end_waiting() -> None:
    slow = Slow()
    gates = keeper(NO_TIME, slow=slow)
    many = asked(*(("slow", f"c{number}") for number in range(100)))
    gates.measure(many)
    gates.close()
    assert slow.begun < 100


def test_a_process_that_cannot_measure_says_so_and_ends_the_others() -> None:
    class Wayless:
        def measure(self, _check: Check, _context: CheckContext) -> Measurement:
            raise UsageError("no way to the server")

    slow = Slow()
    gates = keeper(timedelta(seconds=0.2), slow=slow, none=Wayless())
    with pytest.raises(UsageError):
        gates.measure(asked(("slow", "a"), ("none", "b")))
    assert slow.was_interrupted


def test_a_kind_that_nobody_knows_is_an_error() -> None:
    def unknown(kind: str) -> Checker:
        raise LookupError(f"nobody knows {kind}")

    [found] = Gatekeeper(unknown, clock=CLOCK).measure(asked(("horoscope", "a")))
    assert (found.outcome, found.reason) == (Verdict.ERROR, "nobody knows horoscope")
