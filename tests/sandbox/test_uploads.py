"""S3's uploads in parts, checksums and owners, as the API reference tells them."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from deliverkit.sandbox import launcher
from deliverkit.sandbox.server import Sandbox

PART = 5 * 1024 * 1024
ACCOUNT = "123456789012"


def checksum(*contents: bytes) -> str:
    return base64.b64encode(hashlib.sha256(b"".join(contents)).digest()).decode()


def digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Any]:
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
    client = boto3.client("s3", endpoint_url=sandbox.endpoint, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="own")
    client.put_bucket_versioning(Bucket="own", VersioningConfiguration={"Status": "Enabled"})
    yield client
    sandbox.stop()


def begin(s3: Any, key: str = "k", **properties: Any) -> dict[str, str]:
    begun = s3.create_multipart_upload(Bucket="own", Key=key, ChecksumAlgorithm="SHA256", **properties)
    return {"Bucket": "own", "Key": key, "UploadId": begun["UploadId"]}


def put(s3: Any, upload: dict[str, str], number: int, content: bytes) -> dict[str, Any]:
    answer = s3.upload_part(**upload, PartNumber=number, Body=content, ChecksumSHA256=checksum(content))
    return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]}


def refused(act: Any, **given: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as refusal:
        act(**given)
    told = refusal.value.response
    return told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"]


def test_parts_are_listed_with_their_checksums_by_number(s3: Any) -> None:
    upload = begin(s3)
    for number in (7, 2, 9):
        put(s3, upload, number, b"part %d" % number)
    first = s3.list_parts(**upload, MaxParts=2)
    assert [part["PartNumber"] for part in first["Parts"]] == [2, 7]
    assert (first["IsTruncated"], first["NextPartNumberMarker"]) == (True, 7)
    rest = s3.list_parts(**upload, PartNumberMarker=7)
    assert [(part["PartNumber"], part["ChecksumSHA256"], part["Size"]) for part in rest["Parts"]] == [
        (9, checksum(b"part 9"), 6)
    ]
    assert (rest["IsTruncated"], rest["ChecksumAlgorithm"], rest["ChecksumType"]) == (False, "SHA256", "COMPOSITE")


def test_what_arrives_otherwise_than_told_is_refused(s3: Any) -> None:
    upload = begin(s3)
    other = checksum(b"other")
    bad = {"PartNumber": 1, "Body": b"part", "ChecksumSHA256": other}
    assert refused(s3.upload_part, **upload, **bad) == ("BadDigest", 400)
    assert s3.list_parts(**upload).get("Parts", []) == []
    assert refused(s3.put_object, Bucket="own", Key="o", Body=b"part", ChecksumSHA256=other) == ("BadDigest", 400)
    assert s3.list_objects_v2(Bucket="own")["KeyCount"] == 0


def test_a_completed_upload_has_the_checksum_of_its_checksums(s3: Any) -> None:
    contents = [b"a" * PART, b"the rest"]
    upload = begin(s3)
    parts = [put(s3, upload, number, content) for number, content in enumerate(contents, start=1)]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    head = s3.head_object(Bucket="own", Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == f"{checksum(*map(digest, contents))}-2"
    assert head["ChecksumType"] == "COMPOSITE"
    assert refused(s3.list_parts, **upload) == ("NoSuchUpload", 404)


def test_completing_needs_each_checksum_and_only_right_ones(s3: Any) -> None:
    upload = begin(s3)
    part = put(s3, upload, 1, b"part")
    bare = {name: value for name, value in part.items() if name != "ChecksumSHA256"}
    for parts, code in (([bare], "InvalidRequest"), ([{**part, "ChecksumSHA256": checksum(b"other")}], "InvalidPart")):
        assert refused(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts}) == (code, 400)
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})


def test_an_upload_that_is_gone_is_told_so_by_every_request(s3: Any) -> None:
    upload = begin(s3)
    s3.abort_multipart_upload(**upload)
    gone = ("NoSuchUpload", 404)
    assert refused(s3.upload_part, **upload, PartNumber=1, Body=b"p", ChecksumSHA256=checksum(b"p")) == gone
    parts = {"Parts": [{"PartNumber": 1, "ETag": "e", "ChecksumSHA256": checksum(b"p")}]}
    assert refused(s3.complete_multipart_upload, **upload, MultipartUpload=parts) == gone


def test_uploads_are_listed_by_key_and_age_in_pages(s3: Any) -> None:
    uploads = [begin(s3, key) for key in ("b/2", "a", "b/1", "b/1")]
    listed = s3.list_multipart_uploads(Bucket="own", Prefix="b/", MaxUploads=2)
    assert [each["UploadId"] for each in listed["Uploads"]] == [uploads[2]["UploadId"], uploads[3]["UploadId"]]
    assert listed["IsTruncated"]
    markers = {"KeyMarker": listed["NextKeyMarker"], "UploadIdMarker": listed["NextUploadIdMarker"]}
    rest = s3.list_multipart_uploads(Bucket="own", Prefix="b/", **markers)
    assert ([each["Key"] for each in rest["Uploads"]], rest["IsTruncated"]) == (["b/2"], False)
    assert abs(datetime.now(UTC) - listed["Uploads"][0]["Initiated"]) < timedelta(minutes=5)


def test_a_bucket_of_another_owner_is_denied(s3: Any) -> None:
    asked = {"Bucket": "own", "ExpectedBucketOwner": "210987654321"}
    for act, more in (
        (s3.put_object, {"Key": "k", "Body": b""}),
        (s3.list_objects_v2, {}),
        (s3.get_bucket_versioning, {}),
        (s3.create_multipart_upload, {"Key": "k"}),
        (s3.list_multipart_uploads, {}),
    ):
        assert refused(act, **asked, **more) == ("AccessDenied", 403)
    s3.put_object(Bucket="own", Key="k", Body=b"", ExpectedBucketOwner=ACCOUNT)
    assert refused(s3.head_object, **asked, Key="k")[1] == 403
    s3.head_object(Bucket="own", Key="k", ExpectedBucketOwner=ACCOUNT)


def test_an_upload_in_parts_is_locked_as_it_asked(s3: Any) -> None:
    until = datetime(2030, 1, 1, tzinfo=UTC)
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    assert refused(begin, s3=s3, **lock) == ("InvalidRequest", 400)
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    begun = s3.create_multipart_upload(Bucket="locked", Key="k", ChecksumAlgorithm="SHA256", **lock)
    upload = {"Bucket": "locked", "Key": "k", "UploadId": begun["UploadId"]}
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [put(s3, upload, 1, b"part")]})
    head = s3.head_object(Bucket="locked", Key="k")
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", until)


def test_more_than_ten_tags_are_refused(s3: Any) -> None:
    tags = "&".join(f"t{number}=v" for number in range(11))
    assert refused(s3.put_object, Bucket="own", Key="k", Body=b"", Tagging=tags) == ("BadRequest", 400)
    assert refused(s3.create_multipart_upload, Bucket="own", Key="k", Tagging=tags) == ("BadRequest", 400)


def test_an_upload_outlives_a_killed_sandbox(tmp_path: Path) -> None:
    """Its id comes from the seed: the requests that are repeated then name it."""
    keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox", "region_name": "us-east-1"}
    running = launcher.start(tmp_path)
    s3 = boto3.client("s3", endpoint_url=running.endpoint, **keys)
    s3.create_bucket(Bucket="own")
    upload = begin(s3)
    part = put(s3, upload, 1, b"part")
    os.kill(running.pid, signal.SIGKILL)
    s3 = boto3.client("s3", endpoint_url=launcher.start(tmp_path).endpoint, **keys)
    try:
        assert [each["ChecksumSHA256"] for each in s3.list_parts(**upload)["Parts"]] == [part["ChecksumSHA256"]]
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
        assert s3.get_object(Bucket="own", Key="k")["Body"].read() == b"part"
    finally:
        launcher.stop(tmp_path)
