"""Which releases may go. Whatever is needed stays, whatever its age; what is not needed stays while it is young."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from deliverkit.domain.duration import format_duration
from deliverkit.domain.release import Release
from deliverkit.domain.release_rules import KeepRules
from deliverkit.domain.strays import JudgedStray, Stray

Needs = Mapping[str, Sequence[str]]
"""Why bytes are needed, by the bundle's digest."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A release that stays, and every reason for it."""

    release: Release
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Removal:
    """A release that may go.

    Attributes:
        release: The release.
        reason: Which rules it fell out of.
        shared_with: Versions that keep its bundle in the store; without any the bundle goes too.
    """

    release: Release
    reason: str
    shared_with: tuple[str, ...] = ()

    @property
    def freed(self) -> int:
        """Bytes of the bundle that go with it."""
        return 0 if self.shared_with else self.release.size


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What would go and what stays, the newest first.

    Attributes:
        removals: Releases that may go.
        kept: Releases that stay.
        strays: What no record names: bundles and unfinished uploads.
    """

    removals: tuple[Removal, ...]
    kept: tuple[Kept, ...]
    strays: tuple[JudgedStray, ...] = ()

    @property
    def strays_to_go(self) -> tuple[Stray, ...]:
        """Those that nothing keeps."""
        return tuple(each.stray for each in self.strays if not each.reasons)

    @property
    def freed(self) -> int:
        """Bytes that would go; a bundle that several removed versions share counts once."""
        bundles = {each.release.bundle.key: each.freed for each in self.removals}
        return sum(bundles.values()) + sum(each.size for each in self.strays_to_go)


def plan_retention(releases: Sequence[Release], needs: Needs, rules: KeepRules, *, now: datetime) -> RetentionPlan:
    """Decide for every release.

    Args:
        releases: All releases on record.
        needs: Why bytes are needed, whatever the rules say.
        rules: What stays besides.
        now: The present moment, UTC.
    """
    ordered = sorted(releases, key=lambda release: (release.created_at, release.version), reverse=True)
    judged = [(release, _reasons(place, release, needs, rules, now)) for place, release in enumerate(ordered)]
    kept = tuple(Kept(release, reasons) for release, reasons in judged if reasons)
    because = f"older than {format_duration(rules.younger_than)}, not among the newest {rules.last}, needed nowhere"
    removals = tuple(Removal(release, because, _sharers(release, kept)) for release, reasons in judged if not reasons)
    return RetentionPlan(removals, kept)


def _reasons(place: int, release: Release, needs: Needs, rules: KeepRules, now: datetime) -> tuple[str, ...]:
    reasons = list(dict.fromkeys(needs.get(release.digest, ())))
    if place < rules.last:
        reasons.append(f"among the newest {rules.last}")
    if now - release.created_at < rules.younger_than:
        reasons.append(f"younger than {format_duration(rules.younger_than)}")
    return tuple(reasons)


def _sharers(release: Release, kept: Sequence[Kept]) -> tuple[str, ...]:
    return tuple(each.release.version for each in kept if each.release.bundle.key == release.bundle.key)
