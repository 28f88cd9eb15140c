"""GetPipelineState."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline.action_types.catalogue import Catalogue
from deliverkit.sandbox.codepipeline.definition import Action, Stage
from deliverkit.sandbox.codepipeline.operations.condition_state import STATE_MEMBERS, condition_state
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of
from deliverkit.sandbox.codepipeline.state import ActionRun, Execution, Pipeline, Revision, StageRun, Status, Transition
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def get_pipeline_state(params: Params, context: Context) -> Answer:
    """Stages and actions of the newest version, each with the execution that was there last."""
    pipeline = pipeline_of(context, params["name"])
    catalogue = Catalogue(context.world, context.account, context.region)
    return {
        "pipelineName": pipeline.name,
        "pipelineVersion": pipeline.current.version,
        "stageStates": [_stage_state(catalogue, pipeline, stage) for stage in pipeline.current.stages],
        "created": pipeline.created_at,
        "updated": pipeline.updated_at,
    }


def _stage_state(catalogue: Catalogue, pipeline: Pipeline, stage: Stage) -> dict[str, Any]:
    owner = pipeline.executions.get(pipeline.owners.get(stage.name, ""))
    inbound = [_stage_execution(each, each.status) for each in _inbound(pipeline, stage.name)]
    shown: dict[str, Any] = {
        "stageName": stage.name,
        "inboundExecutions": inbound,
        "inboundTransitionState": _transition(pipeline.transition(stage.name, "Inbound")),
    }
    if inbound:
        shown["inboundExecution"] = inbound[0]
    stage_run = owner.stages[stage.name] if owner else None
    if owner and stage_run:
        shown["latestExecution"] = _stage_execution(owner, stage_run.status)
        if stage_run.last_retry:
            shown["retryStageMetadata"] = _retries(stage_run)
    for member, kind in STATE_MEMBERS.items():
        if kind in stage.conditions:
            shown[member] = condition_state(stage.conditions[kind], stage_run.checks.get(kind) if stage_run else None)
    shown["actionStates"] = [_action_state(catalogue, pipeline, action, owner, stage_run) for action in stage.actions]
    return shown


def _inbound(pipeline: Pipeline, stage: str) -> list[Execution]:
    """Those in front of the stage; when nobody is, the last one that was stopped there."""
    waiting = [each for each in pipeline.active() if each.waiting_for == stage]
    if waiting:
        return waiting
    for execution in pipeline.newest_first():
        if execution.id == pipeline.owners.get(stage):
            break
        if execution.waiting_for == stage and execution.status is Status.STOPPED:
            return [execution]
    return []


def _stage_execution(execution: Execution, status: Status) -> dict[str, Any]:
    shown = {"pipelineExecutionId": execution.id, "status": status.value}
    return {**shown, "type": "ROLLBACK"} if execution.is_rollback else shown


def _transition(transition: Transition) -> dict[str, Any]:
    if transition.changed_at is None:
        return {"enabled": True}
    return {
        "enabled": transition.is_enabled,
        "lastChangedBy": transition.changed_by,
        "lastChangedAt": transition.changed_at,
        "disabledReason": transition.reason or None,
    }


def _retries(stage: StageRun) -> dict[str, Any]:
    return {
        "autoStageRetryAttempt": stage.automatic_retries or None,
        "manualStageRetryAttempt": stage.manual_retries or None,
        "latestRetryTrigger": stage.last_retry,
    }


def _action_state(
    catalogue: Catalogue, pipeline: Pipeline, action: Action, owner: Execution | None, stage_run: StageRun | None
) -> dict[str, Any]:
    url = catalogue.running(action.type).entity_url(action, action.region or pipeline.region)
    shown: dict[str, Any] = {"actionName": action.name, "entityUrl": url or None}
    attempts = [run for run in stage_run.runs if run.action.name == action.name] if stage_run else []
    if not owner or not attempts:
        return shown
    run = attempts[-1]
    shown["latestExecution"] = _action_execution(run, shows_token=owner.definition.mode != "PARALLEL")
    if run.outcome.revision is not None:
        shown["currentRevision"] = _revision(run.outcome.revision)
        shown["revisionUrl"] = run.outcome.revision.url or None
    return shown


def _revision(revision: Revision) -> dict[str, Any]:
    """As the API shows it; of AWS's own sources the id alone, as seen on AWS."""
    shown = {"revisionId": revision.revision_id}
    if not revision.change_id:
        return shown
    return {**shown, "revisionChangeId": revision.change_id, "created": revision.created_at}


def _action_execution(run: ActionRun, *, shows_token: bool) -> dict[str, Any]:
    # An approval that an update made unanswerable is shown failed here, and here only (seen on AWS).
    status = Status.FAILED if run.is_void and run.is_open else run.status
    shown: dict[str, Any] = {
        "actionExecutionId": run.id,
        "status": status.value,
        "summary": run.outcome.summary or None,
        "lastStatusChange": run.updated_at,
        "lastUpdatedBy": run.outcome.updated_by or None,
        "externalExecutionId": run.external_id or None,
        "externalExecutionUrl": run.external_url or None,
        "percentComplete": run.percent_complete,
        "logStreamARN": run.log_stream_arn or None,
        "token": run.token or None if shows_token else None,
    }
    if run.outcome.failure is not None:
        shown["errorDetails"] = {"code": run.outcome.failure.code, "message": run.outcome.failure.message}
    return shown


OPERATIONS: Mapping[str, Operation] = {"GetPipelineState": get_pipeline_state}
