"""The releases' bucket, wherever something of ours is kept in it: whom it belongs to, and how it encrypts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deliverkit.adapters.aws.attestations import S3Attestations
    from deliverkit.adapters.aws.bucket import Bucket
    from deliverkit.adapters.aws.session import Aws
    from deliverkit.config.settings import ReleaseSettings


def bucket_rules(release: ReleaseSettings, bucket: str) -> Mapping[str, Any]:
    """What holds for everything in the bucket of the releases; of another bucket we were told nothing."""
    from deliverkit.adapters.aws.bucket import Encryption  # noqa: PLC0415

    if bucket != release.store.bucket:
        return {"bucket": bucket}
    encryption = Encryption(release.encryption.algorithm, release.encryption.key)
    return {"bucket": bucket, "encryption": encryption, "owner": release.bucket_owner}


def bucket_of(release: ReleaseSettings, aws: Aws) -> Bucket:
    """The bucket itself."""
    from deliverkit.adapters.aws.bucket import Bucket  # noqa: PLC0415

    rules = dict(bucket_rules(release, release.store.bucket))
    return Bucket(aws, rules.pop("bucket"), **rules)


def attestations_of(release: ReleaseSettings, aws: Aws) -> S3Attestations:
    """Where statements about bundles are kept."""
    from deliverkit.adapters.aws.attestations import S3Attestations  # noqa: PLC0415

    return S3Attestations(aws, prefix=release.store.prefix, **bucket_rules(release, release.store.bucket))
