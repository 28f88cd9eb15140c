"""PutActionRevision."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.codepipeline import errors, starts
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of
from deliverkit.sandbox.codepipeline.state import Trigger
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def put_action_revision(params: Params, context: Context) -> Answer:
    """Start an execution for a source's revision, unless that revision has had one.

    The answer for a revision that was reported before names the execution it started then; what AWS names there is
    undocumented.
    """
    pipeline = pipeline_of(context, params["pipelineName"])
    stage, action = params["stageName"], params["actionName"]
    if pipeline.stage(stage).action(action) is None:
        raise errors.action_not_found(stage, action)
    revision = (action, params["actionRevision"]["revisionId"])
    is_new = revision not in pipeline.reported
    if is_new:
        trigger = Trigger("PutActionRevision", context.principal_arn)
        pipeline.reported[revision] = starts.begin(context.world, pipeline, trigger).id
    return {"newRevision": is_new, "pipelineExecutionId": pipeline.reported[revision]}


OPERATIONS: Mapping[str, Operation] = {"PutActionRevision": put_action_revision}
