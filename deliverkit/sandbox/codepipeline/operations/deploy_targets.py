"""ListDeployActionExecutionTargets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline.deploy_target import DeployTarget
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of, store_of
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.codepipeline.state import ActionRun
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def list_deploy_action_execution_targets(params: Params, context: Context) -> Answer:
    """The instances of a deploy action; none for actions that leave the deployment to another service."""
    run = _run(params, context)
    wanted = {value for each in params.get("filters", []) for value in each.get("values", [])}
    found = [target for target in run.targets if not wanted or target.status in wanted]
    shown, token = page(f"targets/{run.id}", found, params, lambda target: target.id)
    return {"targets": [_target(each) for each in shown], "nextToken": token}


def _run(params: Params, context: Context) -> ActionRun:
    """The attempt, among those of the named pipeline or of all.

    Raises:
        ApiError: `PipelineNotFoundException`, `ActionExecutionNotFoundException`.
    """
    name, identity = params.get("pipelineName"), params["actionExecutionId"]
    pipelines = [pipeline_of(context, name)] if name else store_of(context).pipelines.values()
    for pipeline in pipelines:
        for run in pipeline.runs:
            if run.id == identity:
                return run
    raise ApiError("ActionExecutionNotFoundException", f"There is no action execution with id '{identity}'")


def _target(target: DeployTarget) -> dict[str, Any]:
    return {
        "targetId": target.id,
        "targetType": target.type,
        "status": target.status,
        "startTime": target.started_at,
        "endTime": target.ended_at,
        "events": target.events,
    }


OPERATIONS: Mapping[str, Operation] = {"ListDeployActionExecutionTargets": list_deploy_action_execution_targets}
