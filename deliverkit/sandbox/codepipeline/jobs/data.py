"""What a job tells its worker: artifacts with their places, the configuration, and keys to the artifact store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from deliverkit.sandbox.codepipeline.jobs.job import Credentials, WorkerJob
from deliverkit.sandbox.codepipeline.state import Artifact

LIFETIME = timedelta(minutes=15)
"""How long a job's credentials live, seen on AWS."""
_FRESH = timedelta(minutes=10)
"""A session that lives no longer than this is replaced when the job is shown; undocumented."""


def job_data(job: WorkerJob) -> dict[str, Any]:
    """The `data` of PollForJobs and GetJobDetails."""
    return {"actionTypeId": job.type.as_json(), "pipelineContext": pipeline_context(job), **common_data(job)}


def third_party_data(job: WorkerJob) -> dict[str, Any]:
    """The `data` of GetThirdPartyJobDetails, whose context has no ARN and no pipeline execution."""
    context = pipeline_context(job)
    del context["pipelineArn"], context["pipelineExecutionId"]
    return {"actionTypeId": job.type.as_json(), "pipelineContext": context, **common_data(job)}


def common_data(job: WorkerJob) -> dict[str, Any]:
    """What every kind of worker is told; secrets are in clear."""
    credentials = credentials_of(job)
    data = {
        "actionConfiguration": {"configuration": dict(job.attempt.configuration)},
        "inputArtifacts": [_artifact(job, each) for each in job.attempt.run.inputs],
        "outputArtifacts": [_artifact(job, each) for each in job.outputs],
        "artifactCredentials": _credentials(credentials) if credentials else None,
        "continuationToken": job.continuation or None,
        "encryptionKey": _encryption_key(job),
    }
    return {name: value for name, value in data.items() if value is not None}


def pipeline_context(job: WorkerJob) -> dict[str, Any]:
    """Where the job comes from (CodePipeline API reference, PipelineContext)."""
    run, pipeline = job.attempt.run, job.attempt.pipeline
    return {
        "pipelineName": pipeline.name,
        "stage": {"name": run.action.stage},
        "action": {"name": run.action.name, "actionExecutionId": run.id},
        "pipelineArn": pipeline.arn,
        "pipelineExecutionId": run.execution_id,
    }


def credentials_of(job: WorkerJob) -> Credentials | None:
    """A session for the job's artifacts, a new one when the last is at its end; None when there are no artifacts."""
    if not job.attempt.run.inputs and not job.outputs:
        return None
    now = job.attempt.world.clock.now()
    if job.credentials is None or job.credentials.expires_at - now < _FRESH:
        job.credentials = _assume_role(job)
    return job.credentials


def _assume_role(job: WorkerJob) -> Credentials:
    attempt = job.attempt
    sts = attempt.world.moto.client("sts", attempt.pipeline.account, attempt.run.region)
    role = (attempt.run.action.role_arn or attempt.execution.definition.role_arn).partition(":role/")[2]
    answer = sts.assume_role(
        # The role of another account would give keys of that account, whose buckets are not these.
        RoleArn=f"arn:aws:iam::{attempt.pipeline.account}:role/{role}",
        RoleSessionName=job.id,
        DurationSeconds=int(LIFETIME.total_seconds()),
        Policy=json.dumps(_policy(job), separators=(",", ":")),
    )["Credentials"]
    expires_at = attempt.world.clock.now() + LIFETIME
    return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"], expires_at)


def _policy(job: WorkerJob) -> Mapping[str, Any]:
    statements = [
        _statement(["s3:GetObject", "s3:GetObjectVersion"], job.attempt.run.inputs),
        _statement(["s3:PutObject"], job.outputs),
    ]
    return {"Version": "2012-10-17", "Statement": [each for each in statements if each["Resource"]]}


def _statement(actions: list[str], artifacts: Iterable[Artifact]) -> Mapping[str, Any]:
    return {
        "Effect": "Allow",
        "Action": actions,
        "Resource": [f"arn:aws:s3:::{each.bucket}/{each.key}" for each in artifacts],
    }


def _credentials(credentials: Credentials) -> dict[str, str]:
    return {
        "accessKeyId": credentials.access_key,
        "secretAccessKey": credentials.secret_key,
        "sessionToken": credentials.token,
    }


def _artifact(job: WorkerJob, artifact: Artifact) -> dict[str, Any]:
    revisions = job.attempt.execution.revisions.values()
    read = next((each.revision_id for each in revisions if each.artifact == artifact.name), "")
    location = {"bucketName": artifact.bucket, "objectKey": artifact.key}
    shown: dict[str, Any] = {"name": artifact.name, "location": {"type": "S3", "s3Location": location}}
    return {**shown, "revision": read} if read else shown


def _encryption_key(job: WorkerJob) -> Mapping[str, str] | None:
    """The key declared for the artifact store; none stands for the key that AWS manages."""
    structure, region = job.attempt.execution.definition.structure, job.attempt.run.region
    store = structure["artifactStore"] if "artifactStore" in structure else structure["artifactStores"][region]
    key: Mapping[str, str] | None = store.get("encryptionKey")
    return key
