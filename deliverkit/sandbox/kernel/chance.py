"""Ids and random choices, from one generator that can be set back.

After a crash the sandbox repeats the requests that its last image does not hold. Each request seeds the generator
before it runs, so the repeated request makes the very ids that its caller was told.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from typing import TypeVar

ItemT = TypeVar("ItemT")
_generator = random.Random()  # noqa: S311  (ids of a rehearsal, not secrets)


def seed(value: int) -> None:
    """Begin a sequence that the same value brings about again."""
    _generator.seed(value)


def draw() -> int:
    """A number with which another sequence can begin."""
    return _generator.getrandbits(64)


def state() -> object:
    """Where the generator stands."""
    return _generator.getstate()


def set_state(found: object) -> None:
    """Go on from where the generator stood."""
    _generator.setstate(found)  # type: ignore[arg-type]


def uuid4() -> str:
    """A lower-case random UUID."""
    return str(uuid.UUID(int=_generator.getrandbits(128), version=4))


def text(length: int, alphabet: str) -> str:
    """That many characters of the alphabet."""
    return "".join(_generator.choices(alphabet, k=length))


def choice(items: Sequence[ItemT]) -> ItemT:
    """One of the items."""
    return _generator.choice(items)
