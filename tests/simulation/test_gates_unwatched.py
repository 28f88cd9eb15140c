"""Passes are earned by the release, while somebody watches: old ones, early ones and undecided ones pass nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from worlds import UP, carry, direct, environment, serving_the_first

from deliverkit.check_ports import CheckContext
from deliverkit.domain.environment import OnFailure
from deliverkit.domain.gate import Check, CheckKind, Gate, Measurement, Policy, Verdict
from deliverkit.domain.gate_run import verdict_on
from deliverkit.domain.recording import trials_of
from deliverkit.domain.replaying import replay
from deliverkit.domain.rollout import Outcome, Phase, Rollout
from deliverkit.testing.rehearsal import Rehearsal

HOURS = timedelta(hours=2)
HEALTHY = Gate.of("healthy", CheckKind.HTTP, {}, Policy(every=timedelta(seconds=5)))


def baking(gate: Gate = HEALTHY, **changes: Any) -> Rehearsal:
    hour = timedelta(hours=1)
    return direct(environment("dev", **{"after": ("healthy",), "bake_time": hour, **changes}), gates=(UP, gate))


def left_alone(world: Rehearsal, seconds: int = 40) -> str:
    """Release 2.0 under way, watched for a while; then its driver is gone for two hours, and the release fails."""
    delivery = serving_the_first(world)
    promotion = delivery.promote("2.0", to="dev")
    delivery.watch(promotion, timeout=timedelta(seconds=seconds))
    world.dead.add("driver-1")
    world.clock.advance(HOURS)
    world.check.answer = lambda *_: Verdict.FAILED
    world.check.asked.clear()
    return promotion


def on_record(world: Rehearsal, rollout: Rollout) -> None:
    """What is on record comes out again."""
    for trial in trials_of(world.ledger.read(f"promotions/{rollout.id}")):
        assert replay(trial).differences == ()


def test_what_passed_before_nobody_watched_does_not_pass_afterwards() -> None:
    world = baking()
    promotion = left_alone(world)
    rollout = world.delivery(driver="driver-2").watch(promotion)
    assert rollout.outcome is not Outcome.SUCCEEDED
    assert world.check.asked
    on_record(world, rollout)


def test_a_release_that_is_well_when_somebody_comes_back_passes() -> None:
    world = baking()
    promotion = left_alone(world)
    world.check.answer = lambda *_: Verdict.PASSED
    rollout = world.delivery(driver="driver-2").watch(promotion)
    assert rollout.outcome is Outcome.SUCCEEDED
    assert world.check.asked
    on_record(world, rollout)


def test_a_gate_by_itself_asks_again_when_it_is_resumed_late() -> None:
    world = baking()
    delivery = world.delivery()
    run_id = delivery.run_gates(["healthy"], to="dev")
    delivery.gate_runs.watch(run_id, timeout=timedelta(seconds=30))
    world.dead.add("driver-1")
    world.clock.advance(HOURS)
    world.check.answer = lambda *_: Verdict.FAILED
    found = verdict_on(world.delivery(driver="driver-2").gate_runs.watch(run_id))
    assert found is not None
    assert found.verdict is Verdict.FAILED


def test_a_run_that_was_only_opened_begins_when_somebody_drives_it() -> None:
    world = baking()
    run_id = world.delivery().run_gates(["healthy"], to="dev", bake_time=timedelta(0))
    world.clock.advance(HOURS)
    run = world.delivery().gate_runs.watch(run_id)
    assert run.judged["healthy"].verdict is Verdict.PASSED


def test_a_pause_makes_the_other_gates_passes_old() -> None:
    other = Gate.of("other", CheckKind.ALARM, {}, Policy(every=timedelta(seconds=5)))
    world = direct(
        environment("dev", after=("healthy", "other"), bake_time=timedelta(hours=1)), gates=(UP, HEALTHY, other)
    )
    delivery = serving_the_first(world)
    calm = world.clock.now() + timedelta(minutes=5)

    def unsure(check: Check, _context: CheckContext, now: datetime) -> Verdict:
        return Verdict.INCONCLUSIVE if check.gate == "other" and now > calm else Verdict.PASSED

    world.check.answer = unsure
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.phase is Phase.PAUSED
    world.clock.advance(HOURS)
    world.check.answer = lambda *_: Verdict.FAILED
    delivery.decide(rollout.id, gate="other", is_approved=True, reason="known")
    assert delivery.watch(rollout.id).outcome is Outcome.ROLLED_BACK


def test_passes_that_the_old_release_earned_do_not_count() -> None:
    during = Gate.of("healthy", CheckKind.HTTP, {}, Policy(every=timedelta(seconds=1), count=3))
    world = baking(during, during=("healthy",), after=(), bake_time=timedelta(minutes=5))
    delivery = serving_the_first(world)
    served: list[set[str]] = []

    def note(_check: Check, context: CheckContext, _now: datetime) -> Verdict:
        served.append(world.fleet.serving(context.regions[0], context.group))
        return Verdict.PASSED

    world.check.answer = note
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.SUCCEEDED
    assert served[-3:] == [{"2.0"}] * 3
    assert rollout.analysis("healthy").counted == 3
    on_record(world, rollout)


class Undecided:
    """A checker that passes once and then cannot tell yet, or does not come back at all."""

    def __init__(self, world: Rehearsal, *, comes_back: bool) -> None:
        self._world = world
        self._comes_back = comes_back
        self._has_passed = False

    def measure(self, check: Check, _context: CheckContext) -> Measurement | None:
        now = self._world.clock.now()
        if not self._has_passed:
            self._has_passed = True
            return Measurement(check.gate, now, Verdict.PASSED, "well", check=check.name)
        if not self._comes_back:
            return None
        return Measurement(check.gate, now, Verdict.INCONCLUSIVE, "not known yet", check=check.name, is_open=True)


@pytest.mark.parametrize("comes_back", [True, False])
def test_once_well_and_then_nothing_is_not_enough(comes_back: bool) -> None:
    world = baking(bake_time=timedelta(minutes=10))
    delivery = serving_the_first(world)
    world.checks[CheckKind.HTTP] = Undecided(world, comes_back=comes_back)
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.phase is Phase.PAUSED
    assert "not enough evidence" in rollout.passages[-1].reason
    on_record(world, rollout)


def test_a_gate_in_front_lets_nothing_in_that_failed_it() -> None:
    world = baking(replace(HEALTHY, on_failure=OnFailure.OBSERVE), before=("healthy",), after=())
    world.release("1.0")
    world.check.answer = lambda *_: Verdict.FAILED
    rollout = carry(world.delivery(), "1.0", "dev")
    assert (rollout.outcome, world.fleet.deployments) == (Outcome.FAILED, [])


def test_a_gate_in_front_that_passed_is_not_asked_again_while_others_take_their_time() -> None:
    slow = Gate.of("slow", CheckKind.ALARM, {}, Policy(every=timedelta(minutes=1), passes=20, deadline=HOURS))
    world = direct(environment("dev", before=("healthy", "slow")), gates=(UP, HEALTHY, slow))
    world.release("1.0")
    assert carry(world.delivery(), "1.0", "dev").outcome is Outcome.SUCCEEDED
    assert world.check.asked.count("healthy") == 1


def test_a_gate_that_warms_up_longer_than_its_deadline_is_still_measured() -> None:
    warm = Gate.of("healthy", CheckKind.HTTP, {}, Policy(initial_delay=timedelta(minutes=10)))
    world = baking(warm, before=("healthy",), after=())
    world.release("1.0")
    assert carry(world.delivery(), "1.0", "dev").outcome is Outcome.SUCCEEDED


def test_a_driver_that_slept_measures_before_it_judges() -> None:
    world = baking()
    delivery = serving_the_first(world)
    promotion = delivery.promote("2.0", to="dev")
    has_slept: list[bool] = []

    def sleep_once(rollout: Rollout, _now: datetime) -> None:
        if not has_slept and rollout.analysis("healthy").taken >= 3:
            has_slept.append(True)
            world.check.asked.clear()
            world.clock.advance(HOURS)

    rollout = delivery.watch(promotion, on_tick=sleep_once)
    assert has_slept
    assert (rollout.outcome, world.check.asked) == (Outcome.SUCCEEDED, ["healthy"])
    on_record(world, rollout)


def test_what_a_check_carries_on_from_the_old_release_is_gone_with_it() -> None:
    world = baking(HEALTHY, during=("healthy",), after=(), bake_time=timedelta(minutes=1))
    delivery = serving_the_first(world)
    rollout = carry(delivery, "2.0", "dev")
    first = next(each for each in world.ledger.read(f"promotions/{rollout.id}") if each.kind == "leg.verified")
    analysis = rollout.analysis("healthy")
    taken = [each for each in world.ledger.read(f"promotions/{rollout.id}") if each.kind == "gate.measured"]
    early = [each for each in taken if each.sequence < first.sequence]
    assert early
    assert analysis.counted == len(taken) - len(early)
    assert analysis.passes_in_a_row == analysis.counted
