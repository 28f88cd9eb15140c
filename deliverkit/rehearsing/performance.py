"""Carrying a promotion through, people's decisions included, and noting what each stage did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from deliverkit.delivery import Delivery
from deliverkit.domain.ledger import Event
from deliverkit.domain.rollout import Phase, Rollout
from deliverkit.errors import ConflictError, ExitCode, UnreachableError

REASON = "a rehearsal: whoever may approve, does"
MOST_DECISIONS = 60
MOST_TROUBLES = 10
Tell = Callable[[Event, Rollout], None]

UNDER_WAY = "under way"
_ENDS = {
    "leg.accepted": "accepted",
    "leg.completed": "accepted",
    "rollout.failed": "failed",
    "rollback.verified": "rolled back",
}


@dataclass
class Stage:
    """One leg of a promotion, as it went.

    Attributes:
        label: As the promotion names it.
        environment: Where.
        began_at: First event.
        ended_at: Last event.
        state: `under way`, `accepted`, `failed` or `rolled back`.
        reason: Why it failed; empty if it did not.
        troubles: Last words of the targets that failed.
    """

    label: str
    environment: str
    began_at: datetime
    ended_at: datetime
    state: str = UNDER_WAY
    reason: str = ""
    troubles: list[str] = field(default_factory=list)


@dataclass
class Performance:
    """How one promotion went, or several in turn.

    Attributes:
        stages: In order.
        promotions: Ids of all that were opened.
        rollouts: The promotions, as they were seen last.
        exit_code: What the command line would have left with.
        trouble: The error that ended the watching; empty when none did.
    """

    stages: list[Stage] = field(default_factory=list)
    promotions: list[str] = field(default_factory=list)
    rollouts: list[Rollout] = field(default_factory=list)
    exit_code: ExitCode = ExitCode.DONE
    trouble: str = ""

    def keep(self, rollout: Rollout) -> None:
        """Keep the newest state of a promotion, and the exit code that it means."""
        self.rollouts = [*(each for each in self.rollouts if each.id != rollout.id), rollout]
        is_over = rollout.is_closed and rollout.outcome is not None
        self.exit_code = rollout.outcome.exit_code if is_over and rollout.outcome else ExitCode.WAITING

    def hear(self, event: Event, rollout: Rollout) -> None:
        """Note what an event says about its stage."""
        if event.kind == "promotion.opened":
            return
        leg = rollout.leg
        if not self.stages or self.stages[-1].label != leg.label:
            self.stages.append(Stage(leg.label, leg.environment, event.at, event.at))
        stage = self.stages[-1]
        stage.ended_at = event.at
        stage.state = _ENDS.get(event.kind, stage.state)
        deployments = rollout.carriage.deployments if rollout.carriage else ()
        found = [trouble for deployment in deployments for trouble in deployment.troubles]
        stage.troubles += [trouble for trouble in found if trouble not in stage.troubles][:MOST_TROUBLES]
        if event.kind == "rollout.failed":
            stage.reason = str(event.payload.get("reason", ""))


@dataclass(frozen=True, slots=True)
class Company:
    """Who takes part.

    Attributes:
        driver: Promotes.
        approvers: Approve, one after the other.
        tell: Hears every event.
        timeout: Longest time for one promotion.
    """

    driver: Delivery
    approvers: Sequence[Delivery]
    tell: Tell
    timeout: timedelta

    def perform(self, version: str, environments: Sequence[str]) -> Performance:
        """Promote a release into environments, one after the other, as far as it gets."""
        performance = Performance()
        for environment in environments:
            try:
                promotion = self.driver.promote(version, to=environment)
            except UnreachableError as error:
                # Nothing is under way yet, so whoever typed the command would have seen this and typed it again.
                performance.exit_code, performance.trouble = error.exit_code, error.message
                return performance
            self.carry(promotion, performance)
            if performance.exit_code != ExitCode.DONE:
                break
        return performance

    def carry(self, promotion: str, performance: Performance) -> None:
        """Watch one promotion to its end, approving what waits; errors that a user would see are noted."""

        def listen(event: Event, rollout: Rollout) -> None:
            performance.hear(event, rollout)
            self.tell(event, rollout)

        performance.exit_code, performance.trouble = ExitCode.WAITING, ""
        performance.promotions.append(promotion)
        try:
            for _ in range(MOST_DECISIONS):
                rollout = self.driver.watch(promotion, timeout=self.timeout, listener=listen)
                performance.keep(rollout)
                if rollout.is_closed or rollout.phase is not Phase.APPROVING:
                    break
                self._approve(rollout)
        except UnreachableError as error:
            performance.exit_code, performance.trouble = error.exit_code, error.message

    def unfinished(self, performance: Performance) -> str | None:
        """Id of the promotion that has not ended, by the record; None when all have.

        Raises:
            UnreachableError: If the record cannot be read.
        """
        last = performance.promotions[-1] if performance.promotions else None
        return last if last is not None and not self.driver.show(last).is_closed else None

    def _approve(self, rollout: Rollout) -> None:
        needed = rollout.leg.approvals.needed if rollout.leg.approvals else 1
        for approver in self.approvers[:needed]:
            try:
                approver.decide(rollout.id, is_approved=True, reason=REASON)
            except (ConflictError, UnreachableError):
                continue  # decided already, or out of reach for a moment: it is asked again in the next round
