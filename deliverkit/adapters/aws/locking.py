"""Object Lock on bundles: asked for when one is sent, and seen to once it is there, whoever stored it and whenever.

A bundle may have been stored by a builder that was killed before it could lock it, by one that is configured otherwise,
or before locks were configured at all; a lock runs out, and a new version names the bundle again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.adapters.aws.errors import code_of
from deliverkit.errors import UnreachableError, UsageError

_STRONGEST = "COMPLIANCE"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long S3 keeps a bundle from being removed (Amazon S3 user guide, "Object Lock").

    Attributes:
        mode: `GOVERNANCE` or `COMPLIANCE`.
        until: The moment up to which it holds.
        slack: How much earlier a lock may end that is there already: whoever packages the same build again and again
            need not renew it each time.
    """

    mode: str
    until: datetime
    slack: timedelta = timedelta(0)

    def as_parameters(self) -> Mapping[str, Any]:
        """The members that PutObject and CreateMultipartUpload take."""
        return {"ObjectLockMode": self.mode, "ObjectLockRetainUntilDate": self.until}

    def beyond(self, stored: Mapping[str, Any]) -> Retention | None:
        """What an object's lock is to become, never shorter or weaker than it is; None when it is good as it is.

        Args:
            stored: HeadObject's answer. It tells of locks only to whoever has s3:GetObjectRetention; whoever has not
                renews them each time.
        """
        mode, until = str(stored.get("ObjectLockMode", "")), stored.get("ObjectLockRetainUntilDate")
        if until is None:
            return self
        if mode in {self.mode, _STRONGEST} and until >= self.until - self.slack:
            return None
        return Retention(_STRONGEST if mode == _STRONGEST else self.mode, max(until, self.until))


def hold(bucket: Bucket, key: str, stored: Mapping[str, Any], retention: Retention | None) -> None:
    """See that the very object version that was found is locked as configured.

    Raises:
        UnreachableError: If S3 denies it or does not answer; the next packaging tries again.
        UsageError: If the bucket has no Object Lock.
    """
    wanted = retention.beyond(stored) if retention else None
    if wanted is None:
        return
    version = {"VersionId": stored["VersionId"]} if stored.get("VersionId") else {}
    lock = {"Mode": wanted.mode, "RetainUntilDate": wanted.until}
    try:
        with bucket.doing(f"locking {bucket.uri(key)}"):
            bucket.client.put_object_retention(**bucket.place, Key=key, **version, Retention=lock)
    except UsageError as error:
        if code_of(error) == "InvalidRequest":
            raise UsageError(error.message, hint=needs_object_lock(bucket.name)) from error.__cause__
        raise
    except UnreachableError as error:
        if code_of(error) == "AccessDenied":
            hint = f"the credentials in use need s3:PutObjectRetention and s3:GetObjectRetention on {bucket.uri(key)}"
            raise UnreachableError(error.message, hint=hint) from error.__cause__
        raise


def needs_object_lock(bucket: str) -> str:
    """The next step where a bucket has no Object Lock."""
    return (
        "`release.retention` needs a bucket with Object Lock: aws s3api put-object-lock-configuration "
        f"--bucket {bucket} --object-lock-configuration ObjectLockEnabled=Enabled"
    )
