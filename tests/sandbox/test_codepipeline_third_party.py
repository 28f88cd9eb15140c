"""Third-party actions: jobs of many customers, done by a provider's workers who know the customer's token."""

from __future__ import annotations

import itertools
import json
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from codepipeline_fixtures import Rig, refused, running_rig, stage
from codepipeline_workers import action as custom_action
from codepipeline_workers import declare, provide

UNKNOWN = "11111111-2222-3333-4444-555555555555"
PROVIDER_ACCOUNT = "210987654321"
_names = itertools.count()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        rig.put(b"PK source")
        yield rig


@pytest.fixture
def kind(rig: Rig) -> dict[str, str]:
    return provide(rig, f"Partner-{next(_names)}")


def checking(rig: Rig, kind: dict[str, str], **more: Any) -> str:
    action = {"name": "Check", "actionTypeId": kind, "inputArtifacts": [{"name": "Bundle"}], **more}
    return rig.create(stage("Check", action))


def poll(rig: Rig, kind: dict[str, str], client: Any = None) -> Any:
    partner = client or rig.cp
    return rig.until(lambda: partner.poll_for_third_party_jobs(actionTypeId=kind)["jobs"])[0]


def token(rig: Rig, job: Any) -> str:
    """What the customer told the provider when they met outside of AWS."""
    with urllib.request.urlopen(f"{rig.sandbox.endpoint}/_sandbox/third-party-clients") as answer:
        clients = json.load(answer)["clients"]
    return str(next(each["clientToken"] for each in clients if each["clientId"] == job["clientId"]))


def claim(rig: Rig, kind: dict[str, str], client: Any = None) -> dict[str, str]:
    """A job that is now this worker's: its id and its customer's token, as later calls name them."""
    partner = client or rig.cp
    job = poll(rig, kind, partner)
    named = {"jobId": job["jobId"], "clientToken": token(rig, job)}
    details = partner.get_third_party_job_details(**named)["jobDetails"]
    acknowledged = partner.acknowledge_third_party_job(**named, nonce=details["nonce"])
    assert acknowledged["status"] == "InProgress"
    return named


def test_a_partners_worker_does_the_job(rig: Rig, kind: dict[str, str]) -> None:
    name = checking(rig, kind)
    job = poll(rig, kind)
    assert set(job) == {"clientId", "jobId"}
    named = {"jobId": job["jobId"], "clientToken": token(rig, job)}
    details = rig.cp.get_third_party_job_details(**named)["jobDetails"]
    context = details["data"]["pipelineContext"]
    assert (context["pipelineName"], context["action"]["name"]) == (name, "Check")
    assert not {"pipelineArn", "pipelineExecutionId"} & set(context)
    assert "accessKeyId" in details["data"]["artifactCredentials"]
    assert rig.cp.acknowledge_third_party_job(**named, nonce=details["nonce"])["status"] == "InProgress"
    rig.cp.put_third_party_job_success_result(**named, continuationToken="more", executionDetails={"summary": "half"})
    assert rig.action(name, "Check", "Check")["latestExecution"]["summary"] == "half"
    following = claim(rig, kind)
    again = rig.cp.get_third_party_job_details(**following)["jobDetails"]
    assert again["data"]["continuationToken"] == "more"
    rig.cp.put_third_party_job_success_result(**following)
    rig.cp.put_third_party_job_success_result(**following)
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"
    with refused("InvalidJobStateException"):
        rig.cp.put_third_party_job_failure_result(**following, failureDetails={"type": "JobFailed", "message": "no"})


def test_a_failure_fails_the_action(rig: Rig, kind: dict[str, str]) -> None:
    name = checking(rig, kind)
    job = claim(rig, kind)
    rig.cp.put_third_party_job_failure_result(**job, failureDetails={"type": "PermissionError", "message": "not yours"})
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    latest = rig.action(name, "Check", "Check")["latestExecution"]
    assert latest["errorDetails"] == {"code": "PermissionError", "message": "not yours"}


def test_a_wrong_token_opens_nothing(rig: Rig, kind: dict[str, str]) -> None:
    checking(rig, kind)
    job = {"jobId": poll(rig, kind)["jobId"], "clientToken": "wrong"}
    with refused("InvalidClientTokenException"):
        rig.cp.get_third_party_job_details(**job)
    with refused("InvalidClientTokenException"):
        rig.cp.acknowledge_third_party_job(**job, nonce="1")
    with refused("InvalidClientTokenException"):
        rig.cp.put_third_party_job_success_result(**job)
    with refused("InvalidClientTokenException"):
        rig.cp.put_third_party_job_failure_result(**job, failureDetails={"type": "JobFailed", "message": "x"})


def test_a_wrong_nonce_and_an_unknown_job_are_refused(rig: Rig, kind: dict[str, str]) -> None:
    checking(rig, kind)
    job = poll(rig, kind)
    named = {"jobId": job["jobId"], "clientToken": token(rig, job)}
    with refused("InvalidNonceException"):
        rig.cp.acknowledge_third_party_job(**named, nonce="0")
    with refused("JobNotFoundException"):
        rig.cp.get_third_party_job_details(**{**named, "jobId": UNKNOWN})


def test_custom_and_third_party_jobs_are_apart(rig: Rig, kind: dict[str, str]) -> None:
    checking(rig, kind)
    with refused("JobNotFoundException"):
        rig.cp.get_job_details(jobId=poll(rig, kind)["jobId"])
    worker = declare(rig)
    rig.create(stage("Build", custom_action(worker)))
    job = worker.poll()
    with refused("InvalidJobException"):
        rig.cp.get_third_party_job_details(jobId=job["id"], clientToken="any")
    with refused("ValidationException", "ThirdParty"):
        rig.cp.poll_for_third_party_jobs(actionTypeId=worker.kind)
    with refused("ActionTypeNotFoundException"):
        rig.cp.poll_for_third_party_jobs(actionTypeId={**kind, "provider": "Nobody"})


def other_account(rig: Rig) -> Any:
    role = f"arn:aws:iam::{PROVIDER_ACCOUNT}:role/partner"
    keys = rig.client("sts").assume_role(RoleArn=role, RoleSessionName="worker")["Credentials"]
    return boto3.client(
        "codepipeline",
        endpoint_url=rig.sandbox.endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_a_provider_in_another_account_serves_whom_it_allows(rig: Rig) -> None:
    partner = other_account(rig)
    executor = {
        "type": "JobWorker",
        "configuration": {"jobWorkerExecutorConfiguration": {"pollingAccounts": [PROVIDER_ACCOUNT]}},
    }
    kind = provide(rig, "Afar", partner, executor=executor)
    with refused("InvalidActionDeclarationException", "'Afar'"):
        checking(rig, kind)
    with refused("ActionTypeNotFoundException"):
        rig.cp.get_action_type(**kind)
    provide(rig, "Afar", partner, executor=executor, permissions={"allowedAccounts": ["123456789012"]})
    name = checking(rig, kind)
    with refused("AccessDeniedException"):
        rig.cp.poll_for_third_party_jobs(actionTypeId=kind)
    with refused("RequestFailedException", "another provider"):
        provide(rig, "Afar")
    job = claim(rig, kind, partner)
    partner.put_third_party_job_success_result(**job)
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"
    provide(rig, "Afar", partner, executor=executor)
    assert rig.action(name, "Check", "Check")["latestExecution"]["status"] == "Succeeded"


# Time moves for the whole sandbox: these come last, on pipelines of their own.


def test_without_a_declared_timeout_an_action_has_an_hour(rig: Rig, kind: dict[str, str]) -> None:
    name = checking(rig, kind)
    execution_id = rig.first_execution(name)
    claim(rig, kind)
    rig.sandbox.world.clock.advance(timedelta(minutes=59))
    assert rig.status(name, execution_id) == "InProgress"
    rig.sandbox.world.clock.advance(timedelta(minutes=1))
    assert rig.ends(name, execution_id) == "Failed"


def test_a_declared_timeout_holds_for_each_job(rig: Rig) -> None:
    executor = {
        "type": "JobWorker",
        "configuration": {"jobWorkerExecutorConfiguration": {"pollingAccounts": ["123456789012"]}},
        "jobTimeout": 600,
    }
    kind = provide(rig, f"Partner-{next(_names)}", executor=executor)
    name = checking(rig, kind)
    execution_id = rig.first_execution(name)
    first = claim(rig, kind)
    rig.sandbox.world.clock.advance(timedelta(minutes=9))
    rig.cp.put_third_party_job_success_result(**first, continuationToken="more")
    second = claim(rig, kind)
    rig.sandbox.world.clock.advance(timedelta(minutes=9))
    assert rig.status(name, execution_id) == "InProgress"
    rig.sandbox.world.clock.advance(timedelta(minutes=1))
    assert rig.ends(name, execution_id) == "Failed"
    with refused("InvalidJobStateException", "has already terminated"):
        rig.cp.put_third_party_job_success_result(**second)
