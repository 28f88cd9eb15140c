"""What S3 tells of an object's lock, as the API reference has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from deliverkit.sandbox.server import Sandbox

UNTIL = datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Any]:
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
    client = boto3.client("s3", endpoint_url=sandbox.endpoint, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="plain")
    client.create_bucket(Bucket="locking", ObjectLockEnabledForBucket=True)
    yield client
    sandbox.stop()


def put(s3: Any, bucket: str) -> dict[str, str]:
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"content").get("VersionId")
    return {"Bucket": bucket, "Key": "k", **({"VersionId": version} if version else {})}


def refused(ask: Any, **place: str) -> tuple[str, int]:
    with pytest.raises(ClientError) as refusal:
        ask(**place)
    told = refusal.value.response
    return told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"]


def test_the_lock_of_a_version_is_told(s3: Any) -> None:
    first, second = put(s3, "locking"), put(s3, "locking")
    s3.put_object_retention(**first, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": UNTIL})
    s3.put_object_legal_hold(**second, LegalHold={"Status": "ON"})
    assert s3.get_object_retention(**first)["Retention"] == {"Mode": "COMPLIANCE", "RetainUntilDate": UNTIL}
    assert s3.get_object_legal_hold(**second)["LegalHold"] == {"Status": "ON"}
    assert refused(s3.get_object_retention, **second) == ("NoSuchObjectLockConfiguration", 404)
    assert refused(s3.get_object_legal_hold, **first) == ("NoSuchObjectLockConfiguration", 404)
    s3.put_object_legal_hold(**second, LegalHold={"Status": "OFF"})
    assert s3.get_object_legal_hold(**second)["LegalHold"] == {"Status": "OFF"}


@pytest.mark.parametrize("operation", ["get_object_retention", "get_object_legal_hold"])
def test_what_has_no_lock_or_is_not_there_is_refused(s3: Any, operation: str) -> None:
    ask = getattr(s3, operation)
    assert refused(ask, **put(s3, "plain")) == ("InvalidRequest", 400)
    assert refused(ask, Bucket="locking", Key="never") == ("NoSuchKey", 404)


def test_a_lock_of_which_the_time_has_passed_is_told_all_the_same(s3: Any) -> None:
    place, past = put(s3, "locking"), datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    s3.put_object_retention(**place, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": past})
    assert s3.get_object_retention(**place)["Retention"]["RetainUntilDate"] == past
