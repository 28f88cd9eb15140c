"""PutActionRevision."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.codepipeline import errors, starts
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of
from deliverkit.sandbox.codepipeline.state import Pipeline, Trigger
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def put_action_revision(params: Params, context: Context) -> Answer:
    """Announce a new revision of a source: a pipeline that has not run it yet begins an execution.

    The model's text about `newRevision` contradicts its name; here it is true for a revision that is new. What happens
    to one that is not, AWS does not say: nothing starts here, and the answer names the execution that ran it.
    """
    pipeline = pipeline_of(context, params["pipelineName"])
    stage, name = pipeline.stage(params["stageName"]), params["actionName"]
    action = stage.action(name)
    if action is None:
        raise errors.action_not_found(stage.name, name)
    if action.type.category != "Source":
        raise errors.invalid(f"Action '{name}' of stage '{stage.name}' is not a source action")
    revision = params["actionRevision"]["revisionId"]
    known = _execution_of(pipeline, name, revision)
    if known:
        return {"newRevision": False, "pipelineExecutionId": known}
    execution = starts.begin(context.world, pipeline, Trigger("PutActionRevision", context.principal_arn))
    pipeline.reported[name, revision] = execution.id
    # A source that polls too must not start the pipeline once more for what it was told.
    pipeline.seen[name] = revision
    return {"newRevision": True, "pipelineExecutionId": execution.id}


def _execution_of(pipeline: Pipeline, action: str, revision: str) -> str:
    """Id of the execution that ran a revision, or was started for it; empty for none."""
    for execution in pipeline.newest_first():
        read = execution.revisions.get(action)
        if read is not None and read.revision_id == revision:
            return execution.id
    return pipeline.reported.get((action, revision), "")


OPERATIONS: Mapping[str, Operation] = {"PutActionRevision": put_action_revision}
