"""The library's front door: one delivery, as deliverkit.yml describes it, with the verbs people use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deliverkit.errors import ConflictError, NotFoundError

# Everything else is named in annotations alone: `release list` has no use for what drives a promotion.
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from deliverkit.build_ports import CommitStatuses
    from deliverkit.domain.approval import Relay
    from deliverkit.domain.plan import Plan
    from deliverkit.domain.release import BundleFormat, Compression, KeptParts, Release
    from deliverkit.domain.replica import Replica
    from deliverkit.domain.rollout import AbortMode, Offer, Rollout
    from deliverkit.engine.blueprint import Blueprint
    from deliverkit.engine.catalogue import Catalogue
    from deliverkit.engine.gate_runs import GateRuns
    from deliverkit.engine.journal import Estate, Served
    from deliverkit.engine.promotion_log import Listener
    from deliverkit.engine.runner import Tick
    from deliverkit.parts import Parts
    from deliverkit.ports import Identity, Lease, Ledger, LockService, ReleaseStore, UploadListener


@dataclass(frozen=True, slots=True)
class PackagingChoices:
    """What is chosen for one packaging alone, instead of what the configuration says.

    Attributes:
        format: Type of the archive; None for the configured one.
        compression: What compressing aims at; None for the configured aim.
        is_fresh: Read every file, whatever is remembered of an earlier packaging.
        listener: Hears how far the upload is, from the packaging thread; None for nobody.
    """

    format: BundleFormat | None = None
    compression: Compression | None = None
    is_fresh: bool = False
    listener: UploadListener | None = None


@dataclass(frozen=True, slots=True)
class PackagedRelease:
    """What packaging gave.

    Attributes:
        release: The release on record.
        was_sent: False when the same bytes were in the store already.
        warnings: What the appspec's lint noticed.
        copies: Its proven copies in the regions that are configured for it.
        kept: What an earlier upload, that was broken off, had sent; None when there was none.
        statement_added: `sha256:...` of a signed statement that was added to a release on record; empty for none.
    """

    release: Release
    was_sent: bool
    warnings: tuple[str, ...] = ()
    copies: tuple[Replica, ...] = ()
    kept: KeptParts | None = None
    statement_added: str = ""


class Delivery:
    """A configured delivery."""

    def __init__(self, parts: Parts) -> None:
        """Take the collaborators; `deliverkit.open_delivery` puts them together."""
        self._parts = parts

    @property
    def blueprint(self) -> Blueprint:
        """Environments, gates and pipeline."""
        return self._parts.blueprint

    @property
    def releases(self) -> ReleaseStore:
        """Where bundles and releases lie."""
        return self._parts.releases

    @property
    def ledger(self) -> Ledger:
        """Where everything that happened is recorded."""
        return self._parts.ledger

    @property
    def locks(self) -> LockService:
        """Leases, in the same store."""
        return self._parts.locks

    @property
    def identity(self) -> Identity:
        """Who we are to AWS; asking costs a call."""
        return self._parts.identity

    @property
    def catalogue(self) -> Catalogue:
        """Releases with where they stand; compares, copies and removes them."""
        return self._parts.catalogue

    @property
    def gate_runs(self) -> GateRuns:
        """Runs of gates outside of promotions: watched from anywhere, given up."""
        return self._parts.gate_runs

    def run_gates(
        self,
        names: Sequence[str] = (),
        *,
        to: str,
        version: str | None = None,
        bake_time: timedelta | None = None,
        run_id: str = "",
    ) -> str:
        """Open a run of gates and give its id; `gate_runs.watch` drives it.

        Args:
            names: Of the gates; all that the environment uses by default.
            to: The environment that they ask.
            version: The release that should be healthy; by default the one that serves there.
            bake_time: How long to watch before they have to be passed; the environment's own by default.
            run_id: Its id; whoever opens it again finds it. By default the next free number.

        Raises:
            UsageError: If there is no such gate or environment, or the id is what promotions are called.
            NotFoundError: If there is no such release.
            ConflictError: If there is a run of that id, and it asks something else.
        """
        from deliverkit.engine.gate_planning import plan_gates, refuse_as_id  # noqa: PLC0415

        refuse_as_id(run_id, self.blueprint)
        environment = self.blueprint.environment(to)
        serving = None if version else self.serving(to)
        release = self.releases.get(version) if version else serving.release if serving else None
        plan = plan_gates(
            self.blueprint,
            environment,
            names,
            release=release,
            bake_time=bake_time,
            requested_by=self.identity.arn,
        )
        return self.gate_runs.open(plan, name=run_id)

    @property
    def commit_statuses(self) -> CommitStatuses | None:
        """Where commits are told how they fare; None for nowhere."""
        return self._parts.commit_statuses

    def now(self) -> datetime:
        """The present moment where we deliver to."""
        return self._parts.clock.now()

    # --- releases ----------------------------------------------------------------------------------

    def package(self, path: Path | None = None, choices: PackagingChoices | None = None) -> PackagedRelease:
        """Bundle a build directory, store it under its digest and record the release.

        Args:
            path: The build; the configured one by default.
            choices: What to do otherwise than the configuration says.

        Raises:
            UsageError: If the build or its appspec is not fit to be deployed; nothing was stored.
            ConflictError: If the version already names other bytes.
            UnreachableError: If the store or a region does not answer; once the release is on record, packaging again
                makes the copies that are missing.
        """
        packaged = self._parts.packager(path, choices or PackagingChoices())
        return replace(packaged, copies=self._parts.catalogue.replicate(packaged.release))

    def release(self, version: str | None = None) -> Release:
        """A release by version; without one the newest.

        Raises:
            NotFoundError: If there is none; of one that was pruned the message tells when, by whom and why.
        """
        if version:
            return self._named(version)
        newest = next(self.releases.newest(), None)
        if newest is None:
            raise NotFoundError("there is no release yet", hint="deliverkit package")
        return newest

    def _named(self, version: str) -> Release:
        try:
            return self.releases.get(version)
        except NotFoundError as error:
            raise self._parts.journal.explained(error, version) from error

    def quarantine(self, version: str, reason: str) -> Release:
        """Forbid a release everywhere until it is lifted."""
        release = self._named(version)
        self._parts.journal.quarantine(release, reason)
        return release

    def lift(self, version: str, reason: str) -> Release:
        """Allow a quarantined release again."""
        release = self._named(version)
        self._parts.journal.lift(release, reason)
        return release

    # --- promotions --------------------------------------------------------------------------------

    def plan(self, version: str | None = None, *, to: str | None = None) -> Plan:
        """What `promote` would do; reads only.

        Args:
            version: The release; the newest by default.
            to: The environment; by default the last one of the configuration.

        Raises:
            NotFoundError: If the release, pipeline or a deployment group does not exist.
            ConflictError: If the release has not passed the environment before.
            UsageError: If the pipeline cannot be driven truthfully.
        """
        target = to or list(self.blueprint.environments)[-1]
        self.blueprint.environment(target)
        return self._parts.planner.promotion(
            self.release(version), target, self._parts.journal.estate(), requested_by=self.identity.arn
        )

    def promote(self, version: str | None = None, *, to: str, requested_for: str = "") -> str:
        """Open a promotion and give its id; `watch` drives it.

        Args:
            version: The release; the newest by default.
            to: The environment.
            requested_for: The person whose request we pass on; empty when it is our own.

        Raises:
            LockedError: If it must not begin now (lock, window, quarantine); nothing was recorded.
            IntegrityError: If the bundle is gone; nothing was recorded.
        """
        return self._parts.promotions.open(replace(self.plan(version, to=to), requested_for=requested_for))

    def plan_rollback(self, environment: str, *, to: str | None = None) -> Plan:
        """What `rollback` would do; reads only.

        Raises:
            ConflictError: If there is no earlier good release.
            IntegrityError: If the release never served there, and its signature or the source policy does not hold.
        """
        estate = self._parts.journal.estate()
        self.blueprint.environment(environment)
        target = self._named(to) if to else _way_back(estate, environment)
        return self._parts.planner.rollback(target, environment, estate, requested_by=self.identity.arn)

    def rollback(self, environment: str, *, to: str | None = None) -> str:
        """Open a rollback and give its id; `watch` drives it.

        Raises:
            ConflictError: If there is no earlier good release.
            LockedError: If another promotion holds the environment; nothing was recorded.
        """
        return self._parts.promotions.open(self.plan_rollback(environment, to=to))

    def watch(
        self,
        promotion_id: str,
        *,
        stage: str | None = None,
        timeout: timedelta | None = None,
        through_approvals: bool = False,
        listener: Listener | None = None,
        on_tick: Tick | None = None,
    ) -> Rollout:
        """Drive a promotion, or follow the process that drives it, until it ends or only a human can move it on.

        Args:
            promotion_id: Which one.
            stage: Stop as soon as this environment, or pipeline stage, has been passed.
            timeout: Stop watching after this time; the promotion goes on when somebody attaches again.
            through_approvals: Go on waiting for human decisions.
            listener: Hears every event.
            on_tick: Called once in each turn, for heartbeats.

        Raises:
            NotFoundError: If there is no such promotion.
            UsageError: If the promotion has no such stage.
            UnreachableError: If AWS stayed unreachable; the promotion can be resumed.
        """
        from deliverkit.domain.rollout import has_passed, stage_index  # noqa: PLC0415

        passed = stage_index(self._parts.promotions.show(promotion_id), stage) if stage else None

        def stop_when(rollout: Rollout) -> bool:
            # Behind the last stage the promotion has still to be filed, and its lease given back.
            is_stage_done = passed is not None and rollout.outcome is None and has_passed(rollout, passed)
            return is_stage_done or (rollout.waits_for_human and not through_approvals)

        return self._parts.promotions.run(
            promotion_id,
            stop_when=stop_when,
            deadline=self._parts.clock.now() + timeout if timeout is not None else None,
            listener=listener,
            on_tick=on_tick,
        )

    def decide(
        self, promotion_id: str, *, gate: str = "", is_approved: bool, reason: str, relay: Relay | None = None
    ) -> Rollout:
        """Record a human decision on what a promotion waits for, once; with a relay, that of the person it names.

        Raises:
            ConflictError: If nothing waits, or something else does, or the request expired.
            IntegrityError: If it was made on another plan.
            RejectedError: If it is a yes to what was rejected.
            NotEntitledError: If the decision would not count.
        """
        from deliverkit.domain.approval import Relay  # noqa: PLC0415
        from deliverkit.engine.deciding import Ruling  # noqa: PLC0415

        return self._parts.promotions.decide(promotion_id, Ruling(is_approved, reason, gate, relay or Relay()))

    def offer(self, promotion_id: str, offer: Offer) -> Rollout:
        """Record where else people are asked what a promotion waits for.

        Raises:
            ConflictError: If that question is not open.
        """
        return self._parts.promotions.offer(promotion_id, offer)

    def abort(self, promotion_id: str, mode: AbortMode) -> Rollout:
        """Ask for a promotion to be given up; `watch` sees it through.

        Raises:
            ConflictError: If it has ended.
        """
        return self._parts.promotions.abort(promotion_id, mode)

    # --- looking -----------------------------------------------------------------------------------

    def show(self, promotion_id: str) -> Rollout:
        """A promotion as recorded so far.

        Raises:
            NotFoundError: If there is no such promotion.
        """
        return self._parts.promotions.show(promotion_id)

    def newest(self) -> Rollout:
        """The promotion to take when none is named.

        Raises:
            UsageError: If several are under way.
            NotFoundError: If there is none.
        """
        return self._parts.promotions.newest()

    def unfinished(self) -> tuple[Rollout, ...]:
        """Promotions that are not closed, the oldest first."""
        return self._parts.promotions.unfinished()

    def estate(self) -> Estate:
        """What serves where, how promotions ended, what is quarantined."""
        return self._parts.journal.estate()

    def serving(self, environment: str) -> Served | None:
        """What an environment serves now."""
        return self._parts.journal.estate().serving(environment)

    def lease_of(self, environment: str) -> Lease | None:
        """Who holds an environment; None when nobody does."""
        self.blueprint.environment(environment)
        lease = self.locks.show(f"environments/{environment}")
        return lease if lease is not None and lease.holder else None


def _way_back(estate: Estate, environment: str) -> Release:
    serving = estate.serving(environment)
    target = estate.way_back(environment, serving.release.digest) if serving else None
    if target is None:
        raise ConflictError(
            f"{environment} has no earlier good release to go back to",
            hint=f"deliverkit rollback {environment} --to VERSION takes any release",
        )
    return target.release
