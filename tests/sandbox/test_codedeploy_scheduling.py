"""Laws of choosing instances: the minimum is never broken by the deployment, and every deployment ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.sandbox.codedeploy.scheduling import Member, Phase, Rule, Verdict, decide, is_satisfiable, rule_for


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
    if not is_satisfiable(rule, len(fleet)):
        return
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
