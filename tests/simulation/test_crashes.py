"""Whatever dies, and whenever: the promotion ends as if nothing had happened."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import MANAGER, REGION, bad_release, carry, direct, environment, piped

from deliverkit.domain.rollout import Outcome, Rollout
from deliverkit.errors import DeliverkitError, UnreachableError
from deliverkit.ports import Ledger
from deliverkit.testing.rehearsal import Rehearsal


class Died(BaseException):
    """The process was killed: nothing in it may notice."""


class Proxy:
    """Every call of every port passes through one function, before and after."""

    def __init__(self, port: object, around: Callable[[Callable[[], Any]], Any]) -> None:
        self._port = port
        self._around = around

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute
        return lambda *args, **kwargs: self._around(lambda: attribute(*args, **kwargs))


def make_world(*, is_piped: bool, is_bad: bool) -> Rehearsal:
    dev = environment("dev", bake_time=timedelta(seconds=20))
    world = piped(dev) if is_piped else direct(dev)
    world.release("1.0")
    world.release("2.0")
    assert carry(world.delivery(), "1.0", "dev").outcome is Outcome.SUCCEEDED
    if is_bad:
        world.check.answer = bad_release("2.0", world, after=timedelta(seconds=7))
    return world


def outlook(world: Rehearsal, rollout: Rollout) -> tuple[object, ...]:
    """What must be the same however the promotion got there."""
    serving = world.delivery().serving("dev")
    assert serving is not None
    return (
        rollout.outcome,
        world.fleet.serving(REGION, "shop-dev"),
        serving.release.version,
        world.delivery().lease_of("dev"),
        [each.version for each in world.fleet.deployments],
        [execution.status for execution in world.pipelines.executions],
    )


def undisturbed(*, is_piped: bool, is_bad: bool) -> tuple[tuple[object, ...], int]:
    world = make_world(is_piped=is_piped, is_bad=is_bad)
    calls = itertools.count()

    def count(call: Callable[[], Any]) -> Any:
        next(calls)
        return call()

    promotion = world.delivery().promote("2.0", to="dev")
    world.wrap = lambda port: Proxy(port, count)
    rollout = world.delivery().watch(promotion)
    world.wrap = lambda port: port
    return outlook(world, rollout), next(calls)


@pytest.mark.parametrize("is_piped", [False, True], ids=["direct", "pipeline"])
@pytest.mark.parametrize("is_bad", [False, True], ids=["good", "bad"])
@pytest.mark.parametrize("is_done", [False, True], ids=["before the call", "after the call"])
def test_a_kill_at_any_call_changes_nothing_about_the_end(is_piped: bool, is_bad: bool, is_done: bool) -> None:
    expected, calls = undisturbed(is_piped=is_piped, is_bad=is_bad)
    assert calls > 20
    for moment in range(calls):
        world = make_world(is_piped=is_piped, is_bad=is_bad)
        promotion = world.delivery().promote("2.0", to="dev")
        world.wrap = killer(moment, is_done=is_done)
        with pytest.raises(Died):
            world.delivery(driver="first").watch(promotion)
        world.dead.add("first")
        world.wrap = lambda port: port
        rollout = world.delivery(driver="second").watch(promotion)
        assert outlook(world, rollout) == expected, f"killed at call {moment}: {rollout.reason}"


def killer(moment: int, *, is_done: bool) -> Callable[[object], object]:
    calls = itertools.count()

    def around(call: Callable[[], Any]) -> Any:
        number = next(calls)
        if number == moment and not is_done:
            raise Died
        answer = call()
        if number >= moment:
            raise Died
        return answer

    return lambda port: Proxy(port, around)


@settings(max_examples=40, deadline=None)
@given(st.integers(), st.booleans(), st.booleans())
def test_calls_that_fail_now_and_then_change_nothing_about_the_end(seed: int, is_piped: bool, is_bad: bool) -> None:
    random = Random(seed)
    expected, _ = undisturbed(is_piped=is_piped, is_bad=is_bad)
    world = make_world(is_piped=is_piped, is_bad=is_bad)
    promotion = world.delivery().promote("2.0", to="dev")

    def around(call: Callable[[], Any]) -> Any:
        if random.random() < 0.1:
            raise UnreachableError("the network is down")
        answer = call()
        if random.random() < 0.1:
            raise UnreachableError("the answer got lost")
        return answer

    world.wrap = lambda port: port if is_store(port) else Proxy(port, around)
    rollout = world.delivery().watch(promotion)
    world.wrap = lambda port: port
    # What was judged while answers were missing may differ in time, never in the end.
    assert outlook(world, rollout) == expected


def is_store(port: object) -> bool:
    return hasattr(port, "append") or hasattr(port, "acquire")


def test_a_long_outage_ends_the_watching_but_not_the_promotion() -> None:
    world = make_world(is_piped=False, is_bad=False)
    promotion = world.delivery().promote("2.0", to="dev")

    def down(_call: Callable[[], Any]) -> Any:
        raise UnreachableError("the network is down")

    world.wrap = lambda port: port if is_store(port) else Proxy(port, down)
    with pytest.raises(UnreachableError, match="is saved where it stands") as caught:
        world.delivery().watch(promotion)
    assert caught.value.hint == f"deliverkit resume {promotion}"
    world.wrap = lambda port: port
    assert world.delivery().watch(promotion).outcome is Outcome.SUCCEEDED


def test_a_second_watcher_follows_and_never_acts() -> None:
    world = make_world(is_piped=False, is_bad=False)
    promotion = world.delivery().promote("2.0", to="dev")
    first = world.delivery(driver="first")
    first.watch(promotion, timeout=timedelta(seconds=1))
    holder = world.locks.acquire(
        f"promotions/{promotion}", holder="first", ttl=timedelta(seconds=30), now=world.clock.now(), reason="drives"
    )
    before = len(world.fleet.deployments)
    second = world.delivery(driver="second")
    rollout = second.watch(promotion, timeout=timedelta(seconds=10))
    assert len(world.fleet.deployments) == before
    assert not rollout.is_closed
    # The first one falls silent; when its lease runs out the second takes over.
    assert second.watch(promotion).outcome is Outcome.SUCCEEDED
    assert holder.holder == "first"


def test_a_driver_that_slept_through_a_takeover_does_nothing_more() -> None:
    world = make_world(is_piped=False, is_bad=False)
    promotion = world.delivery().promote("2.0", to="dev")
    slept = []

    def around(call: Callable[[], Any]) -> Any:
        answer = call()
        if len(world.fleet.deployments) == 2 and not slept:
            slept.append(True)
            world.clock.advance(timedelta(minutes=5))
            assert world.delivery(driver="second").watch(promotion).outcome is Outcome.SUCCEEDED
        return answer

    world.wrap = lambda port: port if slept else Proxy(port, around)
    rollout = world.delivery(driver="first").watch(promotion)
    assert rollout.outcome is Outcome.SUCCEEDED
    assert [each.version for each in world.fleet.deployments] == ["1.0", "2.0"]
    assert sum(1 for event in events(world.ledger, promotion) if event == "promotion.closed") == 1


def events(ledger: Ledger, promotion: str) -> list[str]:
    return [event.kind for event in ledger.read(f"promotions/{promotion}")]


def test_an_error_that_is_a_bug_is_not_swallowed() -> None:
    world = make_world(is_piped=False, is_bad=False)
    promotion = world.delivery().promote("2.0", to="dev")

    def broken(_call: Callable[[], Any]) -> Any:
        raise ZeroDivisionError

    world.wrap = lambda port: port if is_store(port) else Proxy(port, broken)
    with pytest.raises(ZeroDivisionError):
        world.delivery().watch(promotion)
    assert not issubclass(ZeroDivisionError, DeliverkitError)
    world.wrap = lambda port: port
    assert world.delivery(MANAGER).watch(promotion).outcome is Outcome.SUCCEEDED
