"""ListActionExecutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.codepipeline.state import ActionRun, Artifact, Pipeline
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def list_action_executions(params: Params, context: Context) -> Answer:
    """Attempts at actions, the last started first."""
    pipeline = pipeline_of(context, params["pipelineName"])
    wanted = params.get("filter", {})
    found = [run for run in _latest_or_all(pipeline, wanted) if _is_of(run, wanted.get("pipelineExecutionId"))]
    shown, token = page(f"actions/{pipeline.name}", found[::-1], params, lambda run: run.id)
    return {"actionExecutionDetails": [_detail(run) for run in shown], "nextToken": token}


def _is_of(run: ActionRun, execution_id: str | None) -> bool:
    return execution_id is None or run.execution_id == execution_id


def _latest_or_all(pipeline: Pipeline, wanted: Mapping[str, Any]) -> list[ActionRun]:
    """The attempts that the `latestInPipelineExecution` part of the filter leaves; the ids of both parts must exist."""
    if "pipelineExecutionId" in wanted:
        pipeline.execution(wanted["pipelineExecutionId"])
    latest = wanted.get("latestInPipelineExecution")
    if latest is None:
        return pipeline.runs
    pipeline.execution(latest["pipelineExecutionId"])
    runs = [run for run in pipeline.runs if run.execution_id == latest["pipelineExecutionId"]]
    if latest["startTimeRange"] == "All":
        return runs
    newest = {(run.action.stage, run.action.name): run.id for run in runs}
    return [run for run in runs if run.id in newest.values()]


def _detail(run: ActionRun) -> dict[str, Any]:
    return {
        "pipelineExecutionId": run.execution_id,
        "actionExecutionId": run.id,
        "pipelineVersion": run.version,
        "stageName": run.action.stage,
        "actionName": run.action.name,
        "startTime": run.started_at,
        "lastUpdateTime": run.updated_at,
        "updatedBy": run.outcome.updated_by or None,
        "status": run.status.value,
        "input": _input(run),
        "output": _output(run),
    }


def _input(run: ActionRun) -> dict[str, Any]:
    return {
        "actionTypeId": run.action.type.as_json(),
        "configuration": run.action.configuration,
        "resolvedConfiguration": run.resolved,
        "roleArn": run.action.role_arn or None,
        "region": run.region,
        "inputArtifacts": [_artifact(each) for each in run.inputs],
        "namespace": run.action.namespace or None,
    }


def _output(run: ActionRun) -> dict[str, Any]:
    result: dict[str, Any] = {
        "externalExecutionId": run.external_id or None,
        "externalExecutionSummary": run.outcome.summary or None,
        "externalExecutionUrl": run.external_url or None,
    }
    if run.outcome.failure is not None:
        result["errorDetails"] = {"code": run.outcome.failure.code, "message": run.outcome.failure.message}
    return {
        "outputArtifacts": [_artifact(each) for each in run.outcome.artifacts],
        "executionResult": result,
        "outputVariables": run.outcome.variables,
    }


def _artifact(artifact: Artifact) -> dict[str, Any]:
    return {"name": artifact.name, "s3location": {"bucket": artifact.bucket, "key": artifact.key}}


OPERATIONS: Mapping[str, Operation] = {"ListActionExecutions": list_action_executions}
