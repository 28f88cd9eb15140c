"""Strays: what lies in the store and no record of a release names, because whoever put it there died in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from deliverkit.domain.duration import format_duration
from deliverkit.domain.release import Release

SAFE_AGE = timedelta(days=1)
"""What is younger may still belong to a packaging that is under way.

Ages are told by our clock against the store's: S3 takes no request from a clock that is wrong by more than 15 minutes.
"""


class StrayKind(StrEnum):
    """What was left behind."""

    BUNDLE = "bundle"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Stray:
    """Something that no record names.

    Attributes:
        kind: A whole bundle, or the parts of an upload that nobody completed.
        key: Where it lies, or would lie: `<prefix>/bundles/<digits>.<format>`.
        size: Its bytes in the store.
        at: When the store was last given something of it, by the store's own clock, UTC.
        digest: `sha256:...` of the bundle's bytes; empty when nothing tells it.
        upload_id: Which upload; empty for a bundle.
    """

    kind: StrayKind
    key: str
    size: int
    at: datetime
    digest: str = ""
    upload_id: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return file_name(self.key)


@dataclass(frozen=True, slots=True)
class JudgedStray:
    """A stray, and every reason for leaving it where it is; without any it may go."""

    stray: Stray
    reasons: tuple[str, ...] = ()


def file_name(key: str) -> str:
    """The last piece of a key: the same in every bucket that has a copy."""
    return key.rpartition("/")[2]


def unnamed(found: Iterable[Stray], releases: Iterable[Release]) -> tuple[Stray, ...]:
    """Bundles that none of the releases names, and all unfinished uploads.

    An upload is no bundle yet: under a name that a release has too it cannot be completed any more.
    """
    named = {file_name(release.bundle.key) for release in releases}
    return tuple(each for each in found if each.kind is StrayKind.UPLOAD or each.name not in named)


@dataclass(frozen=True, slots=True)
class StrayNeeds:
    """What may need a bundle that no record names.

    Attributes:
        digests: Bundles that are needed, by their bytes.
        names: The same by their file names.
        names_once: File names of bundles that were needed at some time.
        doubts: Why any bundle might be needed, whatever its bytes.
        doubts_of_unknown: Why a bundle might be whose digest nothing tells.
    """

    digests: frozenset[str]
    names: frozenset[str]
    names_once: frozenset[str]
    doubts: tuple[str, ...] = ()
    doubts_of_unknown: tuple[str, ...] = ()


def reasons_of(stray: Stray, needs: StrayNeeds, *, now: datetime) -> tuple[str, ...]:
    """Why a stray stays; empty when it may go.

    Args:
        stray: What no record names.
        needs: What may need it all the same.
        now: The present moment, UTC.
    """
    reasons = [f"younger than {format_duration(SAFE_AGE)}"] if now - stray.at < SAFE_AGE else []
    if stray.kind is StrayKind.BUNDLE:
        reasons += _claims(stray, needs)
    return tuple(reasons)


def _claims(stray: Stray, needs: StrayNeeds) -> Iterator[str]:
    if stray.digest in needs.digests or stray.name in needs.names:
        yield "needed, although no record names it: see deliverkit status, and the deployment groups"
    yield from needs.doubts
    if not stray.digest:
        yield from needs.doubts_of_unknown
        if stray.name in needs.names_once:
            yield "an environment served it, and nothing tells whether it does still"
