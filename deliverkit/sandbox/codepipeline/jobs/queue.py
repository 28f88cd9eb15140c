"""The life of a job: made for an attempt, waiting for a worker, and over when the attempt's time is."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from deliverkit.sandbox.codepipeline import artifacts
from deliverkit.sandbox.codepipeline.jobs.job import ENDED, JobStatus, WorkerJob, book_of_attempt
from deliverkit.sandbox.codepipeline.providers.provider import Job as Attempt
from deliverkit.sandbox.kernel.errors import ApiError


def open_job(attempt: Attempt, timeout: timedelta) -> WorkerJob | None:
    """Make the first job of an attempt, which fails when its jobs take longer than the timeout together.

    Returns:
        None when the attempt failed at once, because an input artifact is not where its producer was to put it.
    """
    try:
        for artifact in attempt.run.inputs:
            attempt.world.moto.e_tag_of(attempt.pipeline.account, artifact.bucket, artifact.key)
    except ApiError as error:
        attempt.fail("ConfigurationError", artifacts.unusable(attempt, error))
        return None
    outputs = tuple(artifacts.place(attempt, name) for name in attempt.run.action.outputs)
    attempt.after(timeout, partial(time_out, attempt))
    return book_of_attempt(attempt).add(attempt, outputs)


def time_out(attempt: Attempt) -> None:
    """Fail an attempt whose worker said nothing in time; its job can report nothing any more."""
    for job in book_of_attempt(attempt).of_run(attempt.run.id):
        if job.status not in ENDED:
            job.status = JobStatus.TIMED_OUT
    attempt.fail("JobFailed", f"The action {attempt.run.action.name} timed out before its job was completed")
