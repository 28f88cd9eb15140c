"""A build is asked for exactly once, found again and followed: a controller over HTTP, and time of our own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from jenkins_controller import ALICE, PASSWORD, REQUEST, TOKEN, Asked, Controller, Interference, running_controller

from deliverkit.adapters.jenkins import JenkinsServer
from deliverkit.adapters.jenkins_connection import Connection, Credentials
from deliverkit.domain.build import BuildPhase, BuildRequest, BuildResult
from deliverkit.engine.building import Building, BuildPace
from deliverkit.errors import ConflictError, DeniedError, NotFoundError, UnreachableError
from deliverkit.testing.clock import START, FakeClock

PACE = BuildPace()
HOUR = timedelta(hours=1)


@pytest.fixture
def controller() -> Iterator[Controller]:
    with running_controller() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def building(
    controller: Controller, clock: FakeClock, job: str = "smoke", *, secret: str = TOKEN, **known: Any
) -> Building:
    server = JenkinsServer(Connection(controller.url, Credentials(ALICE, secret)))
    return Building(server, BuildRequest(job, {"VERSION": "1"}, "r1"), clock=clock, **known)


def is_post(asked: str) -> bool:
    return asked.startswith("POST")


def triggers(controller: Controller) -> int:
    return len([each for each in controller.seen if "buildWithParameters" in each])


# --- to the end ------------------------------------------------------------------------------------


def test_from_the_request_to_the_result(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("shop/smoke", log="Größe\nnächste\n", piece=3, outcome="UNSTABLE", looks_running=3)
    told: list[str] = []
    phases: list[BuildPhase] = []
    view = building(controller, clock, "shop/smoke").follow(
        timeout=HOUR, log=told.append, on_look=lambda view, _: phases.append(view.phase)
    )
    assert view.build is not None
    assert (view.phase, view.build.result, view.is_success) == (BuildPhase.ENDED, BuildResult.UNSTABLE, False)
    assert view.told.startswith("shop/smoke #1: UNSTABLE, ")
    assert "".join(told) == "Größe\nnächste\n"
    assert list(dict.fromkeys(phases)) == [BuildPhase.WAITING, BuildPhase.RUNNING, BuildPhase.ENDED]
    assert controller.builds("shop/smoke")[0].parameters == {REQUEST: "r1", "VERSION": "1"}
    assert all(later - earlier == PACE.look for earlier, later in zip(clock.naps, clock.naps[1:], strict=False))


def test_a_single_look_never_waits(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke")
    one = building(controller, clock)
    assert [one.look().phase for _ in range(6)] == [
        BuildPhase.WAITING,  # asked for
        BuildPhase.WAITING,
        BuildPhase.RUNNING,
        BuildPhase.ENDED,
        BuildPhase.ENDED,
        BuildPhase.ENDED,
    ]
    assert clock.naps == []
    assert one.view.is_success


def test_time_is_limited_and_the_build_goes_on(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", looks_running=None)
    view = building(controller, clock).follow(timeout=timedelta(seconds=12))
    assert view.phase is BuildPhase.RUNNING
    assert clock.now() == START + timedelta(seconds=12)
    assert controller.builds("smoke")[0].result is None


def test_following_ends_when_somebody_wants_it(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", looks_running=None)
    looks: list[BuildPhase] = []
    view = building(controller, clock).follow(
        timeout=HOUR, on_look=lambda view, _: looks.append(view.phase), is_stopped=lambda: len(looks) == 5
    )
    assert view.phase is BuildPhase.RUNNING
    assert len(looks) == 5


def test_a_build_that_asks_people_simply_runs(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", asks=(Asked(),))
    assert building(controller, clock).follow(timeout=HOUR).phase is BuildPhase.RUNNING


def test_what_was_taken_out_of_the_queue_has_ended(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", looks_queued=None)
    one = building(controller, clock)
    one.begin()
    controller.waiting("smoke")[0].is_cancelled = True
    view = one.follow(timeout=HOUR, log=lambda _: None)
    assert (view.phase, view.build, view.is_success) == (BuildPhase.ENDED, None, False)
    assert "out of the queue" in view.told


def test_ending_a_request_wherever_it_is(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", looks_queued=None, looks_running=None)
    waiting = building(controller, clock)
    waiting.begin()
    assert waiting.stop().phase is BuildPhase.ENDED
    running = building(controller, clock)
    running.begin()
    controller.settle_queue()
    running.stop()
    assert controller.builds("smoke")[0].was_stopped
    running.stop()


# --- exactly once ----------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["queued", "running", "ended"])
def test_what_a_process_asked_for_that_died_is_taken_up(controller: Controller, clock: FakeClock, moment: str) -> None:
    controller.add_job("smoke", looks_queued=None)
    building(controller, clock).begin()
    if moment != "queued":
        controller.settle_queue()
        controller.forget_queue()
    if moment == "ended":
        controller.finish("smoke", 1)
    heir = building(controller, clock)
    heir.begin()
    if moment == "queued":
        controller.settle_queue()
    assert heir.follow(timeout=HOUR).is_success
    assert triggers(controller) == 1


def test_a_request_whose_answer_was_lost_is_found(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke")
    controller.lost_answers = 1
    assert building(controller, clock).follow(timeout=HOUR).is_success
    assert triggers(controller) == len(controller.builds("smoke")) == 1


def test_a_request_that_is_slow_to_arrive_is_waited_for(controller: Controller, clock: FakeClock) -> None:
    job = controller.add_job("smoke")
    controller.interfere(Interference(504), concerns=is_post)
    one = building(controller, clock)
    with pytest.raises(UnreachableError):
        one.begin()
    for _ in range(3):
        assert "looking for it" in one.look().why
        clock.advance(PACE.look)
    controller.enqueue("smoke", {REQUEST: "r1", "VERSION": "1"})  # the gateway had passed it on after all
    assert one.follow(timeout=HOUR).is_success
    assert triggers(controller) == len(job.builds) == 1


def test_a_request_that_never_arrived_is_made_again(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke")
    controller.interfere(Interference(504), concerns=is_post)
    assert building(controller, clock).follow(timeout=HOUR).is_success
    assert triggers(controller) == 2
    assert clock.now() - START >= PACE.doubt


def test_a_refusal_leaves_no_doubt(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", is_disabled=True)
    one = building(controller, clock)
    with pytest.raises(ConflictError):
        one.begin()
    controller.jobs["smoke"].is_disabled = False
    one.begin()
    assert triggers(controller) == 1
    assert not building(controller, clock).may_be_asked


def test_attaching_asks_for_nothing(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke")
    with pytest.raises(NotFoundError, match="no build of smoke was asked for as r1"):
        building(controller, clock, may_ask=False).look()
    assert triggers(controller) == 0
    building(controller, clock).begin()
    controller.restart()
    assert building(controller, clock, may_ask=False).follow(timeout=HOUR).is_success
    assert triggers(controller) == 1


def test_what_the_queue_has_forgotten_is_found_among_the_builds(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", looks_queued=None)
    one = building(controller, clock)
    one.begin()
    controller.settle_queue()
    controller.forget_queue()
    assert one.follow(timeout=HOUR).is_success
    assert triggers(controller) == 1


def test_a_build_that_a_person_ran_again_is_not_taken_for_ours(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", looks_queued=None, looks_running=None)
    one = building(controller, clock)
    one.begin()
    controller.settle_queue()
    controller.finish("smoke", 1, "FAILURE")
    controller.enqueue("smoke", {REQUEST: "r1", "VERSION": "1"})  # "Rebuild" keeps all parameters
    controller.settle_queue()
    controller.forget_queue()
    view = one.look()
    assert view.build is not None
    assert (view.build.number, view.build.result) == (1, BuildResult.FAILURE)


def test_what_a_crash_of_the_server_has_lost_is_asked_for_once_more(controller: Controller, clock: FakeClock) -> None:
    job = controller.add_job("smoke")
    one = building(controller, clock)
    one.begin()
    job.builds.clear()
    assert one.follow(timeout=HOUR).is_success
    assert triggers(controller) == 2


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_items_are_numbered_anew_after_a_crash(controller: Controller, clock: FakeClock, is_forgotten: bool) -> None:
    controller.add_job("smoke")
    other, _ = controller.enqueue("smoke", {REQUEST: "other"})
    if is_forgotten:
        controller.settle_queue()
        controller.forget_queue()
    one = building(controller, clock, item=other.item)
    assert one.follow(timeout=HOUR).is_success
    assert one.view.build is not None
    assert one.view.build.parameters[REQUEST] == "r1"


# --- what is borne ---------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [TOKEN, PASSWORD])
def test_a_restart_is_ridden_out(controller: Controller, clock: FakeClock, secret: str) -> None:
    controller.add_job("smoke", log="abc\n", piece=1, looks_running=9)
    told: list[str] = []
    one = building(controller, clock, secret=secret)
    for _ in range(3):
        one.look()
    controller.restart(resets=3, starting=4)
    assert one.follow(timeout=HOUR, log=told.append).is_success
    assert "".join(told) == "abc\n"
    assert triggers(controller) == 1 + (secret == PASSWORD)  # the first without a crumb
    assert len(controller.builds("smoke")) == 1


def test_a_restart_in_front_of_the_request(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke")
    controller.restart()
    assert building(controller, clock).follow(timeout=HOUR).is_success
    assert triggers(controller) == 1


def test_patience_has_an_end(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", looks_running=None)
    one = building(controller, clock)
    for _ in range(3):
        one.look()
    controller.stop()
    with pytest.raises(UnreachableError, match=r"connection refused \(for 6\d\d s\)"):
        one.follow(timeout=HOUR)
    assert PACE.patience <= clock.now() - START < PACE.patience + timedelta(minutes=1)
    pauses = [later - earlier for earlier, later in zip(clock.naps, clock.naps[1:], strict=False)]
    assert max(pauses) == PACE.backoff_limit
    assert len(pauses) < 40
    controller.start()
    controller.finish("smoke", 1)
    assert one.follow(timeout=HOUR).is_success


def test_patience_begins_anew_with_each_absence(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", looks_running=60)
    looks = 0

    def away(*_: object) -> None:
        nonlocal looks
        looks += 1
        controller.starting = looks in {3, 30}

    server = JenkinsServer(Connection(controller.url, Credentials(ALICE, TOKEN)))
    pace = BuildPace(look=timedelta(minutes=1))
    one = Building(server, BuildRequest("smoke", {}, "r1"), clock=clock, pace=pace)
    assert one.follow(timeout=3 * HOUR, on_look=away).is_success


def test_a_deadline_comes_before_patience_ends(controller: Controller, clock: FakeClock) -> None:
    controller.stop()
    view = building(controller, clock).follow(timeout=timedelta(minutes=1))
    assert view.phase is BuildPhase.WAITING
    assert clock.now() == START + timedelta(minutes=1)


def test_a_wrong_token_is_not_borne(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke")
    with pytest.raises(DeniedError):
        building(controller, clock, secret="wrong").follow(timeout=HOUR)
    assert clock.naps == []


def test_a_build_that_is_not_found_right_after_it_was_named(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", races=3, log="abc\n")
    told: list[str] = []
    assert building(controller, clock).follow(timeout=HOUR, log=told.append).is_success
    assert told == ["abc\n"]


def test_a_log_that_is_not_found_for_a_moment(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", log="abc\n")
    controller.interfere(*[Interference(404)] * 3, concerns=lambda asked: "progressiveText" in asked)
    told: list[str] = []
    assert building(controller, clock).follow(timeout=HOUR, log=told.append).is_success
    assert told == ["abc\n"]


def test_a_log_that_is_gone_keeps_nobody(controller: Controller, clock: FakeClock) -> None:
    controller.add_job("smoke", log="abc\n")
    controller.interfere(*[Interference(404)] * 99, concerns=lambda asked: "progressiveText" in asked)
    assert building(controller, clock).follow(timeout=HOUR, log=lambda _: None).is_success
    assert clock.now() - START < timedelta(minutes=5)


def test_a_build_that_was_removed_is_told_after_a_while(controller: Controller, clock: FakeClock) -> None:
    job = controller.add_job("smoke", looks_running=None)
    one = building(controller, clock)
    for _ in range(3):
        one.look()
    job.builds.clear()
    with pytest.raises(NotFoundError, match="smoke #1 is gone"):
        one.follow(timeout=HOUR)
    assert PACE.grace <= clock.now() - START < PACE.grace + timedelta(minutes=1)
    assert triggers(controller) == 1
