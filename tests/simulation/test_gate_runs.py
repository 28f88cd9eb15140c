"""Runs of gates by themselves: begun, resumed and given up twice without harm, with every measurement kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from worlds import MANAGER, UP, carry, direct, environment, serving_the_first

from deliverkit.domain.drafts import recorded
from deliverkit.domain.gate import Check, CheckKind, Gate, Measurement, Policy, Verdict
from deliverkit.domain.gate_run import fold_run, verdict_on
from deliverkit.domain.ledger import Draft, Event
from deliverkit.domain.rollout import Outcome
from deliverkit.errors import ConflictError, IntegrityError, NotFoundError, UnreachableError, UsageError
from deliverkit.ports import Ledger
from deliverkit.testing.rehearsal import Rehearsal

MINUTE = timedelta(minutes=1)
PAGES = Check("healthy", "pages", CheckKind.HTTP, {}, Policy(every=timedelta(seconds=5)))
LOAD = Check("healthy", "load", CheckKind.ALARM, {}, Policy(every=timedelta(seconds=20), failure_limit=1))
HEALTHY = Gate("healthy", (PAGES, LOAD))


@pytest.fixture
def world() -> Rehearsal:
    return direct(environment("dev", after=("up", "healthy"), bake_time=MINUTE), gates=(UP, HEALTHY))


def test_gates_are_watched_for_the_bake_time_and_then_judged(world: Rehearsal) -> None:
    delivery = world.delivery()
    run = delivery.gate_runs.watch(delivery.run_gates(to="dev"))
    assert run.id == "gates-dev-1"
    assert {name: judged.verdict for name, judged in run.judged.items()} == dict.fromkeys(
        ("up", "healthy"), Verdict.PASSED
    )
    assert verdict_on(run) is not None
    assert run.judged["healthy"].at >= run.opened_at + MINUTE
    # Every five and every twenty seconds of the minute, and once more at its end.
    assert (world.check.asked.count("healthy/pages"), world.check.asked.count("healthy/load")) == (12, 3)


def test_a_gate_that_fails_is_judged_at_once_and_the_others_go_on(world: Rehearsal) -> None:
    world.check.answer = lambda check, *_: Verdict.FAILED if check.name == "pages" else Verdict.PASSED
    delivery = world.delivery()
    run = delivery.gate_runs.watch(delivery.run_gates(to="dev"))
    found = verdict_on(run)
    assert found is not None
    assert (found.verdict, run.judged["up"].verdict) == (Verdict.FAILED, Verdict.PASSED)
    assert run.judged["healthy"].at < run.opened_at + MINUTE <= run.judged["up"].at
    assert world.check.asked.count("healthy/pages") == 1


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.INCONCLUSIVE])
def test_what_cannot_be_told_is_never_a_pass(world: Rehearsal, verdict: Verdict) -> None:
    world.check.answer = lambda *_: verdict
    delivery = world.delivery()
    found = verdict_on(delivery.gate_runs.watch(delivery.run_gates(["healthy"], to="dev")))
    assert found is not None
    assert found.verdict is verdict


def test_a_run_that_is_resumed_loses_no_measurement(world: Rehearsal) -> None:
    first = world.delivery()
    run_id = first.run_gates(to="dev")
    seen = first.gate_runs.watch(run_id, timeout=timedelta(seconds=30))
    assert not seen.is_over
    world.dead.add("driver-1")
    run = world.delivery(driver="driver-2").gate_runs.watch(run_id)
    assert run.is_over
    for key in ("up", "healthy/pages", "healthy/load"):
        assert run.analysis(key).taken == world.check.asked.count(key)
    assert fold_run(world.ledger.read(f"gates/{run_id}")) == run


def test_a_run_that_is_over_is_not_measured_again(world: Rehearsal) -> None:
    delivery = world.delivery()
    run_id = delivery.run_gates(to="dev")
    run, asked = delivery.gate_runs.watch(run_id), list(world.check.asked)
    assert delivery.gate_runs.watch(run_id) == run
    assert world.check.asked == asked


def test_a_run_is_given_up_once_and_never_passes(world: Rehearsal) -> None:
    delivery = world.delivery()
    run_id = delivery.run_gates(to="dev")
    delivery.gate_runs.watch(run_id, timeout=timedelta(seconds=10))
    first = delivery.gate_runs.stop(run_id, "nobody waits for it")
    assert delivery.gate_runs.stop(run_id, "again") == first
    found = verdict_on(delivery.gate_runs.watch(run_id))
    assert found is not None
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "stopped: nobody waits for it")


def test_what_is_judged_stays_so_whoever_gives_it_up(world: Rehearsal) -> None:
    delivery = world.delivery()
    run_id = delivery.run_gates(to="dev")
    delivery.gate_runs.watch(run_id)
    before = world.ledger.read(f"gates/{run_id}")
    found = verdict_on(delivery.gate_runs.stop(run_id, "too late"))
    assert found is not None
    assert found.verdict is Verdict.PASSED
    assert world.ledger.read(f"gates/{run_id}") == before


def test_whoever_cannot_reach_the_ledger_any_more_reads_how_to_go_on(world: Rehearsal) -> None:
    delivery = world.delivery()

    def gone(*_: object) -> None:
        raise UnreachableError("S3 does not answer", hint="see whether AWS is up")

    with pytest.raises(UnreachableError) as refusal:
        delivery.gate_runs.watch(delivery.run_gates(to="dev"), on_tick=gone)
    assert refusal.value.hint == "see whether AWS is up; then: deliverkit gate resume gates-dev-1"


def test_only_one_process_measures(world: Rehearsal) -> None:
    first, second = world.delivery(), world.delivery(driver="driver-2")
    run_id = first.run_gates(to="dev")
    world.locks.acquire(
        f"gates/{run_id}", holder="driver-1", ttl=timedelta(hours=1), now=world.clock.now(), reason="drives the gates"
    )
    run = second.gate_runs.watch(run_id, timeout=MINUTE)
    assert (run.is_over, world.check.asked) == (False, [])


class Busy:
    """A ledger to which somebody else writes, once, just before a measurement that failed is recorded."""

    def __init__(self, ledger: Ledger, draft: Draft) -> None:
        self._ledger = ledger
        self._draft = draft
        self.has_written = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def append(self, stream: str, after: Event | None, draft: Draft, *, actor: str, at: datetime) -> Event:
        if draft.kind == "gate.measured" and "failed" in str(draft.payload) and not self.has_written:
            self.has_written = True
            self._ledger.append(stream, after, self._draft, actor=actor, at=at)
        return self._ledger.append(stream, after, draft, actor=actor, at=at)


def third_fails(world: Rehearsal) -> None:
    world.check.answer = lambda *_: Verdict.FAILED if len(world.check.asked) == 3 else Verdict.PASSED


def test_a_failed_measurement_of_a_run_is_recorded_whoever_else_writes() -> None:
    world = direct(environment("dev", after=("healthy",), bake_time=MINUTE), gates=(Gate("healthy", (PAGES,)),))
    third_fails(world)
    world.ledger = busy = Busy(world.ledger, Draft("note.added", {}))
    delivery = world.delivery()
    run = delivery.gate_runs.watch(delivery.run_gates(to="dev"))
    assert busy.has_written
    assert run.judged["healthy"].verdict is Verdict.FAILED
    assert (run.analysis("healthy/pages").taken, len(world.check.asked)) == (3, 3)


def test_a_failed_measurement_of_a_promotion_is_recorded_whoever_else_writes() -> None:
    world = direct(environment("dev", after=("healthy",), bake_time=MINUTE), gates=(Gate("healthy", (PAGES,)),))
    serving_the_first(world)
    world.check.asked.clear()
    third_fails(world)
    world.ledger = busy = Busy(world.ledger, Draft("note.added", {}))
    world.dead.add("driver-1")
    rollout = carry(world.delivery(driver="driver-2"), "2.0", "dev")
    assert busy.has_written
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert len(world.check.asked) == 3


def test_what_was_measured_by_a_driver_that_was_replaced_is_not_recorded() -> None:
    world = direct(environment("dev", after=("healthy",), bake_time=MINUTE), gates=(Gate("healthy", (PAGES,)),))
    third_fails(world)
    world.ledger = busy = Busy(world.ledger, Draft("driver.attached", {"driver": "driver-2", "token": 9}))
    delivery = world.delivery()
    run = delivery.gate_runs.watch(delivery.run_gates(to="dev"))
    assert busy.has_written
    assert run.analysis("healthy/pages").failed == 0


def test_a_measurement_that_was_recorded_meanwhile_is_not_recorded_twice() -> None:
    world = direct(environment("dev", after=("healthy",), bake_time=MINUTE), gates=(Gate("healthy", (PAGES,)),))
    third_fails(world)
    sample = recorded(Measurement("healthy", world.clock.now(), Verdict.PASSED, "said by another", check="pages"))
    world.ledger = busy = Busy(world.ledger, Draft("gate.measured", {"measurements": [sample]}))
    delivery = world.delivery()
    run = delivery.gate_runs.watch(delivery.run_gates(to="dev"))
    assert busy.has_written
    assert (run.analysis("healthy/pages").failed, run.analysis("healthy/pages").taken) == (0, len(world.check.asked))


def test_what_nobody_could_read_is_not_recorded(world: Rehearsal) -> None:
    delivery = world.delivery()
    run_id = delivery.run_gates(to="dev")
    bad: Any = "yes"
    broken = Measurement("healthy", world.clock.now(), Verdict.INCONCLUSIVE, "no", check="pages", is_open=bad)
    log = delivery.gate_runs._log(run_id)
    with pytest.raises(IntegrityError, match="cannot be read"):
        log.record(Draft("gate.measured", {"measurements": [recorded(broken)]}))
    assert delivery.gate_runs.show(run_id).analyses == {}


def test_runs_have_ids_of_their_own(world: Rehearsal) -> None:
    delivery = world.delivery()
    assert [delivery.run_gates(["up"], to="dev") for _ in range(2)] == ["gates-dev-1", "gates-dev-2"]


def test_a_run_with_a_name_is_opened_once(world: Rehearsal) -> None:
    delivery = world.delivery()
    assert [delivery.run_gates(["up"], to="dev", run_id="build-17") for _ in range(2)] == ["build-17"] * 2
    run = delivery.gate_runs.watch("build-17")
    assert world.delivery(MANAGER, driver="driver-2").run_gates(["up"], to="dev", run_id="build-17") == run.id
    with pytest.raises(ConflictError, match="asks something else: gates up there, healthy here"):
        delivery.run_gates(["healthy"], to="dev", run_id="build-17")


def test_what_is_asked_for_wrongly_is_told(world: Rehearsal) -> None:
    delivery = world.delivery()
    with pytest.raises(UsageError, match="there is no gate healty; the configuration has up, healthy"):
        delivery.run_gates(["healty"], to="dev")
    with pytest.raises(UsageError, match="there is no environment prod"):
        delivery.run_gates(to="prod")
    with pytest.raises(NotFoundError, match="there is no run of gates gates-dev-7"):
        delivery.gate_runs.watch("gates-dev-7")
    bare = direct(environment("dev", after=()))
    with pytest.raises(UsageError, match="dev uses no gates"):
        bare.delivery().run_gates(to="dev")


def test_a_gate_that_bakes_no_time_is_judged_as_soon_as_it_can_be() -> None:
    gate = Gate.of("smoke", CheckKind.COMMAND, {}, Policy(every=timedelta(seconds=5), passes=3))
    world = direct(environment("dev", before=("smoke",)), gates=(UP, gate))
    delivery = world.delivery()
    run = delivery.gate_runs.watch(delivery.run_gates(["smoke"], to="dev"))
    assert run.judged["smoke"].verdict is Verdict.PASSED
    assert world.check.asked == ["smoke"] * 3


def test_many_gates_of_many_checks_are_one_loop() -> None:
    gates = tuple(
        Gate(f"g{number}", tuple(replace(PAGES, gate=f"g{number}", name=f"c{each}") for each in range(20)))
        for number in range(50)
    )
    world = direct(environment("dev", bake_time=timedelta(seconds=10)), gates=(UP, *gates))
    delivery = world.delivery()
    names = [gate.name for gate in gates]
    run = delivery.gate_runs.watch(delivery.run_gates(names, to="dev", bake_time=timedelta(seconds=10)))
    assert len(run.judged) == 50
    assert len(world.check.asked) == 50 * 20 * 2
    assert len(run.analyses) == 50 * 20
