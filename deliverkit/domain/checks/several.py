"""One measurement of several places: its outcome is the worst of them, and its reason the first that decided."""

from __future__ import annotations

from collections.abc import Sequence

from deliverkit.domain.checks import Assessment
from deliverkit.domain.gate import Verdict, worst


def together(found: Sequence[Assessment]) -> Assessment:
    """The worst of several; of none at all an error, because nothing was asked."""
    verdict = worst(each.outcome for each in found)
    like = [each for each in found if each.outcome is verdict]
    if not like:
        return Assessment(Verdict.ERROR, "nothing was asked")
    first = like[0]
    reason = first.reason if len(found) == 1 else f"{len(like)} of {len(found)} {verdict.value}: {first.reason}"
    return Assessment(verdict, reason, first.value)
