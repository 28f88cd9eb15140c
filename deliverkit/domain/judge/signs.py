"""Whether the candidate was the worse one tick after tick: the test that no burst can deceive, if the arms are alike.

If candidate and baseline are exchangeable within a tick (equal traffic, no tolerated rise), each is the worse one with
the same chance, whatever the bursts. A bet g multiplies by 2 g when the candidate was worse, by 2 (1 - g) when it was
better, by 1 when equal. Most of the stake is on "always", so that few ticks count for as much as they can.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_BETS = ((1.0, 0.65), (0.9, 0.15), (0.75, 0.1), (0.6, 0.1))
"""(g, stake); the stakes sum to 1. Five of five ticks give 20.9 to 1."""


@dataclass(frozen=True, slots=True)
class Signs:
    """How many ticks went against the candidate, and for it.

    Attributes:
        worse: Ticks in which the candidate's share was higher.
        better: Ticks in which it was lower.
        equal: Ticks without a difference.
    """

    worse: int = 0
    better: int = 0
    equal: int = 0

    def including(self, candidate: float, baseline: float) -> Signs:
        """With one more tick's two shares."""
        return Signs(
            self.worse + (candidate > baseline),
            self.better + (candidate < baseline),
            self.equal + (candidate == baseline),
        )

    def evidence(self) -> float:
        """Log of the e-value."""
        logs = [math.log(stake) + self._log(g) for g, stake in _BETS if g < 1.0 or not self.better]
        top = max(logs)
        return top + math.log(math.fsum(math.exp(each - top) for each in logs))

    def _log(self, g: float) -> float:
        lost = self.better * math.log(2.0 * (1.0 - g)) if self.better else 0.0
        return self.worse * math.log(2.0 * g) + lost
