"""ContinueDeployment, and the deprecated operation that it replaces."""

from __future__ import annotations

from deliverkit.sandbox.codedeploy.blue_green import BlueGreenRollout, terminate_blue
from deliverkit.sandbox.codedeploy.engine import rollout_of
from deliverkit.sandbox.codedeploy.serverless.continuing import carry_on
from deliverkit.sandbox.codedeploy.state import Deployment
from deliverkit.sandbox.codedeploy.validation import find_deployment, one_of
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("ContinueDeployment")(continue_deployment)
    service.operation("SkipWaitTimeForInstanceTermination")(skip_wait_time)


def continue_deployment(params: Params, context: Context) -> None:
    """ContinueDeployment: reroute now, or end the wait before the blue instances go.

    Without a wait type it is READY_WAIT, which is not documented.
    """
    waits = ("READY_WAIT", "TERMINATION_WAIT")
    one_of(params.get("deploymentWaitType"), waits, "InvalidDeploymentWaitTypeException", "The wait type")
    deployment = find_deployment(params, context)
    if deployment.serverless is not None:
        wait = params.get("deploymentWaitType") or "READY_WAIT"
        return carry_on(context.world, deployment, wait, "InvalidDeploymentStatusException")
    if params.get("deploymentWaitType") == "TERMINATION_WAIT":
        return _end_termination_wait(deployment, context, "InvalidDeploymentStatusException")
    _check_live(deployment)
    rollout = rollout_of(context.world, deployment)
    if not isinstance(rollout, BlueGreenRollout):
        raise _unsupported()
    if deployment.status != "Ready":
        raise ApiError("DeploymentIsNotInReadyStateException", f"{deployment.deployment_id} is not in state Ready.")
    return rollout.reroute()


def skip_wait_time(params: Params, context: Context) -> None:
    """SkipWaitTimeForInstanceTermination."""
    deployment = find_deployment(params, context)
    if deployment.started_at is None and deployment.is_live:
        raise ApiError("DeploymentNotStartedException", f"The deployment {deployment.deployment_id} has not started.")
    if deployment.serverless is not None:
        code = "UnsupportedActionForDeploymentTypeException"
        return carry_on(context.world, deployment, "TERMINATION_WAIT", code)
    return _end_termination_wait(deployment, context, "UnsupportedActionForDeploymentTypeException")


def _end_termination_wait(deployment: Deployment, context: Context, code: str) -> None:
    """The wait follows a successful deployment, so that a terminal status is no obstacle while it lasts."""
    state = deployment.blue_green
    if state is not None and state.termination_began and not state.terminated:
        return terminate_blue(context.world, deployment)
    _check_live(deployment)
    if not deployment.is_blue_green:
        raise _unsupported()
    raise ApiError(code, f"{deployment.deployment_id} does not wait for terminations.")


def _check_live(deployment: Deployment) -> None:
    if not deployment.is_live:
        raise ApiError(
            "DeploymentAlreadyCompletedException", f"The deployment {deployment.deployment_id} is already complete."
        )


def _unsupported() -> ApiError:
    return ApiError("UnsupportedActionForDeploymentTypeException", "An in-place deployment cannot be continued.")
