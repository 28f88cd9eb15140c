"""Handing a job to the Lambda function that does it."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codepipeline.jobs.data import common_data
from deliverkit.sandbox.codepipeline.jobs.job import WorkerJob
from deliverkit.sandbox.kernel.errors import ApiError

_NO_FUNCTION = "ResourceNotFoundException"


def invoke(job: WorkerJob) -> None:
    """Invoke the function with the job, asynchronously; the action fails when there is no such function."""
    from deliverkit.sandbox import functions  # noqa: PLC0415  (only what has functions pays for them)

    attempt, name = job.attempt, job.terms.function
    try:
        account = job.terms.owner or attempt.pipeline.account
        functions.invoke(attempt.world, account, attempt.run.region, name, lambda_event(job))
    except ApiError as error:
        if error.code == _NO_FUNCTION:
            return attempt.fail("ConfigurationError", f"The AWS Lambda function {name} does not exist.")
        return attempt.fail("JobFailed", f"The AWS Lambda function {name} cannot be invoked: {error.message}")


def lambda_event(job: WorkerJob) -> dict[str, Any]:
    """What the function is given (CodePipeline user guide, JSON event example); unlike a worker, no pipeline."""
    data = common_data(job)
    if job.credentials is not None and "artifactCredentials" in data:
        milliseconds = round(job.credentials.expires_at.timestamp() * 1000)
        data["artifactCredentials"] = {**data["artifactCredentials"], "expirationTime": milliseconds}
    for side in ("inputArtifacts", "outputArtifacts"):
        data[side] = [{"revision": None, **artifact} for artifact in data[side]]
    return {"CodePipeline.job": {"id": job.id, "accountId": job.attempt.pipeline.account, "data": data}}
