"""Stage rollback: one stage with an earlier execution's artifacts (CodePipeline user guide, stage rollback)."""

from __future__ import annotations

import json

from deliverkit.sandbox.codepipeline import admission, notices, progress
from deliverkit.sandbox.codepipeline.providers.provider import new_id
from deliverkit.sandbox.codepipeline.state import Execution, Pipeline, Trigger
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World


def begin(world: World, pipeline: Pipeline, stage: str, target: Execution, trigger: Trigger) -> Execution:
    """Run the stage again with what the target had."""
    now = world.clock.now()
    execution = Execution(
        new_id(),
        target.definition,
        trigger,
        now,
        now,
        variables=dict(target.variables),
        rollback_target=target.id,
        artifacts=dict(target.artifacts),
        revisions=dict(target.revisions),
        outputs=dict(target.outputs),
    )
    pipeline.executions[execution.id] = execution
    notices.pipeline_changed(world, pipeline, execution, "STARTED")
    progress.enter(world, pipeline, execution, stage)
    return execution


def require_target(pipeline: Pipeline, stage: str, target: Execution) -> None:
    """Refuse a target that the stage cannot go back to.

    The user guide rules rollback out in execution mode PARALLEL; the API was seen to carry it out, and so it is here.

    Raises:
        ApiError: `PipelineExecutionOutdatedException` for another version, `UnableToRollbackStageException` for a
            rollback, for one that did not succeed in the stage, while the stage is busy, and in pipelines of type V1.
    """
    if pipeline.current.structure["pipelineType"] != "V2":
        raise _unable(stage, "stage rollback is only supported by pipelines of type V2")
    if target.definition.version != pipeline.current.version:
        text = f"Pipeline execution {target.id} ran version {target.definition.version} of the pipeline's structure"
        raise ApiError("PipelineExecutionOutdatedException", f"{text}, which is not the current one")
    # That a rollback has not completed in the stage is what AWS was seen to say of one that has.
    if target.is_rollback or not target.has_succeeded_in(stage):
        text = f"Target Pipeline Execution with id '{target.id}' has not completed in stage with name '{stage}'"
        raise ApiError("UnableToRollbackStageException", text)
    if admission.is_locked(pipeline, stage):
        raise _unable(stage, "an execution is in progress in it")


def automatic(world: World, pipeline: Pipeline, failed: Execution, stage: str) -> None:
    """Go back to the latest success of the current version in the stage; without one the failure stands alone."""
    for target in pipeline.newest_first():
        is_current = target.definition.version == pipeline.current.version
        if is_current and not target.is_rollback and target.has_succeeded_in(stage):
            detail = json.dumps({"FailedPipelineExecutionId": failed.id}, separators=(",", ":"))
            begin(world, pipeline, stage, target, Trigger("AutomatedRollback", detail))
            return


def _unable(stage: str, why: str) -> ApiError:
    return ApiError("UnableToRollbackStageException", f"Stage '{stage}' cannot be rolled back: {why}")
