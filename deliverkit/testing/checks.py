"""A check whose answers a test decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from deliverkit.check_ports import CheckContext
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.ports import Clock

Answer = Callable[[Check, CheckContext, datetime], Verdict]


class ScriptedCheck:
    """Implements `check_ports.Checker`; everything passes until the test says otherwise.

    Attributes:
        answer: Gives the verdict of one sample.
        asked: Keys of the checks that were measured, in order.
    """

    def __init__(self, clock: Clock, answer: Answer = lambda *_: Verdict.PASSED) -> None:
        """Take the clock that dates the samples."""
        self._clock = clock
        self.answer = answer
        self.asked: list[str] = []

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """One sample."""
        now = self._clock.now()
        self.asked.append(check.key)
        outcome = self.answer(check, context, now)
        return Measurement(check.gate, now, outcome, f"the test says {outcome.value}", check=check.name)
