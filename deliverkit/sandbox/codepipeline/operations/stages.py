"""EnableStageTransition, DisableStageTransition, RetryStageExecution, RollbackStage."""

from __future__ import annotations

import json
from collections.abc import Mapping

from deliverkit.sandbox.codepipeline import progress, retries, rollback
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of
from deliverkit.sandbox.codepipeline.state import Transition, Trigger
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def disable_stage_transition(params: Params, context: Context) -> None:
    """Close the way into (or out of) a stage."""
    closed = Transition(False, context.principal_arn, context.now, params["reason"])
    _switch(params, context, closed)


def enable_stage_transition(params: Params, context: Context) -> None:
    """Open it again; who waits enters at once."""
    _switch(params, context, Transition(True, context.principal_arn, context.now))
    pipeline = pipeline_of(context, params["pipelineName"])
    for stage in pipeline.current.stages:
        progress.admit(context.world, pipeline, stage.name)


def retry_stage_execution(params: Params, context: Context) -> Answer:
    """Run a failed or stopped stage's actions again in the same execution."""
    pipeline = pipeline_of(context, params["pipelineName"])
    stage = pipeline.stage(params["stageName"]).name
    retries.retry(context.world, pipeline, stage, params["pipelineExecutionId"], params["retryMode"])
    return {"pipelineExecutionId": params["pipelineExecutionId"]}


def rollback_stage(params: Params, context: Context) -> Answer:
    """Run a stage again with the artifacts of an earlier execution, as a new execution."""
    pipeline = pipeline_of(context, params["pipelineName"])
    stage = pipeline.stage(params["stageName"]).name
    target = pipeline.execution(params["targetPipelineExecutionId"])
    rollback.require_target(pipeline, stage, target)
    trigger = Trigger("ManualRollback", json.dumps({"AwsUserArn": context.principal_arn}, separators=(",", ":")))
    return {"pipelineExecutionId": rollback.begin(context.world, pipeline, stage, target, trigger).id}


def _switch(params: Params, context: Context, transition: Transition) -> None:
    pipeline = pipeline_of(context, params["pipelineName"])
    stage = pipeline.stage(params["stageName"])
    pipeline.transitions[stage.name, params["transitionType"]] = transition


OPERATIONS: Mapping[str, Operation] = {
    "DisableStageTransition": disable_stage_transition,
    "EnableStageTransition": enable_stage_transition,
    "RetryStageExecution": retry_stage_execution,
    "RollbackStage": rollback_stage,
}
