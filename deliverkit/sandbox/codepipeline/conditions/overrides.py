"""Letting an execution pass a condition that holds it (CodePipeline API reference, OverrideStageCondition)."""

from __future__ import annotations

from deliverkit.sandbox.codepipeline import admission, progress, starts
from deliverkit.sandbox.codepipeline.conditions import judgement
from deliverkit.sandbox.codepipeline.conditions.check import Check
from deliverkit.sandbox.codepipeline.state import Execution, Outcome, Pipeline, StageRun, Status
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World


def override(world: World, pipeline: Pipeline, stage: str, execution_id: str, kind: str) -> None:
    """Let the execution enter (`BEFORE_ENTRY`) or leave (`ON_SUCCESS`) the stage.

    Raises:
        ApiError: `NotLatestPipelineExecutionException` when another execution entered the stage since, or none of that
            id ever did, `ConflictException` while the execution stops, `ConditionNotOverridableException` when the
            condition holds nobody, `ConcurrentPipelineExecutionsLimitExceededException`.
    """
    execution = pipeline.executions.get(execution_id)
    # The model has no not-found error for executions here.
    if execution is None or stage not in execution.stages or _is_overtaken(pipeline, stage, execution_id):
        text = f"Pipeline execution {execution_id} is not the latest in stage '{stage}'"
        raise ApiError("NotLatestPipelineExecutionException", text)
    if execution.status is Status.STOPPING:
        raise ApiError("ConflictException", f"Pipeline execution {execution_id} is stopping")
    stage_run = execution.stages[stage]
    check = _holding(pipeline, execution, stage_run, kind)
    if not execution.is_active:
        starts.require_room(pipeline)
    _pass(world, pipeline, execution, stage_run, check)


def _is_overtaken(pipeline: Pipeline, stage: str, execution_id: str) -> bool:
    return pipeline.current.mode != admission.PARALLEL and pipeline.owners.get(stage) != execution_id


def _holding(pipeline: Pipeline, execution: Execution, stage: StageRun, kind: str) -> Check:
    """The condition, when it is evaluated now or failed the stage."""
    check = stage.checks.get(kind)
    is_holding = check is not None and (
        check is stage.check
        or (
            check.status in (Status.FAILED, Status.ERRORED)
            and stage.status is Status.FAILED
            and not execution.is_active
        )
    )
    if check is None or not is_holding or progress.is_outdated(pipeline, execution):
        text = f"Condition {kind} of stage '{stage.stage.name}' holds nothing that could be let pass"
        raise ApiError("ConditionNotOverridableException", text)
    return check


def _pass(world: World, pipeline: Pipeline, execution: Execution, stage: StageRun, check: Check) -> None:
    for run in check.runs:
        if run.is_open:
            progress.end_run(world, pipeline, execution, run, Status.ABANDONED, Outcome())
    check.end(Status.OVERRIDDEN, world.clock.now())
    if not execution.is_active:
        progress.end_execution(world, pipeline, execution, Status.IN_PROGRESS)
    if stage.status is not Status.IN_PROGRESS:
        progress.end_stage(world, pipeline, execution, stage.stage.name, Status.IN_PROGRESS)
    judgement.apply(world, pipeline, execution, stage, check)
