"""What every release store says alike: which versions are near, and why a version cannot be recorded twice."""

from __future__ import annotations

from collections.abc import Iterable

from deliverkit.domain.release import Release, name_taken
from deliverkit.errors import ConflictError, NotFoundError


def unknown_version(version: str, known: Iterable[str]) -> NotFoundError:
    """The refusal for a version that names no release, with the nearest spellings."""
    from difflib import get_close_matches  # noqa: PLC0415  (only mistakes pay for it)

    near = get_close_matches(version, list(known), n=3)
    suggestion = f"; did you mean {' or '.join(near)}?" if near else ""
    return NotFoundError(f"there is no release {version}{suggestion}", hint="deliverkit release list")


def settled(present: Release, wanted: Release) -> Release:
    """The release on record, when both name the same bytes.

    Raises:
        ConflictError: If the version already names another digest.
    """
    if present.digest == wanted.digest:
        return present
    raise name_taken(present, wanted.short_digest)


def newest_first(releases: Iterable[Release]) -> tuple[Release, ...]:
    """Releases by age; of the same moment by version, so that the order is always the same."""
    return tuple(sorted(releases, key=lambda release: (release.created_at, release.version), reverse=True))


def removal_not_ended(release: Release) -> ConflictError:
    """The refusal to remove a release while the removal of an older one, which had the same version, is under way."""
    return ConflictError(
        f"the removal of an older {release.version} was begun and has not ended: {release.short_digest} waits for it",
        hint="deliverkit release prune --yes ends it",
    )
