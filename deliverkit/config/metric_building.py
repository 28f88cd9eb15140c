"""What belongs to a comparison of metrics besides what stands in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from deliverkit.domain.gate import Check

ALPHA = 0.05
"""The chance of a wrong failure where the file does not say one."""
_COMPARE = "compare"


def judging(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a comparison that stand beside it, or follow from it; nothing for other kinds.

    Args:
        kind: The check's kind.
        values: The check as the file has it.
    """
    if kind != _COMPARE:
        return {}
    series = values[kind].get("kind") or ("errors" if "per" in values[kind] else "count")
    return {"kind": series, "harm": values.get("harm", 0.0), "alpha": values.get("alpha", ALPHA)}


def share_alpha(checks: Sequence[Check]) -> list[Check]:
    """The checks of a gate, each comparison told with how many others it shares `alpha` (e-Bonferroni)."""
    sharing = sum(check.kind == _COMPARE and not check.policy.observe_only for check in checks)
    return [
        replace(check, spec={**check.spec, "metrics": 1 if check.policy.observe_only else sharing})
        if check.kind == _COMPARE
        else check
        for check in checks
    ]
