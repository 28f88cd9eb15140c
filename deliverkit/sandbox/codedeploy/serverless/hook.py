"""Hook functions: invoked by a lifecycle event, which waits for their report (PutLifecycleEventHookExecutionStatus)."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox import functions
from deliverkit.sandbox.codedeploy.service_role import may
from deliverkit.sandbox.codedeploy.state import Deployment
from deliverkit.sandbox.codedeploy.validation import find_deployment
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service
from deliverkit.sandbox.kernel.world import World

DENIED = "AccessDeniedException"


def register(service: Service) -> None:
    """Add the operation."""
    service.operation("PutLifecycleEventHookExecutionStatus")(put_hook_status)


def call(world: World, deployment: Deployment, event: str, function: str) -> None:
    """Invoke an event's function; it reports with the id that it is given.

    Raises:
        ApiError: When there is no such function, or the service role may not invoke it (`AccessDeniedException`).
    """
    if not may(world, deployment, "lambda:InvokeFunction", _arn(deployment, function)):
        raise ApiError(DENIED, f"The service role may not perform lambda:InvokeFunction on {function}.")
    identifier = chance.uuid4()
    if deployment.serverless is not None:
        deployment.serverless.executions[identifier] = event
    told = {"DeploymentId": deployment.deployment_id, "LifecycleEventHookExecutionId": identifier}
    functions.invoke(world, deployment.group.account, deployment.group.region, function, told)


def _arn(deployment: Deployment, function: str) -> str:
    group = deployment.group
    named = f"arn:aws:lambda:{group.region}:{group.account}:function:{function}"
    return function if function.startswith("arn:") else named


def put_hook_status(params: Params, context: Context) -> dict[str, Any]:
    """PutLifecycleEventHookExecutionStatus: `Succeeded` or `Failed`, once."""
    # Imported late: the rollouts invoke hooks.
    from deliverkit.sandbox.codedeploy.serverless.rollout import serverless_rollout  # noqa: PLC0415

    deployment = find_deployment(params, context)
    if deployment.serverless is None:
        code = "UnsupportedActionForDeploymentTypeException"
        raise ApiError(code, "Deployments of the Server platform have no hook functions.")
    status = params.get("status")
    if status not in {"Succeeded", "Failed"}:
        code = "InvalidLifecycleEventHookExecutionStatusException"
        raise ApiError(code, f"The status {status!r} is neither Succeeded nor Failed.")
    identifier = str(params.get("lifecycleEventHookExecutionId") or "")
    name = deployment.serverless.executions.get(identifier)
    if name is None:
        code = "InvalidLifecycleEventHookExecutionIdException"
        raise ApiError(code, f"The deployment {deployment.deployment_id} has no hook execution {identifier!r}.")
    if not serverless_rollout(context.world, deployment).report(name, status):
        code = "LifecycleEventAlreadyCompletedException"
        raise ApiError(code, f"The lifecycle event {name} has already completed.")
    return {"lifecycleEventHookExecutionId": identifier}
