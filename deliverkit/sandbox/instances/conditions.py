"""What is wrong with instances although EC2 calls them running."""

from __future__ import annotations

from dataclasses import dataclass, field

Key = tuple[str, str, str]
"""Account, region and instance id."""


@dataclass
class Conditions:
    """The broken instances of a sandbox.

    Attributes:
        crashed: Without power: nothing runs there.
    """

    crashed: set[Key] = field(default_factory=set)
