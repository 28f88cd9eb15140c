"""Releases as people ask for them: where each stands, what is in it, what differs between two."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from deliverkit.domain.changes import Commit, CommitRange, Ticket, tickets_in
from deliverkit.domain.release_rules import TicketRules
from deliverkit.errors import ConflictError, DeliverkitError, NotFoundError

# `release list` has no use for manifests, commits and copies.
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from deliverkit.domain.manifest_diff import ManifestDiff, ManifestSummary
    from deliverkit.domain.manifest_entry import Item
    from deliverkit.domain.release import Release
    from deliverkit.domain.replica import Replica
    from deliverkit.domain.trust import Provenance, Signing
    from deliverkit.engine.journal import Estate, Journal, Quarantine
    from deliverkit.engine.pruning import Pruner
    from deliverkit.engine.replication import Replicas
    from deliverkit.ports import ReleaseStore

    History = Callable[[str, str], CommitRange]
    Origins = Callable[[Release], Provenance | None]
    Signings = Callable[[Sequence[Release]], Sequence[Signing]]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a release stands.

    Attributes:
        release: The release.
        serves: Environments that it serves now.
        passed: Environments that it served, verified, with the moment of each.
        quarantine: Why it must not be promoted; None when it may.
        signing: Whether its provenance has a signature; None where nobody looked.
    """

    release: Release
    serves: tuple[str, ...]
    passed: tuple[tuple[str, datetime], ...]
    quarantine: Quarantine | None
    signing: Signing | None = None


@dataclass(frozen=True, slots=True)
class Portrait:
    """Everything about one release.

    Attributes:
        standing: Where it stands.
        content: What is in it; None when that cannot be told.
        replicas: Its proven copies.
        missing_in: Regions where copies are configured and it has none.
        unknown: Why the content cannot be told.
        origin: What its provenance says, whoever signed it; None when there is none that can be read.
    """

    standing: Standing
    content: ManifestSummary | None
    replicas: tuple[Replica, ...]
    missing_in: tuple[str, ...] = ()
    unknown: str = ""
    origin: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What leads from one release to another.

    Attributes:
        old: The one that is compared with.
        new: The other.
        files: What became of the files; None when that cannot be told.
        commits: Commits between.
        tickets: Tickets that the new commits name.
        dropped_tickets: Tickets that commits name which only the old release has.
        unknown: Why the files cannot be told.
    """

    old: Release
    new: Release
    files: ManifestDiff | None
    commits: CommitRange
    tickets: tuple[Ticket, ...] = ()
    dropped_tickets: tuple[Ticket, ...] = ()
    unknown: str = ""


class Catalogue:
    """Reads releases with everything that is known of them."""

    def __init__(
        self,
        *,
        releases: ReleaseStore,
        journal: Journal,
        replicas: Replicas,
        pruner: Callable[[], Pruner],
        history: History,
        tickets: TicketRules,
        signings: Signings,
        origins: Origins,
    ) -> None:
        """Take what is read; `pruner` is asked for when something is to be removed, and may refuse."""
        self._releases = releases
        self._journal = journal
        self._replicas = replicas
        self._pruner = pruner
        self._history = history
        self._tickets = tickets
        self._signings = signings
        self._origins = origins

    def list(self, *, environment: str | None = None, limit: int | None = None) -> tuple[Standing, ...]:
        """Releases with where they stand, the newest first.

        Args:
            environment: Only those that this environment served, verified.
            limit: So many at most.
        """
        estate = self._journal.estate()
        found = (standing_of(release, estate) for release in self._releases.newest())
        if environment is not None:
            found = (each for each in found if any(name == environment for name, _ in each.passed))
        return self._with_signings(tuple(islice(found, limit)))

    def _with_signings(self, standings: Sequence[Standing]) -> tuple[Standing, ...]:
        signings = self._signings([each.release for each in standings])
        return tuple(replace(each, signing=found) for each, found in zip(standings, signings, strict=True))

    def portrait(self, release: Release) -> Portrait:
        """Everything about one release.

        Raises:
            IntegrityError: If the record of a copy cannot be read.
        """
        from deliverkit.domain.manifest_diff import summary_of  # noqa: PLC0415

        replicas = self._replicas.of(release)
        missing = tuple(set(self._replicas.places) - {each.region for each in replicas})
        content, unknown = None, ""
        try:
            content = summary_of(self._items(release))
        except DeliverkitError as error:
            unknown = error.message
        (standing,) = self._with_signings([standing_of(release, self._journal.estate())])
        return Portrait(standing, content, replicas, tuple(sorted(missing)), unknown, self.origin(release))

    def origin(self, release: Release) -> Provenance | None:
        """What the provenance of a release says, whoever signed it; None when there is none that can be read."""
        return self._origins(release) if release.provenance else None

    def tickets(self, old: Release, new: Release) -> tuple[Ticket, ...]:
        """Tickets that the commits between two releases name; none where the commits cannot be told."""
        return self._tickets_in(self._commits(old, new).added)

    def serving(self, environment: str) -> Release:
        """What an environment serves.

        Raises:
            ConflictError: If nothing was promoted there yet.
        """
        served = self._journal.estate().serving(environment)
        if served is None:
            raise ConflictError(f"{environment} serves nothing yet", hint="deliverkit release diff OLD NEW")
        return served.release

    def compare(self, old: Release, new: Release) -> Comparison:
        """What leads from one release to another; what cannot be told says why."""
        from deliverkit.domain.manifest_diff import compare  # noqa: PLC0415

        files, unknown = None, ""
        try:
            files = compare(self._items(old), self._items(new))
        except DeliverkitError as error:
            unknown = error.message
        commits = self._commits(old, new)
        return Comparison(
            old,
            new,
            files,
            commits,
            self._tickets_in(commits.added),
            self._tickets_in(commits.dropped),
            unknown,
        )

    def replicate(
        self, release: Release, regions: tuple[str, ...] = (), *, is_read: bool = False
    ) -> tuple[Replica, ...]:
        """Proven copies in regions, in all that are configured by default.

        Raises:
            UsageError: If a region has no place, or its bucket is not fit.
            IntegrityError: If what lies there, or what was copied, has other bytes.
            NotFoundError: If the release has no bundle any more.
        """
        wanted = regions or tuple(self._replicas.places)
        if wanted and not self._releases.exists(release.bundle):
            raise NotFoundError(f"the bundle of {release.version} is gone: {release.bundle.uri}")
        return tuple(self._replicas.replicate(release, region, is_read=is_read) for region in wanted)

    @property
    def pruner(self) -> Pruner:
        """What removes releases that nobody needs.

        Raises:
            UsageError: If the configuration does not say what is to be kept.
        """
        return self._pruner()

    def _items(self, release: Release) -> tuple[Item, ...]:
        from deliverkit.domain.manifest_diff import items_of  # noqa: PLC0415

        if not release.manifest:
            raise NotFoundError(f"{release.version} was packaged without a manifest")
        return items_of(self._releases.manifest(release.manifest))

    def _commits(self, old: Release, new: Release) -> CommitRange:
        for release in (old, new):
            if release.source is None:
                return CommitRange(unknown=f"{release.version} was not built in a git repository")
        assert old.source is not None
        assert new.source is not None
        found = self._history(old.source.commit, new.source.commit)
        dirty = [each.version for each in (old, new) if each.source and each.source.is_dirty]
        notes = [found.unknown, f"built with uncommitted changes: {', '.join(dirty)}" if dirty else ""]
        return CommitRange(found.added, found.dropped, "; ".join(note for note in notes if note))

    def _tickets_in(self, commits: tuple[Commit, ...]) -> tuple[Ticket, ...]:
        return tickets_in(commits, self._tickets)


def standing_of(release: Release, estate: Estate) -> Standing:
    """Where a release stands, by its digest: the same bytes have passed whatever their version is called."""
    serves = tuple(
        name for name in estate.history if (at := estate.serving(name)) and at.release.digest == release.digest
    )
    passed = tuple(
        (name, max(moments))
        for name, history in estate.history.items()
        if (moments := [served.at for served in history if served.release.digest == release.digest])
    )
    return Standing(release, serves, passed, estate.quarantined.get(release.digest))
