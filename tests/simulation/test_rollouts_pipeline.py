"""Rollouts that drive a pipeline, in a simulated world."""

from __future__ import annotations

from datetime import timedelta

import pytest
from worlds import MANAGER, REGION, UP, approved, bad_release, carry, environment, piped, serving_the_first

from deliverkit.delivery import Delivery
from deliverkit.domain.gate import Verdict
from deliverkit.domain.pipeline import StageDeclaration
from deliverkit.domain.rollout import AbortMode, Outcome, Phase
from deliverkit.errors import ConflictError, UsageError
from deliverkit.testing.rehearsal import Rehearsal


def statuses(world: Rehearsal) -> list[str]:
    return [execution.status for execution in world.pipelines.executions]


def to_production() -> Rehearsal:
    return piped(
        environment("dev"), environment("staging", predecessor="dev"), approved("production", predecessor="staging")
    )


def promote_everywhere(world: Rehearsal, delivery: Delivery, version: str) -> str:
    promotion = delivery.promote(version, to="production")
    if delivery.watch(promotion).phase is Phase.APPROVING:
        world.delivery(MANAGER).decide(promotion, is_approved=True, reason="yes")
    delivery.watch(promotion)
    return promotion


def test_one_promotion_walks_through_every_stage_of_one_execution() -> None:
    world = to_production()
    world.release("1.0")
    delivery = world.delivery()
    promotion = promote_everywhere(world, delivery, "1.0")
    assert delivery.show(promotion).outcome is Outcome.SUCCEEDED
    assert statuses(world) == ["Succeeded"]
    for name in ("dev", "staging", "production"):
        assert world.fleet.serving(REGION, f"shop-{name}") == {"1.0"}
        serving = delivery.serving(name)
        assert serving is not None
        assert serving.execution == "e-1"


def test_a_bad_release_is_a_failed_stage_and_production_goes_back_by_codepipeline() -> None:
    world = to_production()
    world.release("1.0")
    world.release("2.0")
    delivery = world.delivery()
    promote_everywhere(world, delivery, "1.0")

    def bad_in_production(_gate: object, context: object, _now: object) -> Verdict:
        is_new = "2.0" in world.fleet.serving(REGION, "shop-production")
        group = context.group  # type: ignore[attr-defined]
        return Verdict.FAILED if is_new and group == "shop-production" else Verdict.PASSED

    world.check.answer = bad_in_production
    promotion = promote_everywhere(world, delivery, "2.0")
    assert delivery.show(promotion).outcome is Outcome.ROLLED_BACK
    assert statuses(world) == ["Succeeded", "Failed", "Succeeded"]
    assert world.pipelines.executions[2].rollback_of == "e-1"
    assert world.fleet.serving(REGION, "shop-production") == {"1.0"}
    assert world.fleet.serving(REGION, "shop-dev") == {"2.0"}


def test_when_codepipeline_cannot_go_back_the_last_good_release_goes_out_directly() -> None:
    world = piped(environment("dev"))
    delivery = serving_the_first(world)
    world.pipelines.executions[0].rollback_of = "something"  # CodePipeline goes back to no rollback execution
    world.check.answer = bad_release("2.0", world)
    assert carry(delivery, "2.0", "dev").outcome is Outcome.ROLLED_BACK
    assert statuses(world) == ["Succeeded", "Failed"]
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}


def test_a_failed_deployment_in_the_pipeline_rolls_back() -> None:
    world = piped(environment("dev"))
    delivery = serving_the_first(world)
    world.fleet.refuses.add("2.0")
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert "deployment d-000000002 Failed" in rollout.reason


def test_codedeploys_own_rollback_is_taken_in_the_pipeline_too() -> None:
    world = piped(environment("dev"))
    delivery = serving_the_first(world)
    world.fleet.refuses.add("2.0")
    world.fleet.rolls_back_itself = True
    assert carry(delivery, "2.0", "dev").outcome is Outcome.ROLLED_BACK
    assert len(world.fleet.deployments) == 3


def test_a_rejection_fails_the_stage_and_leaves_production_alone() -> None:
    world = to_production()
    world.release("1.0")
    delivery = world.delivery()
    promotion = delivery.promote("1.0", to="production")
    delivery.watch(promotion)
    world.delivery(MANAGER).decide(promotion, is_approved=False, reason="no")
    rollout = delivery.watch(promotion)
    assert rollout.outcome is Outcome.REJECTED
    assert statuses(world) == ["Failed"]
    assert world.fleet.serving(REGION, "shop-production") == {"nothing"}


def test_a_later_promotion_goes_on_with_the_execution_that_waits() -> None:
    world = piped()
    world.release("1.0")
    delivery = world.delivery()
    assert carry(delivery, "1.0", "dev").outcome is Outcome.SUCCEEDED
    assert statuses(world) == ["InProgress"]
    rollout = carry(delivery, "1.0", "staging")
    assert rollout.outcome is Outcome.SUCCEEDED
    assert [leg.environment for leg in rollout.plan.legs] == ["staging"]
    assert statuses(world) == ["Succeeded"]


def test_somebody_who_approves_past_deliverkit_makes_the_promotion_fail() -> None:
    world = to_production()
    world.release("1.0")
    delivery = world.delivery()
    promotion = delivery.promote("1.0", to="production")
    delivery.watch(promotion)
    report = world.pipelines.observe("delivery", "e-1")
    (waiting,) = [action for action in report.actions if action.token]
    world.pipelines.answer("delivery", waiting, is_approved=True, reason="in the console")
    rollout = delivery.watch(promotion)
    assert rollout.outcome is not Outcome.SUCCEEDED
    assert "went on without this approval" in rollout.reason


def test_an_execution_stopped_by_somebody_else_is_no_success() -> None:
    world = piped(environment("dev"))
    world.fleet.takes = timedelta(minutes=10)
    world.release("1.0")
    delivery = world.delivery()
    promotion = delivery.promote("1.0", to="dev")
    delivery.watch(promotion, timeout=timedelta(minutes=1))
    world.pipelines.stop("delivery", "e-1", reason="in the console")
    rollout = delivery.watch(promotion)
    assert rollout.outcome is Outcome.UNRESOLVED
    assert "Abandoned" in rollout.reason


def test_an_abort_rejects_what_waits_and_rolls_back() -> None:
    world = piped(environment("dev", bake_time=timedelta(hours=1)))
    delivery = serving_the_first(world)
    promotion = delivery.promote("2.0", to="dev")
    delivery.watch(promotion, timeout=timedelta(minutes=10))
    delivery.abort(promotion, AbortMode.ROLLBACK)
    assert delivery.watch(promotion).outcome is Outcome.ROLLED_BACK
    assert statuses(world) == ["Succeeded", "Failed", "Succeeded"]


def test_a_stage_that_goes_on_by_itself_is_refused_before_anything_is_recorded() -> None:
    world = piped()
    world.release("1.0")
    world.pipelines.declared = tuple(
        StageDeclaration(stage.name, tuple(a for a in stage.actions if not a.name.startswith("Judge")))
        for stage in world.pipelines.declared
    )
    with pytest.raises(UsageError, match="would report Deploy-Dev as succeeded before dev is judged"):
        world.delivery().promote("1.0", to="staging")
    assert not world.pipelines.executions


def test_a_stage_without_an_entry_is_refused() -> None:
    world = piped()
    world.release("1.0")
    world.pipelines.declared = tuple(
        StageDeclaration(stage.name, tuple(a for a in stage.actions if not a.name.startswith("Admit")))
        for stage in world.pipelines.declared
    )
    with pytest.raises(UsageError, match="enters Deploy-Staging by itself"):
        world.delivery().promote("1.0", to="staging")


def test_an_environment_that_the_pipeline_does_not_know_is_refused() -> None:
    world = piped(environment("dev"), environment("other", group="nowhere"))
    world.pipelines.declared = world.pipelines.declared[:2]
    world.release("1.0")
    with pytest.raises(UsageError, match="no stage of pipeline delivery deploys to shop/nowhere"):
        world.delivery().promote("1.0", to="other")


def test_an_environment_before_without_a_stage_must_have_been_passed() -> None:
    world = piped(environment("dev"), environment("staging", predecessor="dev"))
    world.pipelines.declared = (world.pipelines.declared[0], world.pipelines.declared[2])
    world.release("1.0")
    with pytest.raises(ConflictError, match="has not passed dev, and pipeline delivery has no stage for it"):
        world.delivery().promote("1.0", to="staging")


def test_several_regions_are_actions_of_one_stage() -> None:
    world = piped(environment("dev", waves=(("us-east-1",), ("eu-west-1",))), gates=(UP,))
    world.release("1.0")
    assert carry(world.delivery(), "1.0", "dev").outcome is Outcome.SUCCEEDED
    assert {each.region for each in world.fleet.deployments} == {"us-east-1", "eu-west-1"}
    assert statuses(world) == ["Succeeded"]


def test_regions_that_differ_from_the_stage_are_refused() -> None:
    world = piped(environment("dev", waves=(("us-east-1", "eu-west-1"),)))
    (source, stage) = world.pipelines.declared
    fewer = tuple(action for action in stage.actions if action.region != "eu-west-1")
    world.pipelines.declared = (source, StageDeclaration(stage.name, fewer))
    world.release("1.0")
    with pytest.raises(UsageError, match="the configuration says us-east-1, eu-west-1"):
        world.delivery().promote("1.0", to="dev")


def test_what_an_ended_promotion_left_waiting_makes_way_for_the_next_one() -> None:
    world = piped()
    for version in ("1.0", "1.1", "1.2"):
        world.release(version)
    delivery = world.delivery()
    carry(delivery, "1.0", "dev")
    carry(delivery, "1.1", "dev")
    assert statuses(world) == ["Stopped", "InProgress"]
    (leftover,) = delivery.plan("1.2", to="staging").drive.leftovers
    assert (leftover.execution, leftover.environment, leftover.version) == ("e-2", "staging", "1.1")
    assert carry(delivery, "1.2", "staging").outcome is Outcome.SUCCEEDED
    assert statuses(world) == ["Stopped", "Stopped", "Succeeded"]


def test_an_execution_that_a_promotion_still_drives_is_left_alone() -> None:
    world = piped(environment("dev"), approved("staging", predecessor="dev"))
    for version in ("1.0", "1.1"):
        world.release(version)
    delivery = world.delivery()
    carry(delivery, "1.0", "dev")
    waits = carry(delivery, "1.0", "staging")
    assert waits.phase is Phase.APPROVING
    assert carry(delivery, "1.1", "dev").outcome is Outcome.SUCCEEDED
    assert statuses(world) == ["InProgress", "InProgress"]
    world.delivery(MANAGER).decide(waits.id, is_approved=True, reason="yes")
    assert delivery.watch(waits.id).outcome is Outcome.SUCCEEDED


def test_somebody_elses_execution_is_left_alone() -> None:
    world = piped()
    first = world.release("1.0")
    world.release("1.1")
    foreign = world.pipelines.start("delivery", source_action="Release", revision=first.bundle, token="theirs")
    assert world.delivery().plan("1.1", to="dev").drive.leftovers == ()
    assert world.pipelines.execution(foreign).status == "InProgress"


def test_an_environment_is_free_again_once_the_promotion_has_moved_on() -> None:
    world = to_production()
    world.release("1.0")
    world.release("1.1")
    delivery = world.delivery()
    first = delivery.promote("1.0", to="production")
    assert delivery.watch(first).phase is Phase.APPROVING
    assert delivery.lease_of("dev") is None
    assert delivery.lease_of("production") is not None
    assert carry(delivery, "1.1", "staging").outcome is Outcome.SUCCEEDED
    world.delivery(MANAGER).decide(first, is_approved=True, reason="yes")
    assert delivery.watch(first).outcome is Outcome.SUCCEEDED
    assert world.fleet.serving(REGION, "shop-production") == {"1.0"}
    assert world.fleet.serving(REGION, "shop-staging") == {"1.1"}


@pytest.mark.parametrize("stage", ["Deploy-Staging", "staging"])
def test_waiting_for_the_last_stage_sees_the_promotion_through(stage: str) -> None:
    world = piped()
    world.release("1.0")
    delivery = world.delivery()
    promotion = delivery.promote("1.0", to="staging")
    assert not delivery.watch(promotion, stage="Deploy-Dev").is_closed
    assert delivery.watch(promotion, stage=stage).is_closed
    assert delivery.lease_of("staging") is None
