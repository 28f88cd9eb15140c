"""Custom action types and the workers that do their jobs."""

from __future__ import annotations

import itertools
from typing import Any

import boto3
from botocore.config import Config
from codepipeline_fixtures import Rig

_names = itertools.count()


class Worker:
    """Polls for the jobs of one custom action type."""

    def __init__(self, rig: Rig, kind: dict[str, str]) -> None:
        self.rig = rig
        self.kind = kind

    def poll(self, **more: Any) -> Any:
        """One job, once there is one."""
        return self.rig.until(lambda: self.rig.cp.poll_for_jobs(actionTypeId=self.kind, **more)["jobs"])[0]

    def claim(self, **more: Any) -> Any:
        """One job that is now this worker's."""
        job = self.poll(**more)
        assert self.rig.cp.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] == "InProgress"
        return job

    def succeed(self, job: Any, **report: Any) -> None:
        self.rig.cp.put_job_success_result(jobId=job["id"], **report)

    def fail(self, job: Any, kind: str = "JobFailed", message: str = "it broke", **more: Any) -> None:
        self.rig.cp.put_job_failure_result(jobId=job["id"], failureDetails={"type": kind, "message": message, **more})

    def storage(self, job: Any) -> Any:
        """S3 with the job's own credentials."""
        keys = job["data"]["artifactCredentials"]
        return boto3.client(
            "s3",
            endpoint_url=self.rig.sandbox.endpoint,
            region_name="us-east-1",
            aws_access_key_id=keys["accessKeyId"],
            aws_secret_access_key=keys["secretAccessKey"],
            aws_session_token=keys["sessionToken"],
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )


def property_of(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "required": True, "key": False, "secret": False, **more}


def declare(rig: Rig, *properties: dict[str, Any], category: str = "Build", **more: Any) -> Worker:
    """A custom action type of its own, and a worker for it."""
    kind = {"category": category, "provider": f"Builder-{next(_names)}", "version": "1"}
    limits = {
        "inputArtifactDetails": {"minimumCount": 0, "maximumCount": 5},
        "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 5},
    }
    rig.cp.create_custom_action_type(**kind, configurationProperties=list(properties), **{**limits, **more})
    return Worker(rig, {**kind, "owner": "Custom"})


def action(worker: Worker, name: str = "Build", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "actionTypeId": worker.kind,
        "inputArtifacts": [{"name": "Bundle"}],
        "outputArtifacts": [{"name": "Built"}],
        **more,
    }


def provided(provider: str, **members: Any) -> dict[str, Any]:
    """The declaration of a third-party action type whose workers poll."""
    counts = {"minimumCount": 0, "maximumCount": 10}
    return {
        "id": {"category": "Test", "owner": "ThirdParty", "provider": provider, "version": "1"},
        "executor": {
            "type": "JobWorker",
            "configuration": {"jobWorkerExecutorConfiguration": {"pollingAccounts": ["123456789012"]}},
        },
        "inputArtifactDetails": counts,
        "outputArtifactDetails": counts,
        **members,
    }


def provide(rig: Rig, provider: str, client: Any = None, **members: Any) -> dict[str, str]:
    """A third-party action type; gives its id."""
    declaration = provided(provider, **members)
    (client or rig.cp).update_action_type(actionType=declaration)
    return dict(declaration["id"])
