"""Whether S3 refuses to remove an object version (S3 user guide, "Locking objects with Object Lock").

It is asked for itself: what other answers say of a lock is left out for whoever may not read it (S3 API reference,
HeadObject), and would look like none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.adapters.aws.errors import code_of
from deliverkit.errors import NotFoundError, UnreachableError, UsageError

_NEEDED = "s3:GetObjectRetention and s3:GetObjectLegalHold tell whether it is locked, and are needed to remove it"
_NONE = frozenset(
    {
        "InvalidRequest",  # the bucket has no Object Lock; the request itself cannot be wrong
        "NoSuchObjectLockConfiguration",
        "ObjectLockConfigurationNotFoundError",
    }
)


class ObjectLocks:
    """Asks for legal holds and retentions."""

    def __init__(self, bucket: Bucket) -> None:
        """Take the bucket whose client and owner are used."""
        self._bucket = bucket

    def locked_until(self, bucket: str, key: str, version_id: str) -> str:
        """Until when S3 refuses to remove an object version, in words; empty when it does not, or there is none.

        Raises:
            UnreachableError: If S3 does not answer, or denies to tell: then nobody knows.
        """
        version = {"VersionId": version_id} if version_id else {}
        place = {**self._bucket.place, "Bucket": bucket, "Key": key, **version}
        retention = self._asked("get_object_retention", place)
        if retention is not None:
            until = retention.get("Retention", {}).get("RetainUntilDate")
            if until is not None and until.astimezone(UTC) > _told_time(retention):
                return f"its bundle is locked until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC (Object Lock)"
        hold = self._asked("get_object_legal_hold", place)
        is_held = hold is not None and hold.get("LegalHold", {}).get("Status") == "ON"
        return "its bundle is under a legal hold (Object Lock)" if is_held else ""

    def _asked(self, operation: str, place: Mapping[str, str]) -> Mapping[str, Any] | None:
        try:
            with self._bucket.doing(f"asking whether s3://{place['Bucket']}/{place['Key']} is locked"):
                answer: Mapping[str, Any] = getattr(self._bucket.client, operation)(**place)
        except NotFoundError:
            return None
        except UsageError as error:
            if code_of(error) not in _NONE:
                raise
            return None
        except UnreachableError as error:
            if code_of(error) != "AccessDenied":
                raise
            raise UnreachableError(f"{error.message}; {_NEEDED}", hint=error.hint) from error.__cause__
        return answer


def _told_time(answer: Mapping[str, Any]) -> datetime:
    """The moment at which S3 answered, by its own clock: that is the one that Object Lock goes by."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)
