"""What a job's credentials may do when policies are enforced: read its inputs, write its outputs, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from codepipeline_fixtures import KEY, SOURCE_BUCKET, STORE_BUCKET, Rig, running_rig, stage
from codepipeline_workers import action, declare
from test_access import allow, document, enforce

ROLE = "arn:aws:iam::123456789012:role/teams/shop/delivery"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        rig.put(b"PK source")
        yield rig


def pipeline_role(rig: Rig, *statements: dict[str, object]) -> None:
    iam = rig.client("iam")
    trusted = allow("sts:AssumeRole")
    del trusted["Resource"]
    trust = document({**trusted, "Principal": {"Service": "codepipeline.amazonaws.com"}})
    iam.create_role(RoleName="delivery", Path="/teams/shop/", AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName="delivery", PolicyName="own", PolicyDocument=document(*statements))


def test_a_worker_gets_at_its_jobs_artifacts_only(rig: Rig) -> None:
    pipeline_role(rig, allow("s3:*"))
    worker = declare(rig)
    rig.create(stage("Build", action(worker)), roleArn=ROLE)
    job = worker.claim()
    storage = worker.storage(job)
    given, wanted = (
        {"Bucket": place["bucketName"], "Key": place["objectKey"]}
        for place in (job["data"][side][0]["location"]["s3Location"] for side in ("inputArtifacts", "outputArtifacts"))
    )
    enforce(rig.sandbox, is_enforced=True)
    try:
        assert storage.get_object(**given)["Body"].read() == b"PK source"
        storage.put_object(**wanted, Body=b"PK built")
        for call, request in (
            (storage.put_object, given),
            (storage.get_object, wanted),
            (storage.get_object, {"Bucket": SOURCE_BUCKET, "Key": KEY}),
            (storage.put_object, {"Bucket": STORE_BUCKET, "Key": "elsewhere"}),
            (storage.list_objects_v2, {"Bucket": STORE_BUCKET}),
        ):
            with pytest.raises(ClientError) as caught:
                call(**request)
            assert caught.value.response["Error"]["Code"] == "AccessDenied", request
    finally:
        enforce(rig.sandbox, is_enforced=False)
    worker.succeed(job)
