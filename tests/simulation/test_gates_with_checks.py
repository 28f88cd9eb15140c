"""Gates of several checks in whole rollouts: the worst counts, each keeps its pace, and a gate has its own answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from worlds import UP, carry, direct, environment, serving_the_first

from deliverkit.domain.environment import OnFailure
from deliverkit.domain.gate import Check, CheckKind, Gate, Policy, Verdict
from deliverkit.domain.plan import Plan
from deliverkit.domain.rollout import Outcome, Phase
from deliverkit.testing.rehearsal import Rehearsal

RECORDED = Path(__file__).parent / "recorded_plan.json"
PAGES = Check("healthy", "pages", CheckKind.HTTP, {}, Policy(every=timedelta(seconds=5)))
LOAD = Check("healthy", "load", CheckKind.ALARM, {}, Policy(every=timedelta(seconds=20), failure_limit=1))
HEALTHY = Gate("healthy", (PAGES, LOAD))


def baking(gate: Gate, **changes: Any) -> Rehearsal:
    bake_time = timedelta(minutes=2)
    return direct(environment("dev", after=("up", "healthy"), bake_time=bake_time, **changes), gates=(UP, gate))


def failing(name: str, version: str, world: Rehearsal) -> Callable[..., Verdict]:
    """An answer by which one check fails as soon as the version serves."""

    def answer(check: Check, context: Any, _now: datetime) -> Verdict:
        is_bad = check.name == name and version in world.fleet.serving(context.regions[0], context.group)
        return Verdict.FAILED if is_bad else Verdict.PASSED

    return answer


def test_every_check_keeps_its_own_pace() -> None:
    world = baking(HEALTHY)
    world.release("1.0")
    assert carry(world.delivery(), "1.0", "dev").outcome is Outcome.SUCCEEDED
    taken = Counter(world.check.asked)
    # From the beginning of the bake time to its end, which comes before what falls due with it.
    assert (taken["healthy/pages"], taken["healthy/load"]) == (24, 6)


def test_what_warms_up_is_left_alone_and_what_is_counted_comes_to_an_end() -> None:
    slow = replace(PAGES, policy=replace(PAGES.policy, initial_delay=timedelta(seconds=60), count=4))
    world = baking(Gate("healthy", (slow,)))
    world.release("1.0")
    rollout = carry(world.delivery(), "1.0", "dev")
    assert rollout.outcome is Outcome.SUCCEEDED
    assert world.check.asked.count("healthy/pages") == 4
    baked = next(event for event in world.ledger.read(f"promotions/{rollout.id}") if event.kind == "leg.verified").at
    first = next(
        event.at
        for event in world.ledger.read(f"promotions/{rollout.id}")
        if event.kind == "gate.measured" and any(each.get("check") for each in event.payload["measurements"])
    )
    assert first >= baked + timedelta(seconds=60)


def test_one_check_beyond_its_limit_fails_the_gate_and_is_named() -> None:
    world = baking(HEALTHY)
    delivery = serving_the_first(world)
    world.check.answer = failing("load", "2.0", world)
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.ROLLED_BACK
    [passage] = [each for each in rollout.passages if each.verdict is Verdict.FAILED]
    assert passage.gate == "healthy"
    assert passage.reason.startswith("load: ")


def test_a_check_that_is_only_observed_is_told_of_and_fails_nothing() -> None:
    watched = replace(LOAD, policy=replace(LOAD.policy, observe_only=True))
    world = baking(Gate("healthy", (PAGES, watched)))
    delivery = serving_the_first(world)
    world.check.answer = failing("load", "2.0", world)
    rollout = carry(delivery, "2.0", "dev")
    assert rollout.outcome is Outcome.SUCCEEDED
    assert "only observed: load: " in next(each.reason for each in rollout.passages if each.gate == "healthy")


def test_a_gate_all_of_whose_checks_are_only_observed_never_passes() -> None:
    watched = replace(LOAD, policy=replace(LOAD.policy, observe_only=True))
    world = baking(Gate("healthy", (watched,)))
    world.release("1.0")
    rollout = carry(world.delivery(), "1.0", "dev")
    assert rollout.outcome is not Outcome.SUCCEEDED
    assert "nothing was measured that counts" in rollout.reason


@pytest.mark.parametrize(
    ("of_the_gate", "of_the_environment", "phase", "outcome"),
    [
        (OnFailure.OBSERVE, OnFailure.ROLLBACK, Phase.CLOSED, Outcome.UNRESOLVED),
        (OnFailure.PAUSE, OnFailure.ROLLBACK, Phase.PAUSED, None),
        (OnFailure.ROLLBACK, OnFailure.OBSERVE, Phase.CLOSED, Outcome.ROLLED_BACK),
        (None, OnFailure.OBSERVE, Phase.CLOSED, Outcome.UNRESOLVED),
    ],
)
def test_a_gate_has_its_own_answer_to_a_failure(
    of_the_gate: OnFailure | None, of_the_environment: OnFailure, phase: Phase, outcome: Outcome | None
) -> None:
    world = baking(replace(HEALTHY, on_failure=of_the_gate), on_failure=of_the_environment)
    delivery = serving_the_first(world)
    world.check.answer = failing("pages", "2.0", world)
    rollout = carry(delivery, "2.0", "dev")
    assert (rollout.phase, rollout.outcome) == (phase, outcome)
    assert Verdict.FAILED in {each.verdict for each in rollout.passages if each.gate == "healthy"}


def test_a_kind_that_nobody_can_measure_is_an_error_and_never_a_pass() -> None:
    world = baking(Gate.of("healthy", "horoscope", {}))
    world.checks.pop("horoscope", None)
    world.release("1.0")
    rollout = carry(world.delivery(), "1.0", "dev")
    assert rollout.outcome is not Outcome.SUCCEEDED
    assert "horoscope" in rollout.reason


def test_a_process_that_takes_over_counts_every_measurement_of_every_check() -> None:
    world = baking(HEALTHY)
    world.release("1.0")
    first = world.delivery()
    opened = first.promote("1.0", to="dev")
    seen = first.watch(opened, timeout=timedelta(minutes=1))
    assert seen.analysis("healthy/pages").taken > 5
    world.dead.add("driver-1")
    rollout = world.delivery(driver="driver-2").watch(opened)
    assert rollout.outcome is Outcome.SUCCEEDED
    assert rollout.analysis("healthy/pages").taken == world.check.asked.count("healthy/pages")
    assert rollout.analysis("healthy/load").taken == world.check.asked.count("healthy/load")


def test_plans_that_were_recorded_when_a_gate_was_one_check_keep_their_digest() -> None:
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    plan = Plan.from_json(recorded["plan"])
    assert plan.gates["smoke"].checks[0].policy.failure_limit == 2
    assert json.loads(json.dumps(plan.to_json())) == recorded["plan"]
    assert plan.digest == recorded["digest"]


def test_a_plan_with_several_checks_comes_back_as_it_was() -> None:
    world = baking(replace(HEALTHY, on_failure=OnFailure.PAUSE))
    world.release("1.0")
    plan = world.delivery().plan("1.0", to="dev")
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
