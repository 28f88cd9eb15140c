"""Jobs that CodePipeline hands to a Lambda function itself (user guide, Lambda invoke action reference)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from deliverkit.sandbox import functions
from deliverkit.sandbox.codepipeline.jobs import queue
from deliverkit.sandbox.codepipeline.jobs.data import common_data, credentials_of
from deliverkit.sandbox.codepipeline.jobs.job import Terms, WorkerJob
from deliverkit.sandbox.codepipeline.providers.provider import Job as Attempt
from deliverkit.sandbox.kernel.errors import ApiError

TERMS = Terms(total=timedelta(hours=24), each=timedelta(minutes=20), is_pushed=True)
"""CodePipeline user guide, quotas: Lambda actions; 20 minutes for each job, which every continuation begins anew."""


def invoke(attempt: Attempt) -> None:
    """Make the attempt's first job and invoke its function, which ends it by PutJobSuccessResult or -FailureResult."""
    job = queue.open_job(attempt, TERMS)
    if job is not None:
        push(job)


def push(job: WorkerJob) -> None:
    """Invoke the function of a job; a function that is not there fails the action."""
    attempt = job.attempt
    name, account, region = attempt.configuration["FunctionName"], attempt.pipeline.account, attempt.run.region
    attempt.run.external_id = name
    try:
        functions.invoke(attempt.world, account, region, name, {"CodePipeline.job": _event(job)})
    except ApiError as error:
        attempt.fail("ConfigurationError", error.message)


def _event(job: WorkerJob) -> dict[str, Any]:
    """What the function is given, without the context that polling workers see (seen on AWS)."""
    data, credentials = common_data(job), credentials_of(job)
    if credentials is not None:
        expires = int(credentials.expires_at.timestamp() * 1000)
        data["artifactCredentials"] = {**data["artifactCredentials"], "expirationTime": expires}
    return {"id": job.id, "accountId": job.attempt.pipeline.account, "data": data}
