"""The gatekeeper: slow checks hold up nobody, checks of one kind ask together, and an end is an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from deliverkit.background import Background
from deliverkit.check_ports import Asked, CheckContext, Checker
from deliverkit.domain.checks import assess_again, measurement
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.engine.measuring import AT_MOST, PARALLEL, Gatekeeper
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


def test_an_end_is_told_to_checkers_whose_work_goes_on_elsewhere() -> None:
    class Elsewhere(Slow):
        def measure(self, _check: Check, _context: CheckContext) -> None:  # type: ignore[override]
            return None

    elsewhere = Elsewhere()
    gates = keeper(elsewhere=elsewhere)
    assert gates.measure(asked(("elsewhere", "a"))) == ()
    gates.close()
    assert elsewhere.was_interrupted


def test_what_was_never_begun_does_not_keep_the_end_waiting() -> None:
    slow = Slow()
    gates = keeper(NO_TIME, slow=slow)
    many = asked(*(("slow", f"c{number}") for number in range(2 * AT_MOST)))
    gates.measure(many)
    gates.close()
    assert slow.begun <= AT_MOST


def test_a_process_that_cannot_measure_says_so_and_ends_the_others() -> None:
    class Wayless:
        def measure(self, _check: Check, _context: CheckContext) -> Measurement:
            raise UsageError("no way to the server")

    slow = Slow()
    gates = keeper(timedelta(seconds=0.2), slow=slow, none=Wayless())
    with pytest.raises(UsageError):
        gates.measure(asked(("slow", "a"), ("none", "b")))
    assert slow.was_interrupted


class Raising:
    """A checker that has a defect, alone or together."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def measure(self, _check: Check, _context: CheckContext) -> Measurement:
        raise self.error


class RaisingTogether(Raising):
    def measure_all(self, _asked: Sequence[Asked]) -> Sequence[Measurement | None]:
        raise self.error


@pytest.mark.parametrize("checker", [Raising, RaisingTogether])
def test_a_checker_that_raises_costs_nobody_else_a_measurement(checker: type[Raising]) -> None:
    error = OverflowError(f"password=hunter2222 and\nmuch more: \udce9{'x' * 5000}")
    gates = keeper(bad=checker(error), good=ScriptedCheck(CLOCK))
    good, bad = sorted(gates.measure(asked(("bad", "a"), ("good", "b"))), key=lambda found: found.check == "a")
    assert (good.check, good.outcome) == ("b", Verdict.PASSED)
    assert (bad.check, bad.outcome, bad.reason[:69]) == (
        "a",
        Verdict.ERROR,
        "cannot be measured: OverflowError: password=*** and much more:  xxxxx",
    )
    assert len(bad.reason) < 1000
    assert bad.seen is not None
    assert assess_again(Check("g", "a", "bad", {}), bad.seen).reason == bad.reason
    gates.close()


@pytest.mark.parametrize(
    ("kind", "spec", "seen", "why"),
    [
        # A plan made before the setting `tolerate` was.
        ("load_balancer", {}, {"groups": [{"name": "tg", "region": "r", "states": {"initial": 1}}]}, "KeyError"),
    ],
)
def test_what_cannot_be_judged_is_an_error_now_and_at_any_time_again(
    kind: str, spec: dict[str, Any], seen: dict[str, Any], why: str
) -> None:
    check = Check("g", "", kind, spec)
    found = measurement(check, CLOCK.now(), seen)
    assert (found.outcome, why in found.reason) == (Verdict.ERROR, True)
    assert found.seen is not None
    assert assess_again(check, found.seen).reason == found.reason


def test_a_checker_that_gives_too_few_measurements_gives_errors() -> None:
    class Lossy(Together):
        def measure_all(self, asked: Sequence[Asked]) -> Sequence[Measurement | None]:
            return super().measure_all(asked)[1:]

    gates = keeper(metric=Lossy())
    found = gates.measure(asked(("metric", "a"), ("metric", "b")))
    assert [(each.check, each.outcome) for each in found] == [("a", Verdict.ERROR), ("b", Verdict.ERROR)]
    gates.close()


def test_secrets_of_this_process_are_masked_in_what_a_checker_raises() -> None:
    raising = Raising(OSError("no header tr0ub4dor"))
    gates = Gatekeeper(lambda _: raising, clock=CLOCK, hide=lambda text: text.replace("tr0ub4dor", "${TOKEN}"))
    [found] = gates.measure(asked(("bad", "a")))
    assert found.reason == "cannot be measured: OSError: no header ${TOKEN}"
    gates.close()


def test_what_was_measured_beside_a_refusal_is_given_back_first() -> None:
    gates = keeper(none=Raising(UsageError("no way to the server")), good=ScriptedCheck(CLOCK))
    questions = asked(("none", "a"), ("good", "b"))
    assert [found.check for found in gates.measure(questions)] == ["b"]
    with pytest.raises(UsageError, match="no way to the server"):
        gates.measure(asked(("none", "a"), ("good", "b"))[:1])


def test_a_refusal_of_a_check_that_nobody_asks_for_any_more_is_forgotten() -> None:
    gates = keeper(none=Raising(UsageError("no way to the server")), good=ScriptedCheck(CLOCK))
    gates.measure(asked(("none", "a"), ("good", "b")))
    assert [found.check for found in gates.measure(asked(("good", "b"), number=2))] == ["b"]
    gates.close()


def test_where_nobody_else_is_awaited_a_refusal_is_an_error_of_its_own_check() -> None:
    checkers = {"none": Raising(UsageError("no way to the server")), "good": ScriptedCheck(CLOCK)}
    gates = Gatekeeper(checkers.__getitem__, clock=CLOCK, is_last_resort=True)
    bad, good = gates.measure(asked(("none", "a"), ("good", "b")))
    assert (bad.outcome, bad.check, good.check) == (Verdict.ERROR, "a", "b")
    assert "no way to the server" in bad.reason
    gates.close()


def test_slow_checks_starve_nobody() -> None:
    slow, quick = Slow(), ScriptedCheck(CLOCK)
    gates = keeper(timedelta(seconds=0.1), slow=slow, quick=quick)
    questions = asked(*(("slow", f"c{number}") for number in range(PARALLEL)), ("quick", "b"))
    found = until_there(gates, questions)
    assert found.check == "b"
    assert slow.begun == PARALLEL
    gates.close()


def test_a_kind_that_nobody_knows_is_an_error() -> None:
    def unknown(kind: str) -> Checker:
        raise LookupError(f"nobody knows {kind}")

    [found] = Gatekeeper(unknown, clock=CLOCK).measure(asked(("horoscope", "a")))
    assert (found.outcome, found.reason) == (Verdict.ERROR, "nobody knows horoscope")


def test_work_in_the_background_that_ends_itself_is_an_error_and_not_done_for_ever() -> None:
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match="it ended itself: SystemExit: 3"):
        Background[None]().outcome("leaving", leave)
