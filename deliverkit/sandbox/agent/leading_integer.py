"""The agent's idea of an integer."""

from __future__ import annotations

import re


def leading_integer(value: object) -> int:
    """The integer at the beginning of a value; 0 when there is none, so `5m` is 5 and `abc` is 0."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    found = re.match(r"\s*[+-]?\d+", str(value))
    return int(found.group()) if found else 0
