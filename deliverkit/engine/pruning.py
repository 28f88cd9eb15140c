"""Removing releases that nobody needs: decided by reading, done under a lease, one release after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Protocol

from deliverkit.domain.environment import Environment
from deliverkit.domain.release import Release
from deliverkit.domain.release_rules import KeepRules
from deliverkit.domain.retention import Removal, RetentionPlan, plan_retention
from deliverkit.domain.rollout import Rollout
from deliverkit.domain.strays import Stray, StrayKind, StrayNeeds
from deliverkit.engine.journal import Journal
from deliverkit.engine.needs import needs_of, needs_of_strays
from deliverkit.engine.sweeping import BECAUSE, StrayRemover, Sweeper
from deliverkit.errors import DeliverkitError, LockedError, NotFoundError
from deliverkit.ports import Clock, Deployer, Identity, Lease, LockService, ReleaseStore

PRUNE_LEASE = "releases/prune"
"""Held while releases are removed. Promotions that claim an environment meanwhile are refused: see `refuse_pruning`."""
_TTL = timedelta(minutes=15)
_MOMENT = timedelta(minutes=1)
"""So long a renewed lease is not renewed again between the steps of a removal: each step ends well within the rest."""
Revisions = Callable[[], Mapping[str, str]]
"""What each deployment group runs, by the group's name for people; raises when one cannot be asked."""
Heard = Callable[[str], None]
"""Hears what is being done, from the thread that does it."""


class ReleaseRemover(StrayRemover, Protocol):
    """Removes what belongs to releases from the store, and what belongs to none."""

    def locked_until(self, release: Release) -> str:
        """Until when the store refuses to remove the bundle, in words; empty when it does not.

        Raises:
            UnreachableError: If the store does not answer, or denies to tell.
        """
        ...

    def is_shared(self, release: Release) -> bool:
        """True when another record names the same bundle."""
        ...

    def remove(self, release: Release, *, by: str, at: datetime, keep: Callable[[], None]) -> int:
        """Remove the record, and everything that no other record needs; may be called again after a crash.

        Args:
            release: The release.
            by: ARN of whoever removes it.
            at: The present moment, UTC.
            keep: Called before each step that cannot be taken back; whatever it raises ends the removal there.

        Returns:
            How many object versions were removed.

        Raises:
            ConflictError: If the removal of an older release of this version was begun and not ended.
            IntegrityError: If the record of a copy cannot be read; nothing was removed.
            UnreachableError: If the store denies it or does not answer; what is left is in `begun`.
        """
        ...

    def settle(self, release: Release) -> None:
        """Forget that the removal was begun; that of another release of the version stays on record."""
        ...


class Fate(StrEnum):
    """What became of a release that was to go."""

    REMOVED = "removed"
    SPARED = "spared"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Pruned:
    """What became of one release, or of one stray.

    Attributes:
        version: The release; of a stray its file name.
        fate: Whether it went.
        detail: How many objects went with it, or why it is still there.
        kind: `release`, `bundle` or `upload`.
    """

    version: str
    fate: Fate
    detail: str
    kind: str = "release"


class Pruner:
    """Plans and does the removal of releases."""

    def __init__(
        self,
        *,
        rules: KeepRules,
        releases: ReleaseStore,
        remover: ReleaseRemover,
        journal: Journal,
        unfinished: Callable[[], Sequence[Rollout]],
        revisions: Revisions,
        locks: LockService,
        identity: Callable[[], Identity],
        driver: Callable[[], str],
        clock: Clock,
    ) -> None:
        """Take the rules and what is read before anything is removed."""
        self._rules = rules
        self._releases = releases
        self._remover = remover
        self._journal = journal
        self._unfinished = unfinished
        self._revisions = revisions
        self._locks = locks
        self._identity = identity
        self._driver = driver
        self._clock = clock
        self._heard: Heard = lambda _: None

    def plan(self, heard: Heard | None = None) -> RetentionPlan:
        """What would go and why everything else stays; reads only.

        Args:
            heard: Hears what is being read.

        Raises:
            IntegrityError: If the ledger does not verify or a record cannot be read.
            UnreachableError: If the ledger, the store or a deployment group does not answer.
        """
        self._heard = heard or self._heard
        revisions = self._read_revisions()
        plan = self._plan(revisions)
        self._heard("looking for bundles that no release names")
        return replace(plan, strays=self._sweeper(lambda: revisions).judge())

    def begun(self) -> tuple[Release, ...]:
        """Releases whose removal an earlier process left unfinished."""
        return self._remover.begun()

    def prune(self, heard: Heard | None = None) -> Iterator[Pruned]:
        """Remove what may go, and end what was begun earlier; tells each release's fate as it is decided.

        The plan is made anew under the lease, and what a release is needed for is asked again before each removal: of
        the ledger, of open promotions, and of the deployment groups. A release that cannot be removed keeps no other.

        Args:
            heard: Hears what is being read and removed.

        Raises:
            LockedError: If somebody else prunes, or the lease ran out; nothing more is removed.
            UnreachableError: If something that must be read does not answer; nothing more is removed.
        """
        self._heard = heard or self._heard
        hold = self._claim()
        try:
            doomed = self._plan(self._read_revisions()).removals
            due = {each.release for each in doomed}
            begun = [Removal(each, "its removal was begun earlier") for each in self._remover.begun()]
            rest = [each for each in doomed if each.release not in {removal.release for removal in begun}]
            for place, removal in enumerate((*begun, *rest), start=1):
                hold.renew()
                self._heard(f"removing {removal.release.version} ({place} of {len(begun) + len(rest)})")
                yield self._fate(removal, hold, is_doomed=removal.release in due)
            self._heard("looking for bundles that no release names")
            hold.renew()
            sweeper = self._sweeper(self._revisions)
            for stray in (each.stray for each in sweeper.judge() if not each.reasons):
                hold.renew()
                self._heard(f"removing {stray.kind} {stray.name}")
                yield self._fate_of_stray(stray, sweeper)
        finally:
            hold.release()

    def _read_revisions(self) -> Mapping[str, str]:
        self._heard("asking the deployment groups what they run")
        return self._revisions()

    def _plan(self, revisions: Mapping[str, str]) -> RetentionPlan:
        self._heard("reading the records of all releases, and the ledger")
        releases = self._releases.list()
        return plan_retention(releases, self._needs(releases, revisions), self._rules, now=self._clock.now())

    def _needs(self, releases: Sequence[Release], revisions: Mapping[str, str]) -> Mapping[str, Sequence[str]]:
        return needs_of(self._journal.estate(), self._unfinished(), releases, revisions)

    def _sweeper(self, revisions: Revisions) -> Sweeper:
        def needs(releases: Sequence[Release]) -> StrayNeeds:
            return needs_of_strays(self._journal.estate(), self._unfinished(), releases, revisions())

        return Sweeper(self._remover, self._releases.list, needs, self._clock)

    def _claim(self) -> _Hold:
        who, now = self._identity().arn, self._clock.now()
        reason = f"release prune by {who}"
        lease = self._locks.acquire(PRUNE_LEASE, holder=self._driver(), ttl=_TTL, now=now, reason=reason)
        return _Hold(self._locks, self._clock, lease)

    def _fate(self, removal: Removal, hold: _Hold, *, is_doomed: bool) -> Pruned:
        """What becomes of one release; that it cannot be removed must not keep the others."""
        release = removal.release
        # Outside: what everybody's removal rests on must be readable.
        needs = self._needs((release,), self._revisions()).get(release.digest, ())
        try:
            spared = self._objection(release, needs, is_doomed=is_doomed)
            if spared:
                return Pruned(release.version, Fate.SPARED, spared)
            by, at = self._identity().arn, self._clock.now()
            count = self._remover.remove(release, by=by, at=at, keep=hold.keep)
            self._journal.prune(release, removal.reason)
            self._remover.settle(release)
        except LockedError:
            raise
        except DeliverkitError as error:
            return Pruned(release.version, Fate.REFUSED, error.message)
        return Pruned(release.version, Fate.REMOVED, f"{count} object versions")

    def _fate_of_stray(self, stray: Stray, sweeper: Sweeper) -> Pruned:
        told = partial(Pruned, stray.name, kind=stray.kind.value)
        spared = sweeper.objection(stray)
        if spared:
            return told(Fate.SPARED, spared)
        try:
            locked = self._remover.stray_locked_until(stray) if stray.kind is StrayKind.BUNDLE else ""
            count = 0 if locked else self._remover.remove_stray(stray)
        except DeliverkitError as error:
            return told(Fate.REFUSED, error.message)
        if locked:
            return told(Fate.SPARED, locked)
        if not count:
            return told(Fate.SPARED, "it ended meanwhile, or was sent anew")
        if stray.kind is StrayKind.BUNDLE:
            self._journal.prune_bundle(stray.key, stray.digest, BECAUSE)
        return told(Fate.REMOVED, f"{count} object versions" if stray.kind is StrayKind.BUNDLE else "its parts")

    def _objection(self, release: Release, needs: Sequence[str], *, is_doomed: bool) -> str:
        """Why it must not go now after all; empty when it may."""
        is_on_record = _is_on_record(self._releases, release)
        if is_on_record and (needs or not is_doomed):
            # What was begun had removed nothing yet.
            self._remover.settle(release)
            return ", ".join(needs) or "kept by the rules again"
        if self._remover.is_shared(release):
            return ""  # the bundle stays
        return ", ".join(needs) or self._remover.locked_until(release)


class _Hold:
    """The lease while it is ours: whoever removes something looks first whether it still is."""

    def __init__(self, locks: LockService, clock: Clock, lease: Lease) -> None:
        self._locks = locks
        self._clock = clock
        self._lease = lease
        self._renewed_at = clock.now()

    def renew(self) -> None:
        """Have it for the whole time again.

        Raises:
            LockedError: If it ran out, so that a promotion may have begun; or somebody else has it.
        """
        now = self._clock.now()
        if self._lease.expires_at is not None and now >= self._lease.expires_at:
            raise LockedError("pruning took so long that its lease ran out", hint="deliverkit release prune")
        self._lease, self._renewed_at = self._locks.renew(self._lease, ttl=_TTL, now=now), now

    def keep(self) -> None:
        """The same, unless that was a moment ago."""
        if self._clock.now() - self._renewed_at >= _MOMENT:
            self.renew()

    def release(self) -> None:
        """Give it back; harmless when it is no longer ours."""
        self._locks.release(self._lease)


def revisions_of(environments: Iterable[Environment], deployers: Callable[[str], Deployer]) -> Mapping[str, str]:
    """What each deployment group of the environments says was deployed to it last.

    Raises:
        UnreachableError: If one of them cannot be asked.
    """
    found = {}
    for environment in environments:
        for region in (region for wave in environment.waves for region in wave):
            try:
                facts = deployers(region).group_facts(environment.application, environment.group)
            except NotFoundError:
                continue  # a group that does not exist runs nothing
            found[f"{environment.group} in {region}"] = facts.last_revision
    return found


def _is_on_record(releases: ReleaseStore, release: Release) -> bool:
    try:
        return releases.get(release.version) == release
    except NotFoundError:
        return False


def refuse_while_pruning(locks: LockService, now: datetime) -> None:
    """Refuse what must not begin while releases are removed.

    Whoever opens a promotion has recorded it before asking here, and whoever prunes has taken the lease before looking
    for open promotions: one of the two sees the other.

    Raises:
        LockedError: While somebody prunes.
    """
    lease = locks.show(PRUNE_LEASE)
    if lease is not None and lease.holder and not (lease.expires_at is not None and now >= lease.expires_at):
        since = f"{lease.acquired_at:%Y-%m-%d %H:%M:%S} UTC"
        raise LockedError(f"releases are being removed since {since}: {lease.reason}", hint="the same command, again")
