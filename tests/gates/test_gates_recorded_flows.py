"""Whatever a gate's verdict led to, the record of it replays: every place of a gate, every policy, people included."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from gate_worlds import answered, http_check, promoted, world

from deliverkit.domain.environment import OnFailure
from deliverkit.domain.gate import Gate
from deliverkit.domain.recording import trials_of
from deliverkit.domain.replaying import judge_anew, replay
from deliverkit.ports import Identity

MANAGER = Identity("arn:aws:iam::123456789012:user/manager", "123456789012", ("release-managers",))
SILENT = {"error": "the name cannot be resolved"}
ANSWERS: dict[str, list[dict[str, Any]]] = {
    "good": [answered()],
    "bad": [answered(503)],
    "unmeasurable": [SILENT],
    "never enough in a row": [answered(), answered(), SILENT],
}


@pytest.mark.parametrize("on_failure", OnFailure)
@pytest.mark.parametrize("place", ["before", "during", "after"])
@pytest.mark.parametrize("answers", ANSWERS)
def test_every_way_that_a_gate_can_go_replays(on_failure: OnFailure, place: str, answers: str) -> None:
    gate = Gate("up", (http_check("up", passes=3, deadline=timedelta(seconds=20)),))
    places: dict[str, tuple[str, ...]] = {"before": (), "during": (), "after": (), place: ("up",)}
    made = world(gate, on_failure=on_failure, bake_time=timedelta(seconds=30), **places)
    asked: list[None] = []

    def see(*_: Any) -> dict[str, Any]:
        asked.append(None)
        return ANSWERS[answers][len(asked) % len(ANSWERS[answers])]

    rollout, events = promoted(made, see)
    if rollout.waits_for_human:
        delivery = made.delivery(MANAGER)
        delivery.decide(rollout.id, is_approved=True, reason="the load balancer was being changed")
        rollout = delivery.watch(rollout.id)
        events = tuple(delivery.ledger.read(f"promotions/{rollout.id}"))
    assert rollout.is_closed
    trials = trials_of(events)
    judged = [trial for trial in trials if trial.verdict]
    assert [(each.gate.name, each.verdict) for each in judged] == [(p.gate, p.verdict) for p in rollout.passages]
    assert judged
    for trial in trials:
        assert replay(trial).differences == ()
    for trial in judged:
        assert judge_anew(trial, trial.gate).verdict is trial.verdict
