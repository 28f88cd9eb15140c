"""ListActionExecutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline.action_types import secrets
from deliverkit.sandbox.codepipeline.action_types.catalogue import Catalogue
from deliverkit.sandbox.codepipeline.operations.attempts import artifact_json, matching, result_json
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.codepipeline.state import ActionRun
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def list_action_executions(params: Params, context: Context) -> Answer:
    """Attempts at actions, the last started first."""
    pipeline = pipeline_of(context, params["pipelineName"])
    catalogue = Catalogue(context.world, context.account, context.region)
    found = matching(pipeline, pipeline.runs, params.get("filter", {}), context.now)
    shown, token = page(f"actions/{pipeline.name}", found, params, lambda run: run.id)
    return {"actionExecutionDetails": [_detail(catalogue, run) for run in shown], "nextToken": token}


def _detail(catalogue: Catalogue, run: ActionRun) -> dict[str, Any]:
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
        "input": _input(catalogue, run),
        "output": _output(run),
    }


def _input(catalogue: Catalogue, run: ActionRun) -> dict[str, Any]:
    hidden = catalogue.secrets(run.action.type)
    return {
        "actionTypeId": run.action.type.as_json(),
        "configuration": secrets.mask(run.action.configuration, hidden),
        "resolvedConfiguration": secrets.mask(run.resolved, hidden),
        "roleArn": run.action.role_arn or None,
        "region": run.region,
        "inputArtifacts": [artifact_json(each) for each in run.inputs],
        "namespace": run.action.namespace or None,
    }


def _output(run: ActionRun) -> dict[str, Any]:
    return {
        "outputArtifacts": [artifact_json(each) for each in run.outcome.artifacts],
        "executionResult": {**result_json(run), **_failure(run), "logStreamARN": run.log_stream_arn or None},
        "outputVariables": run.outcome.variables,
    }


def _failure(run: ActionRun) -> dict[str, Any]:
    """Why an attempt failed: in history the message is the summary, and the error has its code alone (seen on AWS)."""
    failure = run.outcome.failure
    if failure is None:
        return {}
    return {"externalExecutionSummary": failure.message, "errorDetails": {"code": failure.code}}


OPERATIONS: Mapping[str, Operation] = {"ListActionExecutions": list_action_executions}
