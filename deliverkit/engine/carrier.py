"""Two ways to carry a leg, one engine: directly through CodeDeploy, or through a pipeline that calls CodeDeploy."""

from __future__ import annotations

from typing import Protocol

from deliverkit.domain.carriage import Carriage, Handle
from deliverkit.domain.plan import Leftover, Leg
from deliverkit.domain.rollout import Rollout


class Carrier(Protocol):
    """Carries legs. Every method may be called again after a crash and then finds what it began before."""

    def begin(self, rollout: Rollout, index: int) -> Handle:
        """Begin a leg, or find the carriage begun before.

        Raises:
            ConflictError: If the remote side is busy or will not have it.
            UsageError: If the request can never succeed as it is.
        """
        ...

    def locate(self, rollout: Rollout, index: int) -> Handle | None:
        """The carriage of a leg that an earlier process may have begun; None when it did not."""
        ...

    def discard(self, leftover: Leftover, reason: str) -> None:
        """Stop an execution that an ended promotion left waiting; harmless when it has ended."""
        ...

    def look(self, leg: Leg, handle: Handle) -> Carriage:
        """Where the leg stands, touching nothing."""
        ...

    def follow(self, leg: Leg, handle: Handle, reason: str) -> Carriage:
        """Where the leg stands, after opening the way for an admitted leg; the reason says who admitted it."""
        ...

    def accept(self, leg: Leg, handle: Handle, reason: str) -> Carriage:
        """Say that the leg was judged good; `completed` once the remote side has taken note."""
        ...

    def stop(self, leg: Leg, handle: Handle, reason: str) -> Carriage:
        """Stop what still runs; a status that is over says that nothing does any more."""
        ...

    def revert(self, rollout: Rollout, index: int, attempt: int) -> Handle:
        """Begin a new deployment of the leg's last good release, or find the one begun before.

        Raises:
            ConflictError: If the remote side is busy or will not have it.
        """
        ...
