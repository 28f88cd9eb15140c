"""What a comparison comes to at a look or at the end of the bake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deliverkit.domain.gate import Verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with its grounds.

    Attributes:
        verdict: At a look: failed, or None while open. At the end: passed, failed, error or inconclusive.
        reason: One or a few sentences in plain English, with the numbers.
        numbers: JSON-able: `evidence` (natural logarithm of the e-value), `threshold` (what it has to reach),
            `odds` (the e-value itself, capped at 1e300), `events`, `requests`, `share` of `candidate` and `baseline`
            (as `candidate_events`, ...), `dispersion`, and at the end `harm_low`, `harm_high`, `p_end`,
            `pass_evidence`, `requests_missing`, `seconds_missing` where they can be told (absent otherwise).
        warnings: What a reader should know besides, one sentence each.
    """

    verdict: Verdict | None
    reason: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
