"""Statements beside bundles: kept once, never replaced, and refused when they are not what their name says."""

from __future__ import annotations

import hashlib

import pytest

from deliverkit.adapters.aws.attestations import S3Attestations
from deliverkit.attestation_ports import AttachmentKind
from deliverkit.domain.release import BundleRevision
from deliverkit.errors import IntegrityError, NotFoundError, UnreachableError, UsageError

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
