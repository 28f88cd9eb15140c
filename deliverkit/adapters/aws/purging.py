"""Removing object versions for good: many in one request, and none that would bring an older one to light."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.errors import UnreachableError

HINT = "s3:DeleteObject and s3:DeleteObjectVersion are needed; neither Object Lock nor a bucket policy may forbid it"
_AT_ONCE = 1000
"""Object versions of one request (S3 API reference, DeleteObjects)."""

Version = Mapping[str, Any]
"""An object version, or a delete marker, as ListObjectVersions gives it."""


class Purge:
    """Lists and removes versions in one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        """Take the bucket."""
        self._bucket = bucket

    def versions(self, *places: str) -> tuple[Version, ...]:
        """Every version and delete marker of some objects, and in some folders, which end with a slash.

        Of one object the oldest comes first, and markers last: what is on top stays there to the end.

        Raises:
            UnreachableError: If S3 does not answer, denies it, or does not list them to the end.
        """
        if len(places) < 2:
            return tuple(version for place in places for version in self._versions(place))
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        with ThreadPoolExecutor(len(places)) as pool:
            return tuple(version for found in pool.map(self._versions, places) for version in found)

    def remove(self, versions: Iterable[Version]) -> int:
        """Remove them, of each object in the order given; how many there were.

        One request removes in an order that S3 does not tell, so that no request has two versions of one object.

        Raises:
            UnreachableError: If S3 does not answer, or refuses to remove one of them.
        """
        count = 0
        for layer in _layers(versions):
            for start in range(0, len(layer), _AT_ONCE):
                self._delete(layer[start : start + _AT_ONCE])
            count += len(layer)
        return count

    def _delete(self, versions: Sequence[Version]) -> None:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        wanted = [{"Key": str(each["Key"]), "VersionId": str(each["VersionId"])} for each in versions]
        first = f"{self._bucket.uri(wanted[0]['Key'])}?versionId={wanted[0]['VersionId']}"
        more = f" and {len(wanted) - 1} more" if len(wanted) > 1 else ""
        try:
            with self._bucket.doing(f"removing {first}{more}"):
                place = {**self._bucket.place, "Delete": {"Objects": wanted, "Quiet": True}}
                answer = self._bucket.client.delete_objects(**place)
                for refused in answer.get("Errors", ()):
                    told = {"Code": refused.get("Code"), "Message": f"{refused.get('Message')}: {refused.get('Key')}"}
                    raise ClientError({"Error": told}, "DeleteObjects")
        except UnreachableError as error:
            raise UnreachableError(error.message, hint=HINT) from error

    def _versions(self, place: str) -> Sequence[Version]:
        versions: list[Version] = []
        markers: list[Version] = []
        what = f"listing the versions of {self._bucket.uri(place)}"
        for page in self._bucket.pages("list_object_versions", what, Prefix=place):
            versions += page.get("Versions", ())
            markers += page.get("DeleteMarkers", ())
        found = (*reversed(versions), *markers)
        return found if place.endswith("/") else [each for each in found if each["Key"] == place]


def _layers(versions: Iterable[Version]) -> Iterator[list[Version]]:
    """The first version of each object, then the second of each, and so on."""
    of_key: dict[str, list[Version]] = defaultdict(list)
    for each in versions:
        of_key[str(each["Key"])].append(each)
    for depth in range(max(map(len, of_key.values()), default=0)):
        yield [found[depth] for found in of_key.values() if len(found) > depth]
