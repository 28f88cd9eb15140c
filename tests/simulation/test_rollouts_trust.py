"""Trust on the way: asked for when a promotion is planned, opened and begun, and every answer but yes is a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from worlds import MANAGER, REGION, approved, bad_release, carry, direct, environment, piped, serving_the_first

from deliverkit.domain.plan import Plan
from deliverkit.domain.release import Release
from deliverkit.domain.rollout import Cause, Outcome
from deliverkit.domain.trust import Evidence
from deliverkit.errors import IntegrityError, UnreachableError
from deliverkit.testing.rehearsal import Rehearsal


@dataclass
class Doorkeeper:
    """Implements `attestation_ports.Trust`: distrusts the named versions, and notes what it was asked.

    Attributes:
        distrusted: Versions.
        asked: Version, and whether its bytes were to be read.
        silent: How many times it does not answer.
    """

    distrusted: set[str] = field(default_factory=set)
    asked: list[tuple[str, bool]] = field(default_factory=list)
    silent: int = 0

    def require(self, release: Release, *, is_thorough: bool) -> Evidence:
        self.asked.append((release.version, is_thorough))
        if self.silent:
            self.silent -= 1
            raise UnreachableError("KMS does not answer")
        if release.version in self.distrusted:
            raise IntegrityError(f"{release.version} is signed by nobody", hint="deliverkit release verify")
        return Evidence("sha256:e", ("key",), ("file:key.pub",))


def guarded(world: Rehearsal, *distrusted: str) -> Doorkeeper:
    world.trust = Doorkeeper(set(distrusted))
    return world.trust


@pytest.mark.parametrize("world", [direct(), piped()], ids=["directly", "by pipeline"])
def test_a_release_proves_itself_three_times_and_the_plan_says_by_what(world: Rehearsal) -> None:
    keeper = guarded(world)
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "dev")
    assert rollout.outcome is Outcome.SUCCEEDED
    assert keeper.asked == [("1.0", False), ("1.0", True), ("1.0", False)]
    assert rollout.plan.evidence == Evidence("sha256:e", ("key",), ("file:key.pub",))
    assert delivery.show(rollout.id).plan.evidence == rollout.plan.evidence


def test_a_release_that_nobody_signed_leaves_no_trace() -> None:
    world = direct()
    guarded(world, "1.0")
    world.release("1.0")
    delivery = world.delivery()
    with pytest.raises(IntegrityError) as refusal:
        delivery.promote("1.0", to="dev")
    assert refusal.value.exit_code == 9
    with pytest.raises(IntegrityError):
        delivery.plan("1.0", to="dev")
    assert world.ledger.streams("") == ()
    assert world.fleet.deployments == []


def test_trust_that_is_withdrawn_while_a_promotion_waits_stops_it_before_anything_is_deployed() -> None:
    world = direct(approved("dev"))
    keeper = guarded(world)
    world.release("1.0")
    delivery = world.delivery()
    promotion = delivery.promote("1.0", to="dev")
    assert delivery.watch(promotion).waits_for_human
    keeper.distrusted.add("1.0")
    world.delivery(MANAGER).decide(promotion, is_approved=True, reason="looks good")
    rollout = delivery.watch(promotion)
    assert rollout.outcome is Outcome.UNTRUSTED
    assert rollout.outcome.exit_code == 9
    assert rollout.failure is not None
    assert rollout.failure.cause is Cause.UNTRUSTED
    assert "signed by nobody" in rollout.reason
    assert world.fleet.deployments == []
    assert delivery.lease_of("dev") is None
    assert not delivery.estate().quarantined


def test_silence_is_waited_out_and_never_taken_for_trust() -> None:
    world = direct(approved("dev"))
    keeper = guarded(world)
    world.release("1.0")
    delivery = world.delivery()
    keeper.silent = 1
    with pytest.raises(UnreachableError):
        delivery.promote("1.0", to="dev")
    promotion = delivery.promote("1.0", to="dev")
    delivery.watch(promotion)
    world.delivery(MANAGER).decide(promotion, is_approved=True, reason="looks good")
    keeper.silent = 2
    assert delivery.watch(promotion).outcome is Outcome.SUCCEEDED
    assert keeper.silent == 0


def test_the_way_back_is_open_whatever_became_of_the_keys() -> None:
    world = direct()
    delivery = serving_the_first(world)
    guarded(world, "1.0")
    delivery = world.delivery()
    world.check.answer = bad_release("2.0", world)
    assert carry(delivery, "2.0", "dev").outcome is Outcome.ROLLED_BACK
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}


def test_a_rollback_goes_to_what_served_before_and_to_nothing_else_without_proof() -> None:
    world = direct(environment("dev"))
    delivery = serving_the_first(world)
    carry(delivery, "2.0", "dev")
    world.release("3.0")
    keeper = guarded(world, "1.0", "3.0")
    delivery = world.delivery()
    with pytest.raises(IntegrityError):
        delivery.rollback("dev", to="3.0")
    assert keeper.asked == [("3.0", False)]
    assert delivery.watch(delivery.rollback("dev")).outcome is Outcome.SUCCEEDED
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}


def test_a_rollback_to_what_never_served_proves_itself_three_times_and_says_by_what() -> None:
    world = direct(environment("dev"))
    serving_the_first(world)
    world.release("3.0")
    keeper = guarded(world)
    delivery = world.delivery()
    rollout = delivery.watch(delivery.rollback("dev", to="3.0"))
    assert rollout.outcome is Outcome.SUCCEEDED
    assert keeper.asked == [("3.0", False), ("3.0", True), ("3.0", False)]
    assert delivery.show(rollout.id).plan.evidence == Evidence("sha256:e", ("key",), ("file:key.pub",))
    assert not rollout.plan.is_way_back


def test_a_rollback_whose_proof_is_withdrawn_before_it_begins_deploys_nothing() -> None:
    world = direct(environment("dev"))
    serving_the_first(world)
    world.release("3.0")
    keeper = guarded(world)
    delivery = world.delivery()
    promotion = delivery.rollback("dev", to="3.0")
    keeper.distrusted.add("3.0")
    assert delivery.watch(promotion).outcome is Outcome.UNTRUSTED
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}


def test_the_way_back_is_asked_for_nothing_and_its_plan_says_that_it_is_one() -> None:
    world = direct(environment("dev"))
    delivery = serving_the_first(world)
    carry(delivery, "2.0", "dev")
    keeper = guarded(world, "1.0")
    delivery = world.delivery()
    rollout = delivery.watch(delivery.rollback("dev"))
    assert rollout.outcome is Outcome.SUCCEEDED
    assert (keeper.asked, rollout.plan.evidence, rollout.plan.is_way_back) == ([], None, True)


def test_a_plan_that_was_recorded_before_ways_back_were_told_keeps_its_digest() -> None:
    world = direct(environment("dev"))
    serving_the_first(world)
    world.release("3.0")
    plan = world.delivery().plan_rollback("dev", to="3.0")
    assert "is_way_back" not in plan.to_json()
    assert Plan.from_json(plan.to_json()) == plan
    told = replace(plan, is_way_back=True)
    assert Plan.from_json(told.to_json()) == told
    assert told.digest != plan.digest
