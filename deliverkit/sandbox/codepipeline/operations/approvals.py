"""PutApprovalResult."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.codepipeline import errors, progress
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of
from deliverkit.sandbox.codepipeline.state import ActionRun, Failure, Outcome, Pipeline, Status
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def put_approval_result(params: Params, context: Context) -> Answer:
    """Answer an open approval."""
    pipeline = pipeline_of(context, params["pipelineName"])
    stage_name, action_name = params["stageName"], params["actionName"]
    if pipeline.stage(stage_name).action(action_name) is None:
        raise errors.action_not_found(stage_name, action_name)
    run = _open_approval(pipeline, stage_name, action_name, params["token"])
    result = params["result"]
    needs_summary = run.resolved.get("IsSummaryRequired", "false").lower() == "true"
    if needs_summary and not result["summary"]:
        raise errors.bad_token(f"Approval action '{action_name}' requires a summary")
    _decide(pipeline, run, result, context)
    return {"approvedAt": context.now}


def _open_approval(pipeline: Pipeline, stage: str, action: str, token: str) -> ActionRun:
    """The approval behind the token.

    Raises:
        ApiError: `ApprovalAlreadyCompletedException` once it was answered or could not be announced,
            `InvalidApprovalTokenException` for every other token that opens nothing.
    """
    run = next((each for each in reversed(pipeline.runs) if each.id == token), None)
    if run is None or (run.action.stage, run.action.name) != (stage, action):
        raise errors.bad_token(f"The approval token is not valid for action '{action}' of stage '{stage}'")
    if run.token == token and run.is_open:
        return run
    execution = pipeline.executions[run.execution_id]
    is_current = execution.stages[stage].current.get(action) is run
    if is_current and run.status in (Status.SUCCEEDED, Status.FAILED) and not run.is_expired:
        raise ApiError(
            "ApprovalAlreadyCompletedException", f"The approval action '{action}' has already been completed"
        )
    raise errors.bad_token(f"The approval token of action '{action}' of stage '{stage}' is no longer valid")


def _decide(pipeline: Pipeline, run: ActionRun, result: Mapping[str, str], context: Context) -> None:
    is_approved = result["status"] == "Approved"
    failure = None if is_approved else Failure("JobFailed", result["summary"] or "The approval was rejected")
    outcome = Outcome(summary=result["summary"], failure=failure, updated_by=context.principal_arn)
    execution = pipeline.executions[run.execution_id]
    status = Status.SUCCEEDED if is_approved else Status.FAILED
    progress.end_run(context.world, pipeline, execution, run, status, outcome)
    stage = execution.stages[run.action.stage]
    progress.settle(context.world, pipeline, execution, stage)


OPERATIONS: Mapping[str, Operation] = {"PutApprovalResult": put_approval_result}
