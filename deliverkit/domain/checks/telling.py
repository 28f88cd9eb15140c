"""Words that several kinds of checks use: lists that stay on one line, and the worst of several findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.gate import Verdict, worst

LONGEST = 900
"""Letters of a reason; what is cut off stands in what was seen."""
SHOWN = 5
"""How many things a reason names; people who want all of them look at what was seen."""

Assess = Callable[[Spec, Seen, Any], Assessment]
Found = tuple[Verdict, str]
"""What one of several things comes to, and why."""


def one_line(text: str) -> str:
    """The text on one printable line that is not too long."""
    line = "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def plainly(assess: Assess) -> Assess:
    """What assesses, with reasons on one line: names and messages in them come from elsewhere."""

    @wraps(assess)
    def assessed(spec: Spec, seen: Seen, state: Any) -> Assessment:
        found = assess(spec, seen, state)
        return replace(found, reason=one_line(found.reason))

    return assessed


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
