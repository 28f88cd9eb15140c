"""The keys of `release` that say how S3 keeps what is stored there."""

from __future__ import annotations

from deliverkit.config import texts
from deliverkit.config.shapes import Choice, Field, MapOf, Record, Text

_TIME = Text("a time such as 500ms, 90s or 365d", texts.positive_duration, texts.DURATION)

RETENTION = Record(
    "a lock such as {mode: governance, for: 365d}",
    (
        Field(
            "mode",
            Choice(("governance", "compliance")),
            "Governance can be lifted by whoever has the permission for it, compliance by nobody.",
            is_required=True,
        ),
        Field("for", _TIME, "How long, from the moment a bundle is packaged.", is_required=True),
    ),
)

KEEPING = (
    Field(
        "encryption",
        Text("aes256, kms, kms://KEY or dsse://KEY", texts.encryption, texts.ENCRYPTION),
        "How S3 encrypts what is stored there: with its own keys, with a KMS key (id, ARN or alias; without one "
        "the account's own for S3), or with two layers of KMS. It holds for a ledger in the same bucket too.",
        default="kms",
    ),
    Field(
        "bucket_owner",
        Text(
            'an account id such as "123456789012"',
            texts.matching(texts.ACCOUNT, "an account id: twelve digits, in quotes"),
            texts.ACCOUNT,
        ),
        "The account that the bucket must belong to: S3 refuses every request when it does not.",
        default="any",
    ),
    Field(
        "retention",
        RETENTION,
        "Object Lock: S3 refuses to remove a bundle before its time. The bucket must have Object Lock enabled.",
        default="none",
    ),
    Field(
        "tags",
        MapOf(
            Text("a tag's key", texts.matching(texts.TAG_KEY, "a tag's key"), texts.TAG_KEY),
            Text("a tag's value", texts.tag_value),
            "up to ten tags",
        ),
        "Tags of bundles, for rules of the bucket's life cycle, costs and permissions.",
    ),
)
