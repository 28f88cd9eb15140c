"""CodeDeploy: the service side. `command_service` is where host agents ask for work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.sandbox.codedeploy import (
    applications,
    configs,
    continuing,
    deployments,
    external,
    github,
    groups,
    instances,
    on_premises,
    revisions,
    tags,
    targets,
)
from deliverkit.sandbox.codedeploy.serverless import hook
from deliverkit.sandbox.codedeploy.watch import Watch
from deliverkit.sandbox.codedeploy.wire import wire_model
from deliverkit.sandbox.kernel.engine import Engine
from deliverkit.sandbox.kernel.operations import Service

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


FAMILIES = (
    applications,
    revisions,
    configs,
    groups,
    deployments,
    continuing,
    targets,
    instances,
    tags,
    on_premises,
    github,
    external,
    hook,
)


def install(world: World) -> Engine:
    """Add the service to a world; what moves later hangs on the world's timers, on agents and on the watch."""
    # CodeDeploy answers with exceptions of its own where other services say ValidationException.
    service = Service("codedeploy", "CodeDeploy_20141006", checks_constraints=False, load_model=wire_model)
    for family in FAMILIES:
        family.register(service)
    world.add_service(service)
    return Watch(world)
