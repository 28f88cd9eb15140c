"""The application's journal: what serves where, how promotions ended, which releases are quarantined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from deliverkit.domain.ledger import Draft, Event, verify_link
from deliverkit.domain.plan import PlanKind
from deliverkit.domain.release import BundleRevision, Release
from deliverkit.domain.rollout import Outcome, Rollout
from deliverkit.errors import ConflictError, DeliverkitError, NotFoundError
from deliverkit.ports import Clock, IdentityProvider, Ledger

STREAM = "application"


@dataclass(frozen=True, slots=True)
class Served:
    """One release that an environment served, verified.

    Attributes:
        environment: Name of the environment.
        release: The release.
        promotion: Id of the promotion that brought it.
        execution: Pipeline execution that brought it; empty without a pipeline.
        at: When it was verified and accepted, UTC.
    """

    environment: str
    release: Release
    promotion: str
    execution: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Why a release must not be promoted, nor gone back to."""

    version: str
    digest: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """How a promotion ended."""

    promotion: str
    environment: str
    version: str
    outcome: Outcome
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Pruning:
    """That a release was removed, and why it was allowed to go."""

    version: str
    digest: str
    bundle: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Estate:
    """The fold of the journal.

    Attributes:
        history: For each environment the releases it served, the present one last; a rollback on demand drops what it
            went back over.
        quarantined: Quarantined releases by digest.
        endings: Closed promotions by id, in order of their end.
        pruned: Removed releases by version.
        last: The last event folded.
    """

    history: Mapping[str, tuple[Served, ...]] = field(default_factory=dict)
    quarantined: Mapping[str, Quarantine] = field(default_factory=dict)
    endings: Mapping[str, Ending] = field(default_factory=dict)
    pruned: Mapping[str, Pruning] = field(default_factory=dict)
    last: Event | None = None

    def serving(self, environment: str) -> Served | None:
        """What the environment serves now, as far as promotions brought it there."""
        served = self.history.get(environment, ())
        return served[-1] if served else None

    def brought_by(self, execution: str) -> tuple[Served, ...]:
        """Everything that a pipeline execution has brought, in any environment."""
        return tuple(each for history in self.history.values() for each in history if each.execution == execution)

    def has_passed(self, environment: str, digest: str) -> bool:
        """True when a release with this digest was judged good there."""
        return any(served.release.digest == digest for served in self.history.get(environment, ()))

    def has_served(self, environment: str, bundle: BundleRevision) -> bool:
        """True when that very object was verified and accepted there, and nobody went back over it since."""
        return any(served.release.bundle == bundle for served in self.history.get(environment, ()))

    def way_back(self, environment: str, candidate: str) -> Served | None:
        """The last good release there with other bytes than the candidate, and not quarantined."""
        for served in reversed(self.history.get(environment, ())):
            digest = served.release.digest
            if digest != candidate and digest not in self.quarantined:
                return served
        return None


class Journal:
    """Reads and writes the application's stream."""

    def __init__(self, ledger: Ledger, *, clock: Clock, identity: IdentityProvider) -> None:
        """Take the ledger; who we are is asked when something is recorded, not to read."""
        self._ledger = ledger
        self._clock = clock
        self._identity = identity
        self._estate = Estate()

    def estate(self) -> Estate:
        """The state after every event recorded so far, by anybody.

        Raises:
            IntegrityError: If an event was changed, dropped or moved since it was recorded.
        """
        after = self._estate.last.sequence if self._estate.last else 0
        for event in self._ledger.read(STREAM, after):
            verify_link(STREAM, self._estate.last, event)
            self._estate = _fold(self._estate, event)
        return self._estate

    def explained(self, missing: NotFoundError, version: str) -> NotFoundError:
        """Why there is no release of a version: of one that was pruned when, by whom and why; else what was said."""
        try:
            gone = self.estate().pruned.get(version)
        except DeliverkitError:
            return missing  # the ledger cannot tell: that there is no such release stays true
        if gone is None:
            return missing
        digest = gone.digest.removeprefix("sha256:")[:12]
        return NotFoundError(
            f"{version} ({digest}) was pruned {gone.at:%Y-%m-%d %H:%M:%S} UTC by {gone.by}: {gone.reason}",
            hint="deliverkit ledger log has it on record; deliverkit release list names those there are",
        )

    def announce(self, rollout: Rollout, execution: str) -> None:
        """Record that the leg's environment serves the release; once for each promotion, however often it is called."""
        served = self.estate().serving(rollout.leg.environment)
        if not (served and served.promotion == rollout.id):
            self._released(rollout, rollout.plan.release, rollout.plan.kind, execution)

    def announce_return(self, rollout: Rollout) -> None:
        """Record that the leg's environment serves its last good release again; once, however often it is called.

        Mostly nobody had recorded that it served another one. It had when what failed was the very release that served
        there, promoted once more.
        """
        previous = rollout.leg.previous
        served = self.estate().serving(rollout.leg.environment)
        if previous is not None and served is not None and served.release.digest != previous.digest:
            self._released(rollout, previous, PlanKind.ROLLBACK, rollout.leg.previous_execution)

    def _released(self, rollout: Rollout, release: Release, kind: PlanKind, execution: str) -> None:
        place = {"environment": rollout.leg.environment, "promotion": rollout.id, "execution": execution}
        payload = {**place, "kind": kind.value, "release": msgspec.to_builtins(release)}
        self._append("environment.released", payload)

    def close(self, rollout: Rollout) -> None:
        """Record how a promotion ended, with the digest of its stream's head; once, however often it is called."""
        if rollout.id in self.estate().endings or rollout.outcome is None:
            return
        payload = {"promotion": rollout.id, "environment": rollout.plan.environment, "head": rollout.last.digest}
        ending = {"version": rollout.plan.release.version, "outcome": rollout.outcome.value, "reason": rollout.reason}
        self._append("promotion.closed", {**payload, **ending})

    def quarantine(self, release: Release, reason: str) -> None:
        """Forbid a release; harmless when it is forbidden already."""
        if release.digest not in self.estate().quarantined:
            self._append(
                "release.quarantined", {"version": release.version, "digest": release.digest, "reason": reason}
            )

    def lift(self, release: Release, reason: str) -> None:
        """Allow a quarantined release again; harmless when it is not quarantined."""
        if release.digest in self.estate().quarantined:
            self._append("release.lifted", {"version": release.version, "digest": release.digest, "reason": reason})

    def prune(self, release: Release, reason: str) -> None:
        """Record that a release was removed; once, however often it is called."""
        known = self.estate().pruned.get(release.version)
        if known is None or known.bundle != release.bundle.uri:
            payload = {"version": release.version, "digest": release.digest, "manifest": release.manifest}
            self._append("release.pruned", {**payload, "bundle": release.bundle.uri, "reason": reason})

    def prune_bundle(self, uri: str, digest: str, reason: str) -> None:
        """Record that a bundle was removed that no release named."""
        self._append("bundle.pruned", {"bundle": uri, "digest": digest, "reason": reason})

    def _append(self, kind: str, payload: Mapping[str, object]) -> None:
        # Journals are short and writers few: whoever loses the race reads on and tries the next place.
        while True:
            estate, actor = self.estate(), self._identity.whoami().arn
            try:
                self._ledger.append(STREAM, estate.last, Draft(kind, payload), actor=actor, at=self._clock.now())
            except ConflictError:
                continue
            return


def _fold(estate: Estate, event: Event) -> Estate:
    payload = event.payload
    match event.kind:
        case "environment.released":
            estate = _with_served(estate, event)
        case "release.quarantined":
            entry = Quarantine(payload["version"], payload["digest"], payload["reason"], event.actor, event.at)
            estate = replace(estate, quarantined={**estate.quarantined, entry.digest: entry})
        case "release.lifted":
            kept = {digest: entry for digest, entry in estate.quarantined.items() if digest != payload["digest"]}
            estate = replace(estate, quarantined=kept)
        case "release.pruned":
            what = (payload["version"], payload["digest"], payload["bundle"], payload["reason"])
            gone = Pruning(*what, event.actor, event.at)
            estate = replace(estate, pruned={**estate.pruned, gone.version: gone})
        case "promotion.closed":
            names = (payload["promotion"], payload["environment"], payload["version"])
            ending = Ending(*names, Outcome(payload["outcome"]), payload["reason"], event.at)
            estate = replace(estate, endings={**estate.endings, ending.promotion: ending})
    return replace(estate, last=event)


def _with_served(estate: Estate, event: Event) -> Estate:
    payload = event.payload
    environment = payload["environment"]
    release = msgspec.convert(payload["release"], Release)
    served = Served(environment, release, payload["promotion"], payload["execution"], event.at)
    before = estate.history.get(environment, ())
    if payload.get("kind") == PlanKind.ROLLBACK:
        before = _unwound(before, release.digest)
    return replace(estate, history={**estate.history, environment: (*before, served)})


def _unwound(history: tuple[Served, ...], digest: str) -> tuple[Served, ...]:
    """The history before a release was served last: whoever went back to it did not trust what came after."""
    known = [position for position, served in enumerate(history) if served.release.digest == digest]
    return history[: known[-1]] if known else history
