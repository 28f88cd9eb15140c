"""Reasons of verdicts as they were worded formerly, in the words of today: ledgers keep what was written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from re import Match

from deliverkit.domain.analysis import times, tolerated

_FORMERLY: Mapping[str, Callable[[Match[str]], str]] = {
    r"failed \((\d+)\) > failure_limit \((\d+)\)": lambda found: f"failed {_tolerated(found)}",
    r"errors in a row \((\d+)\) > error_limit \((\d+)\)": lambda found: (
        f"could not be measured {_tolerated(found, 'in a row')}"
    ),
    r"inconclusive \((\d+)\) > inconclusive_limit \((\d+)\)": lambda found: f"inconclusive {_tolerated(found)}",
    r"^passed (\d+) times in a row, (\d+) needed$": lambda found: (
        f"passed {times(int(found[1]))} in a row, {found[2]} needed"
    ),
}
"""What releases up to 0.1 wrote, and how it is said since."""


def in_plain_words(reason: str) -> str:
    """A recorded reason as it would be worded today; what was never jargon stays as it is."""
    for pattern, word in _FORMERLY.items():
        reason = re.sub(pattern, word, reason)
    return reason


def _tolerated(found: Match[str], how: str = "") -> str:
    return tolerated(int(found[1]), int(found[2]), how)
