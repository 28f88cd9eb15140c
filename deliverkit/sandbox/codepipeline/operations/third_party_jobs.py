"""PollForThirdPartyJobs and what follows: jobs of many customers for the workers of one provider."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.action_types.declared import type_not_found
from deliverkit.sandbox.codepipeline.action_types.provided import OWNER, provided_type
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.jobs import results
from deliverkit.sandbox.codepipeline.jobs.clients import client_of, require_token
from deliverkit.sandbox.codepipeline.jobs.data import third_party_data
from deliverkit.sandbox.codepipeline.jobs.job import JobBook, JobStatus, WorkerJob, job_not_found
from deliverkit.sandbox.codepipeline.operations.jobs import DEFAULT_BATCH
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def poll_for_third_party_jobs(params: Params, context: Context) -> Answer:
    """Jobs of a third-party action type in whichever account; a worker gets their details with the client's token."""
    kind = ActionType(**params["actionTypeId"])
    if kind.owner != OWNER:
        raise errors.invalid(f"Third-party jobs can only be polled for action types with owner {OWNER}")
    provided = provided_type(context.world, context.region, kind)
    if provided is None:
        raise type_not_found(kind)
    if not provided.lets_poll(context.account):
        text = f"Account {context.account} is not among the polling accounts of the action type"
        raise ApiError("AccessDeniedException", text)
    waiting = [job for book in _books(context) for job in book.waiting(kind)]
    taken = waiting[: params.get("maxBatchSize", DEFAULT_BATCH)]
    for job in taken:
        job.status = JobStatus.DISPATCHED
    return {"jobs": [{"clientId": client_of(job).id, "jobId": job.id} for job in taken]}


def acknowledge_third_party_job(params: Params, context: Context) -> Answer:
    """Claim a job."""
    job = _job(params, context)
    job.acknowledge(params["nonce"])
    return {"status": job.status.value}


def get_third_party_job_details(params: Params, context: Context) -> Answer:
    """A job with its nonce; the pipeline's ARN and execution id are not told."""
    job = _job(params, context, other="InvalidJobException")
    return {"jobDetails": {"id": job.id, "data": third_party_data(job), "nonce": job.nonce}}


def put_third_party_job_success_result(params: Params, context: Context) -> None:
    """End a job well; with a continuation token another job of the same action follows."""
    job = _job(params, context)
    results.succeed(job, {name: value for name, value in params.items() if name not in ("jobId", "clientToken")})


def put_third_party_job_failure_result(params: Params, context: Context) -> None:
    """End a job, and its action, with a failure."""
    results.fail(_job(params, context), params["failureDetails"])


def _job(params: Params, context: Context, *, other: str = "JobNotFoundException") -> WorkerJob:
    """The job that a worker with the client's token names.

    Args:
        params: The request.
        context: Of the request.
        other: The exception for a job that is no third party's; which one AWS answers with is undocumented.

    Raises:
        ApiError: `JobNotFoundException`, the other exception, `InvalidClientTokenException`.
    """
    job_id = params["jobId"]
    job = next((book.jobs[job_id] for book in _books(context) if job_id in book.jobs), None)
    if job is None:
        raise job_not_found(job_id)
    if job.type.owner != OWNER:
        raise ApiError(other, f"Job {job_id} is not a third-party job")
    require_token(job, params["clientToken"])
    return job


def _books(context: Context) -> list[JobBook]:
    return [book for _, region, book in context.world.stores(JobBook) if region == context.region]


OPERATIONS: Mapping[str, Operation] = {
    "PollForThirdPartyJobs": poll_for_third_party_jobs,
    "AcknowledgeThirdPartyJob": acknowledge_third_party_job,
    "GetThirdPartyJobDetails": get_third_party_job_details,
    "PutThirdPartyJobSuccessResult": put_third_party_job_success_result,
    "PutThirdPartyJobFailureResult": put_third_party_job_failure_result,
}
