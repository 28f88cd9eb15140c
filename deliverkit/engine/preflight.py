"""What must hold before a promotion is opened; whatever is refused here leaves no trace."""

from __future__ import annotations

from deliverkit.attestation_ports import Trust
from deliverkit.domain.plan import Plan
from deliverkit.domain.window import parse_window
from deliverkit.engine.executor import environment_lease
from deliverkit.engine.journal import Estate
from deliverkit.engine.pruning import refuse_while_pruning
from deliverkit.engine.replication import Replicas, require_proofs, require_revisions
from deliverkit.errors import IntegrityError, LockedError
from deliverkit.ports import Clock, LockService, ReleaseStore


def is_way_back(plan: Plan, estate: Estate) -> bool:
    """True when the plan goes back to what served there before, and so it still is: see `Plan.is_way_back`."""
    return plan.is_way_back and estate.has_served(plan.environment, plan.release.bundle)


class Preflight:
    """Checks a plan against locks, windows, quarantine and the release store."""

    def __init__(
        self,
        *,
        locks: LockService,
        releases: ReleaseStore,
        clock: Clock,
        replicas: Replicas | None = None,
        trust: Trust | None = None,
    ) -> None:
        """Take what the plan is checked against.

        Without `replicas` no region has copies; without `trust` a release has nothing to prove.
        """
        self._locks = locks
        self._releases = releases
        self._clock = clock
        self._replicas = replicas
        self._trust = trust

    def check(self, plan: Plan, estate: Estate) -> None:
        """Refuse a plan that must not begin now.

        Raises:
            LockedError: If the release is quarantined, a window is closed, or another promotion holds an environment.
            ConflictError: If a region could not deploy the release for want of a copy.
            IntegrityError: If the release's bundle is not in the store any more, or its signature, its digest, the
                source policy or a copy that the plan names does not hold.
            UnreachableError: If that cannot be found out.
        """
        self._refuse_quarantined(plan, estate)
        self._refuse_closed_windows(plan)
        self._refuse_held_environment(plan)
        refuse_while_pruning(self._locks, self._clock.now())
        if not self._releases.exists(plan.release.bundle):
            raise IntegrityError(
                f"the bundle of {plan.release.version} is gone: {plan.release.bundle.uri}",
                hint="deliverkit package builds and stores it again",
            )
        if self._replicas is not None:
            require_revisions(plan, self._replicas)
        self._require_trust(plan, estate)

    def _require_trust(self, plan: Plan, estate: Estate) -> None:
        if self._trust is None:
            return
        if not is_way_back(plan, estate):
            self._trust.require(plan.release, is_thorough=True)
        if self._replicas is not None:
            # On the way back as well: no key is asked for, and what served there was not this copy's record.
            require_proofs(plan, self._replicas)

    def _refuse_quarantined(self, plan: Plan, estate: Estate) -> None:
        entry = estate.quarantined.get(plan.release.digest)
        if entry is not None:
            raise LockedError(
                f"{plan.release.version} is quarantined since {entry.at:%Y-%m-%d %H:%M} UTC: {entry.reason}",
                hint=f"deliverkit release lift {plan.release.version} --reason TEXT",
            )

    def _refuse_closed_windows(self, plan: Plan) -> None:
        now = self._clock.now()
        for leg in plan.legs:
            if leg.window and not parse_window(leg.window).is_open(now):
                opening = parse_window(leg.window).next_opening(now)
                raise LockedError(
                    f"{leg.environment} may be deployed only {leg.window}; it opens {opening:%a %Y-%m-%d %H:%M %Z}",
                    hint=f"deliverkit plan --to {plan.environment} shows the plan until then",
                )

    def _refuse_held_environment(self, plan: Plan) -> None:
        first = plan.legs[0].environment
        lease = self._locks.show(environment_lease(first))
        if lease is not None and lease.holder:
            raise LockedError(
                f"{first} is locked by {lease.holder} since {lease.acquired_at:%Y-%m-%d %H:%M:%S} UTC: {lease.reason}",
                hint=f"deliverkit status {lease.holder}",
            )
