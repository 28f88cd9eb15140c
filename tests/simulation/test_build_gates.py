"""Gates that run a job of Jenkins, over real HTTP; and builds that ask what a promotion waits for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from jenkins_controller import ALICE, TOKEN, Asked, Controller, Interference, running_controller
from worlds import MANAGER, UP, approved, carry, direct, environment

from deliverkit.adapters.jenkins import JenkinsServer
from deliverkit.adapters.jenkins_connection import Connection, Credentials
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import CheckKind, Gate, Measurement, Policy, Verdict
from deliverkit.domain.rollout import Offer, Outcome, Phase
from deliverkit.engine.bridging import pass_on
from deliverkit.engine.build_gate import BuildCheck
from deliverkit.testing.clock import FakeClock
from deliverkit.testing.rehearsal import Rehearsal

JOB = "shop/smoke"
SMOKE = Gate.of(
    "smoke",
    CheckKind.JENKINS,
    {"job": JOB, "parameters": {"VERSION": "${release.version} at ${endpoint}"}},
    Policy(every=timedelta(minutes=10), deadline=timedelta(minutes=30)),
)
WHERE = CheckContext(
    {"release.version": "1.0"}, "https://shop.example", ("us-east-1",), "shop", "shop-dev", {"smoke": "shop/dev-1/1"}
)


@pytest.fixture(scope="module")
def listening() -> Iterator[Controller]:
    with running_controller() as controller:
        yield controller


@pytest.fixture
def controller(listening: Controller) -> Controller:
    listening.jobs.clear()
    listening.interfere()
    listening.restart(resets=0, starting=0)
    return listening


def server_of(controller: Controller) -> JenkinsServer:
    return JenkinsServer(Connection(controller.url, Credentials(ALICE, TOKEN)))


def check_of(controller: Controller, clock: FakeClock | None = None) -> BuildCheck:
    return BuildCheck(lambda: server_of(controller), clock=clock or FakeClock())


def measured(check: BuildCheck, context: CheckContext = WHERE) -> Measurement:
    """Look until there is a measurement."""
    return next(each for each in (check.measure(SMOKE.checks[0], context) for _ in range(20)) if each is not None)


def world_of(controller: Controller, gate: Gate = SMOKE) -> Rehearsal:
    """A shop with the job as the gate in front of its one environment."""
    spec = {"job": JOB, "parameters": {"VERSION": "${release.version}"}}
    gate = Gate.of(gate.name, CheckKind.JENKINS, spec, gate.checks[0].policy)
    world = direct(environment("dev", before=("smoke",)), gates=(UP, gate))
    world.checks[CheckKind.JENKINS] = BuildCheck(lambda: server_of(controller), clock=world.clock)
    world.release("1.0")
    return world


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        ("SUCCESS", Verdict.PASSED),
        ("UNSTABLE", Verdict.FAILED),
        ("FAILURE", Verdict.FAILED),
        ("ABORTED", Verdict.INCONCLUSIVE),
        ("NOT_BUILT", Verdict.ERROR),
    ],
)
def test_a_build_is_one_measurement(controller: Controller, result: str, verdict: Verdict) -> None:
    controller.add_job(JOB, outcome=result)
    found = measured(check_of(controller))
    assert (found.outcome, f"{JOB} #1: {result}" in found.reason) == (verdict, True)
    assert found.reason.endswith("/job/shop/job/smoke/1/")
    [build] = controller.builds(JOB)
    assert build.parameters == {"DELIVERKIT_REQUEST": "shop/dev-1/1", "VERSION": "1.0 at https://shop.example"}


def test_a_process_that_takes_over_asks_for_no_second_build(controller: Controller) -> None:
    controller.add_job(JOB, looks_queued=None, looks_running=None)
    assert check_of(controller).measure(SMOKE.checks[0], WHERE) is None
    assert check_of(controller).measure(SMOKE.checks[0], WHERE) is None, "it waits in the queue"
    controller.settle_queue()
    assert check_of(controller).measure(SMOKE.checks[0], WHERE) is None, "it runs"
    controller.finish(JOB, 1)
    assert measured(check_of(controller)).outcome is Verdict.PASSED
    assert len(controller.builds(JOB)) == 1


def test_a_build_that_somebody_else_started_under_the_request_s_name_says_nothing(controller: Controller) -> None:
    controller.add_job(JOB)
    controller.enqueue(JOB, {"DELIVERKIT_REQUEST": "shop/dev-1/1", "VERSION": "0.9 at https://elsewhere.example"})
    waiting = check_of(controller).measure(SMOKE.checks[0], WHERE)
    controller.settle_queue()
    controller.finish(JOB, 1, "SUCCESS")
    built = check_of(controller).measure(SMOKE.checks[0], WHERE)
    for found in (waiting, built):
        assert found is not None
        assert (found.outcome, "another VERSION: somebody else asked for it" in found.reason) == (Verdict.ERROR, True)
    assert len(controller.builds(JOB)) == 1


def test_the_next_sample_is_another_build(controller: Controller) -> None:
    controller.add_job(JOB)
    check = check_of(controller)
    measured(check)
    measured(check, replace(WHERE, samples={"smoke": "shop/dev-1/2"}))
    assert [each.parameters["DELIVERKIT_REQUEST"] for each in controller.builds(JOB)] == [
        "shop/dev-1/1",
        "shop/dev-1/2",
    ]


def test_a_restart_while_the_build_runs_costs_neither_the_sample_nor_a_second_build(controller: Controller) -> None:
    controller.add_job(JOB, looks_running=3)
    check = check_of(controller)
    assert check.measure(SMOKE.checks[0], WHERE) is None
    controller.restart(resets=2, starting=3)
    assert measured(check).outcome is Verdict.PASSED
    assert len(controller.builds(JOB)) == 1


def test_a_server_that_stays_away_is_an_error_in_the_end(controller: Controller) -> None:
    controller.add_job(JOB)
    controller.restart(resets=0, starting=100)
    clock = FakeClock()
    check = check_of(controller, clock)
    assert check.measure(SMOKE.checks[0], WHERE) is None
    clock.advance(timedelta(minutes=11))
    found = check.measure(SMOKE.checks[0], WHERE)
    assert found is not None
    assert (found.outcome, "starting" in found.reason) == (Verdict.ERROR, True)


def test_what_waiting_does_not_help_is_an_error_at_once(controller: Controller) -> None:
    found = check_of(controller).measure(SMOKE.checks[0], WHERE)
    assert found is not None
    assert (found.outcome, "no job shop/smoke" in found.reason) == (Verdict.ERROR, True)
    controller.interfere(Interference(401))
    denied = check_of(controller).measure(SMOKE.checks[0], WHERE)
    assert denied is not None
    assert (denied.outcome, "does not accept user alice" in denied.reason) == (Verdict.ERROR, True)
    assert TOKEN not in denied.reason


def test_a_request_that_somebody_took_out_of_the_queue_is_for_a_human(controller: Controller) -> None:
    controller.add_job(JOB, looks_queued=None)
    check = check_of(controller)
    assert check.measure(SMOKE.checks[0], WHERE) is None
    controller.waiting(JOB)[0].is_cancelled = True
    assert measured(check).outcome is Verdict.INCONCLUSIVE


# --- in a promotion --------------------------------------------------------------------------------


def test_a_promotion_waits_for_the_build_without_asking_all_the_time(controller: Controller) -> None:
    controller.add_job(JOB, looks_running=12)
    world = world_of(controller)
    before = len(controller.seen)
    assert carry(world.delivery(), "1.0", "dev").outcome is Outcome.SUCCEEDED
    assert len(controller.builds(JOB)) == 1
    asked = len(controller.seen) - before
    waited = (world.clock.now() - world.clock.naps[0]).total_seconds()
    assert asked < 30, "each look is one request, and looks lie seconds apart"
    assert waited >= 5 * 10


@pytest.mark.parametrize(("result", "phase"), [("FAILURE", Phase.CLOSED), ("ABORTED", Phase.PAUSED)])
def test_a_build_that_is_no_success_keeps_the_release_out(controller: Controller, result: str, phase: Phase) -> None:
    controller.add_job(JOB, outcome=result)
    world = world_of(controller)
    rollout = carry(world.delivery(), "1.0", "dev")
    assert rollout.phase is phase
    assert not world.fleet.deployments


def test_a_build_that_never_ends_is_not_enough_evidence(controller: Controller) -> None:
    controller.add_job(JOB, looks_running=None)
    world = world_of(
        controller,
        Gate.of("smoke", CheckKind.JENKINS, {}, replace(SMOKE.checks[0].policy, deadline=timedelta(minutes=2))),
    )
    rollout = carry(world.delivery(), "1.0", "dev")
    assert rollout.outcome is Outcome.FAILED
    assert "not enough evidence" in rollout.reason
    assert len(controller.builds(JOB)) == 1


# --- builds that ask the same ----------------------------------------------------------------------

ASKING = Asked("Deliverkit-production", parameters={"RECORDED_BY": "", "REASON": "", "DECISION": ("reject", "approve")})


def asking(controller: Controller, **settings: object) -> tuple[Rehearsal, str, Offer]:
    """A promotion that waits for approval, and a build that asks for it, too."""
    controller.add_job("shop/delivery", asks=(replace(ASKING, **settings),))
    server = server_of(controller)
    server.trigger("shop/delivery", {"DELIVERKIT_REQUEST": "x"})
    controller.settle_queue()
    world = direct(approved("production"))
    world.release("1.0")
    delivery = world.delivery()
    rollout = carry(delivery, "1.0", "production")
    offer = Offer(rollout.question, "shop/delivery", 1, "deliverkit-production")
    delivery.offer(rollout.id, offer)
    return world, rollout.id, offer


@pytest.mark.parametrize("is_approved", [True, False])
def test_a_decision_made_here_answers_the_build_with_the_person_s_name(
    controller: Controller, is_approved: bool
) -> None:
    world, promotion, _ = asking(controller)
    server = server_of(controller)
    assert list(pass_on(world.delivery().show(promotion), server)) == [], "nobody has decided"
    rollout = world.delivery(MANAGER).decide(promotion, is_approved=is_approved, reason="notes read")
    assert list(pass_on(rollout, server)) == ["shop/delivery #1 goes on"]
    [asked] = controller.builds("shop/delivery")[0].asked
    assert (asked.answer, asked.given) == (
        "submit",
        {"RECORDED_BY": MANAGER.arn, "REASON": "", "DECISION": "reject"},
    )
    assert list(pass_on(rollout, server)) == ["shop/delivery #1 does not ask any more"]


def test_a_question_that_is_none_of_ours_or_not_for_us_is_left_and_told(controller: Controller) -> None:
    world, promotion, _ = asking(controller, submitter="somebody-else")
    rollout = world.delivery(MANAGER).decide(promotion, is_approved=True, reason="notes read")
    [line] = pass_on(rollout, server_of(controller))
    assert line.startswith("warning: shop/delivery #1 still asks, although this is decided: alice may not answer")
    world, promotion, _ = asking(controller, parameters={})
    rollout = world.delivery(MANAGER).decide(promotion, is_approved=True, reason="notes read")
    [line] = pass_on(rollout, server_of(controller))
    assert "does not take RECORDED_BY" in line
    assert not controller.builds("shop/delivery")[0].asked[0].answer


def test_a_server_that_is_away_does_not_undo_the_decision(controller: Controller) -> None:
    world, promotion, _ = asking(controller)
    rollout = world.delivery(MANAGER).decide(promotion, is_approved=True, reason="notes read")
    controller.restart(resets=0, starting=3)
    [line] = pass_on(rollout, server_of(controller))
    assert line.startswith("warning: shop/delivery #1 still asks")
    assert world.delivery().watch(promotion).outcome is Outcome.SUCCEEDED


def test_a_jenkins_that_answers_with_a_web_page_is_told_so_and_is_no_verdict(controller: Controller) -> None:
    controller.add_job(JOB)
    login = "<!doctype html><html><head><title>Sign in to Acme</title></head><body>x</body></html>"
    controller.interfere(Interference(200, login, {"Content-Type": "text/html;charset=utf-8"}))
    found = measured(check_of(controller))
    assert found.outcome is Verdict.ERROR
    assert "Sign in to Acme" in found.reason
    assert "<" not in found.reason


def test_a_build_is_judged_again_from_what_was_kept(controller: Controller) -> None:
    controller.add_job(JOB, outcome="UNSTABLE")
    found = measured(check_of(controller))
    assert found.seen is not None
    assert (found.seen["job"], found.seen["result"], found.query) == (JOB, "UNSTABLE", found.seen["url"])
    again = assess(SMOKE.checks[0], found.seen)
    assert (again.outcome, again.reason) == (found.outcome, found.reason)
    assert assess(SMOKE.checks[0], {**found.seen, "result": "SPLENDID"}).outcome is Verdict.ERROR
