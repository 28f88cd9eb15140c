"""The worker's side of CodePipeline's job calls and of a job's artifacts, against the sandbox."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from codepipeline_fixtures import STORE_BUCKET, Rig
from codepipeline_workers import Worker, action
from worker_bench import Bench, Way

from deliverkit.adapters.aws.artifacts import S3Artifacts
from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.jobs import CodePipelineJobs
from deliverkit.adapters.aws.lent import LentAws
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.domain.worker_job import ActionType, FailureType, Report, WorkerJob
from deliverkit.errors import ConflictError, DeniedError, UnreachableError, UsageError
from deliverkit.testing import FakeClock
from deliverkit.worker_ports import Claim


def account(endpoint: str) -> Account:
    return Account(region="us-east-1", endpoint_url=endpoint, access_key_id="AKIAEXAMPLE", secret_access_key="secret")


def jobs_of(
    kind: Worker,
    endpoint: str,
    *queries: tuple[str, str],
    clock: FakeClock | None = None,
    told: list[str] | None = None,
) -> CodePipelineJobs:
    return CodePipelineJobs(
        Aws(account(endpoint)),
        ActionType(kind.kind["category"], kind.kind["provider"]),
        queries=queries,
        once=Aws(account(endpoint), repetitions=0),
        now=(clock or FakeClock()).now,
        tell=(told if told is not None else []).append,
    )


def claimed(bench: Bench, kind: Worker, **more: Any) -> tuple[CodePipelineJobs, WorkerJob, str]:
    name = bench.pipeline(kind, action(kind, **more))
    jobs = jobs_of(kind, bench.rig.sandbox.endpoint)
    (offer,) = jobs.poll(5)
    assert jobs.acknowledge(offer) is Claim.OURS
    return jobs, jobs.details(offer.job_id), name


def test_a_claim_is_ours_lost_or_unclear_when_its_answer_was_lost(bench: Bench, way: Way) -> None:
    kind = bench.kind()
    bench.pipeline(kind)
    jobs = jobs_of(kind, way.endpoint)
    (offer,) = jobs.poll(1)
    way.refusing["AcknowledgeJob"] = (400, "ThrottlingException")
    assert jobs.acknowledge(offer) is Claim.UNHEARD
    way.refusing.clear()
    nowhere = jobs_of(kind, "http://127.0.0.1:9")
    assert nowhere.acknowledge(offer) is Claim.UNHEARD
    way.losing["AcknowledgeJob"] = 1
    with pytest.raises(UnreachableError):
        jobs.acknowledge(offer)
    assert way.count("AcknowledgeJob") == 2, "it is not repeated unseen"
    assert jobs.acknowledge(offer, is_repeated=True) is Claim.UNCLEAR
    assert jobs.acknowledge(offer) is Claim.LOST
    assert jobs.poll(1) == []


def test_a_report_may_be_repeated_and_another_one_is_refused(bench: Bench) -> None:
    kind = bench.kind()
    jobs, job, name = claimed(bench, kind)
    report = Report.of_failure(FailureType.JOB_FAILED, "x" * 6000, "7")
    for _ in range(2):
        jobs.report(job.id, report)
    with pytest.raises(ConflictError):
        jobs.report(job.id, Report("fine"))
    latest = bench.outcome(name)
    assert (len(latest["errorDetails"]["message"]), latest["externalExecutionId"]) == (5000, "7")


def test_an_action_is_wanted_until_it_has_ended_and_for_a_while_by_those_who_cannot_see_it(
    bench: Bench, way: Way
) -> None:
    kind = bench.kind()
    jobs, job, name = claimed(bench, kind)
    clock, told = FakeClock(), list[str]()
    blind = jobs_of(kind, way.endpoint, clock=clock, told=told)
    assert jobs.is_wanted(job)
    execution_id = bench.rig.first_execution(name)
    bench.rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True)
    assert not jobs.is_wanted(job)
    for code in ("ExpiredTokenException", "InvalidSignatureException"):
        way.refusing["ListActionExecutions"] = (400, code)
        with pytest.raises(UnreachableError, match=code):
            blind.is_wanted(job)
    way.seen.clear()
    way.refusing["ListActionExecutions"] = (400, "AccessDeniedException")
    for _ in range(3):
        assert blind.is_wanted(job)
        clock.advance(timedelta(minutes=4))
        assert blind.is_wanted(job)
        clock.advance(timedelta(minutes=7))
    assert (way.count("ListActionExecutions"), len(told)) == (3, 1), told
    way.refusing.clear()
    assert not blind.is_wanted(job)


def test_what_is_wrong_with_our_credentials_or_our_clock_is_no_answer_about_a_job(bench: Bench, way: Way) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind)
    jobs = jobs_of(kind, way.endpoint)
    (offer,) = jobs.poll(1)
    for code in ("InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationTokenException"):
        way.refusing["AcknowledgeJob"] = way.refusing["PollForJobs"] = (400, code)
        with pytest.raises(DeniedError, match=code):
            jobs.acknowledge(offer)
        with pytest.raises(DeniedError, match=code):
            jobs.poll(1)
    way.refusing["AcknowledgeJob"] = (400, "ExpiredTokenException")
    assert jobs.acknowledge(offer) is Claim.UNHEARD
    with pytest.raises(UnreachableError) as expired:
        jobs.acknowledge(offer, is_repeated=True)
    assert type(expired.value) is UnreachableError
    way.refusing.clear()
    assert jobs.acknowledge(offer) is Claim.OURS
    report = Report("fine")
    for code in ("InvalidSignatureException", "ExpiredTokenException", "SomethingNewException"):
        way.refusing["PutJobSuccessResult"] = (400, code)
        with pytest.raises(UnreachableError, match=code):
            jobs.report(offer.job_id, report)
    way.refusing["PutJobSuccessResult"] = (400, "ValidationException")
    with pytest.raises(UsageError):
        jobs.report(offer.job_id, report)
    way.refusing.clear()
    jobs.report(offer.job_id, Report("fine", variables={"Commit": "abc"}))
    assert bench.outcome(name)["status"] == "Succeeded"


def test_who_has_no_credentials_is_denied() -> None:
    with pytest.raises(DeniedError, match="there are no AWS credentials"), translated("asking for jobs"):
        raise NoCredentialsError


def test_a_clock_that_is_wrong_is_told_as_such() -> None:
    message = "Signature expired: 20260105T090000Z is now earlier than 20260105T091000Z"
    response = {"Error": {"Code": "InvalidSignatureException", "Message": message}}
    with pytest.raises(UnreachableError, match="this machine says it is") as told, translated("claiming"):
        raise ClientError(response, "AcknowledgeJob")
    assert (type(told.value), "clock" in told.value.hint) == (UnreachableError, True)


def test_a_missing_action_type_is_told_with_those_there_are(bench: Bench, way: Way) -> None:
    kind = bench.project()
    present = f"Build/Custom/{kind.kind['provider']}/1"
    unknown = Worker(bench.rig, {**kind.kind, "category": "Test", "provider": "Nobody"})
    nobody = jobs_of(unknown, way.endpoint)
    with pytest.raises(UsageError, match="there is no action type Test/Custom/Nobody/1 in us-east-1") as told:
        nobody.poll(1)
    assert present in told.value.message
    assert "deliverkit pipeline apply" in told.value.hint
    way.refusing["ListActionTypes"] = (400, "AccessDeniedException")
    with pytest.raises(UsageError, match="Test/Custom/Nobody/1"):
        nobody.poll(1)


def test_a_queryable_property_has_to_be_asked_for(bench: Bench) -> None:
    endpoint = bench.rig.sandbox.endpoint
    kind, plain = bench.project(), bench.kind()
    with pytest.raises(UsageError, match="asked for by ProjectName") as told:
        jobs_of(kind, endpoint).poll(1)
    assert "--project" in told.value.hint
    with pytest.raises(UsageError) as told:
        jobs_of(plain, endpoint, ("ProjectName", "shop")).poll(1)
    assert "leave --project out" in told.value.hint


def test_two_pipelines_with_one_project_have_two_jobs_with_requests_of_their_own(bench: Bench) -> None:
    kind = bench.project()
    for _ in range(2):
        bench.pipeline(kind, action(kind, configuration={"ProjectName": "shop"}))
    bench.pipeline(kind, action(kind, configuration={"ProjectName": "blog"}))
    jobs = jobs_of(kind, bench.rig.sandbox.endpoint, ("ProjectName", "shop"), ("ProjectName", "blog"))
    offers = jobs.poll(5)
    requests = {jobs.details(offer.job_id).request for offer in offers}
    assert (len(offers), len(requests)) == (3, 3)


def shelf(rig: Rig, jobs: CodePipelineJobs, job: WorkerJob, endpoint: str, **more: Any) -> S3Artifacts:
    def lend() -> Any:
        return jobs.credentials(job.id)

    lent = LentAws(account(endpoint), lend=lend, now=rig.sandbox.world.clock.now)
    return S3Artifacts(lent, key_id=job.key_id, **more)


def test_parts_of_an_upload_that_fails_are_removed(bench: Bench, way: Way, tmp_path: Path) -> None:
    jobs, job, _ = claimed(bench, bench.kind())
    content = tmp_path / "built.zip"
    content.write_bytes(bytes(11 << 20))
    store = shelf(bench.rig, jobs, job, way.endpoint, part_size=5 << 20)
    way.refusing["partNumber=2"] = (403, "AccessDenied")
    with pytest.raises(DeniedError, match="AccessDenied"):
        store.store(job.outputs[0], content)
    assert "Uploads" not in bench.rig.s3.list_multipart_uploads(Bucket=STORE_BUCKET)
    way.refusing.clear()
    store.store(job.outputs[0], content)
    place = {"Bucket": STORE_BUCKET, "Key": job.outputs[0].key}
    stored = bench.rig.s3.head_object(**place)
    assert (stored["ContentLength"], stored["ServerSideEncryption"]) == (11 << 20, "aws:kms")


def test_credentials_that_have_expired_are_no_refusal(bench: Bench, way: Way, tmp_path: Path) -> None:
    jobs, job, _ = claimed(bench, bench.kind())
    store = shelf(bench.rig, jobs, job, way.endpoint)
    for code, kind in (("ExpiredToken", UnreachableError), ("AccessDenied", DeniedError)):
        way.refusing[f"GET /{STORE_BUCKET}"] = (400, code)
        with pytest.raises(UnreachableError) as refused:
            store.fetch(job.inputs[0], tmp_path / "file")
        assert type(refused.value) is kind


# Time moves for the whole sandbox: this comes last.


def test_credentials_are_asked_for_again_before_they_expire(bench: Bench, way: Way, tmp_path: Path) -> None:
    _, job, _ = claimed(bench, bench.kind())
    asking = jobs_of(bench.kind(), way.endpoint)
    store = shelf(bench.rig, asking, job, bench.rig.sandbox.endpoint)
    store.fetch(job.inputs[0], tmp_path / "first")
    store.fetch(job.inputs[0], tmp_path / "second")
    assert way.count("GetJobDetails") == 1
    for minutes in (11, 3, 60):
        bench.rig.advance(timedelta(minutes=minutes))
        store.fetch(job.inputs[0], tmp_path / "again")
        store.store(job.outputs[0], tmp_path / "again")
    assert way.count("GetJobDetails") == 3, "after 11 minutes and after an hour, not after 14"
