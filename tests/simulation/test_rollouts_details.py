"""Corners of rollouts: what the remote side refuses, what others do meanwhile, what is found again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from worlds import MANAGER, REGION, UP, approved, bad_release, carry, direct, environment, piped, serving_the_first

from deliverkit.delivery import Delivery
from deliverkit.domain.environment import OnFailure, Strategy
from deliverkit.domain.folding import fold
from deliverkit.domain.gate import CheckKind, Gate, Policy, Verdict
from deliverkit.domain.ledger import Draft, Event
from deliverkit.domain.pipeline import ActionDeclaration, StageDeclaration
from deliverkit.domain.plan import Plan
from deliverkit.domain.rollout import AbortMode, Outcome, Phase
from deliverkit.engine.promotion_log import open_promotion
from deliverkit.errors import ConflictError, IntegrityError, NotFoundError, UsageError
from deliverkit.ports import Ledger
from deliverkit.testing.rehearsal import Rehearsal


def block(world: object, region: str = REGION, group: str = "shop-dev", version: str = "1.0") -> str:
    """Somebody else deploys to the group, for a long time."""
    deployer = world.fleet.deployer(region)  # type: ignore[attr-defined]
    release = world.releases.get(version)  # type: ignore[attr-defined]
    return str(deployer.create("shop", group, release.bundle, strategy=Strategy(), marker="somebody else"))


def test_a_busy_group_fails_the_promotion_with_nothing_changed() -> None:
    world = direct()
    world.fleet.takes = timedelta(hours=1)
    world.release("1.0")
    block(world)
    rollout = carry(world.delivery(), "1.0", "dev")
    assert rollout.outcome is Outcome.FAILED
    assert "has a live deployment" in rollout.reason
    assert "unchanged" in rollout.reason


def test_a_busy_group_in_the_pipeline_fails_its_action_and_nothing_is_changed() -> None:
    world = piped(environment("dev"))
    world.fleet.takes = timedelta(hours=1)
    world.release("1.0")
    block(world)
    rollout = carry(world.delivery(), "1.0", "dev")
    assert rollout.outcome is Outcome.FAILED
    assert "DeploymentLimitExceededException" in rollout.reason


def test_a_rollback_that_is_refused_needs_a_human() -> None:
    world = direct(environment("dev", bake_time=timedelta(minutes=1)))
    delivery = serving_the_first(world)
    promotion = delivery.promote("2.0", to="dev")
    delivery.watch(promotion, timeout=timedelta(seconds=30))
    world.fleet.takes = timedelta(hours=1)
    block(world)
    world.check.answer = bad_release("2.0", world)
    rollout = delivery.watch(promotion)
    assert rollout.outcome is Outcome.UNRESOLVED
    assert "the rollback was refused" in rollout.reason


def test_on_failure_observe_keeps_a_failed_deployment_as_it_is() -> None:
    world = direct(environment("dev", on_failure=OnFailure.OBSERVE))
    delivery = serving_the_first(world)
    world.fleet.refuses.add("2.0")
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.UNRESOLVED
    assert "on_failure is observe" in rollout.reason


def test_on_failure_pause_leaves_a_failed_deployment_to_a_human() -> None:
    world = direct(environment("dev", on_failure=OnFailure.PAUSE))
    delivery = serving_the_first(world)
    world.fleet.refuses.add("2.0")
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.phase is Phase.PAUSED
    delivery.abort(rollout.id, AbortMode.ROLLBACK)
    assert delivery.watch(rollout.id).outcome is Outcome.ROLLED_BACK


def test_a_gate_before_must_pass_often_enough_and_is_then_left_alone() -> None:
    smoke = Gate.of("smoke", CheckKind.COMMAND, {}, Policy(every=timedelta(seconds=1), passes=3))
    world = direct(environment("dev", before=("smoke",)), gates=(UP, smoke))
    world.release("1.0")
    assert carry(world.delivery(), "1.0", "dev").outcome is Outcome.SUCCEEDED
    assert world.check.asked.count("smoke") == 3


def waiting_for_approval() -> tuple[Rehearsal, Delivery, str]:
    """A promotion whose execution waits for an approval before production, and its id."""
    world = piped(environment("dev"), approved("production", predecessor="dev"))
    world.release("1.0")
    delivery = world.delivery()
    promotion = delivery.promote("1.0", to="production")
    assert delivery.watch(promotion).phase is Phase.APPROVING
    return world, delivery, promotion


def test_a_promotion_that_waits_in_the_pipeline_sees_that_somebody_stopped_it() -> None:
    world, delivery, promotion = waiting_for_approval()
    world.pipelines.stop("delivery", "e-1", reason="in the console")
    rollout = delivery.watch(promotion)
    assert rollout.outcome is Outcome.FAILED
    assert "Abandoned" in rollout.reason


def test_a_superseded_execution_is_told_as_such() -> None:
    world, delivery, promotion = waiting_for_approval()
    world.pipelines.executions[0].status = "Superseded"
    rollout = delivery.watch(promotion)
    assert rollout.outcome is Outcome.FAILED
    assert "Superseded" in rollout.reason


def test_an_execution_that_ended_elsewhere_is_no_success() -> None:
    world, delivery, promotion = waiting_for_approval()
    execution = world.pipelines.executions[0]
    execution.status = "Succeeded"
    execution.attempts = [attempt for attempt in execution.attempts if not attempt.token]
    rollout = delivery.watch(promotion)
    assert rollout.outcome is Outcome.FAILED
    assert "without deploying in Deploy-Production" in rollout.reason


def test_an_execution_that_is_gone_is_no_success() -> None:
    world, delivery, promotion = waiting_for_approval()
    world.pipelines.executions.clear()
    assert delivery.watch(promotion).outcome in {Outcome.FAILED, Outcome.UNRESOLVED}


def test_an_abort_between_stages_stops_the_waiting_execution() -> None:
    world, delivery, promotion = waiting_for_approval()
    delivery.abort(promotion, AbortMode.STOP)
    rollout = delivery.watch(promotion)
    assert rollout.outcome is Outcome.FAILED
    assert [execution.status for execution in world.pipelines.executions] == ["Failed"]
    assert world.fleet.serving(REGION, "shop-production") == {"nothing"}


def test_an_abort_while_the_pipeline_deploys_stops_the_deployment() -> None:
    world = piped(environment("dev"))
    delivery = serving_the_first(world)
    world.fleet.takes = timedelta(minutes=5)
    promotion = delivery.promote("2.0", to="dev")
    delivery.watch(promotion, timeout=timedelta(minutes=1))
    delivery.abort(promotion, AbortMode.ROLLBACK)
    assert delivery.watch(promotion).outcome is Outcome.ROLLED_BACK
    assert [each.status for each in world.fleet.deployments] == ["Succeeded", "Stopped", "Succeeded"]


def test_a_rollback_through_the_pipeline_that_fails_is_done_directly() -> None:
    world = piped(environment("dev"))
    delivery = serving_the_first(world)
    world.check.answer = bad_release("2.0", world)
    promotion = delivery.promote("2.0", to="dev")
    failed: list[bool] = []

    def fail_once() -> None:
        world.fleet.refuses.add("1.0")

    def listen(event: object, _rollout: object) -> None:
        kind = event.kind  # type: ignore[attr-defined]
        if kind == "rollback.requested":
            fail_once()
        elif kind == "rollback.retried":
            failed.append(True)
            world.fleet.refuses.clear()

    rollout = delivery.watch(promotion, listener=listen)
    assert failed
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}
    assert world.fleet.deployments[-1].marker.endswith("rollback 2")


def test_two_promotions_of_one_number_get_two_numbers() -> None:
    world = direct()
    world.release("1.0")
    delivery = world.delivery()
    plan = delivery.plan("1.0", to="dev")
    first = open_promotion(world.ledger, plan, clock=world.clock)

    class Blind:
        """Sees no streams, as a process does that listed them a moment too early."""

        def __getattr__(self, name: str) -> object:
            return getattr(world.ledger, name)

        def streams(self, _prefix: str) -> tuple[str, ...]:
            return ()

    second = open_promotion(Blind(), plan, clock=world.clock)  # type: ignore[arg-type]
    assert (first, second) == ("dev-1", "dev-2")


def test_the_newest_promotion_is_the_one_under_way_or_the_one_that_ended_last() -> None:
    world = direct(approved("dev"), approved("other"))
    world.release("1.0")
    delivery = world.delivery()
    with pytest.raises(NotFoundError, match="no promotion yet"):
        delivery.newest()
    first = delivery.promote("1.0", to="dev")
    delivery.watch(first)
    assert delivery.newest().id == first
    second = delivery.promote("1.0", to="other")
    with pytest.raises(UsageError, match=f"{first}, {second}"):
        delivery.newest()
    for promotion in (first, second):
        delivery.abort(promotion, AbortMode.STOP)
        delivery.watch(promotion)
    assert delivery.newest().id == second
    assert delivery.unfinished() == ()


def test_a_release_is_the_newest_one_unless_it_is_named() -> None:
    world = direct()
    delivery = world.delivery()
    with pytest.raises(NotFoundError, match="no release yet"):
        delivery.release()
    world.release("1.0")
    world.clock.advance(timedelta(seconds=1))
    world.release("1.1")
    assert delivery.release().version == "1.1"
    assert delivery.release("1.0").version == "1.0"


def test_quarantine_keeps_a_release_from_being_gone_back_to() -> None:
    world = direct()
    delivery = world.delivery()
    for version in ("1.0", "1.1", "1.2"):
        world.release(version)
        carry(delivery, version, "dev")
    delivery.quarantine("1.1", "leaks")
    delivery.quarantine("1.1", "leaks, again")
    rollout = delivery.watch(delivery.rollback("dev"))
    assert world.fleet.serving(REGION, "shop-dev") == {"1.0"}
    assert rollout.outcome is Outcome.SUCCEEDED
    delivery.lift("1.0", "was never forbidden")


def test_a_plan_survives_the_ledger_and_a_damaged_one_is_refused() -> None:
    world = direct(approved("dev"))
    world.release("1.0")
    plan = world.delivery().plan("1.0")
    assert Plan.from_json(plan.to_json()) == plan
    with pytest.raises(IntegrityError, match="cannot be read"):
        Plan.from_json({**plan.to_json(), "legs": "none"})


def test_a_stream_that_is_no_promotion_is_refused() -> None:
    world = direct()
    stray = world.ledger.append("promotions/x-1", None, Draft("gate.judged", {}), actor="me", at=world.clock.now())
    with pytest.raises(IntegrityError, match=r"does not begin with promotion\.opened"):
        fold([stray])
    with pytest.raises(IntegrityError, match="the stream"):
        fold([])


def test_events_of_later_versions_change_nothing_and_damaged_ones_are_named() -> None:
    world = direct()
    world.release("1.0")
    delivery = world.delivery()
    promotion = delivery.promote("1.0", to="dev")
    events = delivery.ledger.read(f"promotions/{promotion}")
    at = world.clock.now()
    later = world.ledger.append(f"promotions/{promotion}", events[-1], Draft("moon.rose", {}), actor="x", at=at)
    assert fold([*events, later]).phase is Phase.CLAIMING
    broken = Draft("environment.claimed", {"nothing": 1})
    damaged = world.ledger.append(f"promotions/{promotion}", later, broken, actor="x", at=at)
    with pytest.raises(IntegrityError, match=r"environment\.claimed"):
        fold([*events, later, damaged])


def test_a_plan_warns_of_what_a_human_should_know() -> None:
    world = direct(environment("dev", serves=None))
    first = world.release("1.0")
    world.release("2.0")
    delivery = world.delivery()
    assert any("no earlier good release" in warning for warning in delivery.plan("1.0").warnings)
    carry(delivery, "1.0", "dev")
    world.releases.forget(first.bundle)
    block(world, version="2.0")
    world.clock.advance(timedelta(minutes=1))
    warnings = " ".join(delivery.plan("2.0").warnings)
    assert "the way back, is gone from the store" in warnings
    assert "`serves` is not configured" in warnings
    assert "which deliverkit did not deploy" in warnings


def test_a_pipeline_needs_exactly_one_s3_source() -> None:
    world = piped(environment("dev"))
    world.release("1.0")
    source, stage = world.pipelines.declared
    other = ActionDeclaration("Code", "Source", "CodeCommit", 1, REGION, {})
    world.pipelines.declared = (StageDeclaration("Source", (other,)), stage)
    with pytest.raises(UsageError, match="has 0 S3 source actions"):
        world.delivery().promote("1.0", to="dev")
    assert source.name == "Source"


def test_an_approval_may_stand_in_a_stage_of_its_own() -> None:
    world = piped(environment("dev"), approved("production", predecessor="dev"))
    source, dev, production = world.pipelines.declared
    gate = StageDeclaration("Gate", (ActionDeclaration("Ask", "Approval", "Manual", 1, REGION, {}),))
    rest = StageDeclaration("Deploy-Production", tuple(a for a in production.actions if a.run_order > 1))
    world.pipelines.declared = (source, dev, gate, rest)
    world.release("1.0")
    delivery = world.delivery()
    promotion = delivery.promote("1.0", to="production")
    delivery.watch(promotion)
    world.delivery(MANAGER).decide(promotion, is_approved=True, reason="yes")
    assert delivery.watch(promotion).outcome is Outcome.SUCCEEDED


def test_a_stage_can_be_named_where_two_deploy_to_one_group() -> None:
    world = piped(environment("dev", stage="Second"))
    source, first = world.pipelines.declared
    world.pipelines.declared = (source, first, StageDeclaration("Second", first.actions))
    plan_of = world.delivery()
    world.release("1.0")
    stage = plan_of.plan("1.0").legs[0].stage
    assert stage is not None
    assert stage.stage == "Second"


def test_a_measurement_that_speaks_against_a_gate_after_an_override_is_not_asked_again() -> None:
    world = direct(environment("dev", on_failure=OnFailure.PAUSE, bake_time=timedelta(minutes=1)))
    world.release("1.0")
    delivery = world.delivery()
    world.check.answer = lambda *_: Verdict.FAILED
    rollout = carry(delivery, "1.0", "dev")
    assert rollout.phase is Phase.PAUSED
    delivery.decide(rollout.id, is_approved=True, reason="known false alarm")
    rollout = delivery.watch(rollout.id)
    assert rollout.outcome is Outcome.SUCCEEDED


def test_closing_twice_is_harmless() -> None:
    world = direct()
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "dev")
    assert delivery.watch(rollout.id).is_closed
    with pytest.raises(ConflictError):
        delivery.abort(rollout.id, AbortMode.STOP)


def test_a_gate_that_could_not_be_measured_does_not_quarantine_the_release() -> None:
    world = direct()
    delivery = serving_the_first(world)
    world.check.answer = lambda *_: Verdict.ERROR
    assert carry(delivery, "2.0", "dev").outcome is Outcome.ROLLED_BACK
    world.check.answer = lambda *_: Verdict.PASSED
    assert carry(delivery, "2.0", "dev").outcome is Outcome.SUCCEEDED


class Tampering:
    """A ledger in which somebody has changed the actor of one event."""

    def __init__(self, ledger: Ledger, stream: str) -> None:
        self._ledger = ledger
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)

    def read(self, stream: str, after: int = 0) -> tuple[Event, ...]:
        events = self._ledger.read(stream, after)
        if stream == self._stream and events:
            return (replace(events[0], actor="mallory"), *events[1:])
        return events


@pytest.mark.parametrize("stream", ["application", "promotions/dev-1"])
def test_nothing_is_decided_on_a_ledger_that_was_tampered_with(stream: str) -> None:
    world = direct()
    serving_the_first(world)
    world.wrap = lambda port: Tampering(port, stream) if hasattr(port, "append") else port
    with pytest.raises(IntegrityError, match="was changed after it was recorded"):
        world.delivery().watch("dev-1") if stream != "application" else world.delivery().promote("2.0", to="dev")
