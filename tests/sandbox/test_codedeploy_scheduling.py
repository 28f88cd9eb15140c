"""Laws of choosing instances: the minimum is never broken by the deployment, and every deployment ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deliverkit.sandbox.codedeploy.scheduling import (
    Decision,
    Member,
    Phase,
    Rule,
    Verdict,
    decide,
    is_satisfiable,
    rerouting,
    rule_for,
)


@pytest.mark.parametrize(
    ("kind", "value", "minimum"), [("HOST_COUNT", 6, 6), ("FLEET_PERCENT", 40, 4), ("FLEET_PERCENT", 50, 5)]
)
def test_percentages_of_nine_instances_round_up(kind: str, value: int, minimum: int) -> None:
    assert rule_for({"type": kind, "value": value}, 9) == Rule(minimum)


def test_nine_healthy_instances_at_half_go_four_at_a_time() -> None:
    members = tuple(Member(str(n), was_healthy=True, phase=Phase.WAITING) for n in range(9))
    assert len(decide(Rule(5), members).start) == 4


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12),
    st.integers(0, 11),
    st.booleans(),
    st.data(),
)
def test_the_minimum_is_never_broken(
    fleet: list[tuple[bool, bool]], minimum: int, one_at_a_time: bool, data: st.DataObject
) -> None:
    rule = Rule(0, one_at_a_time=True) if one_at_a_time else Rule(minimum)
    assume(is_satisfiable(rule, len(fleet)))
    members = {str(n): Member(str(n), healthy, Phase.WAITING) for n, (healthy, _) in enumerate(fleet)}
    floor = min(rule.minimum, sum(healthy for healthy, _ in fleet))
    for _ in range(3 * len(fleet) + 3):
        decision = decide(rule, tuple(members.values()))
        for name in decision.start:
            members[name] = replace(members[name], phase=Phase.RUNNING)
        running = [name for name, member in members.items() if member.phase is Phase.RUNNING]
        standing = sum(member.is_healthy and member.phase is not Phase.RUNNING for member in members.values())
        assert standing >= floor
        assert len(running) <= (1 if one_at_a_time else len(fleet) - rule.minimum)
        if decision.verdict is not Verdict.GO_ON:
            break
        name = data.draw(st.sampled_from(running))
        good = fleet[int(name)][1]
        members[name] = replace(members[name], phase=Phase.SUCCEEDED if good else Phase.FAILED)
    assert decision.verdict is not Verdict.GO_ON
    if decision.verdict is Verdict.SUCCEEDED:
        assert any(member.phase is Phase.SUCCEEDED for member in members.values())


def outcome(
    rule: Rule, members: dict[str, Member], good: dict[str, bool]
) -> tuple[Verdict, dict[str, Member], list[str]]:
    """Run a deployment whose instances end one after the other; also the order in which they were started."""
    started: list[str] = []
    while True:
        decision = decide(rule, tuple(members.values()))
        for name in decision.start:
            members[name] = replace(members[name], phase=Phase.RUNNING)
            started.append(name)
        running = [name for name, member in members.items() if member.phase is Phase.RUNNING]
        if decision.verdict is not Verdict.GO_ON:
            return decision.verdict, members, started
        # Asked again before anything ended, it begins nothing and gives nothing up.
        assert decide(rule, tuple(members.values())) == Decision(Verdict.GO_ON)
        phase = Phase.SUCCEEDED if good[running[0]] else Phase.FAILED
        members[running[0]] = replace(members[running[0]], phase=phase)


def fleet_of(health: list[bool]) -> dict[str, Member]:
    return {str(n): Member(str(n), was_healthy, Phase.WAITING) for n, was_healthy in enumerate(health)}


FLEETS = st.lists(st.booleans(), min_size=1, max_size=12)


@given(FLEETS, st.integers(0, 11), st.booleans())
def test_when_every_instance_succeeds_so_does_a_deployment_that_may_start(
    health: list[bool], minimum: int, one_at_a_time: bool
) -> None:
    rule = Rule(0, one_at_a_time=True) if one_at_a_time else Rule(min(minimum, len(health) - 1))
    verdict, members, started = outcome(rule, fleet_of(health), dict.fromkeys(fleet_of(health), True))
    assert verdict is Verdict.SUCCEEDED
    assert {member.phase for member in members.values()} == {Phase.SUCCEEDED}
    assert sorted(started) == sorted(members)


@given(FLEETS, st.integers(0, 11), st.booleans())
def test_when_every_instance_fails_so_does_the_deployment(
    health: list[bool], minimum: int, one_at_a_time: bool
) -> None:
    rule = Rule(0, one_at_a_time=True) if one_at_a_time else Rule(min(minimum, len(health) - 1))
    verdict, members, _ = outcome(rule, fleet_of(health), dict.fromkeys(fleet_of(health), False))
    assert verdict is Verdict.FAILED
    healthy_before, healthy_after = sum(health), sum(member.is_healthy for member in members.values())
    assert healthy_after >= min(healthy_before, rule.minimum)


@given(FLEETS, st.integers(0, 11), st.booleans(), st.data())
def test_unhealthy_instances_are_tried_before_healthy_ones(
    health: list[bool], minimum: int, one_at_a_time: bool, data: st.DataObject
) -> None:
    rule = Rule(0, one_at_a_time=True) if one_at_a_time else Rule(min(minimum, len(health) - 1))
    good = {name: data.draw(st.booleans()) for name in fleet_of(health)}
    _, members, started = outcome(rule, fleet_of(health), good)
    order = [members[name].was_healthy for name in started]
    assert order == sorted(order)


@given(FLEETS, st.integers(1, 11), st.data())
def test_a_healthy_fleet_succeeds_exactly_while_its_minimum_lasts_or_its_last_instance_fails(
    health: list[bool], minimum: int, data: st.DataObject
) -> None:
    size = len(health)
    rule = Rule(min(minimum, size - 1))
    good = {name: data.draw(st.booleans()) for name in fleet_of(health)}
    verdict, members, _ = outcome(rule, fleet_of([True] * size), good)
    failed = sum(member.phase is Phase.FAILED for member in members.values())
    waiting = sum(member.phase is Phase.WAITING for member in members.values())
    succeeded = sum(member.phase is Phase.SUCCEEDED for member in members.values())
    assert (verdict is Verdict.SUCCEEDED) == (waiting == 0 and succeeded > 0 and size - failed >= rule.minimum)
    if verdict is Verdict.FAILED and waiting:
        assert size - failed <= rule.minimum


@given(st.integers(1, 1000), st.integers(0, 99))
def test_a_percentage_becomes_the_next_whole_instance(size: int, percent: int) -> None:
    rule = rule_for({"type": "FLEET_PERCENT", "value": percent}, size)
    assert (rule.minimum - 1) * 100 < size * percent <= rule.minimum * 100


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 11), st.booleans(), st.data())
def test_green_instances_get_traffic_at_the_pace_of_the_configuration(
    good: list[bool], minimum: int, one_at_a_time: bool, data: st.DataObject
) -> None:
    rule = Rule(0, one_at_a_time=True) if one_at_a_time else Rule(min(minimum, len(good) - 1))
    members = fleet_of([True] * len(good))
    together = 1 if one_at_a_time else len(good) - rule.minimum
    while (decision := rerouting(rule, tuple(members.values()))).verdict is Verdict.GO_ON:
        for name in decision.start:
            assert members[name].phase is Phase.WAITING
            members[name] = replace(members[name], phase=Phase.RUNNING)
        running = [name for name, member in members.items() if member.phase is Phase.RUNNING]
        assert 0 < len(running) <= together
        name = data.draw(st.sampled_from(running))
        members[name] = replace(members[name], phase=Phase.SUCCEEDED if good[int(name)] else Phase.FAILED)
    succeeded = sum(member.phase is Phase.SUCCEEDED for member in members.values())
    waiting = any(member.phase is Phase.WAITING for member in members.values())
    if decision.verdict is Verdict.SUCCEEDED:
        assert not waiting
        assert succeeded >= max(1, rule.minimum)
    else:
        assert not all(good)
