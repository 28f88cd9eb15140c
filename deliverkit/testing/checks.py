"""A check whose answers a test decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from deliverkit.domain.gate import Gate, Measurement, Verdict
from deliverkit.ports import CheckContext, Clock

Answer = Callable[[Gate, CheckContext, datetime], Verdict]


class ScriptedCheck:
    """Implements `ports.Check`; everything passes until the test says otherwise.

    Attributes:
        answer: Gives the verdict of one sample.
        asked: Names of the gates that were measured, in order.
    """

    def __init__(self, clock: Clock, answer: Answer = lambda *_: Verdict.PASSED) -> None:
        """Take the clock that dates the samples."""
        self._clock = clock
        self.answer = answer
        self.asked: list[str] = []

    def measure(self, gate: Gate, context: CheckContext) -> Measurement:
        """One sample."""
        now = self._clock.now()
        self.asked.append(gate.name)
        outcome = self.answer(gate, context, now)
        return Measurement(gate.name, now, outcome, f"the test says {outcome.value}")
