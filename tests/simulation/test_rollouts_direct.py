"""Rollouts that drive CodeDeploy directly, in a simulated world."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from worlds import (
    MANAGER,
    REGION,
    SERVES,
    UP,
    approved,
    bad_release,
    carry,
    direct,
    environment,
    kinds,
    serving_the_first,
)

from deliverkit.domain.environment import OnFailure
from deliverkit.domain.gate import CheckKind, Gate, Policy, Verdict
from deliverkit.domain.rollout import AbortMode, Cause, Outcome, Phase
from deliverkit.errors import ConflictError, IntegrityError, LockedError, NotEntitledError, NotFoundError, UsageError
from deliverkit.ports import Identity


def test_a_good_release_succeeds_and_is_on_record() -> None:
    world = direct()
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "dev")
    assert rollout.outcome is Outcome.SUCCEEDED
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}
    serving = delivery.serving("dev")
    assert serving is not None
    assert serving.release.version == "1.0"
    assert delivery.lease_of("dev") is None
    assert [report.detail for report in rollout.reports] == ["serves '1.0'"] * 2


def test_a_failed_gate_rolls_back_and_is_verified_at_the_targets() -> None:
    world = direct()
    delivery = serving_the_first(world)
    world.check.answer = bad_release("2.0", world)
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert rollout.outcome.exit_code == 3
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}
    assert "failed 2 times, 1 is tolerated" in rollout.reason
    serving = delivery.serving("dev")
    assert serving is not None
    assert serving.release.version == "1.0"
    assert world.fleet.deployments[-1].ignores_stop_failures


def test_a_release_that_failed_its_gate_is_quarantined_until_lifted() -> None:
    world = direct()
    delivery = serving_the_first(world)
    world.check.answer = bad_release("2.0", world)
    carry(delivery, "2.0", "dev")
    with pytest.raises(LockedError, match="quarantined"):
        delivery.promote("2.0", to="dev")
    world.check.answer = lambda *_: Verdict.PASSED
    delivery.lift("2.0", "the gate was wrong")
    assert carry(delivery, "2.0", "dev").outcome is Outcome.SUCCEEDED


def test_what_serves_is_told_after_the_serving_release_failed_when_it_was_promoted_again() -> None:
    world = direct()
    delivery = serving_the_first(world)
    assert carry(delivery, "2.0", "dev").outcome is Outcome.SUCCEEDED
    world.check.answer = bad_release("2.0", world)
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}
    serving = delivery.serving("dev")
    assert serving is not None
    assert (serving.release.version, serving.promotion) == ("1.0", rollout.id)
    assert [each.release.version for each in delivery.estate().history["dev"]] == ["1.0"]


def test_a_failed_first_release_has_no_way_back_and_says_so() -> None:
    world = direct()
    world.release("1.0")
    world.check.answer = bad_release("1.0", world)
    rollout = carry(world.delivery(), "1.0", "dev")
    assert rollout.outcome is Outcome.UNRESOLVED
    assert rollout.outcome.exit_code == 4
    assert "no earlier good release" in rollout.reason


def test_a_failed_deployment_rolls_back() -> None:
    world = direct()
    delivery = serving_the_first(world)
    world.fleet.refuses.add("2.0")
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert "HEALTH_CONSTRAINTS" in rollout.reason
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}


def test_codedeploys_own_rollback_is_taken_instead_of_a_second_one() -> None:
    world = direct()
    delivery = serving_the_first(world)
    world.fleet.refuses.add("2.0")
    world.fleet.rolls_back_itself = True
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert len(world.fleet.deployments) == 3
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}


def test_a_deployment_that_succeeded_without_changing_the_instances_is_no_success() -> None:
    world = direct()
    delivery = serving_the_first(world)
    world.fleet.loses.add("2.0")
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert rollout.failure is not None
    assert rollout.failure.cause is Cause.VERIFICATION
    assert "expected '2.0'" in rollout.reason


def test_a_rollback_that_does_not_arrive_needs_a_human_and_says_what_serves_where() -> None:
    world = direct()
    delivery = serving_the_first(world)
    world.check.answer = bad_release("2.0", world)
    world.fleet.loses.add("1.0")
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.UNRESOLVED
    assert "serves '2.0', expected '1.0'" in rollout.reason
    assert {report.is_right for report in rollout.reports} == {False}


def test_a_rollback_that_fails_is_tried_once_more_and_then_needs_a_human() -> None:
    world = direct()
    delivery = serving_the_first(world)
    world.check.answer = bad_release("2.0", world)
    world.fleet.refuses.add("1.0")
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.UNRESOLVED
    assert "the rollback failed too" in rollout.reason
    assert [each.version for each in world.fleet.deployments] == ["1.0", "2.0", "1.0", "1.0"]


def test_without_serves_and_without_a_gate_that_asks_nothing_is_called_verified() -> None:
    alarm = Gate.of("alarm", CheckKind.ALARM, {}, UP.checks[0].policy)
    world = direct(environment("dev", serves=None, after=("alarm",)), gates=(alarm,))
    delivery = serving_the_first(world)
    world.check.answer = bad_release("2.0", world)
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.UNRESOLVED
    assert "configure `serves`" in rollout.reason


def test_without_serves_a_gate_that_asks_the_instances_confirms_the_rollback() -> None:
    world = direct(environment("dev", serves=None))
    delivery = serving_the_first(world)
    world.check.answer = bad_release("2.0", world)
    assert carry(delivery, "2.0", "dev").outcome is Outcome.ROLLED_BACK


def test_a_group_without_instances_is_never_a_success() -> None:
    world = direct()
    world.release("1.0")
    world.fleet.instances(REGION, "shop-dev").clear()
    rollout = carry(world.delivery(), "1.0", "dev")
    assert rollout.outcome is Outcome.UNRESOLVED
    assert "no target was found" in rollout.reason


def test_a_gate_that_cannot_be_measured_fails_closed() -> None:
    world = direct()
    delivery = serving_the_first(world)
    world.check.answer = lambda *_: Verdict.ERROR
    rollout = carry(delivery, "2.0", "dev")
    # The rollback is confirmed by what the instances serve; the broken gate is not asked again.
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert "could not be measured 5 times in a row, 4 are tolerated" in rollout.reason


def test_an_inconclusive_gate_waits_for_a_human_who_may_override_it() -> None:
    world = direct()
    world.release("1.0")
    world.check.answer = lambda *_: Verdict.INCONCLUSIVE
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "dev")
    assert rollout.phase is Phase.PAUSED
    delivery.decide(rollout.id, gate="up", is_approved=True, reason="looked at it by hand")
    rollout = delivery.watch(rollout.id)
    assert rollout.outcome is Outcome.SUCCEEDED
    assert "rollout.resumed" in kinds(delivery, rollout)


def test_an_inconclusive_gate_that_a_human_condemns_rolls_back() -> None:
    world = direct()
    delivery = serving_the_first(world)
    world.check.answer = lambda *_: Verdict.INCONCLUSIVE
    rollout = carry(delivery, "2.0", "dev")
    delivery.decide(rollout.id, is_approved=False, reason="does not look right")
    rollout = delivery.watch(rollout.id)
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert "does not look right" in rollout.reason


def test_pause_on_failure_leaves_the_decision_to_a_human() -> None:
    world = direct(environment("dev", on_failure=OnFailure.PAUSE))
    delivery = serving_the_first(world)
    world.check.answer = bad_release("2.0", world)
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.phase is Phase.PAUSED
    assert world.fleet.serving(REGION, "shop-dev") == {"2.0"}
    delivery.decide(rollout.id, is_approved=False, reason="back")
    assert delivery.watch(rollout.id).outcome is Outcome.ROLLED_BACK


def test_observe_on_failure_changes_nothing_but_is_not_called_a_success() -> None:
    world = direct(environment("dev", on_failure=OnFailure.OBSERVE))
    delivery = serving_the_first(world)
    world.check.answer = bad_release("2.0", world)
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.UNRESOLVED
    assert world.fleet.serving(REGION, "shop-dev") == {"2.0"}
    assert "observe" in rollout.reason


def test_bake_time_is_waited_for_and_watched() -> None:
    world = direct(environment("dev", bake_time=timedelta(minutes=30)))
    world.release("1.0")
    world.release("2.0")
    delivery = world.delivery()
    began = world.clock.now()
    carry(delivery, "1.0", "dev")
    assert world.clock.now() - began >= timedelta(minutes=30)
    world.check.answer = bad_release("2.0", world, after=timedelta(minutes=20))
    began = world.clock.now()
    assert carry(delivery, "2.0", "dev").outcome is Outcome.ROLLED_BACK
    assert timedelta(minutes=20) <= world.clock.now() - began < timedelta(minutes=30)


def test_a_gate_during_the_deployment_stops_it() -> None:
    gate = Gate.of("errors", CheckKind.ALARM, {}, Policy(every=timedelta(seconds=1)))
    world = direct(environment("dev", during=("errors",), after=()), gates=(gate,))
    world.fleet.takes = timedelta(minutes=5)
    delivery = serving_the_first(world)
    began = world.clock.now()
    world.check.answer = lambda _g, _c, now: Verdict.FAILED if now > began + timedelta(seconds=30) else Verdict.PASSED
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert [each.status for each in world.fleet.deployments] == ["Succeeded", "Stopped", "Succeeded"]


def test_a_gate_before_the_deployment_keeps_everything_as_it_is() -> None:
    smoke = Gate.of("smoke", CheckKind.COMMAND, {}, Policy())
    world = direct(environment("dev", before=("smoke",)), gates=(UP, smoke))
    world.release("1.0")
    world.check.answer = lambda check, *_: Verdict.FAILED if check.gate == "smoke" else Verdict.PASSED
    rollout = carry(world.delivery(), "1.0", "dev")
    assert rollout.outcome is Outcome.FAILED
    assert rollout.outcome.exit_code == 1
    assert "unchanged" in rollout.reason
    assert not world.fleet.deployments


# --- order, approvals, windows, locks --------------------------------------------------------------


def test_a_release_must_have_passed_the_environment_before() -> None:
    world = direct(environment("dev"), environment("production", predecessor="dev"))
    world.release("1.0")
    delivery = world.delivery()
    with pytest.raises(ConflictError, match="has not passed dev"):
        delivery.promote("1.0", to="production")
    carry(delivery, "1.0", "dev")
    assert carry(delivery, "1.0", "production").outcome is Outcome.SUCCEEDED


def test_an_approval_is_waited_for_and_recorded_with_its_reason() -> None:
    world = direct(approved("production"))
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "production")
    assert rollout.phase is Phase.APPROVING
    assert not world.fleet.deployments
    with pytest.raises(NotEntitledError, match="release-managers"):
        delivery.decide(rollout.id, is_approved=True, reason="mine")
    world.delivery(MANAGER).decide(rollout.id, gate="production", is_approved=True, reason="looks good")
    rollout = delivery.watch(rollout.id)
    assert rollout.outcome is Outcome.SUCCEEDED
    (decided,) = [e for e in delivery.ledger.read(f"promotions/{rollout.id}") if e.kind == "approval.decided"]
    assert decided.payload["reason"] == "looks good"
    assert decided.payload["by"] == MANAGER.arn


def test_the_requester_may_not_approve_even_as_a_release_manager() -> None:
    world = direct(approved("production"))
    world.release("1.0")
    delivery = world.delivery(MANAGER)
    rollout = carry(delivery, "1.0", "production")
    with pytest.raises(NotEntitledError, match="asked for this promotion"):
        delivery.decide(rollout.id, is_approved=True, reason="mine")


def test_two_approvals_come_from_two_people() -> None:
    base = approved("production")
    assert base.approvals is not None
    world = direct(replace(base, approvals=replace(base.approvals, needed=2)))
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "production")
    for _ in range(2):
        world.delivery(MANAGER).decide(rollout.id, is_approved=True, reason="yes")
    assert delivery.watch(rollout.id).phase is Phase.APPROVING
    other = Identity("arn:aws:iam::123456789012:user/other", "123456789012", ("release-managers",))
    world.delivery(other).decide(rollout.id, is_approved=True, reason="yes")
    assert delivery.watch(rollout.id).outcome is Outcome.SUCCEEDED


def test_a_rejection_ends_the_promotion_with_nothing_changed() -> None:
    world = direct(approved("production"))
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "production")
    world.delivery(MANAGER).decide(rollout.id, is_approved=False, reason="not before the holidays")
    rollout = delivery.watch(rollout.id)
    assert rollout.outcome is Outcome.REJECTED
    assert rollout.outcome.exit_code == 6
    assert "not before the holidays" in rollout.reason
    assert not world.fleet.deployments


def test_an_approval_that_nobody_gives_expires() -> None:
    world = direct(approved("production"))
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "production")
    world.clock.advance(timedelta(hours=25))
    with pytest.raises(ConflictError, match="expired"):
        world.delivery(MANAGER).decide(rollout.id, is_approved=True, reason="late")
    rollout = delivery.watch(rollout.id)
    assert rollout.outcome is Outcome.FAILED
    assert "0 of 1 approvals" in rollout.reason


def test_a_decision_on_something_else_is_refused() -> None:
    world = direct(approved("production"))
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "production")
    with pytest.raises(ConflictError, match="waits for a decision on production, not on staging"):
        world.delivery(MANAGER).decide(rollout.id, gate="staging", is_approved=True, reason="?")


def test_a_decision_on_a_promotion_that_waits_for_none_is_refused() -> None:
    world = direct()
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "dev")
    with pytest.raises(ConflictError, match="waits for no decision: it is succeeded"):
        delivery.decide(rollout.id, is_approved=True, reason="?")


def test_a_closed_window_refuses_before_anything_is_recorded() -> None:
    world = direct(environment("dev", window="Tue 09:00-16:00 Europe/London"))
    world.release("1.0")
    delivery = world.delivery()
    with pytest.raises(LockedError, match="opens Tue 2026-01-06 09:00"):
        delivery.promote("1.0", to="dev")
    assert not delivery.ledger.streams("promotions/")


def test_an_approval_given_outside_the_window_waits_for_it_to_open() -> None:
    world = direct(approved("production", window="Mon-Thu 09:00-16:00 Europe/London"))
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "production")
    world.clock.advance(timedelta(hours=9))
    world.delivery(MANAGER).decide(rollout.id, is_approved=True, reason="yes")
    rollout = delivery.watch(rollout.id, through_approvals=True)
    assert rollout.outcome is Outcome.SUCCEEDED
    assert world.fleet.deployments[0].began_at.strftime("%a %H:%M") == "Tue 09:00"


def test_two_promotions_into_one_environment_exclude_each_other() -> None:
    world = direct(approved("production"))
    world.release("1.0")
    world.release("1.1")
    delivery = world.delivery()
    first = carry(delivery, "1.0", "production")
    with pytest.raises(LockedError, match=f"locked by {first.id}"):
        delivery.promote("1.1", to="production")


def test_two_promotions_opened_at_once_do_not_both_act() -> None:
    world = direct(approved("production"))
    world.release("1.0")
    world.release("1.1")
    delivery = world.delivery()
    first, second = delivery.promote("1.0", to="production"), delivery.promote("1.1", to="production")
    delivery.watch(first)
    rollout = delivery.watch(second)
    assert rollout.outcome is Outcome.LOCKED
    assert rollout.outcome.exit_code == 7


def test_a_lease_that_was_taken_away_stops_the_promotion_before_it_acts() -> None:
    world = direct(approved("production"))
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "production")
    lease = delivery.lease_of("production")
    assert lease is not None
    world.locks.release(lease)
    world.locks.acquire("environments/production", holder="somebody", ttl=None, now=world.clock.now(), reason="mine")
    world.delivery(MANAGER).decide(rollout.id, is_approved=True, reason="yes")
    rollout = delivery.watch(rollout.id)
    assert rollout.outcome is Outcome.LOCKED
    assert not world.fleet.deployments


def test_a_lost_bundle_is_noticed_before_anything_is_recorded() -> None:
    world = direct()
    release = world.release("1.0")
    world.releases.forget(release.bundle)
    delivery = world.delivery()
    with pytest.raises(IntegrityError, match="is gone"):
        delivery.promote("1.0", to="dev")
    assert not delivery.ledger.streams("promotions/")


def test_unknown_names_are_refused_with_those_there_are() -> None:
    world = direct()
    delivery = world.delivery()
    with pytest.raises(UsageError, match="the configuration has dev"):
        delivery.promote("1.0", to="prod")
    with pytest.raises(NotFoundError):
        delivery.promote("1.0", to="dev")
    with pytest.raises(NotFoundError, match="no promotion dev-7"):
        delivery.watch("dev-7")


# --- waves, abort, rollback on demand --------------------------------------------------------------


def test_waves_follow_each_other_and_all_go_back_when_the_second_fails() -> None:
    world = direct(environment("production", waves=(("us-east-1",), ("eu-west-1", "ap-south-1"))))
    world.release("1.0")
    world.release("2.0")
    delivery = world.delivery()
    assert carry(delivery, "1.0", "production").outcome is Outcome.SUCCEEDED

    def bad_in_second_wave(_gate: object, context: object, _now: object) -> Verdict:
        regions = context.regions  # type: ignore[attr-defined]
        is_new = "2.0" in world.fleet.serving(regions[0], "shop-production")
        return Verdict.FAILED if is_new and "eu-west-1" in regions else Verdict.PASSED

    world.check.answer = bad_in_second_wave
    rollout = carry(delivery, "2.0", "production")
    assert rollout.outcome is Outcome.ROLLED_BACK
    for region in ("us-east-1", "eu-west-1", "ap-south-1"):
        assert world.fleet.serving(region, "shop-production") == {"1.0"}


@pytest.mark.parametrize(
    ("mode", "outcome", "serves"),
    [
        (AbortMode.ROLLBACK, Outcome.ROLLED_BACK, {"1.0"}),
        (AbortMode.STOP, Outcome.UNRESOLVED, {"1.0", "2.0"}),
        (AbortMode.DETACH, Outcome.DETACHED, {"2.0"}),
    ],
)
def test_an_abort_does_what_it_says(mode: AbortMode, outcome: Outcome, serves: set[str]) -> None:
    world = direct()
    world.fleet.takes = timedelta(minutes=5)
    delivery = serving_the_first(world)
    promotion = delivery.promote("2.0", to="dev")
    delivery.watch(promotion, timeout=timedelta(minutes=1))
    delivery.abort(promotion, mode)
    rollout = delivery.watch(promotion)
    assert rollout.outcome is outcome
    world.clock.advance(timedelta(minutes=10))
    assert world.fleet.serving(REGION, "shop-dev") == serves
    assert delivery.lease_of("dev") is None


def test_an_abort_before_anything_was_deployed_changes_nothing() -> None:
    world = direct(approved("production"))
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "production")
    delivery.abort(rollout.id, AbortMode.ROLLBACK)
    rollout = delivery.watch(rollout.id)
    assert rollout.outcome is Outcome.FAILED
    assert "unchanged" in rollout.reason
    with pytest.raises(ConflictError, match="has ended"):
        delivery.abort(rollout.id, AbortMode.ROLLBACK)


def test_a_rollback_on_demand_goes_to_the_last_good_release() -> None:
    world = direct(approved("production", window=""))
    for version in ("1.0", "1.1"):
        world.release(version)
        delivery = world.delivery()
        rollout = carry(delivery, version, "production")
        world.delivery(MANAGER).decide(rollout.id, is_approved=True, reason="yes")
        delivery.watch(rollout.id)
    rollout = delivery.watch(delivery.rollback("production"))
    assert rollout.outcome is Outcome.SUCCEEDED
    assert world.fleet.serving(REGION, "shop-production") == {"1.0"}
    with pytest.raises(ConflictError, match="no earlier good release"):
        world.delivery().rollback("production")  # 1.1 is newer than 1.0, and somebody went back from it


def test_a_rollback_on_demand_to_a_named_release() -> None:
    world = direct()
    delivery = world.delivery()
    for version in ("1.0", "1.1", "1.2"):
        world.release(version)
        carry(delivery, version, "dev")
    rollout = delivery.watch(delivery.rollback("dev", to="1.0"))
    assert rollout.outcome is Outcome.SUCCEEDED
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}


def test_serves_matches_whole_versions_only() -> None:
    world = direct(environment("dev", serves=SERVES))
    world.release("1.2")
    world.release("1.2.1")
    delivery = world.delivery()
    carry(delivery, "1.2.1", "dev")
    world.fleet.loses.add("1.2")
    assert carry(delivery, "1.2", "dev").outcome is Outcome.ROLLED_BACK
