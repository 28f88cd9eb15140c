"""Where kinds of checks that are not ours are looked for: measurements are judged by rooms that know no plug-ins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deliverkit.domain.checks import Assessor

Finder = Callable[[str], "tuple[Assessor, bool] | None"]
"""Gives what assesses a kind, and whether it carries a state; None for a kind that it does not know."""
_FINDERS: list[Finder] = [lambda _: None]


def ask_also(finder: Finder) -> Finder:
    """Ask there for what assesses kinds that are not ours.

    Returns:
        Where it was asked for until now.
    """
    before = _FINDERS[0]
    _FINDERS[0] = finder
    return before


def find(kind: str) -> tuple[Assessor, bool] | None:
    """What assesses a kind that is not ours, and whether it carries a state; None when nobody knows it."""
    return _FINDERS[0](kind)
