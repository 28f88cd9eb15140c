"""A comparison of two arms: looks come in, findings come out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from deliverkit.domain.gate import Verdict
from deliverkit.domain.judge import closing, wording
from deliverkit.domain.judge.evidence import State, folded, threshold
from deliverkit.domain.judge.finding import Finding
from deliverkit.domain.judge.interval import bounds
from deliverkit.domain.judge.looks import Look
from deliverkit.domain.judge.rules import Rules

_LARGEST = 690.0
"""exp of more is no number any longer."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison so far; frozen: `including` a look makes the next one.

    Attributes:
        rules: What is asked.
        state: What is remembered.
    """

    rules: Rules
    state: State = field(default_factory=State)

    def including(self, look: Look) -> Comparison:
        """This comparison with one more look.

        Raises:
            ValueError: The look is not later than the last one, or its kind of counts differs; the message names it.
        """
        return Comparison(self.rules, folded(self.rules, self.state, look))

    def at_look(self) -> Finding:
        """The verdict so far: failed, or None while more looks may come."""
        numbers, warnings = self._numbers(), self._warnings()
        if self.state.failure is None:
            return Finding(None, f"No proof of harm so far: {self._seen()}.", numbers, warnings)
        return Finding(Verdict.FAILED, self._failure(), numbers, warnings)

    def at_end(self) -> Finding:
        """The verdict when the bake time is over; never None."""
        state = self.state
        if state.failure is not None:
            failed = self.at_look()
            return Finding(
                failed.verdict, failed.reason, {**failed.numbers, **bounds(self.rules, state)}, failed.warnings
            )
        if state.looks == state.skipped:
            reason = "No data: there was no tick in which both arms had requests."
            return Finding(Verdict.ERROR, reason, self._numbers(), self._warnings())
        verdict, reason, numbers = closing.close(self.rules, state, self._seen())
        return Finding(verdict, reason, {**self._numbers(), **numbers}, self._warnings())

    def to_json(self) -> dict[str, Any]:
        """A small JSON-able record from which `from_json` goes on, bit for bit."""
        record: dict[str, Any] = msgspec.to_builtins(self.state)
        return record

    @classmethod
    def from_json(cls, rules: Rules, record: Mapping[str, Any]) -> Comparison:
        """The comparison that `to_json` recorded, under the same rules.

        Raises:
            ValueError: The record is none of this class.
        """
        try:
            return cls(rules, msgspec.convert(record, State))
        except msgspec.ValidationError as error:
            raise ValueError(f"no record of a comparison: {error}") from None

    def _seen(self) -> str:
        state = self.state
        if state.looks == state.skipped:
            return "no tick in which both arms had requests"
        return wording.both_arms(self.rules, state.totals, without_requests=state.without_requests)

    def _failure(self) -> str:
        failure = self.state.failure
        assert failure is not None
        seen = wording.both_arms(self.rules, failure.totals, without_requests=self.state.without_requests)
        needed = wording.chances(threshold(self.rules, without_requests=self.state.without_requests))
        return (
            f"The candidate is worse than {wording.allowed(self.rules)}: {seen}. "
            f"The evidence against chance is {wording.chances(failure.evidence)}; {needed} suffices."
        )

    def _warnings(self) -> tuple[str, ...]:
        state = self.state
        warnings = wording.bursts(state.dispersion.estimate(self.rules.dispersion))
        if state.without_requests:
            warnings += (wording.GIVE_COUNTS,)
        if state.skipped:
            warnings += (f"{state.skipped} of {state.looks} ticks were skipped: not both arms had requests.",)
        return warnings

    def _numbers(self) -> dict[str, Any]:
        state = self.state
        x1, n1, x0, n0 = state.totals
        numbers: dict[str, Any] = {
            "evidence": state.evidence,
            "raw_evidence": state.raw_evidence,
            "sign_evidence": state.signs.evidence(),
            "threshold": threshold(self.rules, without_requests=state.without_requests),
            "odds": math.exp(min(state.evidence, _LARGEST)),
            "candidate_events": x1,
            "candidate_requests": n1,
            "baseline_events": x0,
            "baseline_requests": n0,
            "looks": state.looks,
            "skipped": state.skipped,
        }
        if n1 and n0:
            numbers |= {"candidate_share": x1 / n1, "baseline_share": x0 / n0}
        phi = state.dispersion.estimate(self.rules.dispersion)
        if phi is not None:
            numbers["dispersion"] = phi
        if state.failure is not None:
            numbers |= {"failed_at": state.failure.at, "failed_evidence": state.failure.evidence}
        return numbers
