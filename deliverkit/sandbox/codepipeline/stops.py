"""Stopping an execution (CodePipeline user guide, stop a pipeline execution)."""

from __future__ import annotations

from functools import partial

from deliverkit.sandbox.codepipeline import progress
from deliverkit.sandbox.codepipeline.providers.provider import STEP
from deliverkit.sandbox.codepipeline.state import Execution, Pipeline, StageRun, Status
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World


def stop(world: World, pipeline: Pipeline, execution_id: str, *, is_abandoning: bool, reason: str) -> None:
    """Let the running actions finish and stop then, or abandon them and stop in a moment.

    Raises:
        ApiError: `PipelineExecutionNotStoppableException` for one that has ended or never was,
            `DuplicatedStopRequestException` for one that stops already, unless it is now to be abandoned.
    """
    execution = pipeline.executions.get(execution_id)
    if execution is None or not execution.is_active:
        text = (
            f"The pipeline execution with ID '{execution_id}' in '{pipeline.name}' can't be stopped now. Either it does"
        )
        text += " not exist in the pipeline, or the pipeline execution has no action executions in progress."
        raise ApiError("PipelineExecutionNotStoppableException", text)
    is_stopping = execution.status is Status.STOPPING
    if is_stopping and (execution.is_abandoning or not is_abandoning):
        raise ApiError("DuplicatedStopRequestException", f"Pipeline execution {execution_id} is already stopping")
    execution.stop_reason, execution.is_abandoning = reason, is_abandoning
    if not is_stopping:
        _begin(world, pipeline, execution)
    if is_abandoning:
        _abandon(world, pipeline, execution)
    if is_abandoning or not _answerable_runs(execution):
        world.timers.after(STEP, partial(_end, world, pipeline, execution))


def _begin(world: World, pipeline: Pipeline, execution: Execution) -> None:
    progress.end_execution(world, pipeline, execution, Status.STOPPING)
    for stage in _inside(execution):
        progress.end_stage(world, pipeline, execution, stage.stage.name, Status.STOPPING)


def _abandon(world: World, pipeline: Pipeline, execution: Execution) -> None:
    for stage in _inside(execution):
        progress.abandon(world, pipeline, execution, stage)


def _end(world: World, pipeline: Pipeline, execution: Execution) -> None:
    if execution.status is Status.STOPPING:
        progress.halt(world, pipeline, execution)


def _inside(execution: Execution) -> list[StageRun]:
    return [stage for stage in execution.stages.values() if stage.status in (Status.IN_PROGRESS, Status.STOPPING)]


def _answerable_runs(execution: Execution) -> bool:
    """True while something runs that will end by itself or by an answer."""
    return any(not run.is_void for stage in _inside(execution) for run in stage.open_runs)
