"""The life of a job: made for an attempt, waiting for a worker, and over when its time is."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from deliverkit.sandbox.codepipeline import artifacts
from deliverkit.sandbox.codepipeline.jobs import invocation
from deliverkit.sandbox.codepipeline.jobs.data import credentials_of
from deliverkit.sandbox.codepipeline.jobs.job import ENDED, JobStatus, Terms, WorkerJob, book_of_attempt
from deliverkit.sandbox.codepipeline.providers.provider import Job as Attempt
from deliverkit.sandbox.kernel.errors import ApiError

INVOKED_AGAIN_AFTER = timedelta(seconds=1)
"""Virtual time until a function that asked to go on is invoked again; undocumented."""


def open_job(attempt: Attempt, terms: Terms) -> WorkerJob | None:
    """Make the first job of an attempt, which fails when the terms are not kept.

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
    if terms.total is not None:
        attempt.after(terms.total, partial(_time_out, attempt))
    job = _begin(book_of_attempt(attempt).add(attempt, terms, outputs))
    if terms.function:
        invocation.invoke(job)
    return job


def continue_job(job: WorkerJob, token: str) -> WorkerJob:
    """Make the job that carries on where a worker left off; the attempt and its artifacts are the same."""
    book = book_of_attempt(job.attempt)
    following = _begin(book.add(job.attempt, job.terms, job.outputs, continuation=token))
    if job.terms.function:
        job.attempt.after(INVOKED_AGAIN_AFTER, partial(invocation.invoke, following))
    return following


def _begin(job: WorkerJob) -> WorkerJob:
    # Made with the job and not with the first look at it, so that whoever looks first finds the same.
    credentials_of(job)
    if job.terms.each is not None:
        job.attempt.after(job.terms.each, partial(_time_out_job, job))
    if job.terms.function:
        job.status = JobStatus.IN_PROGRESS
    return job


def _time_out_job(job: WorkerJob) -> None:
    if job.status not in ENDED:
        _time_out(job.attempt)


def _time_out(attempt: Attempt) -> None:
    """Fail an attempt whose worker said nothing in time; its job can report nothing any more."""
    for job in book_of_attempt(attempt).of_run(attempt.run.id):
        if job.status not in ENDED:
            job.status = JobStatus.TIMED_OUT
    attempt.fail("JobFailed", f"The action {attempt.run.action.name} timed out before its job was completed")
