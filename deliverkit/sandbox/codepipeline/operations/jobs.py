"""PollForJobs, AcknowledgeJob, GetJobDetails, PutJobSuccessResult, PutJobFailureResult."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.action_types.custom import OWNER
from deliverkit.sandbox.codepipeline.action_types.declared import DeclaredType
from deliverkit.sandbox.codepipeline.action_types.provided import OWNER as THIRD_PARTY
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.jobs import results
from deliverkit.sandbox.codepipeline.jobs.data import job_data
from deliverkit.sandbox.codepipeline.jobs.job import JobBook, JobStatus, WorkerJob, book_of, job_not_found
from deliverkit.sandbox.codepipeline.operations.action_types import catalogue_of
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params

DEFAULT_BATCH = 1
"""Jobs of an answer when the request does not say; the model gives no default."""


def poll_for_jobs(params: Params, context: Context) -> Answer:
    """Jobs of a custom action type that nobody has claimed; at once, and empty when there are none."""
    kind = ActionType(**params["actionTypeId"])
    if kind.owner != OWNER:
        raise errors.invalid(f"Jobs can only be polled for action types with owner {OWNER}, not {kind.owner}")
    declared = catalogue_of(context).registry.find(kind)
    asked = params.get("queryParam", {})
    _check_query(declared, asked)
    waiting = [job for job in jobs_of(context).waiting(kind) if asked.items() <= job.attempt.configuration.items()]
    taken = waiting[: params.get("maxBatchSize", DEFAULT_BATCH)]
    for job in taken:
        job.status = JobStatus.DISPATCHED
    return {"jobs": [{**_shown(job), "nonce": job.nonce} for job in taken]}


def acknowledge_job(params: Params, context: Context) -> Answer:
    """Claim a job; of several workers that know its nonce the first gets it."""
    job = _job(params, context)
    job.acknowledge(params["nonce"])
    return {"status": job.status.value}


def get_job_details(params: Params, context: Context) -> Answer:
    """A job as PollForJobs shows it, without its nonce."""
    return {"jobDetails": _shown(_job(params, context))}


def put_job_success_result(params: Params, context: Context) -> None:
    """End a job well; with a continuation token another job of the same action follows."""
    results.succeed(_job(params, context), _report(params))


def put_job_failure_result(params: Params, context: Context) -> None:
    """End a job, and its action, with a failure."""
    results.fail(_job(params, context), params["failureDetails"])


def jobs_of(context: Context) -> JobBook:
    """The jobs of the caller's account and Region."""
    return book_of(context.world, context.account, context.region)


def _job(params: Params, context: Context) -> WorkerJob:
    """The job of the caller's account, or of a customer of the caller's function."""
    job_id = params["jobId"]
    for account, region, book in context.world.stores(JobBook):
        if region == context.region and job_id in book.jobs:
            job = book.jobs[job_id]
            is_polled_for = job.type.owner == THIRD_PARTY and not job.terms.function
            if context.account in (job.terms.owner or account, account) and not is_polled_for:
                return job
    raise job_not_found(job_id)


def _report(params: Params) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name != "jobId"}


def _shown(job: WorkerJob) -> dict[str, Any]:
    return {"id": job.id, "data": job_data(job), "accountId": job.attempt.pipeline.account}


def _check_query(declared: DeclaredType, asked: Mapping[str, str]) -> None:
    """The query is required with a queryable property, and refused without one (API reference, PollForJobs)."""
    queryable = declared.queryable
    if queryable is None and asked:
        raise errors.invalid("queryParam must be empty: the action type has no queryable configuration property")
    if queryable is not None and set(asked) != {queryable.name}:
        raise errors.invalid(f"queryParam must name the queryable configuration property '{queryable.name}'")


OPERATIONS: Mapping[str, Operation] = {
    "PollForJobs": poll_for_jobs,
    "AcknowledgeJob": acknowledge_job,
    "GetJobDetails": get_job_details,
    "PutJobSuccessResult": put_job_success_result,
    "PutJobFailureResult": put_job_failure_result,
}
