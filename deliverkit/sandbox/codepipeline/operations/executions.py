"""StartPipelineExecution, StopPipelineExecution, GetPipelineExecution, ListPipelineExecutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline import errors, starts, stops
from deliverkit.sandbox.codepipeline.operations.attempts import is_remembered
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.codepipeline.state import Execution, Pipeline, Revision, Trigger
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def start_pipeline_execution(params: Params, context: Context) -> Answer:
    """Start an execution; a client request token that was seen before gives the execution it started then."""
    pipeline = pipeline_of(context, params["name"])
    variables = params.get("variables", [])
    named = {each["name"]: each["value"] for each in variables}
    if len(named) != len(variables):
        raise errors.invalid("Variable names must be unique in a StartPipelineExecution request")
    overrides = starts.overrides_from(pipeline, params.get("sourceRevisions", []))
    token = params.get("clientRequestToken")
    if token in pipeline.tokens:
        return {"pipelineExecutionId": pipeline.tokens[token]}
    execution = starts.begin(context.world, pipeline, _trigger(context), overrides=overrides, variables=named)
    if token:
        pipeline.tokens[token] = execution.id
    return {"pipelineExecutionId": execution.id}


def _trigger(context: Context) -> Trigger:
    """A call, or an EventBridge rule that has the pipeline for a target: the rule calls in its own name here."""
    caller = context.principal_arn
    is_rule = caller.startswith("arn:aws:events:") and ":rule/" in caller
    return Trigger("CloudWatchEvent" if is_rule else "StartPipelineExecution", caller)


def stop_pipeline_execution(params: Params, context: Context) -> Answer:
    """Stop an execution after its running actions, or abandon them."""
    pipeline = pipeline_of(context, params["pipelineName"])
    execution_id, is_abandoning = params["pipelineExecutionId"], params.get("abandon", False)
    stops.stop(context.world, pipeline, execution_id, is_abandoning=is_abandoning, reason=params.get("reason", ""))
    return {"pipelineExecutionId": execution_id}


def get_pipeline_execution(params: Params, context: Context) -> Answer:
    """One execution."""
    pipeline = pipeline_of(context, params["pipelineName"])
    execution = pipeline.execution(params["pipelineExecutionId"])
    shown = {
        **_common(execution),
        "pipelineName": pipeline.name,
        "pipelineVersion": execution.definition.version,
        "artifactRevisions": [_artifact_revision(each) for each in execution.revisions.values()],
        "variables": [{"name": name, "resolvedValue": value} for name, value in execution.variables.items()] or None,
    }
    return {"pipelineExecution": shown}


def list_pipeline_executions(params: Params, context: Context) -> Answer:
    """Executions, the last started first."""
    pipeline = pipeline_of(context, params["pipelineName"])
    stage = params.get("filter", {}).get("succeededInStage", {}).get("stageName")
    found = [
        each
        for each in pipeline.newest_first()
        if is_remembered(each.started_at, context.now) and (stage is None or _may_return_to(pipeline, each, stage))
    ]
    shown, token = page(f"executions/{pipeline.name}/{stage}", found, params, lambda execution: execution.id)
    return {"pipelineExecutionSummaries": [_summary(each) for each in shown], "nextToken": token}


def _may_return_to(pipeline: Pipeline, execution: Execution, stage: str) -> bool:
    """The filter finds rollback targets: successes in the stage under the current version."""
    return execution.definition.version == pipeline.current.version and execution.has_succeeded_in(stage)


def _common(execution: Execution) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "pipelineExecutionId": execution.id,
        "status": execution.status.value,
        "statusSummary": execution.status_summary or None,
        "trigger": {"triggerType": execution.trigger.type, "triggerDetail": execution.trigger.detail},
        "executionMode": execution.definition.mode,
    }
    if execution.is_rollback:
        shown["executionType"] = "ROLLBACK"
        shown["rollbackMetadata"] = {"rollbackTargetPipelineExecutionId": execution.rollback_target}
    return shown


def _summary(execution: Execution) -> dict[str, Any]:
    shown = {
        **_common(execution),
        "startTime": execution.started_at,
        "lastUpdateTime": execution.updated_at,
        "sourceRevisions": [_source_revision(each) for each in execution.revisions.values()],
    }
    if execution.stop_reason is not None:
        shown["stopTrigger"] = {"reason": execution.stop_reason}
    return shown


def _source_revision(revision: Revision) -> dict[str, Any]:
    return {
        "actionName": revision.action,
        "revisionId": revision.revision_id,
        "revisionSummary": revision.summary or None,
        "revisionUrl": revision.url or None,
    }


def _artifact_revision(revision: Revision) -> dict[str, Any]:
    return {
        "name": revision.artifact,
        "revisionId": revision.revision_id,
        "revisionChangeIdentifier": revision.change_id or None,
        "revisionSummary": revision.summary or None,
        "revisionUrl": revision.url or None,
        "created": revision.created_at,
    }


OPERATIONS: Mapping[str, Operation] = {
    "StartPipelineExecution": start_pipeline_execution,
    "StopPipelineExecution": stop_pipeline_execution,
    "GetPipelineExecution": get_pipeline_execution,
    "ListPipelineExecutions": list_pipeline_executions,
}
