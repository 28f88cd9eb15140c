"""Statements beside bundles: kept once, never replaced, and refused when they are not what their name says."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deliverkit.adapters.aws.attestations import S3Attestations
from deliverkit.adapters.key_file import PublicKeyFile, write_pair
from deliverkit.attestation_ports import AttachmentKind
from deliverkit.domain.release import BundleRevision, Release
from deliverkit.errors import ConflictError, IntegrityError, NotFoundError, UnreachableError, UsageError
from deliverkit.packaging.signing import seal
from deliverkit.trusting.proving import KeyRing, prove

BUNDLE = "sha256:" + "a" * 64


def store(place, aws=None) -> S3Attestations:
    return S3Attestations(aws or place.aws, bucket=place.bucket, prefix="storefront")


def key_of(content: bytes, kind: str = "sbom.cdx.json") -> str:
    return f"storefront/attestations/{'a' * 64}/{hashlib.sha256(content).hexdigest()}.{kind}"


def test_a_document_is_kept_encrypted_and_once(place) -> None:
    first = store(place).attach(BUNDLE, AttachmentKind.SBOM, b"{}")
    assert store(place).attach(BUNDLE, AttachmentKind.SBOM, b"{}") == first
    assert store(place).attachment(BUNDLE, AttachmentKind.SBOM, first) == b"{}"
    s3 = place.aws.client("s3")
    assert len(s3.list_object_versions(Bucket=place.bucket)["Versions"]) == 1
    assert s3.head_object(Bucket=place.bucket, Key=key_of(b"{}"))["ServerSideEncryption"] == "aws:kms"


RACED = (409, "ConditionalRequestConflict")


def test_a_write_that_met_another_is_asked_for_again(place, network, shaky_aws) -> None:
    """S3 decided nothing, and nothing need lie there."""
    network.concerns = lambda asked: asked.startswith("PUT")
    network.deny, network.refusal = 2, RACED
    digest = store(place, shaky_aws).attach(BUNDLE, AttachmentKind.SBOM, b"{}")
    assert store(place).attachment(BUNDLE, AttachmentKind.SBOM, digest) == b"{}"


@pytest.mark.parametrize("act", ["attach", "supplement"])
def test_what_is_not_there_in_the_end_does_not_count_as_kept(place, network, shaky_aws, act: str) -> None:
    network.concerns = lambda asked: asked.startswith("PUT")
    network.deny, network.refusal = 99, RACED
    attestations = store(place, shaky_aws)
    with pytest.raises(ConflictError):
        attestations.attach(BUNDLE, AttachmentKind.SBOM, b"{}") if act == "attach" else attestations.supplement(
            "1.0", BUNDLE
        )
    assert 90 < network.deny < 99


def test_a_document_in_whose_place_another_lies_does_not_count_as_kept(place) -> None:
    place.aws.client("s3").put_object(Bucket=place.bucket, Key=key_of(b"{}"), Body=b"{ }")
    with pytest.raises(IntegrityError, match="not what its name says"):
        store(place).attach(BUNDLE, AttachmentKind.SBOM, b"{}")


def test_another_document_lies_beside_it(place) -> None:
    first = store(place).attach(BUNDLE, AttachmentKind.PROVENANCE, b"1")
    second = store(place).attach(BUNDLE, AttachmentKind.PROVENANCE, b"2")
    assert first != second
    assert store(place).attachment(BUNDLE, AttachmentKind.PROVENANCE, first) == b"1"


def test_what_is_missing_or_no_digest_is_not_found(place) -> None:
    store(place).attach(BUNDLE, AttachmentKind.SBOM, b"{}")
    for bundle, kind, digest in (
        (BUNDLE, AttachmentKind.SBOM, BUNDLE),
        (BUNDLE, AttachmentKind.PROVENANCE, "sha256:" + hashlib.sha256(b"{}").hexdigest()),
        ("../releases", AttachmentKind.SBOM, BUNDLE),
        (BUNDLE, AttachmentKind.SBOM, ""),
    ):
        with pytest.raises(NotFoundError):
            store(place).attachment(bundle, kind, digest)


def test_a_replaced_document_is_refused(place) -> None:
    digest = store(place).attach(BUNDLE, AttachmentKind.SBOM, b"{}")
    place.aws.client("s3").put_object(Bucket=place.bucket, Key=key_of(b"{}"), Body=b"{ }")
    with pytest.raises(IntegrityError, match="not what its name says"):
        store(place).attachment(BUNDLE, AttachmentKind.SBOM, digest)


def test_a_lost_answer_and_a_denial_are_told_apart(place, network, shaky_aws) -> None:
    network.concerns = lambda asked: asked.startswith("PUT")
    network.lose_answers = 1
    digest = store(place, shaky_aws).attach(BUNDLE, AttachmentKind.SBOM, b"{}")
    assert network.lose_answers == 0
    assert store(place).attachment(BUNDLE, AttachmentKind.SBOM, digest) == b"{}"
    network.deny = 1
    with pytest.raises(UnreachableError, match="AccessDenied"):
        store(place, shaky_aws).attach(BUNDLE, AttachmentKind.SBOM, b"other")


def test_a_missing_bucket_is_a_matter_of_configuration(aws) -> None:
    with pytest.raises(UsageError, match="nobody-made-this"):
        S3Attestations(aws, bucket="nobody-made-this", prefix="").attach(BUNDLE, AttachmentKind.SBOM, b"")


def test_a_bundle_is_read_in_the_very_version(place) -> None:
    s3 = place.aws.client("s3")
    first = s3.put_object(Bucket=place.bucket, Key="b.zip", Body=b"first")
    s3.put_object(Bucket=place.bucket, Key="b.zip", Body=b"second")
    revision = BundleRevision(place.bucket, "b.zip", first["VersionId"], first["ETag"].strip('"'))
    assert b"".join(store(place).chunks(revision)) == b"first"
    forged = BundleRevision(place.bucket, "b.zip", first["VersionId"], "0" * 32)
    with pytest.raises(IntegrityError, match="entity tag"):
        list(store(place).chunks(forged))
    s3.delete_object(Bucket=place.bucket, Key="b.zip", VersionId=first["VersionId"])
    with pytest.raises(NotFoundError):
        list(store(place).chunks(revision))


# --- bounds ----------------------------------------------------------------------------------------


def test_what_is_larger_than_such_a_document_can_be_is_not_read(place) -> None:
    content = b" " * ((1 << 20) + 1)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    key = key_of(content, "provenance.dsse.json")
    place.aws.client("s3").put_object(Bucket=place.bucket, Key=key, Body=content)
    with pytest.raises(IntegrityError, match="1048577 bytes, and 1048576 are allowed") as refusal:
        store(place).attachment(BUNDLE, AttachmentKind.PROVENANCE, digest)
    assert key in refusal.value.message


def test_that_statements_were_left_out_is_told(place, tmp_path: Path) -> None:
    attestations = store(place)
    recorded = attestations.attach(BUNDLE, AttachmentKind.PROVENANCE, seal(b"{}", None))
    _, public = write_pair(tmp_path / "key.pem", passphrase=None)
    bundle = BundleRevision(place.bucket, "storefront/bundles/1.zip", "v", "e")
    release = Release("shop", "1.0", BUNDLE, 1, bundle, datetime(2026, 1, 5, tzinfo=UTC), "me", provenance=recorded)
    for number in range(101):
        attestations.supplement("1.0", f"sha256:{number:064x}")
    with pytest.raises(IntegrityError, match=r"of 101 statements .* 1 were not looked at") as refusal:
        prove(release, KeyRing([PublicKeyFile(public)]), attestations)
    assert "supplements/1.0/" in refusal.value.hint
