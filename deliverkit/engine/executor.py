"""The executor: carries out effects and brings back facts. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.attestation_ports import Trust
from deliverkit.domain import effects as fx
from deliverkit.domain.carriage import CarriageStatus
from deliverkit.domain.gate import Verdict
from deliverkit.domain.plan import PlanKind
from deliverkit.domain.release import BundleRevision
from deliverkit.domain.rollout import Cause, Outcome, Rollout
from deliverkit.engine.carrier import Carrier
from deliverkit.engine.journal import Journal
from deliverkit.engine.measuring import Gatekeeper, context_for
from deliverkit.engine.pruning import refuse_while_pruning
from deliverkit.engine.through_pipeline import EXECUTION
from deliverkit.engine.verifying import Witness
from deliverkit.errors import ConflictError, IntegrityError, LockedError, NotFoundError, UsageError
from deliverkit.ports import Clock, LockService

JUDGED_BAD = frozenset({Cause.GATE, Cause.VERIFICATION})
"""Failures that speak against the release itself, so that it is quarantined."""


def environment_lease(environment: str) -> str:
    """Name of the lease that a promotion holds while it changes an environment."""
    return f"environments/{environment}"


class Executor:
    """Performs effects for one rollout at a time."""

    def __init__(
        self,
        *,
        carrier: Carrier,
        gatekeeper: Gatekeeper,
        witness: Witness,
        journal: Journal,
        locks: LockService,
        clock: Clock,
        exists: Callable[[BundleRevision], bool],
        trust: Trust | None = None,
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        """Take the collaborators; `exists` tells whether a bundle can still be read.

        Without `trust` a release has nothing to prove. `prepare` is called before an environment is claimed, and raises
        UsageError where this process lacks what a gate of the plan will need: better now than behind a deployment.
        """
        self._carrier = carrier
        self._gatekeeper = gatekeeper
        self._witness = witness
        self._journal = journal
        self._locks = locks
        self._clock = clock
        self._exists = exists
        self._prepare = prepare
        self._trust = trust
        self._performers: Mapping[type, Callable[[Any, Rollout], fx.Fact]] = {
            fx.Claim: self._claim,
            fx.Measure: self._measure,
            fx.Begin: self._begin,
            fx.Locate: self._locate,
            fx.Follow: self._follow,
            fx.Look: self._look,
            fx.Verify: self._verify,
            fx.Accept: self._accept,
            fx.Announce: self._announce,
            fx.Stop: self._stop,
            fx.Revert: self._revert,
            fx.FollowRevert: self._follow_revert,
            fx.Settle: self._settle,
            fx.File: self._file,
        }

    def perform(self, effect: fx.Effect, rollout: Rollout) -> fx.Fact:
        """Carry out one effect.

        Raises:
            UnreachableError: If AWS does not answer; the effect may be asked for again.
        """
        return self._performers[type(effect)](effect, rollout)

    # --- on the way --------------------------------------------------------------------------------

    def _claim(self, effect: fx.Claim, rollout: Rollout) -> fx.Fact:
        self._prepare()
        name = environment_lease(effect.environment)
        reason = f"promotion {rollout.id} of {rollout.plan.release.version} by {rollout.plan.requested_by}"
        try:
            self._locks.acquire(name, holder=rollout.id, ttl=None, now=self._clock.now(), reason=reason)
        except LockedError as error:
            return fx.Refused(rollout.leg_index, Cause.LOCKED, error.message)
        refusal = None if rollout.claims else self._gone(rollout)
        if refusal:
            self._give_back(effect.environment, rollout.id)
        return refusal or fx.Claimed(effect.environment)

    def _gone(self, rollout: Rollout) -> fx.Refused | None:
        """A refusal if the release was removed, or may be just now, between the checks and the record of the promotion.

        Once a promotion is on record, whoever prunes sees it: this has to be asked once.
        """
        try:
            refuse_while_pruning(self._locks, self._clock.now())
        except LockedError as error:
            return fx.Refused(rollout.leg_index, Cause.LOCKED, error.message)
        bundle = rollout.plan.release.bundle
        is_there = self._exists(bundle)
        return None if is_there else fx.Refused(rollout.leg_index, Cause.REFUSED, f"the bundle is gone: {bundle.uri}")

    def close(self) -> None:
        """End what goes on beside the loop, soon."""
        self._gatekeeper.close()

    def _measure(self, effect: fx.Measure, rollout: Rollout) -> fx.Fact:
        context = context_for(rollout, rollout.plan.legs[effect.leg], effect.release, effect.checks)
        return fx.Measured(self._gatekeeper.measure([(rollout.check(key), context) for key in effect.checks]))

    def _begin(self, effect: fx.Begin, rollout: Rollout) -> fx.Fact:
        refusal = self._fence(rollout) or self._distrust(rollout, effect.leg)
        if refusal:
            return refusal
        if effect.leg == 0:
            self._make_way(rollout)
        try:
            return fx.Begun(effect.leg, self._carrier.begin(rollout, effect.leg))
        except (ConflictError, UsageError, NotFoundError) as error:
            return fx.Refused(effect.leg, Cause.REFUSED, error.message)

    def _make_way(self, rollout: Rollout) -> None:
        """Stop what ended promotions left waiting, unless somebody has taken it up since the plan was made."""
        for leftover in rollout.plan.drive.leftovers:
            lease = self._locks.show(environment_lease(leftover.environment))
            if lease is None or lease.holder in {"", rollout.id}:
                self._carrier.discard(
                    leftover, f"deliverkit {rollout.id}: {rollout.plan.release.version} takes its place"
                )

    def _fence(self, rollout: Rollout) -> fx.Refused | None:
        """A refusal if the environment's lease was taken from us by hand; whoever holds it now acts, we do not."""
        lease = self._locks.show(environment_lease(rollout.leg.environment))
        if lease is not None and lease.holder == rollout.id:
            return None
        holder = lease.holder if lease else "nobody"
        said = f"the lease of {rollout.leg.environment} was taken from this promotion; it is held by {holder}"
        return fx.Refused(rollout.leg_index, Cause.LOCKED, said)

    def _distrust(self, rollout: Rollout, leg: int) -> fx.Refused | None:
        """A refusal if what was proved when the promotion was opened does not hold any more: a key may be withdrawn.

        The bundle's bytes were read then; the object version that the plan names cannot have changed since.
        """
        plan = rollout.plan
        if self._trust is None or plan.is_way_back:
            return None
        try:
            self._trust.require(plan.release, is_thorough=False)
        except IntegrityError as error:
            return fx.Refused(leg, Cause.UNTRUSTED, error.message)
        return None

    def _locate(self, effect: fx.Locate, rollout: Rollout) -> fx.Fact:
        handle = self._carrier.locate(rollout, effect.leg)
        return fx.Begun(effect.leg, handle) if handle else fx.NotBegun(effect.leg)

    def _follow(self, effect: fx.Follow, rollout: Rollout) -> fx.Fact:
        leg = rollout.plan.legs[effect.leg]
        by = f" by {', '.join(rollout.admitted_by)}" if rollout.admitted_by else ""
        reason = f"deliverkit {rollout.id}: {leg.label} admitted{by}"
        return self._seen(effect.leg, lambda: self._carrier.follow(leg, effect.handle, reason))

    def _look(self, effect: fx.Look, rollout: Rollout) -> fx.Fact:
        return self._seen(effect.leg, lambda: self._carrier.look(rollout.plan.legs[effect.leg], effect.handle))

    def _accept(self, effect: fx.Accept, rollout: Rollout) -> fx.Fact:
        leg = rollout.plan.legs[effect.leg]
        return self._seen(effect.leg, lambda: self._carrier.accept(leg, effect.handle, effect.reason))

    def _stop(self, effect: fx.Stop, rollout: Rollout) -> fx.Fact:
        leg = rollout.plan.legs[effect.leg]
        return self._seen(effect.leg, lambda: self._carrier.stop(leg, effect.handle, effect.reason))

    def _seen(self, leg: int, look: Callable[[], Any]) -> fx.Fact:
        try:
            return fx.Seen(leg, look())
        except (ConflictError, UsageError, NotFoundError) as error:
            return fx.Refused(leg, Cause.REFUSED, error.message)

    def _verify(self, effect: fx.Verify, rollout: Rollout) -> fx.Fact:
        leg = rollout.plan.legs[effect.leg]
        return fx.Verified(effect.leg, self._witness.testify(rollout, leg, effect.release))

    def _announce(self, effect: fx.Announce, rollout: Rollout) -> fx.Fact:
        is_last_wave = all(leg.environment != rollout.leg.environment for leg in rollout.plan.legs[effect.leg + 1 :])
        if is_last_wave:
            self._journal.announce(rollout, rollout.begun.get(effect.leg, {}).get(EXECUTION, ""))
            # What comes later never changes this environment again; others need not wait for an approval further on.
            self._give_back(rollout.leg.environment, rollout.id)
        return fx.Announced(effect.leg)

    # --- on the way back ---------------------------------------------------------------------------

    def _revert(self, effect: fx.Revert, rollout: Rollout) -> fx.Fact:
        refusal = self._fence(rollout)
        if refusal:
            return refusal
        try:
            return fx.RevertBegun(effect.leg, self._carrier.revert(rollout, effect.leg, effect.attempt))
        except (ConflictError, UsageError, NotFoundError) as error:
            return fx.Refused(effect.leg, Cause.REFUSED, error.message)

    def _follow_revert(self, effect: fx.FollowRevert, rollout: Rollout) -> fx.Fact:
        leg = rollout.plan.legs[effect.leg]
        reason = f"deliverkit {rollout.id}: {leg.label} goes back"
        return fx.RevertSeen(effect.leg, self._carrier.follow(leg, effect.handle, reason))

    def _settle(self, effect: fx.Settle, rollout: Rollout) -> fx.Fact:
        reason = f"deliverkit {rollout.id}: rolled back, verified at the targets"
        carriage = self._carrier.accept(rollout.plan.legs[effect.leg], effect.handle, reason)
        is_settled = carriage.status is CarriageStatus.COMPLETED
        return fx.Settled(effect.leg) if is_settled else fx.RevertSeen(effect.leg, carriage)

    def _file(self, effect: fx.File, rollout: Rollout) -> fx.Fact:
        if _speaks_against_release(rollout):
            self._journal.quarantine(rollout.plan.release, f"{rollout.id}: {rollout.reason}")
        if rollout.outcome is Outcome.ROLLED_BACK and rollout.begun:
            self._journal.announce_return(rollout)
        self._journal.close(rollout)
        for environment in rollout.claims:
            self._give_back(environment, rollout.id)
        return fx.Filed()

    def _give_back(self, environment: str, holder: str) -> None:
        lease = self._locks.show(environment_lease(environment))
        if lease is not None and lease.holder == holder:
            self._locks.release(lease)


def _speaks_against_release(rollout: Rollout) -> bool:
    was_tried = rollout.outcome in {Outcome.ROLLED_BACK, Outcome.UNRESOLVED} and bool(rollout.begun)
    return was_tried and rollout.plan.kind is PlanKind.PROMOTE and _was_judged_bad(rollout)


def _was_judged_bad(rollout: Rollout) -> bool:
    """True when a gate or the targets spoke against the release; what could not be measured does not."""
    failure = rollout.failure
    if failure is None or failure.cause not in JUDGED_BAD:
        return False
    judged = [passage.verdict for passage in rollout.passages if passage.gate == failure.gate]
    return not judged or judged[-1] is Verdict.FAILED
