"""Git repositories of this machine that play CodeCommit's, and those behind CodeConnections.

A CodeCommit repository is a bare repository `repositories/<account>/<region>/<name>.git` below the sandbox's state; it
is made when it is first needed and pushed to like any other. A connection's repository `OWNER/NAME` is whatever lies at
`connections/OWNER/NAME`: a clone, a bare repository, or a link to one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.sandbox.repositories.connections import add_services

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> None:
    """Add the services that keep connections."""
    add_services(world)
