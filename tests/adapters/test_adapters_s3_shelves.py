"""Copying releases to other regions and removing them, in S3: proofs, versions, locks, failures on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.adapters.aws.pruning import S3Removals
from deliverkit.adapters.aws.releases import S3Releases
from deliverkit.adapters.aws.replicas import S3Replicas
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.release import Release
from deliverkit.domain.release_rules import ReplicaPlace
from deliverkit.domain.replica import Proof
from deliverkit.engine.replication import revisions_in
from deliverkit.errors import IntegrityError, NotFoundError, UnreachableError, UsageError
from deliverkit.testing import FakeClock
from deliverkit.testing.contracts import RemoverContract, ReplicasContract
from deliverkit.testing.contracts.releases import AT
from deliverkit.testing.contracts.removals import BY, Shelf
from deliverkit.testing.contracts.replicas import ASIA, EUROPE, Shelves
from deliverkit.testing.identity import DEVELOPER
from deliverkit.testing.releases import ready_bundle

PART = 5 * 1024 * 1024
LARGE = b"0123456789abcdef" * (PART // 16) + b"the rest"


def regional(place, region: str, *, is_versioned: bool = True) -> str:
    name = f"{place.bucket}-{region}"
    client = place.aws.client("s3", region)
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    if is_versioned:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def places(place) -> dict[str, ReplicaPlace]:
    return {region: ReplicaPlace(regional(place, region), "copies/storefront") for region in (EUROPE, ASIA)}


@pytest.fixture(params=["storefront", ""], ids=["prefix", "whole-bucket"])
def prefix(request) -> str:
    return str(request.param)


Shelved = Callable[..., Shelves]


@pytest.fixture
def shelved(place, places, prefix) -> Shelved:
    def make(aws: Aws | None = None, **limits: int) -> Shelves:
        aws = aws or place.aws
        releases = S3Releases(aws, bucket=place.bucket, prefix=prefix, part_size=PART)
        bucket, who = Bucket(aws, place.bucket, page_size=2), lambda: DEVELOPER
        return Shelves(
            releases, S3Replicas(aws, bucket, prefix, places=places, clock=FakeClock(), identity=who, **limits)
        )

    return make


@pytest.fixture
def shelves(shelved: Shelved) -> Shelves:
    return shelved()


def removals(place, shelves: Shelves, prefix: str, aws: Aws | None = None) -> S3Removals:
    bucket = Bucket(aws or place.aws, place.bucket)
    return S3Removals(bucket, prefix, replicas=shelves.replicas)


def objects(place, bucket: str | None = None) -> set[str]:
    """Keys of all versions and delete markers."""
    found = place.aws.client("s3").list_object_versions(Bucket=bucket or place.bucket)
    return {each["Key"] for kind in ("Versions", "DeleteMarkers") for each in found.get(kind, [])}


class TestS3Replicas(ReplicasContract):
    @pytest.fixture
    def shelves(self, shelved: Shelved) -> Shelves:
        return shelved()


class TestS3Removals(RemoverContract):
    @pytest.fixture
    def shelf(self, place, shelved: Shelved, prefix: str) -> Shelf:
        made = shelved()
        return Shelf(made.releases, removals(place, made, prefix))


# --- copies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"PK bundle", LARGE], ids=["small", "large"])
def test_a_copy_has_the_bytes_and_s3_proves_it(place, shelves: Shelves, content: bytes) -> None:
    release = shelves.release("1.0", content)
    copy = shelves.replicas.replicate(release, EUROPE)
    where = {"Bucket": copy.bundle.bucket, "Key": copy.bundle.key, "VersionId": copy.bundle.version_id}
    answer = place.aws.client("s3", EUROPE).get_object(**where)
    assert answer["Body"].read() == content
    assert answer["ServerSideEncryption"] == "aws:kms"
    assert copy.proof is Proof.DIGEST


def test_a_copy_that_is_too_large_for_one_request_goes_in_parts(place, shelved: Shelved) -> None:
    shelves = shelved(copy_limit=PART, part_size=PART)
    release = shelves.release("1.0", LARGE)
    copy = shelves.replicas.replicate(release, EUROPE)
    where = {"Bucket": copy.bundle.bucket, "Key": copy.bundle.key, "VersionId": copy.bundle.version_id}
    assert place.aws.client("s3", EUROPE).get_object(**where)["Body"].read() == LARGE
    assert copy.proof in {Proof.CHECKSUM, Proof.CONTENT}
    assert place.aws.client("s3", EUROPE).list_multipart_uploads(Bucket=where["Bucket"]).get("Uploads", []) == []


def test_parts_that_cannot_be_copied_leave_nothing(place, places, shelved: Shelved, network, shaky_aws) -> None:
    shelves = shelved(shaky_aws, copy_limit=PART, part_size=PART)
    release = shelves.release("1.0", LARGE)
    network.concerns = lambda asked: "partNumber=2" in asked and EUROPE in asked
    network.deny = 1
    with pytest.raises(UnreachableError, match="AccessDenied"):
        shelves.replicas.replicate(release, EUROPE)
    assert network.deny == 0
    bucket = places[EUROPE].bucket
    assert objects(place, bucket) == set()
    assert place.aws.client("s3", EUROPE).list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    assert shelves.replicas.of(release) == ()


@pytest.mark.parametrize("is_read", [False, True], ids=["by checksum", "by reading"])
def test_other_bytes_under_the_copys_name_are_never_deployed(place, places, shelves: Shelves, is_read: bool) -> None:
    release = shelves.release("1.0")
    key = f"copies/storefront/bundles/{release.bundle.key.rpartition('/')[2]}"
    place.aws.client("s3", EUROPE).put_object(
        Bucket=places[EUROPE].bucket, Key=key, Body=b"1.1", ChecksumAlgorithm="SHA256"
    )
    with pytest.raises(IntegrityError, match=r"no copy of 1\.0") as refusal:
        shelves.replicas.replicate(release, EUROPE, is_read=is_read)
    assert key in refusal.value.message
    assert shelves.replicas.of(release) == ()
    assert objects(place, places[EUROPE].bucket) == {key}


def test_the_same_bytes_under_the_copys_name_are_taken_once_they_are_proven(place, places, shelves: Shelves) -> None:
    release = shelves.release("1.0")
    key = f"copies/storefront/bundles/{release.bundle.key.rpartition('/')[2]}"
    stored = place.aws.client("s3", EUROPE).put_object(Bucket=places[EUROPE].bucket, Key=key, Body=b"1.0")
    copy = shelves.replicas.replicate(release, EUROPE)
    assert copy.bundle.version_id == stored["VersionId"]
    assert copy.proof is Proof.CONTENT  # nobody told S3 a SHA-256


def test_a_copy_that_was_lost_is_made_anew(place, shelves: Shelves) -> None:
    release = shelves.release("1.0")
    first = shelves.replicas.replicate(release, EUROPE)
    where = {"Bucket": first.bundle.bucket, "Key": first.bundle.key}
    place.aws.client("s3", EUROPE).delete_object(**where, VersionId=first.bundle.version_id)
    assert not shelves.replicas.exists(first)
    second = shelves.replicas.replicate(release, EUROPE)
    assert second.bundle.version_id != first.bundle.version_id
    assert shelves.replicas.of(release) == (second,)


def test_an_original_that_is_not_the_recorded_one_is_not_copied(place, places, shelves: Shelves) -> None:
    release = shelves.release("1.0")
    wrong = replace(release, bundle=replace(release.bundle, e_tag="0" * 32))
    with pytest.raises(IntegrityError, match="not what was recorded"):
        shelves.replicas.replicate(wrong, EUROPE)
    assert objects(place, places[EUROPE].bucket) == set()


def test_of_two_who_copy_one_wins_and_both_have_the_same(place, shelved: Shelved, network, shaky_aws) -> None:
    ours, theirs = shelved(shaky_aws), shelved()
    release = theirs.release("1.0")
    network.concerns = lambda asked: asked.startswith("PUT") and EUROPE in asked and "/bundles/" in asked
    network.between = lambda: theirs.replicas.replicate(release, EUROPE)
    copy = ours.replicas.replicate(release, EUROPE)
    assert theirs.replicas.of(release) == (copy,)
    versions = place.aws.client("s3", EUROPE).list_object_versions(Bucket=copy.bundle.bucket)["Versions"]
    assert [each["VersionId"] for each in versions] == [copy.bundle.version_id]


def test_a_bucket_that_is_elsewhere_is_refused(place, places, shelves: Shelves) -> None:
    places[EUROPE] = places[ASIA]
    with pytest.raises(UsageError, match=f"is in {ASIA}, not in {EUROPE}"):
        shelves.replicas.replicate(shelves.release("1.0"), EUROPE)


def test_a_bucket_without_versioning_or_that_nobody_made_is_refused(place, places, shelves: Shelves) -> None:
    release = shelves.release("1.0")
    places["eu-north-1"] = ReplicaPlace(regional(place, "eu-north-1", is_versioned=False), "")
    with pytest.raises(UsageError, match="versioning") as refusal:
        shelves.replicas.replicate(release, "eu-north-1")
    assert "Status=Enabled" in refusal.value.hint
    places["eu-north-1"] = ReplicaPlace("nobody-made-this-one", "")
    with pytest.raises(UsageError, match="no bucket nobody-made-this-one"):
        shelves.replicas.replicate(release, "eu-north-1")


def test_the_store_knows_its_own_region(shelves: Shelves) -> None:
    assert shelves.replicas.home == "us-east-1"


def test_a_record_about_other_bytes_is_an_integrity_error(place, shelves: Shelves, prefix: str) -> None:
    release = shelves.release("1.0")
    shelves.replicas.replicate(release, EUROPE)
    digits = release.bundle.key.rpartition("/")[2].partition(".")[0]
    key = f"{prefix}/replicas/{digits}/{EUROPE}.json".lstrip("/")
    s3 = place.aws.client("s3")
    record = json.loads(s3.get_object(Bucket=place.bucket, Key=key)["Body"].read())
    for body in (b"{}", json.dumps({**record, "digest": "sha256:" + "0" * 64}).encode()):
        s3.put_object(Bucket=place.bucket, Key=key, Body=body)
        with pytest.raises(IntegrityError, match=EUROPE):
            shelves.replicas.of(release)


# --- forged records --------------------------------------------------------------------------------


def record_of(place, release: Release, prefix: str) -> tuple[str, dict]:
    """Key and content of the record of the copy in Europe."""
    digits = release.bundle.key.rpartition("/")[2].partition(".")[0]
    key = f"{prefix}/replicas/{digits}/{EUROPE}.json".lstrip("/")
    return key, json.loads(place.aws.client("s3").get_object(Bucket=place.bucket, Key=key)["Body"].read())


def forge(place, release: Release, prefix: str, **bundle: str) -> None:
    """Let the record of the copy in Europe name another object."""
    key, record = record_of(place, release, prefix)
    body = json.dumps({**record, "bundle": {**record["bundle"], **bundle}}).encode()
    place.aws.client("s3").put_object(Bucket=place.bucket, Key=key, Body=body)


def plant(place, bucket: str, key: str, **checksum: str) -> dict[str, str]:
    """Evil bytes of the right length; what a record would name."""
    put = place.aws.client("s3", EUROPE).put_object(Bucket=bucket, Key=key, Body=b"1.!", **checksum)
    return {"version_id": put["VersionId"], "e_tag": put["ETag"].strip('"')}


def test_a_record_that_names_another_place_makes_no_copy_and_is_repaired(place, places, shelves, prefix) -> None:
    release = shelves.release("1.0")
    copy = shelves.replicas.replicate(release, EUROPE)
    for change in ({"bucket": places[ASIA].bucket}, {"key": f"{copy.bundle.key}.zip"}, {"key": "anything.zip"}):
        forge(place, release, prefix, **change)
        assert shelves.replicas.of(release) == ()
        assert revisions_in(shelves.replicas, [release], [EUROPE]) == {}
        assert shelves.replicas.replicate(release, EUROPE).bundle == copy.bundle


def test_a_record_of_another_region_than_its_name_is_an_integrity_error(place, shelves, prefix) -> None:
    release = shelves.release("1.0")
    shelves.replicas.replicate(release, EUROPE)
    key, record = record_of(place, release, prefix)
    place.aws.client("s3").put_object(
        Bucket=place.bucket, Key=key, Body=json.dumps({**record, "region": ASIA}).encode()
    )
    with pytest.raises(IntegrityError, match=ASIA):
        shelves.replicas.of(release)


@pytest.mark.parametrize("checksum", [{"ChecksumAlgorithm": "SHA256"}, {}], ids=["told by s3", "read"])
def test_other_bytes_in_the_right_place_are_proven_false_whatever_the_record_says(
    place, shelves, prefix, checksum: dict[str, str]
) -> None:
    release = shelves.release("1.0")
    copy = shelves.replicas.replicate(release, EUROPE)
    assert shelves.replicas.prove(release, EUROPE, copy.bundle) is Proof.DIGEST
    forge(place, release, prefix, **plant(place, copy.bundle.bucket, copy.bundle.key, **checksum))
    (forged,) = shelves.replicas.of(release)
    with pytest.raises(IntegrityError, match=r"no copy of 1\.0"):
        shelves.replicas.prove(release, EUROPE, forged.bundle)
    with pytest.raises(IntegrityError, match=r"no copy of 1\.0"):
        shelves.replicas.replicate(release, EUROPE)


def test_what_lies_elsewhere_or_is_gone_is_not_proven(place, shelves) -> None:
    release = shelves.release("1.0")
    copy = shelves.replicas.replicate(release, EUROPE)
    with pytest.raises(IntegrityError, match="outside"):
        shelves.replicas.prove(release, EUROPE, replace(copy.bundle, key="anything.zip"))
    where = {"Bucket": copy.bundle.bucket, "Key": copy.bundle.key, "VersionId": copy.bundle.version_id}
    place.aws.client("s3", EUROPE).delete_object(**where)
    with pytest.raises(NotFoundError, match="gone"):
        shelves.replicas.prove(release, EUROPE, copy.bundle)


def test_nothing_is_removed_that_lies_outside_the_places_of_copies(place, places, shelves) -> None:
    release = shelves.release("1.0")
    copy = shelves.replicas.replicate(release, EUROPE)
    precious = plant(place, places[EUROPE].bucket, "precious")
    for bundle in (replace(copy.bundle, key="precious", **precious), release.bundle):
        with pytest.raises(IntegrityError, match="outside"):
            shelves.replicas.remove(replace(copy, bundle=bundle))
    assert "precious" in objects(place, places[EUROPE].bucket)
    assert shelves.releases.exists(release.bundle)


# --- removing --------------------------------------------------------------------------------------


def test_a_copy_whose_record_cannot_be_read_leaves_the_release_whole(place, shelves: Shelves, prefix: str) -> None:
    release = shelves.release("1.0")
    shelves.replicas.replicate(release, EUROPE)
    digits = release.bundle.key.rpartition("/")[2].partition(".")[0]
    key = f"{prefix}/replicas/{digits}/{EUROPE}.json".lstrip("/")
    place.aws.client("s3").put_object(Bucket=place.bucket, Key=key, Body=b"{}")
    remover = removals(place, shelves, prefix)
    with pytest.raises(IntegrityError):
        remover.remove(release, by=BY, at=AT)
    assert shelves.releases.list() == (release,)
    assert remover.begun() == ()


def test_everything_of_a_release_goes_in_every_region(place, places, shelves: Shelves, prefix: str) -> None:
    release = shelves.release("1.0")
    for region in places:
        shelves.replicas.replicate(release, region)
    attached = f"{prefix}/attestations/{release.digest.removeprefix('sha256:')}/abc.provenance".lstrip("/")
    place.aws.client("s3").put_object(Bucket=place.bucket, Key=attached, Body=b"{}")
    remover = removals(place, shelves, prefix)
    named = replace(release, manifest=ready_bundle(b"1.0").manifest_digest)
    place.aws.client("s3").delete_object(Bucket=place.bucket, Key=f"{prefix}/releases/1.0.json".lstrip("/"))
    shelves.releases.record(named)
    remover.remove(named, by=BY, at=AT)
    assert objects(place) == {f"{prefix}/pruned/1.0.json".lstrip("/")}
    remover.settle(named)
    assert objects(place) == set()
    assert [objects(place, each.bucket) for each in places.values()] == [set(), set()]


def test_of_a_bundle_that_was_sent_twice_only_the_version_that_nobody_names_goes(place, shelves, prefix) -> None:
    first = shelves.release("1.0", b"same")
    place.aws.client("s3").delete_object(Bucket=place.bucket, Key=first.bundle.key)
    second = shelves.release("2.0", b"same")
    assert first.bundle.version_id != second.bundle.version_id
    removals(place, shelves, prefix).remove(first, by=BY, at=AT)
    assert not shelves.releases.exists(first.bundle)
    assert shelves.releases.exists(second.bundle)


def is_change(asked: str) -> bool:
    return asked.startswith(("PUT", "DELETE")) or "?delete" in asked


@pytest.mark.parametrize("step", range(8))
def test_a_crash_anywhere_leaves_a_whole_release_or_none(
    place, shelved: Shelved, prefix: str, network, shaky_aws, step: int
) -> None:
    """The n-th change is denied, as if the process had died there; whoever comes next ends it."""
    shelves = shelved()
    release, other = shelves.release("1.0"), shelves.release("2.0")
    shelves.replicas.replicate(release, EUROPE)
    changes = iter(range(100))
    network.concerns = lambda asked: is_change(asked) and next(changes) == step
    network.deny = 1
    remover = removals(place, shelved(shaky_aws), prefix, shaky_aws)
    try:
        remover.remove(release, by=BY, at=AT)
        remover.settle(release)
    except UnreachableError:
        is_whole = release in shelves.releases.list()
        assert not is_whole or shelves.releases.exists(release.bundle)
        assert is_whole or release in removals(place, shelves, prefix).begun()
    else:
        assert network.deny == 1  # it was done before the step came
    assert shelves.releases.exists(other.bundle)
    again = removals(place, shelves, prefix)
    again.remove(release, by=BY, at=AT)
    again.settle(release)
    assert shelves.releases.list() == (other,)
    assert not shelves.releases.exists(release.bundle)
    assert not any("1.0" in key or "pruned" in key for key in objects(place))
    assert objects(place, f"{place.bucket}-{EUROPE}") == set()


def shelved_under_lock(aws: Aws, bucket: str, prefix: str) -> tuple[S3Releases, S3Removals, Release]:
    """A release in a new bucket with Object Lock, which S3 versions by itself."""
    aws.client("s3").create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    releases = S3Releases(aws, bucket=bucket, prefix=prefix)
    replicas = S3Replicas(aws, Bucket(aws, bucket), prefix, places={}, clock=FakeClock(), identity=lambda: DEVELOPER)
    remover = S3Removals(Bucket(aws, bucket), prefix, replicas=replicas)
    return releases, remover, Shelf(releases, remover).release("1.0")


def place_of(release: Release) -> dict[str, str]:
    """The version of its bundle, as S3 takes it."""
    return {"Bucket": release.bundle.bucket, "Key": release.bundle.key, "VersionId": release.bundle.version_id}


def test_a_locked_bundle_says_until_when(place, aws, prefix: str) -> None:
    releases, remover, release = shelved_under_lock(aws, f"{place.bucket}-locked", prefix)
    until = datetime.now(UTC) + timedelta(days=400)
    aws.client("s3").put_object_retention(
        **place_of(release), Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
    )
    assert f"locked until {until:%Y-%m-%d}" in remover.locked_until(release)
    with pytest.raises(UnreachableError) as refusal:
        remover.remove(release, by=BY, at=AT)
    assert "Object Lock" in refusal.value.hint
    assert releases.exists(release.bundle)
    assert remover.begun() == (release,)
    with pytest.raises(NotFoundError):
        releases.get("1.0")


def test_a_legal_hold_is_told(place, aws, prefix: str) -> None:
    _, remover, release = shelved_under_lock(aws, f"{place.bucket}-held", prefix)
    aws.client("s3").put_object_legal_hold(**place_of(release), LegalHold={"Status": "ON"})
    assert "legal hold" in remover.locked_until(release)


def test_whoever_may_not_read_locks_removes_nothing(place, aws, network, shaky_aws, prefix: str) -> None:
    """S3 leaves the lock out of other answers for them (S3 API reference, HeadObject)."""
    bucket = f"{place.bucket}-unseen"
    releases, _, release = shelved_under_lock(aws, bucket, prefix)
    until = datetime.now(UTC) + timedelta(days=400)
    aws.client("s3").put_object_retention(
        **place_of(release), Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
    )
    network.concerns = lambda asked: "retention" in asked or "legal-hold" in asked
    network.deny, network.hiding = 9, ("x-amz-object-lock",)
    replicas = S3Replicas(
        shaky_aws, Bucket(shaky_aws, bucket), prefix, places={}, clock=FakeClock(), identity=lambda: DEVELOPER
    )
    remover = S3Removals(Bucket(shaky_aws, bucket), prefix, replicas=replicas)
    with pytest.raises(UnreachableError, match="s3:GetObjectRetention and s3:GetObjectLegalHold"):
        remover.locked_until(release)
    assert releases.list() == (release,)


def test_a_lock_whose_time_has_passed_is_none(place, aws, prefix: str) -> None:
    _, remover, release = shelved_under_lock(aws, f"{place.bucket}-past", prefix)
    past = datetime.now(UTC) - timedelta(days=1)
    aws.client("s3").put_object_retention(
        **place_of(release), Retention={"Mode": "GOVERNANCE", "RetainUntilDate": past}
    )
    assert remover.locked_until(release) == ""
    remover.remove(release, by=BY, at=AT)
    assert remover.locked_until(release) == ""  # what is gone is not locked


def test_records_are_read_once_however_many_releases_go(
    place, shelves: Shelves, prefix: str, network, shaky_aws
) -> None:
    made = [shelves.release(f"1.{number}") for number in range(6)]
    remover = removals(place, shelves, prefix, shaky_aws)
    for release in made[:3]:
        assert not remover.is_shared(release)
        remover.remove(release, by=BY, at=AT)
    read = [asked for asked in network.seen if asked.startswith("GET") and "/releases/1." in asked]
    assert len(read) == len(made) + 3  # each once, and those that go once more, right before
    late = shelves.release("2.0", b"1.3")
    assert remover.is_shared(made[3])
    assert late.bundle == made[3].bundle
