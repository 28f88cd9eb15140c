"""ListDeployActionExecutionTargets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.deploy_target import DeployTarget
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of, store_of
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.codepipeline.providers.deploy_codedeploy import CodeDeployDeploy
from deliverkit.sandbox.codepipeline.providers.provider import Job
from deliverkit.sandbox.codepipeline.state import ActionRun, Pipeline
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params

Json = Mapping[str, Any]
BATCH = 25
"""Targets that BatchGetDeploymentTargets takes at once."""
_NOT_BEGUN = frozenset({"DeploymentNotStartedException"})


def list_deploy_action_execution_targets(params: Params, context: Context) -> Answer:
    """The targets of a deploy action with what happened on each; of other actions, none.

    Which strings AWS gives for types and statuses is undocumented; here they are those of the deploying service.
    """
    pipeline, run = _find(params, context)
    wanted = [set(each["values"]) for each in params.get("filters", []) if each.get("values")]
    found = [target for target in _targets(context, pipeline, run) if all(target["status"] in each for each in wanted)]
    shown, token = page(f"targets/{run.id}", found, params, lambda target: str(target["targetId"]))
    return {"targets": shown, "nextToken": token}


def _find(params: Params, context: Context) -> tuple[Pipeline, ActionRun]:
    """The attempt with the id, of the named pipeline or, when none is named, of any.

    Raises:
        ApiError: `PipelineNotFoundException`, `ActionExecutionNotFoundException`.
    """
    name, run_id = params.get("pipelineName"), params["actionExecutionId"]
    pipelines: Iterable[Pipeline] = [pipeline_of(context, name)] if name else store_of(context).pipelines.values()
    for pipeline in pipelines:
        for run in pipeline.runs:
            if run.id == run_id:
                return pipeline, run
    raise ApiError("ActionExecutionNotFoundException", f"There is no action execution '{run_id}'")


def _targets(context: Context, pipeline: Pipeline, run: ActionRun) -> Iterable[Json]:
    read = _READERS.get(run.action.type)
    if read is None or not run.external_id:
        return [_own(each) for each in run.targets]
    return read(Job(context.world, pipeline, pipeline.executions[run.execution_id], run))


def _own(target: DeployTarget) -> Json:
    """A target of an action that deploys by itself."""
    return {
        "targetId": target.id,
        "targetType": target.type,
        "status": target.status,
        "startTime": target.started_at,
        "endTime": target.ended_at,
        "events": target.events,
    }


def _of_deployment(job: Job) -> list[Json]:
    """The targets of a CodeDeploy deployment, none before it has started."""
    deployment = job.run.external_id
    try:
        ids = list(_target_ids(job, deployment))
    except ApiError as error:
        if error.code in _NOT_BEGUN:
            return []
        raise
    shown = []
    for begin in range(0, len(ids), BATCH):
        request = {"deploymentId": deployment, "targetIds": ids[begin : begin + BATCH]}
        answer = job.world.call("codedeploy", "BatchGetDeploymentTargets", request, job.context)
        shown += [_target(each) for each in answer["deploymentTargets"]]
    return shown


def _target_ids(job: Job, deployment: str) -> Iterator[str]:
    request = {"deploymentId": deployment}
    while True:
        answer = job.world.call("codedeploy", "ListDeploymentTargets", request, job.context)
        yield from answer["targetIds"]
        if not answer.get("nextToken"):
            return
        request["nextToken"] = answer["nextToken"]


def _target(target: Json) -> Json:
    kind = str(target["deploymentTargetType"])
    detail = next(value for name, value in target.items() if name.endswith("Target") and isinstance(value, Mapping))
    events = [_event(each) for each in detail.get("lifecycleEvents", [])]
    begins = [each["startTime"] for each in events if each.get("startTime")]
    ends = [each["endTime"] for each in events if each.get("endTime")]
    is_over = detail["status"] not in ("Pending", "InProgress")
    return {
        "targetId": detail["targetId"],
        "targetType": kind,
        "status": detail["status"],
        "startTime": min(begins, default=None),
        "endTime": max(ends, default=None) if is_over else None,
        "events": events,
    }


def _event(event: Json) -> dict[str, Any]:
    message = (event.get("diagnostics") or {}).get("message")
    return {
        "name": event["lifecycleEventName"],
        "status": event["status"],
        "startTime": event.get("startTime"),
        "endTime": event.get("endTime"),
        "context": {"message": message} if message else None,
    }


_READERS: Mapping[ActionType, Callable[[Job], Iterable[Json]]] = {CodeDeployDeploy.kind.type: _of_deployment}

OPERATIONS: Mapping[str, Operation] = {"ListDeployActionExecutionTargets": list_deploy_action_execution_targets}
