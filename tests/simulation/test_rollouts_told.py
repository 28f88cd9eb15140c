"""What is told of promotions that the real engine carried through a simulated world."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree as ET

from worlds import MANAGER, approved, bad_release, carry, direct, environment, piped, serving_the_first

from deliverkit.delivery import Delivery
from deliverkit.domain.replaying import replay
from deliverkit.domain.rollout import AbortMode, Phase
from deliverkit.reporting.description import description
from deliverkit.reporting.history import History, history_of
from deliverkit.reporting.junit import junit_xml
from deliverkit.reporting.page import page
from deliverkit.reporting.report import Report


def told(delivery: Delivery, promotion_id: str) -> History:
    """The story, after asking what holds for each: its phases cover the whole time, one after the other."""
    history = history_of(delivery.ledger.read(f"promotions/{promotion_id}"))
    for before, after in zip(history.spans, history.spans[1:], strict=False):
        assert before.ended_at == after.began_at
    assert history.spans[0].began_at == history.opened_at
    assert page(Report(history)) == page(Report(history))
    ET.fromstring(junit_xml(history))
    assert [difference for trial in history.trials for difference in replay(trial).differences] == []
    assert [(t.leg, t.gate.name, t.verdict) for t in history.trials if t.verdict] == [
        (passage.leg, passage.gate, passage.verdict) for passage in history.rollout.passages
    ]
    return history


def judged(history: History) -> list[tuple[str, str, str]]:
    return [(run.leg, run.gate, str(run.verdict)) for run in history.gates]


def test_a_way_through_a_pipeline() -> None:
    world = piped()
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "staging")
    history = told(delivery, rollout.id)
    assert judged(history) == [("dev", "up", "passed"), ("staging", "up", "passed")]
    assert {each.leg for each in history.deployments} == {"dev", "staging"}
    assert {each.leg for each in history.targets} == {"dev", "staging"}
    assert {span.phase for span in history.spans} >= {Phase.DEPLOYING, Phase.VERIFYING, Phase.BAKING}
    assert description(Report(history)) == f"1.0 to staging: Succeeded ({rollout.id})"


def test_a_rollback() -> None:
    world = direct()
    delivery = serving_the_first(world)
    world.check.answer = bad_release("2.0", world)
    rollout = carry(delivery, "2.0", "dev")
    history = told(delivery, rollout.id)
    assert judged(history) == [("dev", "up", "failed")]
    (run,) = history.gates
    assert run.taken == sum(run.counts.values()) >= 2
    assert [each.is_way_back for each in history.deployments] == [False, True]
    assert {each.report.detail for each in history.targets} == {"serves '1.0'"}
    assert [span.phase for span in history.spans if span.phase is Phase.REVERTING] == [Phase.REVERTING]


def test_an_approval_that_is_waited_for_and_an_abort() -> None:
    world = direct(environment("dev"), approved("production", predecessor="dev"))
    world.release("1.0")
    delivery = world.delivery()
    carry(delivery, "1.0", "dev")
    rollout = carry(delivery, "1.0", "production")
    history = told(delivery, rollout.id)
    assert history.spans[-1].phase is Phase.APPROVING
    world.clock.advance(timedelta(minutes=10))
    world.delivery(MANAGER).decide(rollout.id, is_approved=True, reason="notes read")
    delivery.abort(rollout.id, AbortMode.STOP)
    delivery.watch(rollout.id)
    (decision,) = (history := told(delivery, rollout.id)).decisions
    assert (decision.person, decision.is_approved, decision.reason) == (MANAGER.arn, True, "notes read")
    waited = next(span for span in history.spans if span.phase is Phase.APPROVING)
    assert waited.took >= timedelta(minutes=10)
    assert f"({rollout.id})" in description(Report(history))
