"""Bundles on their way to S3: parts, kills, other builders, what is told of them, and every way in which S3 says no."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unreliable import Network, aws_at

from deliverkit.adapters.aws.bucket import Encryption, Keeping
from deliverkit.adapters.aws.ledger_s3 import S3Ledger
from deliverkit.adapters.aws.parts import LARGEST_PART, MEBIBYTE, PART_SIZE, PARTS_LIMIT, Part, make, part_size
from deliverkit.adapters.aws.releases import S3Releases
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.domain.release import BundleFormat
from deliverkit.errors import ConflictError, DeliverkitError, ExitCode, IntegrityError, UnreachableError, UsageError
from deliverkit.ports import PreparedBundle, Upload
from deliverkit.testing.clock import FakeClock
from deliverkit.testing.releases import described_bundle

PART = 5 * MEBIBYTE
"""S3 takes no smaller part, but for the last."""
NOW = datetime(2026, 11, 28, 5, 0, tzinfo=UTC)


def block(number: int) -> bytes:
    """Five MiB that no other number gives."""
    return number.to_bytes(4, "big") * (PART // 4)


def bundle_of(parts: int, *, manifest: bytes = b"manifest", chunks: Callable[[], Iterator[bytes]] | None = None):
    made = chunks or (lambda: (block(number) for number in range(1, parts + 1)))
    return described_bundle(manifest, BundleFormat.ZIP, parts * PART, made)


def content_of(parts: int) -> bytes:
    return b"".join(block(number) for number in range(1, parts + 1))


def store(place, aws: Aws | None = None, **given: Any) -> S3Releases:
    return S3Releases(aws or place.aws, bucket=place.bucket, prefix="shop", part_size=PART, **given)


def key_of(bundle: PreparedBundle) -> str:
    return f"shop/bundles/{bundle.manifest_digest.removeprefix('sha256:')}.zip"


def s3(place) -> Any:
    return place.aws.client("s3")


def stored(place, bundle: PreparedBundle) -> bytes:
    return s3(place).get_object(Bucket=place.bucket, Key=key_of(bundle))["Body"].read()


def unfinished(place) -> list[str]:
    listed = s3(place).list_multipart_uploads(Bucket=place.bucket).get("Uploads", [])
    return [upload["UploadId"] for upload in listed]


def parts_of(place, bundle: PreparedBundle, upload_id: str) -> set[int]:
    listed = s3(place).list_parts(Bucket=place.bucket, Key=key_of(bundle), UploadId=upload_id)
    return {part["PartNumber"] for part in listed.get("Parts", [])}


def parts_sent(network: Network) -> list[int]:
    found = (re.search(r"PUT .*partNumber=(\d+)", asked) for asked in network.seen)
    return sorted(int(match[1]) for match in found if match)


def assert_whole(place, upload: Upload, bundle: PreparedBundle, parts: int) -> None:
    content = content_of(parts)
    assert stored(place, bundle) == content
    assert (upload.digest, upload.size) == (f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
    assert unfinished(place) == []


# --- cutting and hashing ---------------------------------------------------------------------------


@given(
    chunks=st.lists(st.binary(max_size=40), max_size=12),
    size=st.integers(1, 30),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_chunks_the_parts_are_the_bytes(chunks: list[bytes], size: int) -> None:
    seen: dict[int, bytes] = {}
    whole: list[bool] = []

    def send(part: Part, digest: bytes) -> None:
        assert hashlib.sha256(part.content).digest() == digest
        assert part.number not in seen
        seen[part.number] = bytes(part.content)
        whole.append(part.is_whole)

    made = make(chunks, size, send)
    content = b"".join(chunks)
    assert b"".join(seen[number] for number in sorted(seen)) == content
    assert sorted(seen) == list(range(1, max(1, -(-len(content) // size)) + 1))
    assert all(len(seen[number]) == size for number in sorted(seen)[:-1])
    assert (made.digest, made.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert whole == ([True] if len(content) <= size else [False] * len(seen))


def test_the_first_failure_of_a_part_ends_the_pass_and_is_told() -> None:
    drawn: list[int] = []

    def endless() -> Iterator[bytes]:
        for number in range(10**9):
            drawn.append(number)
            yield b"x" * 1024

    def send(part: Part, _: bytes) -> None:
        if part.number == 3:
            raise UnreachableError("no more")

    with pytest.raises(UnreachableError, match="no more"):
        make(endless(), 1024, send)
    assert len(drawn) < 10**6


@given(st.integers(0, 10 * LARGEST_PART * PARTS_LIMIT))
def test_ten_thousand_parts_suffice_or_the_bundle_is_refused(limit: int) -> None:
    if limit > LARGEST_PART * PARTS_LIMIT:
        with pytest.raises(UsageError, match="more than one upload can hold"):
            part_size(limit)
        return
    size = part_size(limit)
    assert PART_SIZE <= size <= LARGEST_PART
    assert -(-limit // size) <= PARTS_LIMIT
    assert size % MEBIBYTE == 0


# --- what lies there -------------------------------------------------------------------------------


def test_a_manifest_of_many_files_is_stored_in_parts_and_read_back(lockable) -> None:
    manifest = content_of(2) + b"and more"
    bundle = bundle_of(1, manifest=manifest)
    keeping = Keeping(mode="GOVERNANCE", duration=timedelta(days=1))
    for _ in range(2):
        assert_whole(lockable, store(lockable, keeping=keeping).upload(bundle), bundle, 1)
    key = f"shop/manifests/{bundle.manifest_digest.removeprefix('sha256:')}.json"
    stored_manifest = s3(lockable).head_object(Bucket=lockable.bucket, Key=key, ChecksumMode="ENABLED")
    assert stored_manifest["ChecksumSHA256"].endswith("-3")
    assert "ObjectLockMode" not in stored_manifest
    assert store(lockable).manifest(bundle.manifest_digest) == manifest


@given(sizes=st.lists(st.sampled_from([0, 1, 1000, PART - 1, PART, PART + 1]), max_size=3), seed=st.integers(0, 255))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_lies_in_s3_is_what_was_made(place, sizes: list[int], seed: int) -> None:
    chunks = [bytes([seed + at & 255]) * size for at, size in enumerate(sizes)]
    bundle = described_bundle(repr((sizes, seed)).encode(), BundleFormat.ZIP, sum(sizes), lambda: iter(chunks))
    upload = store(place).upload(bundle)
    content = b"".join(chunks)
    assert stored(place, bundle) == content
    head = s3(place).head_object(Bucket=place.bucket, Key=key_of(bundle), ChecksumMode="ENABLED")
    digests = [hashlib.sha256(content[at : at + PART]).digest() for at in range(0, max(1, len(content)), PART)]
    parts = f"-{len(digests)}" if len(digests) > 1 else ""
    outer = hashlib.sha256(b"".join(digests)).digest() if parts else digests[0]
    assert head["ChecksumSHA256"] == base64.b64encode(outer).decode() + parts
    assert head["VersionId"] == upload.revision.version_id
    assert unfinished(place) == []
    note = json.loads(s3(place).get_object(Bucket=place.bucket, Key=f"{key_of(bundle)}.json")["Body"].read())
    assert note == {
        "digest": upload.digest,
        "size": len(content),
        "version_id": upload.revision.version_id,
        "e_tag": upload.revision.e_tag,
        "checksum": head["ChecksumSHA256"],
    }


@pytest.mark.parametrize("parts", [1, 2], ids=["one request", "parts"])
def test_bundles_are_locked_tagged_and_encrypted_as_configured(place, parts: int) -> None:
    bucket = f"{place.bucket}-locked"
    s3(place).create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    place = replace(place, bucket=bucket)
    key = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    keeping = Keeping("GOVERNANCE", timedelta(days=365), {"team": "shop", "of": "a b/c"})
    encryption = Encryption("aws:kms:dsse", key)
    releases = store(place, encryption=encryption, keeping=keeping, clock=lambda: FakeClock(NOW), owner="123456789012")
    bundle = bundle_of(parts)
    assert_whole(place, releases.upload(bundle), bundle, parts)
    head = s3(place).head_object(Bucket=bucket, Key=key_of(bundle))
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms:dsse", key)
    lock = (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"])
    assert lock == ("GOVERNANCE", NOW + timedelta(days=365))
    tags = s3(place).get_object_tagging(Bucket=bucket, Key=key_of(bundle))["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "shop", "of": "a b/c"}


# --- kills, and other builders ---------------------------------------------------------------------

BUILDER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background has it ignored
sys.path.insert(0, {here!r})
from test_adapters_upload import bundle_of, store
from places import Place
from unreliable import aws_at
aws = aws_at({endpoint!r})
store(Place(aws, {bucket!r}, {endpoint!r})).upload(bundle_of({parts}))
"""


def builder(place, network: Network, parts: int) -> subprocess.Popen[bytes]:
    here = str(Path(__file__).parent)
    script = BUILDER.format(here=here, endpoint=network.endpoint, bucket=place.bucket, parts=parts)
    return subprocess.Popen([sys.executable, "-c", script])


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_upload_is_taken_up_without_sending_a_finished_part_again(place, network, shaky_aws) -> None:
    bundle, parts = bundle_of(6), 6
    network.concerns = lambda asked: "partNumber=5" in asked
    killed = threading.Event()

    def kill() -> None:
        wait_for(lambda: {1, 2, 3} <= parts_of(place, bundle, unfinished(place)[0]))
        process.kill()
        killed.set()

    network.between = kill
    process = builder(place, network, parts)
    assert process.wait(60) == -signal.SIGKILL
    assert killed.wait(10)
    (upload_id,) = unfinished(place)
    finished = parts_of(place, bundle, upload_id)
    assert {1, 2, 3} <= finished
    network.seen.clear()
    upload = store(place, shaky_aws).upload(bundle)
    # What was on its way when the process died may have arrived after we looked: then even less is sent.
    sent = parts_sent(network)
    assert not finished & set(sent)
    assert len(sent) == len(set(sent))
    assert sum("?uploads" in asked and asked.startswith("POST") for asked in network.seen) == 0
    assert upload.was_sent
    assert_whole(place, upload, bundle, parts)


def test_parts_with_other_bytes_are_sent_again(place, network, shaky_aws) -> None:
    bundle = bundle_of(3)
    begun = s3(place).create_multipart_upload(Bucket=place.bucket, Key=key_of(bundle), ChecksumAlgorithm="SHA256")
    for number, content in ((1, block(1)), (2, block(9))):
        checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
        numbered = {"UploadId": begun["UploadId"], "PartNumber": number, "ChecksumSHA256": checksum}
        s3(place).upload_part(Bucket=place.bucket, Key=key_of(bundle), Body=content, **numbered)
    upload = store(place, shaky_aws).upload(bundle)
    assert parts_sent(network) == [2, 3]
    assert_whole(place, upload, bundle, 3)


def test_once_the_bundle_is_there_no_other_upload_of_it_is_left(place) -> None:
    bundle = bundle_of(2)
    for _ in range(2):
        s3(place).create_multipart_upload(Bucket=place.bucket, Key=key_of(bundle), ChecksumAlgorithm="SHA256")
    neighbour = f"{key_of(bundle)}.other"
    theirs = s3(place).create_multipart_upload(Bucket=place.bucket, Key=neighbour)["UploadId"]
    store(place).upload(bundle)
    assert unfinished(place) == [theirs]


def test_a_taken_up_upload_is_locked_from_now(place) -> None:
    bucket = f"{place.bucket}-locked"
    s3(place).create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    place = replace(place, bucket=bucket)
    bundle = bundle_of(2)
    earlier = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": NOW}
    s3(place).create_multipart_upload(Bucket=bucket, Key=key_of(bundle), ChecksumAlgorithm="SHA256", **earlier)
    store(place, keeping=Keeping("GOVERNANCE", timedelta(days=30)), clock=lambda: FakeClock(NOW)).upload(bundle)
    head = s3(place).head_object(Bucket=bucket, Key=key_of(bundle))
    assert head["ObjectLockRetainUntilDate"] == NOW + timedelta(days=30)


# --- locks -----------------------------------------------------------------------------------------

LOCK = Keeping("GOVERNANCE", timedelta(days=30))


@pytest.fixture
def lockable(place):
    bucket = f"{place.bucket}-locked"
    s3(place).create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    return replace(place, bucket=bucket)


def locked_until(place, bundle: PreparedBundle, version_id: str = "") -> datetime | None:
    version = {"VersionId": version_id} if version_id else {}
    head = s3(place).head_object(Bucket=place.bucket, Key=key_of(bundle), **version)
    until: datetime | None = head.get("ObjectLockRetainUntilDate")
    return until


def locking(place, aws: Aws | None = None, at: datetime = NOW, keeping: Keeping | None = LOCK) -> S3Releases:
    return store(place, aws, keeping=keeping, clock=lambda: FakeClock(at))


@pytest.mark.parametrize("parts", [1, 2], ids=["one request", "parts"])
def test_a_bundle_that_was_stored_before_locks_were_configured_is_locked_when_it_is_packaged(
    lockable, parts: int
) -> None:
    bundle = bundle_of(parts)
    upload = locking(lockable, keeping=None).upload(bundle)
    assert locked_until(lockable, bundle) is None
    assert not locking(lockable).upload(bundle).was_sent
    assert locked_until(lockable, bundle, upload.revision.version_id) == NOW + LOCK.duration


def test_a_lock_that_ran_out_or_will_soon_is_renewed_and_a_fresh_one_is_not(lockable, network, shaky_aws) -> None:
    bundle = bundle_of(1)
    locking(lockable).upload(bundle)
    locking(lockable, shaky_aws, NOW + timedelta(days=2)).upload(bundle)
    assert {asked.split()[0] for asked in network.seen} <= {"GET", "HEAD"}
    for days in (20, 100):
        locking(lockable, at=NOW + timedelta(days=days)).upload(bundle)
        assert locked_until(lockable, bundle) == NOW + timedelta(days=days) + LOCK.duration


def test_a_lock_is_never_made_shorter_or_weaker(lockable) -> None:
    bundle = bundle_of(1)
    locking(lockable, keeping=Keeping("COMPLIANCE", timedelta(days=60))).upload(bundle)
    locking(lockable).upload(bundle)
    assert locked_until(lockable, bundle) == NOW + timedelta(days=60)
    later = NOW + timedelta(days=50)
    locking(lockable, at=later).upload(bundle)
    head = s3(lockable).head_object(Bucket=lockable.bucket, Key=key_of(bundle))
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("COMPLIANCE", later + LOCK.duration)


def begin_unlocked(place, bundle: PreparedBundle) -> None:
    s3(place).create_multipart_upload(Bucket=place.bucket, Key=key_of(bundle), ChecksumAlgorithm="SHA256")


def test_a_lock_that_was_refused_is_set_by_the_next_run(lockable, network, shaky_aws) -> None:
    bundle = bundle_of(2)
    begin_unlocked(lockable, bundle)
    network.concerns = lambda asked: asked.startswith("PUT") and "retention" in asked
    network.deny = 1
    with pytest.raises(UnreachableError, match="locking") as refusal:
        locking(lockable, shaky_aws).upload(bundle)
    assert "s3:PutObjectRetention" in refusal.value.hint
    assert locked_until(lockable, bundle) is None
    assert not locking(lockable).upload(bundle).was_sent
    assert locked_until(lockable, bundle) == NOW + LOCK.duration


def test_a_completion_whose_answer_was_lost_ends_in_a_lock(lockable, network, shaky_aws) -> None:
    bundle = bundle_of(2)
    begin_unlocked(lockable, bundle)
    network.concerns = lambda asked: asked.startswith("POST") and "uploadId" in asked
    network.lose_answers, network.refuses_repetition = 1, True
    network.refusal = (404, "NoSuchUpload")
    locking(lockable, shaky_aws).upload(bundle)
    assert (network.lose_answers, network.deny) == (0, 0)
    assert locked_until(lockable, bundle) == NOW + LOCK.duration


def test_what_another_builder_completed_without_a_lock_is_locked(lockable, network, shaky_aws) -> None:
    bundle = bundle_of(2)
    network.concerns = lambda asked: "partNumber=2" in asked
    network.between = lambda: locking(lockable, keeping=None).upload(bundle)
    begin_unlocked(lockable, bundle)
    assert not locking(lockable, shaky_aws).upload(bundle).was_sent
    assert locked_until(lockable, bundle) == NOW + LOCK.duration


def test_whoever_may_not_see_locks_renews_them_each_time(lockable, network, shaky_aws) -> None:
    """HeadObject tells of locks only to those with s3:GetObjectRetention."""
    bundle = bundle_of(1)
    locking(lockable).upload(bundle)
    network.concerns = lambda asked: asked.startswith("HEAD")
    network.hiding = ("x-amz-object-lock",)
    locking(lockable, shaky_aws, NOW + timedelta(days=1)).upload(bundle)
    assert locked_until(lockable, bundle) == NOW + timedelta(days=1) + LOCK.duration


def test_whoever_may_not_list_uploads_begins_anew(place, network, shaky_aws) -> None:
    bundle = bundle_of(2)
    network.concerns = lambda asked: asked.startswith("GET") and "uploads" in asked
    network.deny = 1
    assert_whole(place, store(place, shaky_aws).upload(bundle), bundle, 2)
    assert network.deny == 0


def test_an_upload_that_another_builder_aborts_is_begun_anew(place, network, shaky_aws) -> None:
    bundle = bundle_of(3)

    def abort() -> None:
        for upload_id in unfinished(place):
            s3(place).abort_multipart_upload(Bucket=place.bucket, Key=key_of(bundle), UploadId=upload_id)

    network.concerns = lambda asked: "partNumber=2" in asked
    network.between = abort
    upload = store(place, shaky_aws).upload(bundle)
    assert upload.was_sent
    assert_whole(place, upload, bundle, 3)


def test_uploads_that_are_always_aborted_are_given_up(place, network, shaky_aws) -> None:
    network.concerns = lambda asked: "partNumber=1" in asked
    network.deny, network.refusal = 99, (404, "NoSuchUpload")
    with pytest.raises(ConflictError, match="others ended the upload 3 times") as refusal:
        store(place, shaky_aws).upload(bundle_of(2))
    assert "deliverkit package" in refusal.value.hint
    assert network.deny == 96


def test_builders_at_the_same_time_agree(place) -> None:
    bundle = bundle_of(4)
    uploads: list[Upload] = []
    builders = [
        threading.Thread(target=lambda: uploads.append(store(place, aws_at(place.endpoint)).upload(bundle)))
        for _ in range(4)
    ]
    for each in builders:
        each.start()
    for each in builders:
        each.join()
    assert len(uploads) == 4
    assert {upload.revision for upload in uploads} == {uploads[0].revision}
    assert_whole(place, uploads[0], bundle, 4)
    versions = s3(place).list_object_versions(Bucket=place.bucket, Prefix=key_of(bundle))["Versions"]
    assert len([each for each in versions if each["Key"] == key_of(bundle)]) == 1


# --- the note --------------------------------------------------------------------------------------


@pytest.mark.parametrize("note", [None, b"{}", b'{"digest": "sha256:0"'], ids=["none", "empty", "cut off"])
def test_a_bundle_without_its_note_is_proven_and_not_sent(place, network, shaky_aws, note: bytes | None) -> None:
    bundle = bundle_of(2)
    first = store(place).upload(bundle)
    noted = f"{key_of(bundle)}.json"
    written = s3(place).get_object(Bucket=place.bucket, Key=noted)["Body"].read()
    s3(place).delete_object(Bucket=place.bucket, Key=noted)
    if note is not None:
        s3(place).put_object(Bucket=place.bucket, Key=noted, Body=note)
    again = store(place, shaky_aws).upload(bundle)
    assert again == replace(first, was_sent=False)
    assert parts_sent(network) == []
    assert s3(place).get_object(Bucket=place.bucket, Key=noted)["Body"].read() == written


def test_a_note_of_another_object_proves_nothing(place) -> None:
    bundle = bundle_of(2)
    store(place).upload(bundle)
    checksum = base64.b64encode(hashlib.sha256(b"evil").digest()).decode()
    s3(place).put_object(Bucket=place.bucket, Key=key_of(bundle), Body=b"evil", ChecksumSHA256=checksum)
    with pytest.raises(IntegrityError, match="has 4 bytes") as refusal:
        store(place).upload(bundle)
    assert refusal.value.exit_code == ExitCode.INTEGRITY


def test_the_same_size_in_parts_with_other_bytes_is_never_deployed(place) -> None:
    other = bundle_of(2, chunks=lambda: iter((block(8), block(9))))
    store(place).upload(other)
    s3(place).delete_object(Bucket=place.bucket, Key=f"{key_of(other)}.json")
    with pytest.raises(IntegrityError, match="are not those of its name"):
        store(place).upload(bundle_of(2))


def test_what_was_stored_in_one_request_by_other_means_is_known_by_its_checksum(place) -> None:
    bundle, content = bundle_of(2), content_of(2)
    checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
    put = {"Bucket": place.bucket, "Key": key_of(bundle), "Body": content}
    s3(place).put_object(**put, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum)
    upload = store(place).upload(bundle)
    assert not upload.was_sent
    assert_whole(place, upload, bundle, 2)


# --- S3 says no ------------------------------------------------------------------------------------

REFUSALS: dict[str, tuple[int, str, str, type[DeliverkitError], str, str]] = {
    "region": (400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>", UsageError, "eu-west-1", "--region"),
    "clock": (
        403,
        "RequestTimeTooSkewed",
        "<RequestTime>20261129T050000Z</RequestTime><ServerTime>2026-11-28T05:00:00Z</ServerTime>",
        UnreachableError,
        "says it is 20261129T050000Z, AWS says 2026-11-28T05:00:00Z",
        "timedatectl",
    ),
    "kms key": (400, "KMS.DisabledException", "", UsageError, "KMS.DisabledException", "aws kms describe-key"),
    "read only": (403, "AccessDenied", "", UnreachableError, "AccessDenied", "kms:GenerateDataKey and kms:Decrypt"),
}


@pytest.mark.parametrize("parts", [1, 3], ids=["one request", "parts"])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_names_cause_and_next_step_and_leaves_nothing(
    place, network, shaky_aws, refusal: tuple[int, str, str, type[DeliverkitError], str, str], parts: int
) -> None:
    status, code, detail, kind, said, advice = refusal
    bundle = bundle_of(parts)
    network.concerns = lambda asked: asked.startswith("PUT") and key_of(bundle) in asked
    network.deny, network.refusal, network.detail = 99, (status, code), detail
    with pytest.raises(kind) as raised:
        store(place, shaky_aws).upload(bundle)
    assert (said in raised.value.message, advice in raised.value.hint) == (True, True), raised.value.hint
    assert key_of(bundle) in raised.value.message
    assert s3(place).list_objects_v2(Bucket=place.bucket, Prefix="shop/bundles/")["KeyCount"] == 0
    assert unfinished(place) == []


def test_a_lock_in_a_bucket_without_object_lock_is_a_matter_of_configuration(place) -> None:
    for parts in (1, 2):
        with pytest.raises(UsageError, match="Lock") as refusal:
            store(place, keeping=Keeping("COMPLIANCE", timedelta(days=1))).upload(bundle_of(parts))
        assert "put-object-lock-configuration" in refusal.value.hint
        assert unfinished(place) == []


def test_a_bucket_of_another_account_is_refused_by_everything(place) -> None:
    releases = store(place, owner="210987654321")
    ledger = S3Ledger(place.aws, bucket=place.bucket, prefix="l", owner="210987654321")
    for act in (lambda: releases.upload(bundle_of(1)), releases.list, lambda: list(ledger.streams(""))):
        with pytest.raises(UnreachableError, match=r"AccessDenied|403") as refusal:
            act()
        assert "belong to account 210987654321 (release.bucket_owner)" in refusal.value.hint
    assert s3(place).list_objects_v2(Bucket=place.bucket)["KeyCount"] == 0


def test_a_part_that_is_throttled_or_cut_off_is_sent_again(place, network, shaky_aws) -> None:
    bundle = bundle_of(3)
    network.concerns = lambda asked: "partNumber=2" in asked
    network.deny, network.refusal, network.cut = 1, (503, "SlowDown"), 1
    assert_whole(place, store(place, shaky_aws).upload(bundle), bundle, 3)
    assert parts_sent(network) == [1, 2, 2, 2, 3]


def test_a_connection_that_is_always_cut_in_part_seven_leaves_nothing(place, network, shaky_aws) -> None:
    bundle = bundle_of(9)
    network.concerns = lambda asked: "partNumber=7" in asked
    network.cut = 99
    with pytest.raises(UnreachableError, match="no answer") as refusal:
        store(place, shaky_aws).upload(bundle)
    assert refusal.value.exit_code == ExitCode.UNREACHABLE
    assert unfinished(place) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, UsageError("a file changed")], ids=repr)
def test_whatever_ends_the_packing_leaves_nothing(place, error: BaseException) -> None:
    def broken() -> Iterator[bytes]:
        yield from (block(1), block(2), block(3))
        raise error

    with pytest.raises(type(error) if isinstance(error, BaseException) else error):
        store(place).upload(bundle_of(9, chunks=broken))
    assert unfinished(place) == []
    assert s3(place).list_objects_v2(Bucket=place.bucket, Prefix="shop/bundles/")["KeyCount"] == 0


# --- credentials and progress ----------------------------------------------------------------------

PROCESS = """\
import datetime, json, pathlib
count = pathlib.Path({count!r})
number = int(count.read_text() or 0) + 1 if count.exists() else 1
count.write_text(str(number))
soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=8)
print(json.dumps({{"Version": 1, "AccessKeyId": f"AKIAREFRESHED{{number:07}}", "SecretAccessKey": "s",
                   "SessionToken": "t", "Expiration": soon.isoformat()}}))
"""


def test_credentials_are_refreshed_while_a_bundle_is_on_its_way(place, network, tmp_path: Path) -> None:
    """botocore renews what expires within ten minutes; here that is every key, as at the end of a long upload."""
    script, profiles = tmp_path / "process.py", tmp_path / "credentials"
    script.write_text(PROCESS.format(count=str(tmp_path / "count")))
    profiles.write_text(f"[builder]\ncredential_process = {sys.executable} {script}\n")
    account = Account("builder", "us-east-1", network.endpoint, credentials_file=profiles)
    bundle = bundle_of(4)
    assert_whole(place, store(place, Aws(account)).upload(bundle), bundle, 4)
    signers = [key for asked, key in zip(network.seen, network.signers, strict=True) if "partNumber" in asked]
    assert len(signers) == 4
    assert len(set(signers)) > 1
    assert all(key.startswith("AKIAREFRESHED") for key in signers)


def test_a_listener_hears_of_every_byte_from_its_own_thread(place) -> None:
    heard: list[tuple[int, int]] = []
    threads: set[int] = set()

    def listener(done: int, limit: int) -> None:
        threads.add(threading.get_ident())
        heard.append((done, limit))

    store(place).upload(bundle_of(5), listener=listener)
    assert threads == {threading.get_ident()}
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert heard[-1] == (5 * PART, 5 * PART)


def test_an_interrupted_process_leaves_nothing(place, network) -> None:
    """As for SIGTERM, whose handler in the command line raises in the main thread too."""
    bundle = bundle_of(6)
    network.concerns = lambda asked: "partNumber=3" in asked
    network.between = lambda: os.kill(process.pid, signal.SIGINT)
    process = builder(place, network, 6)
    assert process.wait(60) != 0
    wait_for(lambda: not unfinished(place))
    assert s3(place).list_objects_v2(Bucket=place.bucket, Prefix=key_of(bundle))["KeyCount"] == 0


CONFIGURATION = """\
application: shop
release:
  version: {{literal: "1.0"}}
  bundle: {{path: build}}
  store: s3://{bucket}
environments:
  dev:
    deploy: {{codedeploy: {{group: shop-dev}}}}
"""


def test_sigterm_ends_the_command_with_143_and_leaves_nothing(place, network, tmp_path: Path) -> None:
    """As Jenkins aborts a build; typed again, the command stores the bundle."""
    build = tmp_path / "build"
    build.mkdir()
    (build / "random.bin").write_bytes(os.urandom(40 * MEBIBYTE))
    (build / "appspec.yml").write_text("version: 0.0\nos: linux\nfiles: [{source: /random.bin, destination: /srv}]\n")
    (tmp_path / "deliverkit.yml").write_text(CONFIGURATION.format(bucket=place.bucket))
    keys = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox", "AWS_DEFAULT_REGION": "us-east-1"}
    command = [sys.executable, "-m", "deliverkit", "--endpoint-url", network.endpoint, "package"]
    given = {"cwd": tmp_path, "env": {**os.environ, **keys}, "stderr": subprocess.PIPE, "text": True}
    network.concerns = lambda asked: "partNumber=3" in asked
    network.between = lambda: process.send_signal(signal.SIGTERM)
    process = subprocess.Popen(command, **given)
    _, said = process.communicate(timeout=60)
    assert process.returncode == ExitCode.TERMINATED, said
    assert unfinished(place) == []
    assert s3(place).list_objects_v2(Bucket=place.bucket, Prefix="bundles/")["KeyCount"] == 0
    again = subprocess.run(command, check=False, timeout=60, stdout=subprocess.DEVNULL, **given)
    assert (again.returncode, "uploaded" in again.stderr) == (0, True), again.stderr
