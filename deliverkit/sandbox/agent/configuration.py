"""What an agent's process is told when it starts."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from deliverkit.sandbox.agent.remote import Endpoint


@dataclass(frozen=True, slots=True)
class AgentConfiguration:
    """One agent.

    Attributes:
        identifier: Host identifier of the command service.
        root: The directory that plays the instance's `/`.
        address: The instance's loopback address.
        endpoint: Its AWS.
    """

    identifier: str
    root: str
    address: str
    endpoint: Endpoint

    def is_like(self, other: AgentConfiguration) -> bool:
        """True when they differ in nothing but the keys: an agent with older keys still does its work."""
        return replace(self.endpoint, access_key="", secret_key="", token="") == replace(
            other.endpoint, access_key="", secret_key="", token=""
        ) and (self.identifier, self.root, self.address) == (other.identifier, other.root, other.address)

    def write(self, path: Path) -> None:
        """Write it down, readable by the owner alone: it holds a secret key."""
        draft = path.with_suffix(".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump(asdict(self), out)
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> AgentConfiguration:
        """Read it back.

        Raises:
            OSError, ValueError, TypeError: If the file is not what `write` wrote.
        """
        told = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**told, "endpoint": Endpoint(**told["endpoint"])})
