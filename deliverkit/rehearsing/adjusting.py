"""What a rehearsal changes in a project's settings: nothing of how it delivers, only what would reach outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from msgspec import structs

from deliverkit.config import LedgerLocation, Settings, VersionSource

Adjust = Callable[[Settings], Settings]


def for_rehearsal(*, longest_bake: timedelta, version: str = "") -> Adjust:
    """An adjustment for `open_delivery`.

    The ledger lies beside the releases, in the rehearsal's own S3, whatever the project says; windows are left out, for
    one rehearses when there is time; and the bucket is the sandbox's account's, not the project's.

    Args:
        longest_bake: Bake times are cut to this.
        version: What packaging calls the release, instead of asking the configured source.
    """
    return partial(_adjusted, longest_bake, version)


def _adjusted(longest_bake: timedelta, version: str, settings: Settings) -> Settings:
    store = settings.release.store
    release = structs.replace(settings.release, bucket_owner="")
    release = structs.replace(release, version=VersionSource("literal", version)) if version else release
    return structs.replace(
        settings,
        release=release,
        ledger=LedgerLocation("s3", store.bucket, f"{store.prefix}/ledger".lstrip("/")),
        environments=tuple(
            replace(each, window="", bake_time=min(each.bake_time, longest_bake)) for each in settings.environments
        ),
    )
