"""Functions of ours in the places of moto's.

moto's classes and modules are one for the whole process, whichever sandbox uses them: the sandbox made last holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def replace(owner: Any, name: str, make: Callable[[Any], Callable[..., Any]]) -> None:
    """Put a function in the place of one of moto's; repeated, it takes the place of our own and never wraps it.

    Args:
        owner: A class or module of moto's.
        name: The function's name there; it need not exist.
        make: Gives the new function for moto's own, which is None where there is none.
    """
    present = getattr(owner, name, None)
    original = getattr(present, "of_moto", present)
    replacement: Any = make(original)
    replacement.of_moto = original
    setattr(owner, name, replacement)
