"""What a worker reports at the end of a job, and what becomes of the action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.jobs import queue
from deliverkit.sandbox.codepipeline.jobs.job import ENDED, JobStatus, WorkerJob
from deliverkit.sandbox.codepipeline.state import Failure, Outcome, Revision
from deliverkit.sandbox.kernel.errors import ApiError

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.action_types.catalogue import Catalogue

LAMBDA = ActionType("Invoke", "AWS", "Lambda", "1")
MAX_VARIABLES = 122880
"""Bytes of an action's output variables (CodePipeline user guide, quotas)."""


def succeed(job: WorkerJob, report: Mapping[str, Any]) -> WorkerJob | None:
    """Take a success: the end of the action, or with a continuation token the begin of its next job.

    Args:
        job: The job.
        report: The members of PutJobSuccessResult, without the job's id.

    Returns:
        The job that continues it.

    Raises:
        ApiError: `ValidationException` for a token together with variables and
            `OutputVariablesSizeExceededException`, which leave the job open; `InvalidJobStateException`.
    """
    variables, token = report.get("outputVariables", {}), report.get("continuationToken", "")
    if token and variables:
        raise errors.invalid("A job can not contain both a continuation token and output variables.")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > MAX_VARIABLES:
        text = f"The output variables have {size} bytes, the maximum is {MAX_VARIABLES}"
        raise ApiError("OutputVariablesSizeExceededException", text)
    if not _takes(job, JobStatus.SUCCEEDED, report):
        return None
    details = report.get("executionDetails", {})
    _show(job, details)
    if not token:
        _succeed_action(job, report, variables)
    elif job.attempt.run.is_open:
        return queue.continue_job(job, token)
    return None


def fail(job: WorkerJob, details: Mapping[str, Any]) -> None:
    """Take a failure, which fails the action.

    Args:
        job: The job.
        details: The `failureDetails` of PutJobFailureResult.

    Raises:
        ApiError: `InvalidJobStateException`.
    """
    if not _takes(job, JobStatus.FAILED, details):
        return
    _show(job, details)
    job.attempt.end(Outcome(summary=_summary(job), failure=Failure(details["type"], details["message"])))


def _takes(job: WorkerJob, status: JobStatus, report: Mapping[str, Any]) -> bool:
    """True for the report that ends the job, False for its repetition.

    Raises:
        ApiError: `InvalidJobStateException` for another report after the end, and before the job was acknowledged
            (which AWS does not document; a worker that reports without a claim is the mistake the nonce is against).
    """
    if job.status is JobStatus.IN_PROGRESS:
        job.status, job.result = status, report
        return True
    if job.status is status and job.result == report:
        return False
    raise ApiError("InvalidJobStateException", _why_not(job, status))


def _why_not(job: WorkerJob, status: JobStatus) -> str:
    """The words of the refusal, after the end as seen on AWS."""
    if job.status is status:
        text = f"The status of job with id {job.id} is already set to the desired value. It cannot be updated with the"
        return f"{text} same status, but different result or output variables."
    if job.status in ENDED:
        return f"Job with id {job.id} has already terminated"
    return f"Job with id {job.id} has not been acknowledged"


def _show(job: WorkerJob, details: Mapping[str, Any]) -> None:
    """Let the action's state tell what the worker says about its work, while the attempt is open.

    What a Lambda action's function says of id and summary is shown nowhere, as seen on AWS.
    """
    run = job.attempt.run
    if _is_lambda_action(job):
        details = {name: value for name, value in details.items() if name == "percentComplete"}
    if not run.is_open:
        return
    run.updated_at = job.attempt.world.clock.now()
    if "externalExecutionId" in details:
        run.external_id = details["externalExecutionId"]
        run.external_url = _execution_url(job)
    if "summary" in details:
        run.outcome = Outcome(summary=details["summary"])
    run.percent_complete = details.get("percentComplete", run.percent_complete)


def _execution_url(job: WorkerJob) -> str:
    attempt = job.attempt
    return _catalogue(job).execution_url(job.type, attempt.configuration, attempt.run.external_id)


def _catalogue(job: WorkerJob) -> Catalogue:
    from deliverkit.sandbox.codepipeline.action_types.catalogue import Catalogue  # noqa: PLC0415  (it makes jobs)

    attempt = job.attempt
    return Catalogue(attempt.world, attempt.pipeline.account, attempt.run.region)


def _is_lambda_action(job: WorkerJob) -> bool:
    return job.type == LAMBDA


def _summary(job: WorkerJob) -> str:
    return job.attempt.run.outcome.summary


def _succeed_action(job: WorkerJob, report: Mapping[str, Any], variables: Mapping[str, str]) -> None:
    outcome = Outcome(
        summary=_summary(job), variables=variables, revision=_revision(job, report), artifacts=job.outputs
    )
    job.attempt.succeed(outcome)


def _revision(job: WorkerJob, report: Mapping[str, Any]) -> Revision | None:
    """The revision that the worker worked on (CodePipeline API reference, CurrentRevision)."""
    current = report.get("currentRevision")
    if current is None or _is_lambda_action(job):
        return None
    action, now = job.attempt.run.action, job.attempt.world.clock.now()
    return Revision(
        action=action.name,
        artifact=action.outputs[0] if action.outputs else "",
        revision_id=current["revision"],
        summary=current.get("revisionSummary", ""),
        url=_catalogue(job).revision_url(job.type, job.attempt.configuration),
        created_at=current.get("created", now),
        change_id=current["changeIdentifier"],
    )
