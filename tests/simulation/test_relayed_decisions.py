"""Decisions that a build server passes on: whose they count as, and that each is recorded once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import MANAGER, approved, carry, direct, environment, piped

from deliverkit.delivery import Delivery
from deliverkit.domain.approval import Decision, Relay, Requester, counted
from deliverkit.domain.environment import ApprovalPolicy, OnFailure
from deliverkit.domain.gate import Verdict
from deliverkit.domain.plan import Plan
from deliverkit.domain.rollout import AbortMode, Offer, Outcome, Phase, Rollout, answer_to
from deliverkit.errors import ConflictError, IntegrityError, NotEntitledError, RejectedError
from deliverkit.ports import Identity
from deliverkit.testing.rehearsal import Rehearsal

BRIDGE = Identity(
    "arn:aws:sts::123456789012:assumed-role/jenkins-approvals/i-0a1", "123456789012", ("jenkins-approvals",)
)


def waiting(*, needed: int = 1, requested_for: str = "") -> tuple[Rehearsal, Delivery, Rollout]:
    """A promotion that waits for approval, in a world where Jenkins may pass decisions on."""
    base = approved("production")
    assert base.approvals is not None
    policy = replace(base.approvals, needed=needed, bridges=("jenkins-approvals",))
    world = direct(replace(base, approvals=policy))
    world.release("1.0")
    delivery = world.delivery()
    rollout = delivery.watch(delivery.promote("1.0", to="production", requested_for=requested_for))
    assert rollout.phase is Phase.APPROVING
    return world, delivery, rollout


def decided(delivery: Delivery, rollout: Rollout) -> list[dict[str, object]]:
    events = delivery.ledger.read(f"promotions/{rollout.id}")
    return [event.payload for event in events if event.kind == "approval.decided"]


def test_the_person_whom_a_bridge_names_is_who_decided() -> None:
    world, delivery, rollout = waiting()
    bridge = world.delivery(BRIDGE)
    relay = Relay("mary", "jenkins-shop-7", rollout.question, rollout.plan.digest)
    bridge.decide(rollout.id, is_approved=True, reason="notes read", relay=relay)
    rollout = delivery.watch(rollout.id)
    assert rollout.outcome is Outcome.SUCCEEDED
    [payload] = decided(delivery, rollout)
    assert (payload["person"], payload["by"], payload["via"]) == ("mary", BRIDGE.arn, "jenkins-shop-7")
    [admitted] = [e.payload for e in delivery.ledger.read(f"promotions/{rollout.id}") if e.kind == "leg.admitted"]
    assert admitted["by"] == [f"mary (through {BRIDGE.arn})"]


def test_nobody_else_may_name_a_person() -> None:
    world, delivery, rollout = waiting()
    with pytest.raises(NotEntitledError, match=r"names mary .* only jenkins-approvals may pass decisions on"):
        world.delivery(MANAGER).decide(rollout.id, is_approved=True, reason="yes", relay=Relay("mary"))
    assert decided(delivery, rollout) == []


def test_a_bridge_that_names_nobody_is_an_approver_like_any_other() -> None:
    world, _, rollout = waiting()
    with pytest.raises(NotEntitledError, match="approvers come from release-managers"):
        world.delivery(BRIDGE).decide(rollout.id, is_approved=True, reason="yes")


def test_a_decision_is_recorded_once_however_often_it_is_passed_on() -> None:
    world, delivery, rollout = waiting()
    relay = Relay("mary", question=rollout.question)
    for _ in range(2):
        world.delivery(BRIDGE).decide(rollout.id, is_approved=True, reason="yes", relay=relay)
    rollout = delivery.watch(rollout.id)
    world.delivery(BRIDGE).decide(rollout.id, is_approved=True, reason="yes", relay=relay)
    assert len(decided(delivery, rollout)) == 1


def test_an_answer_to_a_question_that_is_settled_adds_nothing_or_is_too_late() -> None:
    world, delivery, rollout = waiting()
    relay = Relay("mary", question=rollout.question)
    world.delivery(MANAGER).decide(rollout.id, is_approved=True, reason="yes")
    rollout = delivery.watch(rollout.id)
    world.delivery(BRIDGE).decide(rollout.id, is_approved=True, reason="yes", relay=relay)
    with pytest.raises(ConflictError, match="too late"):
        world.delivery(BRIDGE).decide(rollout.id, is_approved=False, reason="no", relay=relay)
    with pytest.raises(ConflictError, match="never asked a question 999"):
        world.delivery(BRIDGE).decide(rollout.id, is_approved=True, reason="yes", relay=Relay("mary", question=999))
    assert len(decided(delivery, rollout)) == 1


def test_a_yes_to_what_was_rejected_is_rejected() -> None:
    world, delivery, rollout = waiting()
    world.delivery(MANAGER).decide(rollout.id, is_approved=False, reason="no")
    rollout = delivery.watch(rollout.id)
    with pytest.raises(RejectedError) as caught:
        world.delivery(BRIDGE).decide(
            rollout.id, is_approved=True, reason="yes", relay=Relay("mary", question=rollout.question)
        )
    assert caught.value.exit_code == 6


def test_a_decision_on_another_plan_is_refused() -> None:
    world, delivery, rollout = waiting()
    relay = Relay("mary", plan_digest="sha256:" + "0" * 64)
    with pytest.raises(IntegrityError, match="not what was agreed to"):
        world.delivery(BRIDGE).decide(rollout.id, is_approved=True, reason="yes", relay=relay)
    assert decided(delivery, rollout) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [("mary", "mary"), ("mary", "Mary@acme.com"), ("mary", ""), ("", "Manager")],
    ids=["one user", "one user, written otherwise", "two users", "a user with the name of the identity"],
)
def test_two_approvals_are_of_two_people_by_whatever_way_they_come(first: str, second: str) -> None:
    world, delivery, rollout = waiting(needed=2)
    for person in (first, second):
        identity, relay = (BRIDGE, Relay(person)) if person else (MANAGER, None)
        world.delivery(identity).decide(rollout.id, is_approved=True, reason="yes", relay=relay)
    rollout = delivery.show(rollout.id)
    assert answer_to(rollout) is (True if (first, second) == ("mary", "") else None)
    is_done = delivery.watch(rollout.id).outcome is Outcome.SUCCEEDED
    assert is_done == ((first, second) == ("mary", ""))


@pytest.mark.parametrize("person", ["mary", "MARY", "mary@acme.com", "ACME\\mary"])
def test_whoever_asked_through_a_bridge_may_not_approve(person: str) -> None:
    world, _, rollout = waiting(requested_for="mary")
    assert "mary" in rollout.plan.requester.who
    with pytest.raises(NotEntitledError, match="asked for this promotion"):
        world.delivery(BRIDGE).decide(rollout.id, is_approved=True, reason="yes", relay=Relay(person))
    own = Identity("arn:aws:iam::123456789012:user/mary", "123456789012", ("release-managers",))
    with pytest.raises(NotEntitledError, match="asked for this promotion"):
        world.delivery(own).decide(rollout.id, is_approved=True, reason="yes")


def test_naming_somebody_else_as_the_one_who_asked_helps_nobody() -> None:
    world, _, first = waiting()
    world.delivery().abort(first.id, AbortMode.STOP)
    world.delivery().watch(first.id)
    world.release("2.0")
    delivery = world.delivery(MANAGER)
    rollout = delivery.watch(delivery.promote("2.0", to="production", requested_for="ghost"))
    with pytest.raises(NotEntitledError, match="asked for this promotion"):
        world.delivery(BRIDGE).decide(rollout.id, is_approved=True, reason="yes", relay=Relay("manager"))
    with pytest.raises(NotEntitledError, match="asked for this promotion"):
        delivery.decide(rollout.id, is_approved=True, reason="yes")


def test_nobody_is_named_where_no_policy_trusts_anybody_with_names() -> None:
    world = direct(environment("dev", on_failure=OnFailure.PAUSE))
    world.release("1.0")
    world.check.answer = lambda *_: Verdict.FAILED
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "dev")
    assert rollout.phase is Phase.PAUSED
    with pytest.raises(NotEntitledError, match=r"names the-cto .* names nobody who may"):
        delivery.decide(rollout.id, is_approved=True, reason="fine", relay=Relay("the-cto"))
    delivery.decide(rollout.id, is_approved=True, reason="fine")
    assert [payload.get("person") for payload in decided(delivery, rollout)] == [None]


@pytest.mark.parametrize(
    ("sessions", "people"),
    [
        (("botocore-session-1700000000", "botocore-session-1700000777"), 1),
        (("mary@acme.com", "bob@acme.com"), 2),
        (("i-0a1b2c3d4e5f", "i-0a1b2c3d4e60"), 1),
    ],
)
def test_sessions_that_programs_named_are_one(sessions: tuple[str, str], people: int) -> None:
    world, delivery, rollout = waiting(needed=2)
    for session in sessions:
        role = f"arn:aws:sts::123456789012:assumed-role/release-managers/{session}"
        world.delivery(Identity(role, "123456789012", ("release-managers",))).decide(
            rollout.id, is_approved=True, reason="yes"
        )
    assert (answer_to(delivery.show(rollout.id)) is True) == (people == 2)


def test_whoever_asked_may_not_approve_through_a_bridge_either() -> None:
    world, _, _ = waiting()
    delivery = world.delivery(MANAGER)
    world.release("2.0")
    world.delivery(MANAGER).abort(delivery.newest().id, AbortMode.STOP)
    delivery.watch(delivery.newest().id)
    rollout = carry(delivery, "2.0", "production")
    with pytest.raises(NotEntitledError, match="manager asked for this promotion"):
        world.delivery(BRIDGE).decide(rollout.id, is_approved=True, reason="yes", relay=Relay("manager"))


def test_a_place_where_people_are_asked_too_is_on_record_until_the_question_is_settled() -> None:
    world, delivery, rollout = waiting()
    offer = Offer(rollout.question, "shop/delivery", 7, "Deliverkit-production")
    for _ in range(2):
        delivery.offer(rollout.id, offer)
    assert delivery.show(rollout.id).offers == (offer,)
    with pytest.raises(ConflictError, match="is not open"):
        delivery.offer(rollout.id, replace(offer, question=offer.question + 1))
    world.delivery(MANAGER).decide(rollout.id, is_approved=True, reason="yes")
    assert answer_to(delivery.show(rollout.id)) is True
    assert delivery.watch(rollout.id).offers == ()
    with pytest.raises(ConflictError, match="is not open"):
        delivery.offer(rollout.id, offer)


def test_plans_of_before_there_were_bridges_keep_their_digest() -> None:
    _, _, rollout = waiting()
    base = rollout.plan
    policy = base.legs[0].approvals
    assert policy is not None
    old = replace(base, legs=(replace(base.legs[0], approvals=replace(policy, bridges=())),))
    document = old.to_json()
    assert "requested_for" not in document
    assert "bridges" not in document["legs"][0]["approvals"]
    assert Plan.from_json(document).digest == old.digest != base.digest
    assert Plan.from_json(base.to_json()) == base


@given(st.lists(st.sampled_from(["mary", "Mary", "bob", "mary@acme.com", "bob@acme.com", "eve"]), max_size=8))
def test_no_number_of_repetitions_makes_one_person_two(people: list[str]) -> None:
    policy, at = ApprovalPolicy(bridges=BRIDGE.groups), datetime(2026, 1, 1, tzinfo=UTC)
    decisions = [Decision("production", BRIDGE.arn, BRIDGE.groups, True, "yes", "d", at, person) for person in people]
    found = counted(policy, decisions, requester=Requester("arn:aws:iam::1:user/x"), plan_digest="d")
    assert len(found) == len({person.partition("@")[0].casefold() for person in people})


def test_the_pipeline_s_own_approval_is_answered_once_with_the_person_s_name() -> None:
    base = approved("staging", predecessor="dev")
    assert base.approvals is not None
    world = piped(environment("dev"), replace(base, approvals=replace(base.approvals, bridges=BRIDGE.groups)))
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "staging")
    relay = Relay("mary", "jenkins-shop-7", rollout.question)
    world.delivery(BRIDGE).decide(rollout.id, is_approved=True, reason="notes read", relay=relay)
    rollout = delivery.watch(rollout.id)
    assert rollout.outcome is Outcome.SUCCEEDED
    report = world.pipelines.observe("delivery", rollout.begun[1]["execution"])
    summaries = [action.summary for action in report.actions]
    assert [text for text in summaries if "mary" in text] == [
        f"deliverkit {rollout.id}: staging admitted by mary (through {BRIDGE.arn})"
    ]
