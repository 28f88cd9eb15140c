"""What only S3 can do to a release store: versioning, encryption, parts, checksums, failures on the way."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from deliverkit.adapters.aws.releases import S3Releases
from deliverkit.domain.release import BundleFormat
from deliverkit.errors import ConflictError, IntegrityError, UnreachableError, UsageError
from deliverkit.ports import Upload
from deliverkit.testing.contracts.releases import make, send
from deliverkit.testing.releases import ready_bundle

SMALL = b"PK bundle"
PART = 5 * 1024 * 1024
LARGE = b"0123456789abcdef" * (PART // 16) + b"the rest"
"""Two parts: S3 takes none below 5 MiB but the last."""


def store(place, aws=None, **settings) -> S3Releases:
    return S3Releases(aws or place.aws, bucket=place.bucket, prefix="storefront", **settings)


def in_parts(place, aws=None) -> S3Releases:
    return store(place, aws, part_size=PART)


def versions(place) -> list[dict]:
    return place.aws.client("s3").list_object_versions(Bucket=place.bucket).get("Versions", [])


def bundles(place) -> list[dict]:
    return [each for each in versions(place) if "/bundles/" in each["Key"] and not each["Key"].endswith(".json")]


def unfinished(place) -> list[dict]:
    return place.aws.client("s3").list_multipart_uploads(Bucket=place.bucket).get("Uploads", [])


def key_of(content: bytes) -> str:
    return f"storefront/bundles/{ready_bundle(content).manifest_digest.removeprefix('sha256:')}.zip"


def assert_is(upload: Upload, content: bytes, place) -> None:
    revision = upload.revision
    answer = place.aws.client("s3").get_object(Bucket=revision.bucket, Key=revision.key, VersionId=revision.version_id)
    assert answer["Body"].read() == content
    assert answer["ETag"].strip('"') == revision.e_tag
    assert revision.key == key_of(content)


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_a_bundle_is_stored_byte_for_byte_encrypted_and_once(place, content: bytes) -> None:
    releases = in_parts(place)
    first = send(releases, content)
    again = send(in_parts(place), content)
    assert (first.was_sent, again.was_sent) == (True, False)
    assert first.revision == again.revision
    assert_is(first, content, place)
    assert len(bundles(place)) == 1
    head = place.aws.client("s3").head_object(Bucket=place.bucket, Key=key_of(content))
    assert head["ServerSideEncryption"] == "aws:kms"
    assert unfinished(place) == []


def test_s3_is_told_the_checksum_of_a_small_bundle(place) -> None:
    send(store(place))
    head = place.aws.client("s3").head_object(Bucket=place.bucket, Key=key_of(SMALL), ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(SMALL).digest()).decode()


def test_the_format_is_part_of_the_name(place) -> None:
    upload = store(place).upload(ready_bundle(SMALL, format=BundleFormat.TGZ))
    assert upload.revision.key.endswith(".tgz")
    assert upload.revision.format is BundleFormat.TGZ


@pytest.mark.parametrize("status", ["", "Suspended"])
def test_a_bucket_without_versioning_is_refused_before_anything_is_stored(place, make_bucket, status: str) -> None:
    bucket = make_bucket(is_versioned=False)
    if status:
        place.aws.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    with pytest.raises(UsageError, match="versioning") as refusal:
        send(S3Releases(place.aws, bucket=bucket, prefix=""))
    assert bucket in refusal.value.message
    assert "Status=Enabled" in refusal.value.hint
    assert place.aws.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_missing_bucket_is_a_matter_of_configuration(aws) -> None:
    releases = S3Releases(aws, bucket="nobody-made-this", prefix="")
    for act in (lambda: send(releases), releases.list, lambda: releases.get("1.0")):
        with pytest.raises(UsageError, match="nobody-made-this"):
            act()


@pytest.mark.parametrize(
    ("body", "extra", "said"),
    [
        (b"PK bundlE", {"ChecksumAlgorithm": "SHA256"}, "the bytes of"),
        (b"PK longer than it should be", {}, "has 27 bytes"),
        (b"PK bundle", {}, "no SHA-256 checksum"),
        (b"PK bundle", {"ChecksumAlgorithm": "CRC32"}, "no SHA-256 checksum"),
    ],
    ids=["other bytes", "other size", "no checksum", "a weak checksum"],
)
def test_what_somebody_else_put_under_the_name_is_never_deployed(place, body: bytes, extra: dict, said: str) -> None:
    place.aws.client("s3").put_object(Bucket=place.bucket, Key=key_of(SMALL), Body=body, **extra)
    with pytest.raises(IntegrityError, match=said) as refusal:
        send(store(place))
    assert key_of(SMALL) in refusal.value.message
    assert len(bundles(place)) == 1


def test_a_deleted_bundle_is_sent_anew_and_the_old_version_still_exists(place) -> None:
    releases = store(place)
    first = send(releases)
    place.aws.client("s3").delete_object(Bucket=place.bucket, Key=key_of(SMALL))
    assert releases.exists(first.revision)
    second = send(releases)
    assert second.was_sent
    assert second.revision.version_id != first.revision.version_id


def test_a_removed_version_does_not_exist(place) -> None:
    releases = store(place)
    revision = send(releases).revision
    assert not releases.exists(replace(revision, e_tag="0" * 32))
    place.aws.client("s3").delete_object(Bucket=place.bucket, Key=revision.key, VersionId=revision.version_id)
    assert not releases.exists(revision)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_lost_answer_does_no_harm(place, network, shaky_aws, content: bytes) -> None:
    network.concerns = lambda asked: (
        key_of(content) in asked and "partNumber" not in asked and "uploads" not in asked and asked[0] == "P"
    )
    network.lose_answers = 1
    upload = send(in_parts(place, shaky_aws), content)
    assert network.lose_answers == 0
    assert_is(upload, content, place)
    assert len(bundles(place)) == 1
    assert unfinished(place) == []


def test_a_completion_whose_upload_is_gone_has_happened(place, network, shaky_aws) -> None:
    """S3 may answer the repetition of a completion whose answer was lost with NoSuchUpload."""
    network.concerns = lambda asked: asked.startswith("POST") and "uploadId" in asked
    network.lose_answers, network.refuses_repetition = 1, True
    network.refusal = (404, "NoSuchUpload")
    upload = send(in_parts(place, shaky_aws), LARGE)
    assert (network.lose_answers, network.deny) == (0, 0)
    assert_is(upload, LARGE, place)


def test_a_completion_that_is_refused_stores_nothing(place, network, shaky_aws) -> None:
    network.concerns = lambda asked: asked.startswith("POST") and "uploadId" in asked
    network.deny, network.refusal = 1, (400, "InvalidPart")
    with pytest.raises(UsageError, match="InvalidPart"):
        send(in_parts(place, shaky_aws), LARGE)
    assert bundles(place) == []


@pytest.mark.parametrize(
    ("method", "step"),
    [("POST", "?uploads"), ("PUT", "partNumber=1"), ("PUT", "partNumber=2"), ("POST", "?uploadId")],
    ids=["begin", "first part", "second part", "complete"],
)
def test_a_failure_on_the_way_leaves_nothing(place, network, shaky_aws, method: str, step: str) -> None:
    network.concerns = lambda asked: asked.startswith(method) and step in asked
    network.deny = 1
    releases = in_parts(place, shaky_aws)
    with pytest.raises(UnreachableError, match="AccessDenied") as refusal:
        send(releases, LARGE)
    assert key_of(LARGE) in refusal.value.message
    assert network.deny == 0
    assert bundles(place) == []
    assert unfinished(place) == []
    assert send(releases, LARGE).was_sent


def test_that_the_parts_cannot_be_removed_does_not_hide_why(place, network, shaky_aws) -> None:
    network.concerns = lambda asked: "partNumber=2" in asked or asked.startswith("DELETE")
    network.deny = 2
    with pytest.raises(UnreachableError, match=r"uploading s3://.*AccessDenied"):
        send(in_parts(place, shaky_aws), LARGE)
    assert network.deny == 0
    assert bundles(place) == []


def test_of_two_who_send_the_same_one_has_sent_it(place, network, shaky_aws) -> None:
    for content in (SMALL, LARGE):
        network.concerns = lambda asked, content=content: asked.startswith("PUT") and key_of(content) in asked
        network.between = lambda content=content: send(in_parts(place), content)
        upload = send(in_parts(place, shaky_aws), content)
        assert not upload.was_sent
        assert_is(upload, content, place)
    assert len(bundles(place)) == 2


def test_records_are_readable_encrypted_objects_of_their_own(place) -> None:
    releases = store(place)
    releases.record(make(send(releases), "1.2.3+build.7"))
    key = "storefront/releases/1.2.3+build.7.json"
    stored = place.aws.client("s3").get_object(Bucket=place.bucket, Key=key)
    assert stored["ServerSideEncryption"] == "aws:kms"
    assert b'"version":"1.2.3+build.7"' in stored["Body"].read()


def test_two_packagers_of_one_version_agree_on_the_first(place, network, shaky_aws) -> None:
    ours, theirs = store(place, shaky_aws), store(place)
    upload = send(theirs)
    first = make(upload, "1.0", age=5)
    network.concerns = lambda asked: asked.startswith("PUT")
    network.between = lambda: theirs.record(first)
    assert ours.record(make(upload, "1.0")) == first
    network.between = lambda: theirs.record(make(upload, "2.0"))
    other = make(upload, "2.0", b"other")
    with pytest.raises(ConflictError, match=r"2\.0 already names"):
        ours.record(other)


def test_a_record_with_a_damaged_digest_is_an_integrity_error(place) -> None:
    releases = store(place)
    release = releases.record(make(send(releases), "1.0"))
    key, s3 = "storefront/releases/1.0.json", place.aws.client("s3")
    content = s3.get_object(Bucket=place.bucket, Key=key)["Body"].read()
    damaged = release.digest[:-1] + "`"
    s3.put_object(Bucket=place.bucket, Key=key, Body=content.replace(release.digest.encode(), damaged.encode()))
    with pytest.raises(IntegrityError, match="no SHA-256"):
        releases.get("1.0")


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"{}", "not a release record"), (b"\xff", "not a release record"), (None, "not of its own name")],
)
def test_a_damaged_record_is_an_integrity_error(place, body: bytes | None, said: str) -> None:
    releases = store(place)
    releases.record(make(send(releases), "1.0"))
    s3 = place.aws.client("s3")
    content = body or s3.get_object(Bucket=place.bucket, Key="storefront/releases/1.0.json")["Body"].read()
    s3.put_object(Bucket=place.bucket, Key="storefront/releases/2.0.json", Body=content)
    with pytest.raises(IntegrityError, match=said) as refusal:
        releases.get("2.0")
    assert "storefront/releases/2.0.json" in refusal.value.message
    with pytest.raises(IntegrityError, match=said):
        releases.list()
