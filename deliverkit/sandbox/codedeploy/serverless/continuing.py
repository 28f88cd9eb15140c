"""ContinueDeployment of ECS deployments; Lambda has nothing to continue."""

from __future__ import annotations

from deliverkit.sandbox.codedeploy.serverless.ecs_rollout import EcsRollout
from deliverkit.sandbox.codedeploy.serverless.rollout import serverless_rollout
from deliverkit.sandbox.codedeploy.state import Deployment
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World


def carry_on(world: World, deployment: Deployment, wait: str, code: str) -> None:
    """End one of the two waits.

    Args:
        world: The sandbox.
        deployment: One of Lambda or ECS.
        wait: `READY_WAIT` or `TERMINATION_WAIT`.
        code: The error of a deployment that does not wait for the end of its blue task set.

    Raises:
        ApiError: `DeploymentAlreadyCompleted-`, `UnsupportedActionForDeploymentType-`,
            `DeploymentIsNotInReadyStateException`, or the given code.
    """
    identifier = deployment.deployment_id
    if not deployment.is_live:
        raise ApiError("DeploymentAlreadyCompletedException", f"The deployment {identifier} is already complete.")
    rollout = serverless_rollout(world, deployment)
    if not isinstance(rollout, EcsRollout):
        raise ApiError("UnsupportedActionForDeploymentTypeException", f"{identifier} cannot be continued.")
    if wait == "TERMINATION_WAIT":
        if not rollout.waits_for_termination:
            raise ApiError(code, f"{identifier} does not wait for the end of its original task set.")
        return rollout.terminate()
    if not rollout.waits_for_person:
        raise ApiError("DeploymentIsNotInReadyStateException", f"{identifier} is not in state Ready.")
    return rollout.reroute()
