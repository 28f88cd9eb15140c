"""Words that several kinds of checks use: lists that stay on one line, and the worst of several findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deliverkit.domain.checks import Assessment
from deliverkit.domain.gate import Verdict, worst

SHOWN = 5
"""How many things a reason names; people who want all of them look at what was seen."""

Found = tuple[Verdict, str]
"""What one of several things comes to, and why."""


def some(texts: Sequence[str], *, more: int = 0, joint: str = "; ") -> str:
    """The first few texts on one line, and how many more there are.

    Args:
        texts: What there is, the gravest first.
        more: How many there are besides.
        joint: What stands between two.
    """
    left = max(len(texts) - SHOWN, 0) + more
    return joint.join([*texts[:SHOWN], *([f"and {left} more"] if left else [])])


def together(found: Iterable[Found], *, nothing: str, value: float | None = None) -> Assessment:
    """The worst of several findings, with the reasons of all that are as bad; what is inconclusive is still open.

    Args:
        found: What each thing comes to.
        nothing: Why there is none, which is an error.
        value: The number that was judged.
    """
    each = list(found)
    if not each:
        return Assessment(Verdict.ERROR, nothing)
    outcome = worst(verdict for verdict, _ in each)
    reason = some([why for verdict, why in each if verdict is outcome])
    return Assessment(outcome, reason, value, is_open=outcome is Verdict.INCONCLUSIVE)
