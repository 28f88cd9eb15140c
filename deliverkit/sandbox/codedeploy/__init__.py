"""CodeDeploy, server platform in place: the service side. `command_service` is where host agents ask for work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.sandbox.codedeploy import applications, configs, deployments, groups, revisions, tags, targets
from deliverkit.sandbox.codedeploy.wire import wire_model
from deliverkit.sandbox.kernel.engine import Engine, Passive
from deliverkit.sandbox.kernel.operations import Service

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> Engine:
    """Add the service to a world; everything that moves later hangs on the world's timers and on agents."""
    # CodeDeploy answers with exceptions of its own where other services say ValidationException.
    service = Service("codedeploy", "CodeDeploy_20141006", checks_constraints=False, load_model=wire_model)
    for family in (applications, revisions, configs, groups, deployments, targets, tags):
        family.register(service)
    world.add_service(service)
    return Passive()
