"""Retrying a stage (CodePipeline user guide, stage retry)."""

from __future__ import annotations

from deliverkit.sandbox.codepipeline import admission, progress, starts
from deliverkit.sandbox.codepipeline.state import Execution, Pipeline, StageRun, Status
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World


def retry(world: World, pipeline: Pipeline, stage: str, execution_id: str, mode: str) -> None:
    """Run the failed (`FAILED_ACTIONS`) or all (`ALL_ACTIONS`) actions of a stage again.

    Raises:
        ApiError: `StageNotRetryableException`, `NotLatestPipelineExecutionException`, `ConflictException` while a retry
            runs, `ConcurrentPipelineExecutionsLimitExceededException`.
    """
    execution = pipeline.executions.get(execution_id)
    if execution is None or stage not in execution.stages:
        raise _not_retryable(pipeline, stage, execution_id)
    if execution.definition.version != pipeline.current.version:
        raise _not_retryable(pipeline, stage, execution_id)
    if pipeline.current.mode != admission.PARALLEL and pipeline.owners.get(stage) != execution_id:
        text = f"Pipeline execution {execution_id} is not the latest in stage '{stage}'"
        raise ApiError("NotLatestPipelineExecutionException", text)
    stage_run = execution.stages[stage]
    _require_failure(pipeline, execution, stage_run, mode)
    if not execution.is_active:
        starts.require_room(pipeline)
    stage_run.manual_retries += 1
    stage_run.last_retry = "ManualStageRetry"
    progress.run_again(world, pipeline, execution, stage, mode)


def _require_failure(pipeline: Pipeline, execution: Execution, stage: StageRun, mode: str) -> None:
    name = stage.stage.name
    is_over = stage.status in (Status.FAILED, Status.STOPPED) and not execution.is_active
    # A stage that a condition failed holds no failed actions: OverrideStageCondition lets the execution pass.
    is_failed_by_condition = stage.status is Status.FAILED and not stage.has_ended(Status.FAILED)
    if is_over and not is_failed_by_condition:
        return
    if stage.check is not None:
        raise ApiError("ConflictException", f"A condition of stage '{name}' is being evaluated")
    is_running = stage.status is Status.IN_PROGRESS and execution.status is Status.IN_PROGRESS
    # Siblings of a failed action may still run: the failed ones alone can be run again meanwhile.
    has_failures = is_running and stage.has_ended(Status.FAILED)
    if has_failures and mode == "FAILED_ACTIONS":
        return
    if is_running and not has_failures and stage.last_retry:
        raise ApiError("ConflictException", f"Stage '{name}' is being retried already")
    raise _not_retryable(pipeline, name, execution.id)


def _not_retryable(pipeline: Pipeline, stage: str, execution_id: str) -> ApiError:
    """The one text that AWS was seen to have for all reasons."""
    text = f"The stage named {stage} in the {pipeline.name} pipeline can't be retried now. Either it contains no failed"
    text += (
        f" actions, the execution '{execution_id}' is already superseded, or the pipeline definition has changed since"
    )
    return ApiError("StageNotRetryableException", f"{text} the action(s) failed.")
