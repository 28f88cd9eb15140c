"""Evidence of harm: a mixture of bets, begun at the start and again from time to time, so that late harm is found.

    E = 1/2 E(from the start) + sum over restarts j of w_j E(from j) + what no restart has claimed yet

The weights are fixed beforehand and sum to 1/2, so E is a convex mixture of e-processes. (A mean over the copies begun
so far is none: its weights change with time.) All are kept as running sums S: what began at j is worth exp(S - S_j).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deliverkit.domain.judge.logs import NEVER, log_mean, log_sum

COPIES = 60
"""Restarts remembered at once; the stake of the oldest is given up, which costs evidence and never validity."""
_LARGEST = 600.0
"""Log evidence beyond which the restarts are not asked; exp of it is still a number."""
_NEGLIGIBLE = 20.0
"""Copies all of whose bets lost more nats than this are taken to be worth nothing (that only lowers E)."""
_PLANNED = 0.9
"""Share of the restarts' stake for the planned time; the rest is for what runs longer."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A copy of the bets that began later.

    Attributes:
        stake: Its weight w_j.
        sums: The running sums when it began.
    """

    stake: float
    sums: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Harm:
    """Running sums of the bets on harm.

    Attributes:
        sums: Log of each bet, from the start.
        restarts: Copies that began later, oldest first.
        begun: How many restarts there were.
        claimed: The stake that restarts have claimed, with those given up.
        origins: For each bet, the log of the sum of w_j exp(-S_j); empty before the first restart. Without bursts all
            restarts together are worth exp(S + this).
    """

    sums: tuple[float, ...] = ()
    restarts: tuple[Restart, ...] = ()
    begun: int = 0
    claimed: float = 0.0
    origins: tuple[float, ...] = ()

    def restarted(self, until: int, planned: int) -> Harm:
        """With copies begun for every restart that is due.

        Args:
            until: Restarts that are due by now.
            planned: Restarts in the planned time.
        """
        if until <= self.begun or not self.sums:
            return self if until <= self.begun else replace(self, begun=until)
        stake = math.fsum(_stake(number, planned) for number in range(self.begun + 1, until + 1))
        restarts = (*self.restarts, Restart(stake, self.sums))[-COPIES:]
        begun = [math.log(stake) - each for each in self.sums]
        origins = [log_sum(pair) for pair in zip(self.origins, begun, strict=True)] if self.origins else begun
        return Harm(self.sums, restarts, until, self.claimed + stake, tuple(origins))

    def including(self, bets: Sequence[float]) -> Harm:
        """With the log gains of one more tick."""
        sums = tuple([a + b for a, b in zip(self.sums, bets, strict=True)]) if self.sums else tuple(bets)
        return Harm(sums, self.restarts, self.begun, self.claimed, self.origins)

    def evidence(self, phi: float = 1.0) -> float:
        """Log of the e-value, every part of it taken to the power 1 / phi."""
        if not self.sums:
            return 0.0
        power = 1.0 / phi
        from_start = log_mean([each * power for each in self.sums])
        if from_start > _LARGEST:
            return from_start
        later = self._unscaled() if phi == 1.0 else self._scaled(power)
        if later > _LARGEST:
            return later
        return math.log(0.5 * math.exp(from_start) + math.exp(later) + max(0.5 - self.claimed, 0.0))

    def _unscaled(self) -> float:
        """Log of what all restarts together are worth."""
        if not self.origins:
            return NEVER
        return log_mean([a + b for a, b in zip(self.sums, self.origins, strict=True)])

    def _scaled(self, power: float) -> float:
        """The same with every bet taken to a power below 1: no sum over restarts is kept for that, so each is asked."""
        exp, sums, total = math.exp, self.sums, 0.0
        for restart in self.restarts:
            gains = [(a - b) * power for a, b in zip(sums, restart.sums)]  # noqa: B905 this is the innermost loop
            top = max(gains)
            if top > _LARGEST:
                return top + math.log(restart.stake / len(sums))
            if top > -_NEGLIGIBLE:
                total += restart.stake * sum([exp(each) for each in gains])
        return math.log(total / len(sums)) if total else NEVER


def _stake(number: int, planned: int) -> float:
    """The weight of a restart, numbered from 1: equal ones in the planned time, then falling ones; they sum to 1/2."""
    if number <= planned:
        return 0.5 * _PLANNED / planned
    return 0.5 * (1.0 - _PLANNED if planned else 1.0) / ((number - planned) * (number - planned + 1.0))
