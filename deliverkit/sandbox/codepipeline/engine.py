"""The moving parts of CodePipeline: what runs on threads and in processes of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.sandbox.codepipeline.announcements import Announcer
from deliverkit.sandbox.codepipeline.builds.workshop import Workshop

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.engine import Engine
    from deliverkit.sandbox.kernel.world import World


class MovingParts:
    """Starts and stops them together.

    Args:
        world: The sandbox, in which timers find them by their types.
    """

    def __init__(self, world: World) -> None:
        self._parts: tuple[Engine, ...] = (Workshop(world), Announcer(world))
        world.parts.update({type(part): part for part in self._parts})

    def start(self) -> None:
        """Go on with what an earlier process left."""
        for part in self._parts:
            part.start()

    def stop(self) -> None:
        """End every thread and process."""
        for part in self._parts:
            part.stop()
