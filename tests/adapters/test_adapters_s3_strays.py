"""What no record names, in S3: found, told apart, removed; and how much is asked for to read and remove releases."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from places import Place
from unreliable import Network, aws_at

from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.adapters.aws.pruning import S3Removals
from deliverkit.adapters.aws.releases import S3Releases
from deliverkit.adapters.aws.replicas import S3Replicas
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.strays import Stray, StrayKind
from deliverkit.errors import UnreachableError
from deliverkit.testing import FakeClock
from deliverkit.testing.contracts.releases import AT, make, send
from deliverkit.testing.contracts.removals import BY, Shelf
from deliverkit.testing.identity import DEVELOPER
from deliverkit.testing.releases import ready_bundle

PREFIX = "storefront"


def opened(place: Place, aws: Aws | None = None) -> Shelf:
    aws = aws or place.aws
    releases = S3Releases(aws, bucket=place.bucket, prefix=PREFIX)
    bucket = Bucket(aws, place.bucket, page_size=2)
    replicas = S3Replicas(aws, bucket, PREFIX, places={}, clock=FakeClock(), identity=lambda: DEVELOPER)
    return Shelf(releases, S3Removals(bucket, PREFIX, replicas=replicas, records=releases.records))


def bundle_key(content: bytes) -> str:
    return f"{PREFIX}/bundles/{ready_bundle(content).manifest_digest.removeprefix('sha256:')}.zip"


def keys(place: Place) -> set[str]:
    found = place.aws.client("s3").list_object_versions(Bucket=place.bucket)
    return {each["Key"] for kind in ("Versions", "DeleteMarkers") for each in found.get(kind, [])}


def strays(shelf: Shelf) -> dict[str, Stray]:
    return {each.key: each for each in shelf.remover.found()}


def known(shelf: Shelf, content: bytes) -> Stray:
    stray = strays(shelf)[bundle_key(content)]
    return replace(stray, digest=shelf.remover.digest_of(stray))


# --- strays ----------------------------------------------------------------------------------------


def test_every_bundle_is_found_once_with_its_note_and_its_age(place: Place) -> None:
    shelf = opened(place)
    for content in (b"one", b"two", b"three"):
        send(shelf.releases, content)
    found = shelf.remover.found()
    assert {each.key for each in found} == {bundle_key(content) for content in (b"one", b"two", b"three")}
    now = datetime.now(UTC)
    assert all(abs(now - each.at) < timedelta(minutes=5) for each in found)
    assert all(each.kind is StrayKind.BUNDLE and each.size > 3 for each in found)


def test_the_digest_of_a_bundle_is_told_by_its_note_or_by_s3_and_never_guessed(place: Place) -> None:
    shelf, s3 = opened(place), place.aws.client("s3")
    send(shelf.releases, b"one")
    digest = f"sha256:{hashlib.sha256(b'one').hexdigest()}"
    assert known(shelf, b"one").digest == digest
    note = {"Bucket": place.bucket, "Key": f"{bundle_key(b'one')}.json"}
    s3.put_object(**note, Body=b'{"digest":"sha256:other","version_id":"another"}')
    assert known(shelf, b"one").digest == digest  # by the checksum of its one request
    s3.put_object(**note, Body=b"rubbish")
    s3.put_object(Bucket=place.bucket, Key=bundle_key(b"one"), Body=b"by other means", ChecksumAlgorithm="CRC32")
    assert known(shelf, b"one").digest == ""


def test_a_stray_goes_with_what_lies_around_it_and_nothing_else_goes(place: Place) -> None:
    shelf, s3 = opened(place), place.aws.client("s3")
    other = shelf.release("1.0")
    before = keys(place)
    send(shelf.releases, b"stray")
    attached = f"{PREFIX}/attestations/{hashlib.sha256(b'stray').hexdigest()}/x.provenance.dsse.json"
    s3.put_object(Bucket=place.bucket, Key=attached, Body=b"{}")
    assert len(keys(place) - before) == 4  # bundle, note, manifest, statement
    assert shelf.remover.remove_stray(known(shelf, b"stray")) == 4
    assert keys(place) == before
    assert shelf.releases.exists(other.bundle)


@pytest.mark.parametrize("step", range(5))
def test_a_crash_while_a_stray_goes_leaves_it_to_be_found_again(
    place: Place, network: Network, shaky_aws: Aws, step: int
) -> None:
    send(opened(place).releases, b"stray")
    shelf, changes = opened(place, shaky_aws), iter(range(100))
    network.concerns = lambda asked: asked.startswith("POST") and "?delete" in asked and next(changes) == step
    network.deny = 1
    stray = known(shelf, b"stray")
    if step < 3:
        with pytest.raises(UnreachableError) as refusal:
            shelf.remover.remove_stray(stray)
        assert "s3:DeleteObjectVersion" in refusal.value.hint
        # Whoever packages the same bytes now stores what is missing, and the next sweep finds it.
        assert bundle_key(b"stray") in strays(opened(place))
    opened(place).remover.remove_stray(stray)
    assert keys(place) == set()


def test_what_was_sent_anew_since_it_was_found_stays(place: Place) -> None:
    shelf = opened(place)
    send(shelf.releases, b"stray")
    stray = replace(known(shelf, b"stray"), at=datetime(2020, 1, 1, tzinfo=UTC))
    before = keys(place)
    assert shelf.remover.remove_stray(stray) == 0
    assert keys(place) == before


def test_an_unfinished_upload_is_as_old_as_its_youngest_part(place: Place) -> None:
    shelf, s3, key = opened(place), place.aws.client("s3"), bundle_key(b"never")
    upload = s3.create_multipart_upload(Bucket=place.bucket, Key=key)["UploadId"]
    s3.create_multipart_upload(Bucket=place.bucket, Key="elsewhere/bundles/b.zip")
    begun = strays(shelf)[key]
    assert (begun.kind, begun.size, begun.upload_id) == (StrayKind.UPLOAD, 0, upload)
    s3.upload_part(Bucket=place.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"some bytes")
    part = s3.list_parts(Bucket=place.bucket, Key=key, UploadId=upload)["Parts"][0]
    filled = strays(shelf)[key]
    assert (filled.size, filled.at) == (10, part["LastModified"])
    assert shelf.remover.remove_stray(filled) == 1
    left = s3.list_multipart_uploads(Bucket=place.bucket)["Uploads"]
    assert [each["Key"] for each in left] == ["elsewhere/bundles/b.zip"]
    assert shelf.remover.remove_stray(filled) == 0


def test_an_upload_that_somebody_goes_on_with_is_not_removed(place: Place) -> None:
    """It was old when it was found, and the builder came back before it was removed."""
    shelf, s3, key = opened(place), place.aws.client("s3"), bundle_key(b"resumed")
    upload = s3.create_multipart_upload(Bucket=place.bucket, Key=key)["UploadId"]
    found = replace(strays(shelf)[key], at=datetime(2020, 1, 1, tzinfo=UTC))
    part = s3.upload_part(Bucket=place.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"some bytes")
    assert shelf.remover.remove_stray(found) == 0
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=place.bucket, Key=key, UploadId=upload, MultipartUpload=parts)


def test_a_locked_stray_says_until_when(place: Place) -> None:
    s3 = place.aws.client("s3")
    locked = replace(place, bucket=f"{place.bucket}-locked")
    s3.create_bucket(Bucket=locked.bucket, ObjectLockEnabledForBucket=True)
    shelf = opened(locked)
    send(shelf.releases, b"stray")
    stray = known(shelf, b"stray")
    assert shelf.remover.stray_locked_until(stray) == ""
    s3.put_object_legal_hold(Bucket=locked.bucket, Key=stray.key, LegalHold={"Status": "ON"})
    assert "legal hold" in shelf.remover.stray_locked_until(stray)
    with pytest.raises(UnreachableError, match="AccessDenied"):
        shelf.remover.remove_stray(stray)


def test_a_stray_of_which_an_older_version_is_locked_is_locked(place: Place) -> None:
    s3 = place.aws.client("s3")
    locked = replace(place, bucket=f"{place.bucket}-older")
    s3.create_bucket(Bucket=locked.bucket, ObjectLockEnabledForBucket=True)
    shelf = opened(locked)
    send(shelf.releases, b"stray")
    s3.put_object_legal_hold(Bucket=locked.bucket, Key=bundle_key(b"stray"), LegalHold={"Status": "ON"})
    s3.put_object(Bucket=locked.bucket, Key=bundle_key(b"stray"), Body=b"over it")
    s3.delete_object(Bucket=locked.bucket, Key=bundle_key(b"stray"))
    assert "legal hold" in shelf.remover.stray_locked_until(known(shelf, b"stray"))


# --- listings that are not whole ---------------------------------------------------------------------


def test_a_second_page_that_is_refused_is_no_listing(place: Place, network: Network, shaky_aws: Aws) -> None:
    for content in (b"one", b"two", b"three"):
        send(opened(place).releases, content)
    network.concerns = lambda asked: "versions" in asked and "key-marker" in asked
    network.deny = 9
    with pytest.raises(UnreachableError, match="listing"):
        opened(place, shaky_aws).remover.found()
    assert network.deny < 9


@pytest.mark.parametrize("what", ["records", "bundles", "uploads"])
def test_a_list_that_breaks_off_is_no_listing(place: Place, network: Network, shaky_aws: Aws, what: str) -> None:
    """S3, or something in between, says that there is more and not where to go on."""
    shelf = opened(place)
    for version in ("1.0", "2.0"):
        shelf.release(version)
    place.aws.client("s3").create_multipart_upload(Bucket=place.bucket, Key=bundle_key(b"never"))
    asked_for = {"records": "list-type=2", "bundles": "versions", "uploads": "uploads"}[what]
    network.concerns = lambda asked: asked.startswith("GET") and asked_for in asked
    network.replacing = ((b"<IsTruncated>false</IsTruncated>", b"<IsTruncated>true</IsTruncated>"),)
    network.replacing += (
        (b"NextKeyMarker", b"Lost"),
        (b"NextUploadIdMarker", b"Lost"),
        (b"NextVersionIdMarker", b"Lost"),
    )
    shaky = opened(place, shaky_aws)
    read = shaky.releases.list if what == "records" else shaky.remover.found
    with pytest.raises(UnreachableError, match="broke the list off"):
        read()


# --- how much is asked for ---------------------------------------------------------------------------


def fill(place: Place, count: int) -> S3Releases:
    """Records of one a day, each written a day after the other as S3 tells it: through the sandbox only moments."""
    releases = S3Releases(place.aws, bucket=place.bucket, prefix=PREFIX)
    upload = send(releases)
    for number in range(count):
        releases.record(make(upload, f"1.{number}", age=number * 24 * 60))
    return releases


def records_read(network: Network) -> list[str]:
    return [asked for asked in network.seen if asked.startswith("GET") and "/releases/1." in asked]


def test_the_newest_first_whatever_s3_says_of_their_age(place: Place, shaky_aws: Aws) -> None:
    """A bucket that was copied tells one moment for all: then all are read, and the order is right."""
    fill(place, 30)
    found = [each.version for each in S3Releases(shaky_aws, bucket=place.bucket, prefix=PREFIX).newest()]
    assert found == [f"1.{number}" for number in range(30)]


def test_whoever_wants_the_newest_reads_few_records(place: Place, network: Network, shaky_aws: Aws) -> None:
    """The last one was made, as it says, an hour after all others were written."""
    releases = fill(place, 40)
    late = replace(releases.get("1.0"), version="0.late", created_at=datetime.now(UTC) + timedelta(hours=1))
    releases.record(late)
    assert next(S3Releases(shaky_aws, bucket=place.bucket, prefix=PREFIX).newest()) == late
    assert len(records_read(network)) < 4


def test_who_lists_and_removes_reads_each_record_once(place: Place, network: Network, shaky_aws: Aws) -> None:
    fill(place, 20)
    shelf = opened(place, shaky_aws)
    first = shelf.releases.list()[-1]
    assert shelf.remover.is_shared(first)
    shelf.remover.remove(first, by=BY, at=AT)
    assert len(records_read(network)) == 20 + 1  # once more the one that goes, right before


def test_a_release_goes_in_few_requests(place: Place, network: Network) -> None:
    shelf = opened(place)
    release = shelf.release("1.0")
    shaky = opened(place, aws_at(network.endpoint))
    shaky.remover.remove(release, by=BY, at=AT)
    asked = [each for each in network.seen if each.startswith(("POST", "DELETE"))]
    assert len(asked) == 2  # the record; then all that lies around the bundle
    assert all("?delete" in each for each in asked)
    assert not shelf.releases.exists(release.bundle)
