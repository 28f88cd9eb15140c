"""A comparison of two arms: looks come in, findings come out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from deliverkit.domain.gate import Verdict
from deliverkit.domain.judge.betting import RATIOS, wins
from deliverkit.domain.judge.finding import Finding
from deliverkit.domain.judge.logs import log_mean
from deliverkit.domain.judge.looks import Look
from deliverkit.domain.judge.rules import Rules

NO_GAINS = (0.0,) * len(RATIOS)


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of the looks; its size does not grow with their number.

    Attributes:
        at: Time of the last look; None before the first.
        looks: Looks taken in, with the skipped ones.
        skipped: Looks in which an arm had no requests.
        totals: Events and requests of the candidate, then of the baseline.
        gains: Log of each bet at margin 0.
        drags: What each unit of margin takes off.
        peak: Highest log evidence so far.
        failed_at: Time of the look whose evidence sufficed; None while none did.
    """

    at: float | None = None
    looks: int = 0
    skipped: int = 0
    totals: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    gains: tuple[float, ...] = NO_GAINS
    drags: tuple[float, ...] = NO_GAINS
    peak: float = 0.0
    failed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison so far; frozen: `including` a look makes the next one.

    Attributes:
        rules: What is asked.
        state: What is remembered.
    """

    rules: Rules
    state: State = State()

    def including(self, look: Look) -> Comparison:
        """This comparison with one more look.

        Raises:
            ValueError: The look is not later than the last one; the message names it.
        """
        state = self.state
        if state.at is not None and look.at <= state.at:
            raise ValueError(f"look at {look.at:g}: a look at {state.at:g} is already in, looks come in order and once")
        one, zero = look.candidate, look.baseline
        n1, n0 = one.requests or 0.0, zero.requests or 0.0
        if not n1 or not n0:
            return replace(self, state=replace(state, at=look.at, looks=state.looks + 1, skipped=state.skipped + 1))
        gains, drags = wins(one.events, n1, zero.events, n0, self.rules.tolerated_ratio)
        seen = (one.events, n1, zero.events, n0)
        after = replace(
            state,
            at=look.at,
            looks=state.looks + 1,
            totals=tuple(a + b for a, b in zip(state.totals, seen, strict=True)),
            gains=tuple(a + b for a, b in zip(state.gains, gains, strict=True)),
            drags=tuple(a + b for a, b in zip(state.drags, drags, strict=True)),
        )
        evidence = self._evidence(after)
        is_first = after.failed_at is None and evidence >= self._threshold
        failed_at = look.at if is_first else after.failed_at
        return replace(self, state=replace(after, peak=max(after.peak, evidence), failed_at=failed_at))

    def at_look(self) -> Finding:
        """The verdict so far: failed, or None while more looks may come."""
        if self.state.failed_at is not None:
            return Finding(Verdict.FAILED, "The candidate is worse than the baseline.", self._numbers())
        return Finding(None, "No proof of harm so far.", self._numbers())

    def at_end(self) -> Finding:
        """The verdict when the bake time is over; never None."""
        if self.state.failed_at is not None:
            return self.at_look()
        if self.state.looks == self.state.skipped:
            return Finding(Verdict.ERROR, "No data: there was no tick in which both arms had requests.")
        return Finding(Verdict.INCONCLUSIVE, "Not enough evidence.", self._numbers())

    def to_json(self) -> dict[str, Any]:
        """A small record from which `from_json` goes on, bit for bit."""
        return {name: getattr(self.state, name) for name in State.__slots__}

    @classmethod
    def from_json(cls, rules: Rules, record: Mapping[str, Any]) -> Comparison:
        """The comparison that `to_json` recorded, under the same rules.

        Raises:
            ValueError: The record is none of this module.
        """
        try:
            lists = {name: tuple(value) if isinstance(value, list) else value for name, value in record.items()}
            return cls(rules, State(**lists))
        except TypeError as error:
            raise ValueError(f"no record of a comparison: {error}") from None

    @property
    def _threshold(self) -> float:
        return math.log(2.0 * self.rules.metrics / self.rules.alpha)

    def _evidence(self, state: State) -> float:
        delta = self.rules.tolerate
        return log_mean([gain - delta * drag for gain, drag in zip(state.gains, state.drags, strict=True)])

    def _numbers(self) -> dict[str, Any]:
        x1, n1, x0, n0 = self.state.totals
        evidence = self._evidence(self.state)
        return {
            "evidence": evidence,
            "threshold": self._threshold,
            "odds": math.exp(min(evidence, 690.0)),
            "peak": self.state.peak,
            "candidate_events": x1,
            "candidate_requests": n1,
            "baseline_events": x0,
            "baseline_requests": n0,
            "dispersion": 1.0,
        }
